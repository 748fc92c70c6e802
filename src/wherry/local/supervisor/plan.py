"""Decides what to start.

A part that died starts again at once. One that keeps dying soon after its start waits longer each time, up to
`LONGEST` seconds, so that a broken part does not eat the machine; a life of `HEALTHY` seconds clears its record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from wherry.local.supervisor.parts import Part

FIRST, LONGEST = 0.2, 5.0  # seconds
HEALTHY = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of a part: whether it runs and since when (seconds of a clock that never goes back).
    `short_lives`: how often in a row it died before it was healthy."""

    running: bool
    since: float
    short_lives: int = 0


def plan(wanted: Sequence[Part], lives: Mapping[str, Life], now: float) -> tuple[list[Part], float | None]:
    """The parts to start now, in order, and the time at which to plan again (None: when something happens)."""
    dead = {part: due(lives.get(part.name)) for part in wanted if not _runs(lives.get(part.name))}
    later = [at for at in dead.values() if at > now]
    return [part for part, at in dead.items() if at <= now], min(later, default=None)


def due(life: Life | None) -> float:
    """When a part that does not run may start."""
    if life is None:
        return float("-inf")
    if life.short_lives < 2:
        return life.since
    return life.since + min(LONGEST, FIRST * 2.0 ** (life.short_lives - 2))


def started(life: Life | None, now: float) -> Life:
    return Life(running=True, since=now, short_lives=life.short_lives if life else 0)


def ended(life: Life, now: float) -> Life:
    short = now - life.since < HEALTHY
    return replace(life, running=False, since=now, short_lives=life.short_lives + 1 if short else 0)


def _runs(life: Life | None) -> bool:
    return life is not None and life.running
