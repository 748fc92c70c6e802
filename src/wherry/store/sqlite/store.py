"""The `Store` over one SQLite file; see the package's docstring."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from wherry.store.expiry import Expiry
from wherry.store.history import History, changes_of
from wherry.store.interface import Change, Compacted, Delete, Mismatch, Put, Range, Record, StoreError, Unavailable
from wherry.store.sqlite.log import Log, Recovered, Row

SLICE_ROWS = 2_000  # rows a compaction step looks at: a few milliseconds between two batches
GARBAGE_ROWS = 20_000  # superseded rows below which compaction does not start by itself
KEEP_CHANGES = 20_000  # changes that watches may resume from after a restart


@dataclass(slots=True)
class _Pending:
    """A checked commit on its way to disk. `done` is its caller's, who may give up; others wait for `decided`."""

    changes: list[Change]
    rows: list[Row]
    done: asyncio.Future[int]
    decided: asyncio.Future[None] | None = None

    def decision(self) -> asyncio.Future[None]:
        """Ends when the commit is on disk, or has failed."""
        if self.decided is None:
            self.decided = asyncio.get_running_loop().create_future()
        return self.decided

    def end(self, error: StoreError | None = None) -> None:
        if self.decided is not None and not self.decided.done():
            self.decided.set_result(None)
        if self.done.done():
            return
        if error is None:
            self.done.set_result(self.changes[0].revision)
        else:
            self.done.set_exception(error)


class SqliteStore:
    """State in memory, history on disk. Make it with `open`; the event loop it is first used on owns it."""

    def __init__(self, log: Log, recovered: Recovered) -> None:
        self._log = log
        self._history = History()
        self._history.load(recovered.records, recovered.revision, recovered.compacted)
        self._history.remember(recovered.changes)
        self._next = recovered.revision + 1
        self._rows = recovered.rows
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._queue: list[_Pending] = []
        self._ahead: dict[str, tuple[Record | None, _Pending]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._compaction: asyncio.Task[None] | None = None
        self._expiry = Expiry(self._expire)
        self._expiring = recovered.expiring
        self._closed = False

    async def revision(self) -> int:
        return self._history.revision

    async def get(self, key: str) -> Record | None:
        return self._history.records.get(key)

    async def range(self, prefix: str, *, after: str = "", limit: int = 0, revision: int = 0) -> Range:
        return self._history.range(prefix, after, limit, revision)

    async def commit(self, *operations: Put | Delete) -> int:
        if self._closed:
            raise Unavailable("the store is closed")
        while True:
            try:
                self._check(operations)
                break
            except _Undecided as undecided:
                # The winner is not on disk yet: wait for it, so that nobody learns of a state that may not survive.
                await asyncio.wait([undecided.winner.decision()])
        pending = self._prepare(operations)
        if not pending.changes:
            return self._history.revision
        self._queue.append(pending)
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write())
        return await pending.done

    def watch(self, prefix: str, after: int) -> AsyncIterator[Sequence[Change]]:
        self._resume_expiries()
        return self._history.watch(prefix, after)

    async def compact(self, revision: int) -> None:
        revision = min(revision, self._history.revision)
        if revision <= self._history.compacted:
            raise Compacted(revision, self._history.compacted)
        self._history.forget(revision)
        await self._drop_superseded(revision)

    async def close(self) -> None:
        self._closed = True
        self._expiry.close()
        if self._compaction:
            self._compaction.cancel()
        if self._writer:
            await self._writer
        await self._in_thread(self._log.close)
        self._thread.shutdown(wait=False)

    def _check(self, operations: Sequence[Put | Delete]) -> None:
        for index, operation in enumerate(operations):
            if operation.expect is None:
                continue
            ahead = self._ahead.get(operation.key)
            current = ahead[0] if ahead else self._history.records.get(operation.key)
            if operation.expect != (current.revision if current else 0):
                if ahead:
                    raise _Undecided(ahead[1])
                raise Mismatch(operation.key, current, index)

    def _current(self, key: str) -> Record | None:
        ahead = self._ahead.get(key)
        return ahead[0] if ahead else self._history.records.get(key)

    def _prepare(self, operations: Sequence[Put | Delete]) -> _Pending:
        revision = self._next
        changes = changes_of(operations, revision, self._current)
        pending = _Pending(changes, [], asyncio.get_running_loop().create_future())
        if not changes:
            return pending
        self._next += 1
        ttls = {operation.key: operation.ttl for operation in operations if isinstance(operation, Put)}
        for key, _, record, _ in changes:
            ttl = ttls.get(key)
            expires = time.time() + ttl if ttl else None
            value, created = (record.value, record.created) if record else (None, 0)
            pending.rows.append(Row(revision, key, value, created, expires))
            self._ahead[key] = (record, pending)
        return pending

    async def _write(self) -> None:
        """Group commit: whatever came while the last batch was being written is the next batch."""
        while self._queue:
            batch, self._queue = self._queue, []
            rows = [row for pending in batch for row in pending.rows]
            try:
                await self._in_thread(self._log.append, rows)
            except StoreError as error:
                self._fail(batch, error)
                continue
            self._publish(batch, len(rows))
        self._writer = None
        self._compact_when_due()

    def _publish(self, batch: list[_Pending], rows: int) -> None:
        self._history.publish([change for pending in batch for change in pending.changes])
        self._rows += rows
        for pending in batch:
            for change in pending.changes:
                if self._ahead.get(change.key, (None, None))[1] is pending:
                    del self._ahead[change.key]
            for row in pending.rows:
                if row.expires:
                    self._expiry.add(row.expires, row.key, row.revision)
            pending.end()

    def _fail(self, batch: list[_Pending], error: StoreError) -> None:
        """What was queued behind the batch was checked against it and fails with it."""
        batch += self._queue
        self._queue = []
        self._ahead.clear()
        self._next = self._history.revision + 1
        for pending in batch:
            pending.end(error)

    async def _in_thread(self, function, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _compact_when_due(self) -> None:
        garbage = self._rows - len(self._history.records)
        if self._closed or self._compaction or garbage < max(GARBAGE_ROWS, len(self._history.records)):
            return
        # Only what watches can no longer resume from: the ring in memory has let go of it already.
        revision = max(self._history.compacted, self._history.oldest_within(KEEP_CHANGES))
        self._compaction = asyncio.get_running_loop().create_task(self._compact_by_itself(revision))

    async def _compact_by_itself(self, revision: int) -> None:
        try:
            await self._drop_superseded(revision)
        except Unavailable:
            pass  # the disk is full or gone: the next commit reports it, and a later compaction tries again
        finally:
            self._compaction = None

    async def _drop_superseded(self, revision: int) -> None:
        """Delete rows up to `revision` that are no longer current, a slice at a time between batches."""
        await self._in_thread(self._log.begin_compaction, revision, self._history.revision)
        after = 0
        while rows := await self._in_thread(self._log.slice, after, SLICE_ROWS):
            after = rows[-1][0]
            kept = self._history.visible_since(revision)
            old = [
                row_id
                for row_id, row_revision, key, deleted in rows
                if row_revision <= revision and (deleted or not self._needed(key, row_revision, kept))
            ]
            if old:
                await self._in_thread(self._log.drop, old)
                self._rows -= len(old)
            if rows[-1][1] > revision:
                return

    def _needed(self, key: str, revision: int, kept: set[tuple[str, int]]) -> bool:
        """Whether a row still is somebody's state: the current one, or one that a kept change replaced."""
        current = self._history.records.get(key)
        return (current is not None and current.revision == revision) or (key, revision) in kept

    def _resume_expiries(self) -> None:
        """Expiries from before the restart start to run with the first watch: there is an event loop then."""
        for at, key, revision in self._expiring:
            self._expiry.add(at, key, revision)
        self._expiring = []

    async def _expire(self, key: str, revision: int) -> None:
        record = self._history.records.get(key)
        if record and record.revision == revision:
            try:
                await self.commit(Delete(key, revision))
            except Mismatch:
                pass  # written again meanwhile: it has a new end


class _Undecided(Exception):
    """An expectation fails against a commit that is not durable yet."""

    def __init__(self, winner: _Pending) -> None:
        self.winner = winner


def open(location: str) -> SqliteStore:
    """Open or make the file at `location` and read it back. Raises Unavailable (also when another process has it)."""
    path = Path(location)
    path.parent.mkdir(parents=True, exist_ok=True)
    log = Log(path)
    return SqliteStore(log, log.recover(KEEP_CHANGES))
