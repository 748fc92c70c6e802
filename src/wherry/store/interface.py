"""The store's vocabulary.

A **revision** is the store's clock: an integer that grows by one with every commit. A **record** is a key's value
at a revision. A **commit** is a group of puts and deletes that happen at one revision, all or none, each under its
**expectation**: the revision at which the writer saw the key last (0: the key must not exist). A **change** is what
a commit did to one key, as watchers see it. **Compaction** forgets history before a revision; what is current
stays. The model is etcd's (v3 API, KV and Watch), so that etcd itself can be a backend.

Durability: `commit` returns when the change survives a power cut, and no reader or watcher sees it before.

Errors, all under `StoreError`:

    Mismatch      an expectation did not hold; carries the key and the current record; nothing was written
    Compacted     the revision asked for is gone; carries the oldest that is left; start again from a list
    Unavailable   the backend cannot answer now (disk full, cluster without quorum); try again later
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class StoreError(Exception):
    """Anything a store refuses; see the module's docstring for the tree."""


class Mismatch(StoreError):
    """An expectation did not hold. `current` is None when the key does not exist. `index`: which operation."""

    def __init__(self, key: str, current: "Record | None", index: int = 0) -> None:
        super().__init__(f"{key}: expected another revision than {current.revision if current else 'none'}")
        self.key, self.current, self.index = key, current, index


class Compacted(StoreError):
    """History from before `oldest` is gone."""

    def __init__(self, revision: int, oldest: int) -> None:
        super().__init__(f"revision {revision} has been compacted; the oldest kept is {oldest}")
        self.revision, self.oldest = revision, oldest


class Unavailable(StoreError):
    """The backend cannot answer now; the same call may succeed later."""


class Record(NamedTuple):
    """A key's value as of `revision`, the commit that wrote it; `created` is the commit that made the key."""

    key: str
    value: bytes
    revision: int
    created: int


class Range(NamedTuple):
    """Part of a sorted key range. `revision`: the state of the store it shows. `remaining`: keys left after these."""

    records: list[Record]
    revision: int
    remaining: int


class Change(NamedTuple):
    """What one commit did to one key. `record` is None for a delete. `previous` is what stood there before."""

    key: str
    revision: int
    record: Record | None
    previous: Record | None


@dataclass(frozen=True, slots=True)
class Put:
    """Write `value`. `expect`: None unconditionally, 0 only if absent, else only at that revision.
    `ttl`: seconds after which the store deletes the key by itself (an ordinary change that watchers see)."""

    key: str
    value: bytes
    expect: int | None = None
    ttl: int | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the key; a key that does not exist is a Mismatch unless `expect` is None."""

    key: str
    expect: int | None = None


class Store(Protocol):
    """A backend. Every method is safe to call from many tasks of one event loop."""

    async def revision(self) -> int:
        """The newest durable revision."""

    async def get(self, key: str) -> Record | None:
        """The newest record of a key."""

    async def range(self, prefix: str, *, after: str = "", limit: int = 0, revision: int = 0) -> Range:
        """Records whose key starts with `prefix` and is greater than `after`, sorted by key; at most `limit`
        (0: all); as of `revision` (0: now). Raises Compacted."""

    async def commit(self, *operations: Put | Delete) -> int:
        """All operations at one new revision, which is returned once it is durable. Raises Mismatch, Unavailable."""

    def watch(self, prefix: str, after: int) -> AsyncIterator[Sequence[Change]]:
        """Changes under `prefix` from revision `after` + 1 on, in order, in batches as they became durable; nothing
        is skipped or repeated. Raises Compacted (also when the reader falls too far behind). Close with `aclose`."""

    async def compact(self, revision: int) -> None:
        """Forget history up to and including `revision`. Never blocks writers for long."""

    async def close(self) -> None:
        """Finish what was acknowledged and let go of files and connections."""
