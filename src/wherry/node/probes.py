"""Probes: a task for each probe of each running container.

Answers are counted by `plan.probing`; whoever runs the pod is told when a verdict changes and reads it by `health`.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from wherry.aio.clock import WaitableClock
from wherry.api import Obj
from wherry.engine.interface import Engine
from wherry.node import handlers
from wherry.node.handlers import HandlerFailed, Target
from wherry.node.plan import probing
from wherry.node.plan.probing import Tally
from wherry.node.plan.view import Health

log = logging.getLogger(__name__)

STARTUP, READINESS, LIVENESS = "startupProbe", "readinessProbe", "livenessProbe"
_NAMES = {STARTUP: "Startup", READINESS: "Readiness", LIVENESS: "Liveness"}
_VERDICTS = {STARTUP: "started", READINESS: "ready", LIVENESS: "alive"}

Complain = Callable[[Target, str], None]
"""Record a Warning event `Unhealthy` about a container."""


@dataclass(slots=True)
class _Watched:
    """One container under probes."""

    target: Target
    started_at: float
    health: Health = field(default_factory=Health)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)


class Prober:
    """The probes of one pod's containers. `changed` is called after each new verdict."""

    def __init__(self, engine: Engine, clock: WaitableClock, changed: Callable[[], None], complain: Complain) -> None:
        self._engine, self._clock = engine, clock
        self._changed, self._complain = changed, complain
        self._watched: dict[str, _Watched] = {}

    def health(self) -> dict[str, Health]:
        """By container id; also of containers that have ended since."""
        return {id: each.health for id, each in self._watched.items()}

    def begin(self, target: Target, started_at: float, known: Health = Health()) -> None:  # noqa: B008 (immutable)
        """Probe a container that runs. `known`: what an earlier agent found of it."""
        if target.container_id in self._watched or not any(name in target.container for name in _NAMES):
            return
        watched = _Watched(target, started_at, known)
        self._watched[target.container_id] = watched
        if STARTUP not in target.container or known.started:
            watched.started.set()
        for name in _NAMES:
            probe = target.container.get(name)
            if probe and not (name == STARTUP and known.started):
                watched.tasks[name] = asyncio.create_task(self._run(watched, name, probe))

    def keep(self, ids: Iterable[str]) -> None:
        """Stop and forget those of containers that are not among `ids`."""
        for id in self._watched.keys() - set(ids):
            self._stop(self._watched.pop(id))

    def quiet(self) -> None:
        """The pod ends: liveness and startup do not matter any more."""
        for watched in self._watched.values():
            for name in (STARTUP, LIVENESS):
                if name in watched.tasks:
                    watched.tasks[name].cancel()

    def _stop(self, watched: _Watched) -> None:
        for task in watched.tasks.values():
            task.cancel()

    def close(self) -> None:
        self.keep(())

    async def _run(self, watched: _Watched, name: str, probe: Obj) -> None:
        if name != STARTUP:
            await watched.started.wait()
        tally, due = Tally(), probing.first_due(probe, watched.started_at)
        due = max(due, self._clock.now()) if name != STARTUP else due
        while True:
            counted = await self._wait(
                due, tally, eager=name != LIVENESS and not getattr(watched.health, _VERDICTS[name])
            )
            ok = await self._attempt(watched.target, name, probe, counted)
            if ok is None:
                continue
            tally = probing.observe(tally, probe, ok, counted)
            self._conclude(watched, name, tally)
            if tally.verdict is not None and (name == STARTUP or (name == LIVENESS and not tally.verdict)):
                return
            if counted:
                due = max(probing.next_due(probe, due), self._clock.now())

    async def _wait(self, due: float, tally: Tally, eager: bool) -> bool:
        """Sleep until the next attempt; whether it is one that counts. The first is due at once after its delay."""
        left = due - self._clock.now()
        if left > 0 and eager and tally.attempts:
            pause = probing.eager_pause(tally)
            if pause < left:
                await self._clock.sleep(pause)
                return False
        if left > 0:
            await self._clock.sleep(left)
        return True

    def _conclude(self, watched: _Watched, name: str, tally: Tally) -> None:
        key = _VERDICTS[name]
        if tally.verdict is None or tally.verdict == getattr(watched.health, key):
            return
        watched.health = replace(watched.health, **{key: tally.verdict})
        if watched.health.started:
            watched.started.set()
        self._changed()

    async def _attempt(self, target: Target, name: str, probe: Obj, counted: bool) -> bool | None:
        """The answer; None when the node itself could not ask."""
        try:
            await handlers.run(probe, target, self._engine, probing.timeout(probe))
            return True
        except HandlerFailed as error:
            message = f"{_NAMES[name]} probe failed: {error}"
        except TimeoutError as error:
            message = f"{_NAMES[name]} probe failed: {error or 'context deadline exceeded'}"
        except Exception:
            log.exception("cannot probe %s", target.container_id)
            await self._clock.sleep(probing.period(probe))
            return None
        if counted:
            self._complain(target, message)
        return False
