"""Thresholds of probes, and when the next attempt is due."""

from dataclasses import dataclass, replace

from wherry.api import Obj

# Until a container has first been found ready or started, it is asked sooner than its period says: these attempts
# count only when they succeed, so they make it ready earlier and never fail it.
_EAGER_FIRST = 0.05
_EAGER_LONGEST = 1.0


@dataclass(frozen=True, slots=True)
class Tally:
    """A run of equal answers, and the verdict that thresholds have made of them so far."""

    answer: bool | None = None
    run: int = 0
    verdict: bool | None = None
    attempts: int = 0


def observe(tally: Tally, probe: Obj, ok: bool, counted: bool = True) -> Tally:
    """One more answer. `counted`: false for an attempt before its time, whose failure says nothing."""
    attempts = tally.attempts + 1
    if not ok and not counted:
        return replace(tally, answer=False, run=0, attempts=attempts)
    run = tally.run + 1 if tally.answer == ok else 1
    threshold = int(probe.get("successThreshold", 1) if ok else probe.get("failureThreshold", 3))
    verdict = ok if run >= threshold else tally.verdict
    return Tally(ok, run, verdict, attempts)


def period(probe: Obj) -> float:
    return float(probe.get("periodSeconds") or 10)


def timeout(probe: Obj) -> float:
    return float(probe.get("timeoutSeconds") or 1)


def first_due(probe: Obj, started_at: float) -> float:
    return started_at + float(probe.get("initialDelaySeconds") or 0)


def next_due(probe: Obj, last: float) -> float:
    """When the next counted attempt is due after one that was due at `last`."""
    return last + period(probe)


def eager_pause(tally: Tally) -> float:
    """Seconds to the next attempt while there is no good answer yet."""
    return min(_EAGER_FIRST * 2.0 ** min(tally.attempts, 10), _EAGER_LONGEST)
