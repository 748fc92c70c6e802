"""What the backends that keep their current state in this process share.

Sorted keys, current records, a bounded ring of past changes, and watchers. Everything but waiting is synchronous and
happens between two awaits of the event loop, so there are no locks.
"""

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from wherry.store.interface import Change, Compacted, Delete, Mismatch, Put, Range, Record

RING_CHANGES = 50_000  # changes kept for watchers that resume and for lists of the past
RING_BYTES = 48 << 20  # of superseded values that those changes keep alive
WATCHER_BACKLOG = 50_000  # changes a watcher may be behind before it must start again

Current = Callable[[str], Record | None]


class History:
    """Current records and recent changes."""

    def __init__(self, ring: int = RING_CHANGES, ring_bytes: int = RING_BYTES) -> None:
        self.revision = 0
        self.compacted = 0  # newest revision whose past is gone
        self.records: dict[str, Record] = {}
        self._keys: list[str] = []
        self._ring: deque[Change] = deque()
        self._ring_limit = ring
        self._ring_bytes = 0
        self._ring_bytes_limit = ring_bytes
        self._watchers: set[_Watcher] = set()

    def check(self, operations: Sequence[Put | Delete]) -> None:
        """Raise Mismatch unless every expectation holds."""
        for index, operation in enumerate(operations):
            current = self.records.get(operation.key)
            if operation.expect is not None and operation.expect != (current.revision if current else 0):
                raise Mismatch(operation.key, current, index)

    def publish(self, batch: Sequence[Change]) -> None:
        """Make durable changes visible: state first, then watchers."""
        for change in batch:
            self._apply(change)
        self.remember(batch)
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

    def remember(self, batch: Sequence[Change]) -> None:
        """Add to the ring; the oldest changes make room."""
        self._ring.extend(batch)
        self._ring_bytes += sum(map(_superseded, batch))
        while len(self._ring) > self._ring_limit or self._ring_bytes > self._ring_bytes_limit:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        oldest = self._ring.popleft()
        self._ring_bytes -= _superseded(oldest)
        self.compacted = max(self.compacted, oldest.revision)

    def load(self, records: dict[str, Record], revision: int, compacted: int) -> None:
        """Start from what a backend recovered; no watcher hears of it."""
        self.records = records
        self._keys = sorted(self.records)
        self.revision, self.compacted = revision, compacted

    def range(self, prefix: str, after: str, limit: int, revision: int = 0) -> Range:
        """Part of a prefix, now or at a past revision. Raises Compacted."""
        if revision and revision != self.revision:
            return self._range_at(prefix, after, limit, revision)
        keys = self._keys
        start = bisect_right(keys, after) if after > prefix else bisect_left(keys, prefix)
        end = bisect_left(keys, prefix + "\U0010ffff", lo=start)
        stop = min(end, start + limit) if limit else end
        return Range([self.records[key] for key in keys[start:stop]], self.revision, end - stop)

    def _range_at(self, prefix: str, after: str, limit: int, revision: int) -> Range:
        """Today's state with the changes since `revision` taken back."""
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

    def oldest_within(self, changes: int) -> int:
        """The revision before the last `changes` changes."""
        return self._ring[-changes].revision - 1 if len(self._ring) > changes else self.compacted

    def visible_since(self, revision: int) -> set[tuple[str, int]]:
        """(key, revision) of the records that stood at `revision` and were replaced after it."""
        replaced = set()
        for change in reversed(self._ring):
            if change.revision <= revision:
                break
            if change.previous:
                replaced.add((change.key, change.previous.revision))
        return replaced

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
            self._drop_oldest()

    async def watch(self, prefix: str, after: int) -> AsyncIterator[Sequence[Change]]:
        watcher = _Watcher(prefix, self.changes(prefix, after))
        self._watchers.add(watcher)
        try:
            while True:
                yield await watcher.batch()
        finally:
            self._watchers.discard(watcher)


def _superseded(change: Change) -> int:
    return len(change.previous.value) if change.previous else 0


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
