"""A clock that a coroutine can wait on."""

import asyncio
from typing import Protocol

from wherry.lib.clock import Clock, SystemClock


class WaitableClock(Clock, Protocol):
    """What a loop with timers takes. In production a `RealClock`, in tests `wherry.testing.clock.FakeClock`."""

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed on this clock."""


class RealClock(SystemClock):
    """The machine's clocks and the event loop's timers."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
