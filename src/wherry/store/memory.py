"""The store in memory: the reference for the interface's meaning, and what tests and throw-away clusters use."""

import time
from collections.abc import AsyncIterator, Sequence

from wherry.store.expiry import Expiry
from wherry.store.history import History, changes_of
from wherry.store.interface import Change, Delete, Put, Range, Record


class MemoryStore:
    """A `Store` that is gone with its process."""

    def __init__(self, history: History | None = None) -> None:
        self._history = history or History()
        self._expiry = Expiry(self._expire)

    async def revision(self) -> int:
        return self._history.revision

    async def get(self, key: str) -> Record | None:
        return self._history.records.get(key)

    async def range(self, prefix: str, *, after: str = "", limit: int = 0, revision: int = 0) -> Range:
        return self._history.range(prefix, after, limit, revision)

    async def commit(self, *operations: Put | Delete) -> int:
        history = self._history
        history.check(operations)
        revision = history.revision + 1
        if changes := changes_of(operations, revision, history.records.get):
            history.publish(changes)
        for operation in operations:
            if isinstance(operation, Put) and operation.ttl:
                self._expiry.add(time.time() + operation.ttl, operation.key, revision)
        return history.revision

    def watch(self, prefix: str, after: int) -> AsyncIterator[Sequence[Change]]:
        return self._history.watch(prefix, after)

    async def compact(self, revision: int) -> None:
        self._history.forget(revision)

    async def close(self) -> None:
        self._expiry.close()

    async def _expire(self, key: str, revision: int) -> None:
        record = self._history.records.get(key)
        if record and record.revision == revision:
            await self.commit(Delete(key, revision))


def open(location: str) -> MemoryStore:
    """A new, empty store; the location means nothing."""
    return MemoryStore()
