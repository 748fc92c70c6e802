"""Time as an argument: every rule takes `now`, every loop takes a `Clock`."""

import time
from typing import Protocol


class Clock(Protocol):
    """What a component may ask of time."""

    def now(self) -> float:
        """Wall time in seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
