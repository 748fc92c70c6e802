"""What all controllers share: watched caches, a queue, workers, and what happens when a pass fails.

A **key** names what one pass is about (mostly `namespace/name` of the controller's own kind). A **watch** says which
keys an event concerns. A **pass** is: take a key, wait until the caches show the key's own last writes, ask the
controller for a plan, carry it out. A conflict means that the cache was behind: the key is tried again, silently.
Any other failure is logged and tried again with growing back-off; the next plan learns what it was.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from wherry.aio.clock import WaitableClock
from wherry.aio.tasks import Tasks
from wherry.api import Obj
from wherry.api.kinds import Kind
from wherry.client.events import Recorder
from wherry.client.interface import ApiError, Client, Conflict, Unreachable
from wherry.controllers.actions import Action
from wherry.controllers.apply import ActionFailed, Applier
from wherry.controllers.attempt import Attempt, Failure
from wherry.controllers.caches import Caches
from wherry.controllers.expectations import PATIENCE, Expectations
from wherry.controllers.queue import Queue
from wherry.controllers.watching import own_key

log = logging.getLogger(__name__)

WORKERS = 5
# A key whose plan took long to make rests for so many times as long: a set of a thousand pods that become ready one
# by one is looked at now and then, not a thousand times. Below the threshold (seconds) nothing rests.
REST_FACTOR, REST_FROM, REST_MOST = 4.0, 0.003, 1.0

# Seconds after which every key that is an object's own is looked at again: what went wrong unnoticed ends then.
RESYNC = 1800.0

KeysOf = Callable[[Obj | None, Obj | None], Iterable[str]]
KeysOfAny = Callable[[Kind, Obj | None, Obj | None], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Watch:
    """`keys`: from an object as it was and as it is now (None: did not exist, is gone) to the keys concerned."""

    kind: Kind
    keys: KeysOf


@dataclass(frozen=True, slots=True)
class WatchEverything:
    """The same for objects of every kind that the server serves, as metadata at least."""

    keys: KeysOfAny


class Controller(Protocol):
    """A thin shell round a plan. `name` goes into logs, `component` into the events that it records."""

    name: str
    component: str

    @property
    def watches(self) -> Sequence[Watch | WatchEverything]: ...

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        """Read the caches, call the plan. May read live from the API server where the plan must not trust a cache."""


class Loop:
    """Runs one controller."""

    def __init__(
        self, controller: Controller, client: Client, caches: Caches, clock: WaitableClock, workers: int = WORKERS
    ) -> None:
        self.name = controller.name
        self.queue = Queue(clock)
        self._controller, self._caches, self._clock, self._workers = controller, caches, clock, workers
        self._expectations = Expectations(caches.watched, clock)
        self._recorder = Recorder(client, clock, controller.component)
        self._applier = Applier(client, self._recorder, self._expectations)
        self._failures: dict[str, Failure] = {}
        self._behind: set[str] = set()
        self._checking = False
        for watch in controller.watches:
            if isinstance(watch, WatchEverything):
                caches.every(partial(self._any_changed, watch.keys))
            else:
                caches.of(watch.kind).on_change(partial(self._changed, watch.keys))

    def _changed(self, keys: KeysOf, old: Obj | None, new: Obj | None) -> None:
        self._add(keys(old, new))

    def _any_changed(self, keys: KeysOfAny, kind: Kind, old: Obj | None, new: Obj | None) -> None:
        self._add(keys(kind, old, new))

    def _add(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.queue.add(key)
        if self._behind and not self._checking:
            self._checking = True
            asyncio.get_running_loop().call_soon(self._caught_up)

    def _caught_up(self) -> None:
        """Bring the keys whose writes the caches show by now."""
        self._checking = False
        for key in [key for key in self._behind if self._expectations.fulfilled(key)]:
            self._behind.discard(key)
            self.queue.add(key)

    async def run(self) -> None:
        """Until cancelled. Starts working when the caches that the controller watches are complete."""
        async with Tasks() as tasks:
            tasks.start(self.queue.run(), f"{self._controller.name} timers")
            tasks.start(self._recorder.run(), f"{self._controller.name} events")
            await self._synced()
            tasks.start(self._resync(), f"{self._controller.name} resync")
            for number in range(self._workers):
                tasks.start(self._work(), f"{self._controller.name} worker {number}")
            await tasks.wait()

    async def _synced(self) -> None:
        watches = self._controller.watches
        everything = any(isinstance(watch, WatchEverything) for watch in watches)
        await self._caches.synced(
            None if everything else [watch.kind for watch in watches if isinstance(watch, Watch)]
        )

    async def _resync(self) -> None:
        while True:
            await self._clock.sleep(RESYNC)
            for watch in self._controller.watches:
                if isinstance(watch, Watch) and watch.keys is own_key:
                    self._add(list(self._caches.of(watch.kind).store))

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            planning = 0.0
            try:
                planning = await self._pass(key)
            finally:
                rest = min(REST_MOST, planning * REST_FACTOR) if planning > REST_FROM else 0.0
                self.queue.done(key, rest)

    async def _pass(self, key: str) -> float:
        """One pass; says how many seconds the planning took."""
        if not self._expectations.fulfilled(key):
            self._behind.add(key)
            self.queue.add_after(key, PATIENCE)
            return 0.0
        begun = planned = self._clock.monotonic()
        try:
            attempt = Attempt(self._clock.now(), self._failures.get(key), self.queue.failing(key))
            actions = await self._controller.reconcile(key, attempt)
            planned = self._clock.monotonic()
            again = await self._applier.apply(key, actions) if actions else None
        except asyncio.CancelledError:
            raise
        except ActionFailed as failed:
            self._after_refusal(key, failed)
        except Exception as error:
            self._after_error(key, error)
        else:
            self._failures.pop(key, None)
            self.queue.forget(key)
            if again is not None:
                self.queue.add_after(key, again)
        return planned - begun

    def _after_refusal(self, key: str, failed: ActionFailed) -> None:
        if failed.namespace_terminating:
            self.queue.forget(key)
            return
        seconds = self.queue.retry(key)
        if isinstance(failed.error, Conflict):
            log.debug("%s %s: the cache was behind: %s", self._controller.name, key, failed)
            return
        what = type(failed.action).__name__.lower()
        level = logging.DEBUG if isinstance(failed.error, Unreachable) else logging.WARNING
        log.log(level, "%s %s: %s: %s; again in %.3g s", self._controller.name, key, what, failed, seconds)
        self._failures[key] = Failure(failed.action, str(failed))

    def _after_error(self, key: str, error: Exception) -> None:
        seconds = self.queue.retry(key)
        known = isinstance(error, ApiError)
        level = logging.DEBUG if isinstance(error, Unreachable) else logging.WARNING if known else logging.ERROR
        log.log(
            level, "%s %s: %s; again in %.3g s", self._controller.name, key, error, seconds,
            exc_info=None if known else error,
        )  # fmt: skip
