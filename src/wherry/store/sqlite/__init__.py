"""The default store: one SQLite file, one append-only table keyed by revision.

    log     the file: recover, append a batch durably, drop superseded rows (runs in one worker thread)
    store   the `Store` over it: state in memory, group commit, watches, expiry

A commit is checked against the state in memory and what is already on its way to disk, joins the batch that the next
fsync will carry, and is published when that fsync is done. WAL with synchronous=FULL: acknowledged means on disk.
"""

from wherry.store.sqlite.store import SqliteStore, open

__all__ = ["SqliteStore", "open"]
