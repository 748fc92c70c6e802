"""Be told when a process ends, child or not: a pidfd that the event loop watches."""

import asyncio
import os
from collections.abc import Callable

from wherry.linux import procs


class Watch:
    """One process. `ended` is called once on the event loop, with its exit code if it was a child of ours."""

    def __init__(self, pidfd: int, ended: Callable[[int | None], None]) -> None:
        self.pidfd = pidfd
        self._ended = ended
        self._open = True
        asyncio.get_running_loop().add_reader(pidfd, self._ready)

    def _ready(self) -> None:
        code = procs.reap(self.pidfd)
        self.close()
        self._ended(code)

    def signal(self, number: int) -> bool:
        """False: it has ended."""
        return self._open and procs.send_signal(self.pidfd, number)

    def close(self) -> None:
        if self._open:
            self._open = False
            asyncio.get_running_loop().remove_reader(self.pidfd)
            os.close(self.pidfd)


async def end_of(pidfd: int) -> int | None:
    """Wait for a process to end; its exit code if it was a child of ours. Closes the descriptor."""
    done: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
    watch = Watch(pidfd, lambda code: None if done.done() else done.set_result(code))
    try:
        return await done
    finally:
        watch.close()
