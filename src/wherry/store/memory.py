"""The store in memory: the reference for the interface's meaning, and what tests and throw-away clusters use.

`History` is the shared middle of the backends that keep their current state in this process: sorted keys, current
records, a bounded ring of past changes, and watchers.
"""

import asyncio
import heapq
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from wherry.store.interface import Change, Compacted, Delete, Mismatch, Put, Range, Record

RING_CHANGES = 100_000  # changes kept for watchers that resume and for lists of the past
WATCHER_BACKLOG = 50_000  # changes a watcher may be behind before it must start again

Current = Callable[[str], Record | None]


class History:
    """Current records and recent changes. Everything here is synchronous and happens between two awaits."""

    def __init__(self, ring: int = RING_CHANGES) -> None:
        self.revision = 0
        self.compacted = 0  # newest revision whose past is gone
        self.records: dict[str, Record] = {}
        self._keys: list[str] = []
        self._ring: deque[Change] = deque()
        self._ring_limit = ring
        self._watchers: set[_Watcher] = set()

    def check(self, operations: Sequence[Put | Delete], pending: dict[str, Record | None]) -> None:
        """Raise Mismatch unless every expectation holds. `pending`: what earlier commits, not yet published, left."""
        for index, operation in enumerate(operations):
            current = pending.get(operation.key, ...) if pending else ...
            if current is ...:
                current = self.records.get(operation.key)
            if operation.expect is None:
                continue
            if operation.expect != (current.revision if current else 0):
                raise Mismatch(operation.key, current, index)

    def publish(self, batch: Sequence[Change]) -> None:
        """Make durable changes visible: state first, then watchers."""
        for change in batch:
            self._apply(change)
        self._ring.extend(batch)
        while len(self._ring) > self._ring_limit:
            self.compacted = max(self.compacted, self._ring.popleft().revision)
        for watcher in list(self._watchers):
            watcher.offer(batch)

    def _apply(self, change: Change) -> None:
        if change.record is None:
            if self.records.pop(change.key, None) is not None:
                del self._keys[bisect_left(self._keys, change.key)]
        else:
            if change.key not in self.records:
                insort(self._keys, change.key)
            self.records[change.key] = change.record
        self.revision = change.revision

    def load(self, records: list[Record], revision: int, compacted: int) -> None:
        """Start from what a backend recovered; no watcher hears of it."""
        self.records = {record.key: record for record in records}
        self._keys = sorted(self.records)
        self.revision, self.compacted = revision, compacted

    def range(self, prefix: str, after: str, limit: int) -> Range:
        """The current state of a prefix."""
        keys = self._keys
        start = bisect_right(keys, after) if after > prefix else bisect_left(keys, prefix)
        end = bisect_left(keys, prefix + "\U0010ffff", lo=start)
        stop = min(end, start + limit) if limit else end
        return Range([self.records[key] for key in keys[start:stop]], self.revision, end - stop)

    def range_at(self, prefix: str, after: str, limit: int, revision: int) -> Range:
        """The past state of a prefix: today's, with the changes since `revision` taken back. Raises Compacted."""
        self.need(revision)
        state = {record.key: record for record in self.range(prefix, "", 0).records}
        for change in reversed(self._ring):
            if change.revision <= revision:
                break
            if not change.key.startswith(prefix):
                continue
            if change.previous is None:
                state.pop(change.key, None)
            else:
                state[change.key] = change.previous
        keys = sorted(key for key in state if key > after)
        chosen = keys[:limit] if limit else keys
        return Range([state[key] for key in chosen], revision, len(keys) - len(chosen))

    def need(self, revision: int) -> None:
        """Raise Compacted unless everything after `revision` is still known."""
        if revision < self.compacted:
            raise Compacted(revision, self.compacted)

    def changes(self, prefix: str, after: int) -> list[Change]:
        """What happened under `prefix` after a revision, oldest first. Raises Compacted."""
        self.need(after)
        found = []
        for change in reversed(self._ring):
            if change.revision <= after:
                break
            if change.key.startswith(prefix):
                found.append(change)
        found.reverse()
        return found

    def forget(self, revision: int) -> None:
        """Compact the ring."""
        self.compacted = max(self.compacted, min(revision, self.revision))
        while self._ring and self._ring[0].revision <= self.compacted:
            self._ring.popleft()

    async def watch(self, prefix: str, after: int) -> AsyncIterator[Sequence[Change]]:
        watcher = _Watcher(prefix, self.changes(prefix, after))
        self._watchers.add(watcher)
        try:
            while True:
                yield await watcher.batch()
        finally:
            self._watchers.discard(watcher)


class _Watcher:
    """One reader's queue. A reader too far behind is told Compacted instead of growing the queue without bound."""

    def __init__(self, prefix: str, backlog: list[Change]) -> None:
        self._prefix = prefix
        self._queue = backlog
        self._lost: Compacted | None = None
        self._wake = asyncio.Event()
        if backlog:
            self._wake.set()

    def offer(self, batch: Sequence[Change]) -> None:
        mine = [change for change in batch if change.key.startswith(self._prefix)]
        if not mine or self._lost:
            return
        if len(self._queue) + len(mine) > WATCHER_BACKLOG:
            self._lost = Compacted(self._queue[0].revision, mine[-1].revision)
            self._queue = []
        else:
            self._queue.extend(mine)
        self._wake.set()

    async def batch(self) -> list[Change]:
        await self._wake.wait()
        if self._lost:
            raise self._lost
        self._wake.clear()
        batch, self._queue = self._queue, []
        return batch


class Expiry:
    """Keys that the store deletes by itself: one timer for the next of them."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str, int]] = []

    def add(self, at: float, key: str, revision: int) -> None:
        """`key`, as written at `revision`, ends at `at` (event loop time, seconds)."""
        heapq.heappush(self._heap, (at, key, revision))

    def due(self, now: float) -> list[tuple[str, int]]:
        """Take what has ended."""
        ended = []
        while self._heap and self._heap[0][0] <= now:
            _, key, revision = heapq.heappop(self._heap)
            ended.append((key, revision))
        return ended

    @property
    def next(self) -> float | None:
        return self._heap[0][0] if self._heap else None


class MemoryStore:
    """A `Store` that is gone with its process."""

    def __init__(self) -> None:
        self._history = History()
        self._expiry = Expiry()
        self._timer: asyncio.TimerHandle | None = None

    async def revision(self) -> int:
        return self._history.revision

    async def get(self, key: str) -> Record | None:
        return self._history.records.get(key)

    async def range(self, prefix: str, *, after: str = "", limit: int = 0, revision: int = 0) -> Range:
        if revision and revision != self._history.revision:
            return self._history.range_at(prefix, after, limit, revision)
        return self._history.range(prefix, after, limit)

    async def commit(self, *operations: Put | Delete) -> int:
        history = self._history
        history.check(operations, {})
        batch = changes_of(operations, history.revision + 1, history.records.get)
        history.publish(batch)
        self._schedule(operations, history.revision)
        return history.revision

    def watch(self, prefix: str, after: int) -> AsyncIterator[Sequence[Change]]:
        return self._history.watch(prefix, after)

    async def compact(self, revision: int) -> None:
        self._history.forget(revision)

    async def close(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _schedule(self, operations: Sequence[Put | Delete], revision: int) -> None:
        loop = asyncio.get_running_loop()
        for operation in operations:
            if isinstance(operation, Put) and operation.ttl:
                self._expiry.add(loop.time() + operation.ttl, operation.key, revision)
        if self._expiry.next is not None:
            if self._timer:
                self._timer.cancel()
            self._timer = loop.call_at(self._expiry.next, self._expire)

    def _expire(self) -> None:
        history = self._history
        for key, revision in self._expiry.due(asyncio.get_running_loop().time()):
            record = history.records.get(key)
            if record and record.revision == revision:
                history.publish([Change(key, history.revision + 1, None, record)])
        self._schedule((), 0)


def changes_of(operations: Sequence[Put | Delete], revision: int, current: Current) -> list[Change]:
    """The changes that checked operations make at `revision`; deleting what is not there changes nothing."""
    changes = []
    for operation in operations:
        previous = current(operation.key)
        if isinstance(operation, Put):
            created = previous.created if previous else revision
            record = Record(operation.key, operation.value, revision, created)
            changes.append(Change(operation.key, revision, record, previous))
        elif previous is not None:
            changes.append(Change(operation.key, revision, None, previous))
    return changes


def open(location: str) -> MemoryStore:
    """A new, empty store; the location means nothing."""
    return MemoryStore()
