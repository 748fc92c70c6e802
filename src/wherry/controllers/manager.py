"""All controllers of a process, over one set of caches."""

import logging
from collections.abc import Callable, Sequence

from wherry.aio.clock import WaitableClock
from wherry.aio.tasks import Tasks
from wherry.client.interface import Client
from wherry.controllers.caches import Caches
from wherry.controllers.context import Context, Options
from wherry.controllers.loop import Controller, Loop

log = logging.getLogger(__name__)

Factory = Callable[[Context], Controller]


class Manager:
    """Builds controllers from their factories and runs them together."""

    def __init__(
        self, client: Client, clock: WaitableClock, factories: Sequence[Factory], options: Options | None = None
    ) -> None:
        self.caches = Caches(client, clock)
        context = Context(client, self.caches, clock, options or Options())
        self.loops = [Loop(factory(context), client, self.caches, clock) for factory in factories]

    async def run(self) -> None:
        """Until cancelled. Fails only for a mistake in the program: what the server does wrong is tried again."""
        async with Tasks() as tasks:
            tasks.start(self.caches.run(), "caches")
            for loop in self.loops:
                tasks.start(loop.run(), loop.name)
            log.info("%d controllers started", len(self.loops))
            await tasks.wait()

    @property
    def idle(self) -> bool:
        """Whether no controller has anything to do now."""
        return all(loop.queue.idle for loop in self.loops)
