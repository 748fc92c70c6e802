"""Time that moves only when a test says so."""

import asyncio
import heapq
from itertools import count


class FakeClock:
    """A `WaitableClock` for tests: `advance` moves both clocks and wakes, in order, the sleepers that are due.

    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(40))
    await clock.advance(41)         # the sleeper has woken and run as far as it could without real waiting
    """

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        """`start` is the wall time in seconds since the epoch (2026-01-01T00:00:00Z)."""
        self._start = start
        self._passed = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._start + self._passed

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float, turns: int = 10) -> None:
        """Let `seconds` pass. Each sleeper sees the time at which it was due; after each waking the event loop makes
        `turns` turns, so that what the sleeper started gets going before time moves on."""
        until = self._passed + seconds
        await _turn(turns)
        while self._sleepers and self._sleepers[0][0] <= until:
            due, _, woken = heapq.heappop(self._sleepers)
            self._passed = max(self._passed, due)
            if not woken.done():
                woken.set_result(None)
                await _turn(turns)
        self._passed = until
        await _turn(turns)

    @property
    def sleepers(self) -> int:
        """How many are waiting."""
        return sum(not woken.done() for _, _, woken in self._sleepers)


async def _turn(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
