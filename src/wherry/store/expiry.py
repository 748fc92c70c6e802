"""Keys that a store deletes by itself when their time has come (Events live an hour)."""

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable

from wherry.store.interface import StoreError

RETRY_SECONDS = 5.0


class Expiry:
    """A heap of ends and one task that waits for the next. `delete(key, revision)` removes a key that still is as
    it was written at that revision."""

    def __init__(self, delete: Callable[[str, int], Awaitable[None]]) -> None:
        self._delete = delete
        self._heap: list[tuple[float, str, int]] = []
        self._task: asyncio.Task[None] | None = None
        self._sooner = asyncio.Event()

    def add(self, at: float, key: str, revision: int) -> None:
        """`at`: seconds since the epoch, so that it survives a restart."""
        heapq.heappush(self._heap, (at, key, revision))
        if self._heap[0][0] == at:
            self._sooner.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._heap:
            at, key, revision = self._heap[0]
            if (wait := at - time.time()) > 0:
                await self._wait(wait)
                continue
            heapq.heappop(self._heap)
            try:
                await self._delete(key, revision)
            except StoreError:
                heapq.heappush(self._heap, (time.time() + RETRY_SECONDS, key, revision))
        self._task = None

    async def _wait(self, seconds: float) -> None:
        self._sooner.clear()
        try:
            await asyncio.wait_for(self._sooner.wait(), seconds)
        except TimeoutError:
            pass

    def close(self) -> None:
        if self._task:
            self._task.cancel()
            self._task = None
