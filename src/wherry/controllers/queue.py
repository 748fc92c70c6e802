"""Keys waiting to be reconciled: each at most once, never two passes over one at a time, failures with back-off."""

import asyncio
import heapq
from collections import deque

from wherry.aio.clock import WaitableClock

BACKOFF_FIRST = 0.005
BACKOFF_MOST = 60.0


class Queue:
    """A work queue. A key added while it is being worked on comes again after `done`.

    Start `run` as a task: it brings the delayed keys in time.
    """

    def __init__(self, clock: WaitableClock, first: float = BACKOFF_FIRST, most: float = BACKOFF_MOST) -> None:
        """`first`, `most`: seconds that a key waits after its first failure, and after many in a row."""
        self._clock, self._first, self._most = clock, first, most
        self._ready: deque[str] = deque()
        self._wanted: set[str] = set()
        self._working: set[str] = set()
        self._failures: dict[str, int] = {}
        self._delayed: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}
        self._resting: list[tuple[float, str]] = []
        self._getters: deque[asyncio.Future[None]] = deque()
        self._sooner = asyncio.Event()

    def add(self, key: str) -> None:
        if key in self._wanted:
            return
        self._wanted.add(key)
        if key not in self._working:
            self._push(key)

    def add_after(self, key: str, seconds: float) -> None:
        """Add the key when `seconds` have passed; of several such wishes the earliest counts."""
        if seconds <= 0:
            self.add(key)
            return
        due = self._clock.monotonic() + seconds
        if due >= self._due.get(key, float("inf")):
            return
        self._due[key] = due
        heapq.heappush(self._delayed, (due, key))
        self._sooner.set()

    def retry(self, key: str) -> float:
        """Add the key after its back-off; says how many seconds that is."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        seconds = min(self._most, self._first * 2.0 ** min(failures - 1, 40))
        self.add_after(key, seconds)
        return seconds

    def failing(self, key: str) -> bool:
        """Whether the last work on the key failed."""
        return key in self._failures

    def forget(self, key: str) -> None:
        """The key succeeded: its next failure is its first."""
        self._failures.pop(key, None)

    async def get(self) -> str:
        """The next key; call `done` after the work."""
        while not self._ready:
            getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            await getter
        key = self._ready.popleft()
        self._wanted.discard(key)
        self._working.add(key)
        return key

    def done(self, key: str, rest: float = 0.0) -> None:
        """The work on a key ended; it does not come again before `rest` seconds."""
        if rest > 0:
            heapq.heappush(self._resting, (self._clock.monotonic() + rest, key))
            self._sooner.set()
            return
        self._working.discard(key)
        if key in self._wanted:
            self._push(key)

    @property
    def idle(self) -> bool:
        """Whether nothing is waiting (but for delayed keys) nor being worked on."""
        return not self._wanted and not self._working

    def __len__(self) -> int:
        return len(self._wanted)

    def _push(self, key: str) -> None:
        self._ready.append(key)
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                break

    async def run(self) -> None:
        while True:
            self._sooner.clear()
            self._bring_due()
            first = min((heap[0][0] for heap in (self._delayed, self._resting) if heap), default=None)
            if first is None:
                await self._sooner.wait()
                continue
            timer = asyncio.ensure_future(self._clock.sleep(first - self._clock.monotonic()))
            sooner = asyncio.ensure_future(self._sooner.wait())
            try:
                await asyncio.wait((timer, sooner), return_when=asyncio.FIRST_COMPLETED)
            finally:
                timer.cancel()
                sooner.cancel()

    def _bring_due(self) -> None:
        now = self._clock.monotonic()
        while self._resting and self._resting[0][0] <= now:
            self.done(heapq.heappop(self._resting)[1])
        while self._delayed and self._delayed[0][0] <= now:
            due, key = heapq.heappop(self._delayed)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)
