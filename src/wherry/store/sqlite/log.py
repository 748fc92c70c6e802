"""The file behind the SQLite store. Blocking; the store calls it from one thread only.

log    (revision, key, value, created, expires): every commit appended; value NULL is a delete, expires is
       seconds since the epoch. Rows of one revision are one commit.
facts  revision: the newest ever given out; compacted: history up to here may be gone.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from wherry.store.interface import Change, Record, Unavailable

SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
  id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, key TEXT NOT NULL, value BLOB, created INTEGER NOT NULL,
  expires REAL
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""

# EXCLUSIVE keeps the lock for the process's life: a second server on the same file is refused at once.
PRAGMAS = (
    "PRAGMA locking_mode=EXCLUSIVE",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA cache_size=-8192",
)

TOGETHER = 64  # rows a statement: each statement is a fight with the event loop for the interpreter's lock


@cache
def _insertion(count: int) -> str:
    """The statement that appends so many rows."""
    places = ", ".join(["(?, ?, ?, ?, ?)"] * count)
    return f"INSERT INTO log (revision, key, value, created, expires) VALUES {places}"


class Row(NamedTuple):
    """One row as it is appended."""

    revision: int
    key: str
    value: bytes | None
    created: int
    expires: float | None


@dataclass(slots=True)
class Recovered:
    """What the file held: current records, recent changes oldest first, and the keys that expire."""

    records: dict[str, Record] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    expiring: list[tuple[float, str, int]] = field(default_factory=list)
    revision: int = 0
    compacted: int = 0
    rows: int = 0


class Log:
    """One open file. Every method may raise Unavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=2, check_same_thread=False)
            for pragma in PRAGMAS:
                self._db.execute(pragma)
            self._db.executescript(SCHEMA)
            path.chmod(0o600)
        except sqlite3.Error as error:
            raise Unavailable(f"cannot open the store {path}: {error}") from error

    def recover(self, keep_changes: int) -> Recovered:
        """Read everything back; the last `keep_changes` rows also as changes, so that watches can resume."""
        try:
            found = Recovered()
            facts = dict(self._db.execute("SELECT name, value FROM facts"))
            found.revision, found.compacted = facts.get("revision", 0), facts.get("compacted", 0)
            (last,) = self._db.execute("SELECT coalesce(max(id), 0) FROM log").fetchone()
            found.compacted = max(found.compacted, self._revision_at(last - keep_changes))
            for row in self._db.execute("SELECT revision, key, value, created, expires FROM log ORDER BY id"):
                _replay(found, Row(*row))
        except sqlite3.Error as error:
            raise Unavailable(f"cannot read the store {self._path}: {error}") from error
        found.expiring = [
            (at, key, revision)
            for at, key, revision in found.expiring
            if key in found.records and found.records[key].revision == revision
        ]
        return found

    def _revision_at(self, row_id: int) -> int:
        (revision,) = self._db.execute(
            "SELECT coalesce(max(revision), 0) FROM log WHERE id <= ?", (row_id,)
        ).fetchone()
        return int(revision)

    def append(self, rows: Sequence[Row]) -> None:
        """All rows in one transaction, on disk when this returns."""
        try:
            if len(rows) <= TOGETHER:  # one statement is a transaction of its own
                self._insert(rows)
                return
            self._db.execute("BEGIN IMMEDIATE")
            for start in range(0, len(rows), TOGETHER):
                self._insert(rows[start : start + TOGETHER])
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise Unavailable(f"cannot write to the store {self._path}: {error}") from error

    def _insert(self, rows: Sequence[Row]) -> None:
        self._db.execute(_insertion(len(rows)), tuple(chain.from_iterable(rows)))

    def begin_compaction(self, revision: int, newest: int) -> None:
        """Record that history up to `revision` goes, before any of it does."""
        facts = [("compacted", revision), ("revision", newest)]
        try:
            self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts)
        except sqlite3.Error as error:
            raise Unavailable(f"cannot compact the store {self._path}: {error}") from error

    def slice(self, after: int, limit: int) -> list[tuple[int, int, str, bool]]:
        """Rows after a row id, in order: (id, revision, key, is a delete)."""
        query = "SELECT id, revision, key, value IS NULL FROM log WHERE id > ? ORDER BY id LIMIT ?"
        return self._db.execute(query, (after, limit)).fetchall()

    def drop(self, ids: Iterable[int]) -> None:
        """Delete superseded rows; SQLite reuses their pages, so the file stays bounded."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("DELETE FROM log WHERE id = ?", [(row_id,) for row_id in ids])
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise Unavailable(f"cannot compact the store {self._path}: {error}") from error

    def close(self) -> None:
        self._db.close()


def _replay(found: Recovered, row: Row) -> None:
    """Apply one row to what was recovered so far."""
    previous = found.records.get(row.key)
    record = None
    if row.value is None:
        found.records.pop(row.key, None)
    else:
        record = found.records[row.key] = Record(row.key, row.value, row.revision, row.created)
        if row.expires:
            found.expiring.append((row.expires, row.key, row.revision))
    if row.revision > found.compacted:
        found.changes.append(Change(row.key, row.revision, record, previous))
    found.revision = max(found.revision, row.revision)
    found.rows += 1
