"""What only a store on disk has to show: it comes back, whatever happened."""

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import aclosing

import pytest

from wherry.store import Delete, Put, Unavailable
from wherry.store.sqlite import open as open_sqlite

WRITER = """
import asyncio, sys
from wherry.store import Put
from wherry.store.sqlite import open

async def main():
    store = open(sys.argv[1])
    async def write(worker):
        for n in range(1_000_000):
            revision = await store.commit(Put(f"/w/{worker}/{n % 50}", str(n).encode()))
            sys.stdout.write(f"{revision} /w/{worker}/{n % 50} {n}\\n")
            sys.stdout.flush()
    await asyncio.gather(*(write(worker) for worker in range(8)))

asyncio.run(main())
"""


async def test_everything_is_there_after_reopening(tmp_path):
    path = str(tmp_path / "store.db")
    store = open_sqlite(path)
    created = await store.commit(Put("/a", b"1"), Put("/b", b"1"))
    changed = await store.commit(Put("/a", b"2"))
    last = await store.commit(Delete("/b"))
    await store.close()

    store = open_sqlite(path)
    record = await store.get("/a")
    assert (record.value, record.revision, record.created) == (b"2", changed, created)
    assert await store.get("/b") is None
    assert await store.revision() == last
    async with aclosing(store.watch("/", created)) as batches:
        batch = await anext(batches)
    assert [(change.key, change.revision) for change in batch] == [("/a", changed), ("/b", last)]
    assert [change.previous.value for change in batch] == [b"1", b"1"]
    await store.close()


async def test_revisions_never_go_back_even_when_the_newest_rows_are_compacted(tmp_path):
    path = str(tmp_path / "store.db")
    store = open_sqlite(path)
    await store.commit(Put("/a", b"1"))
    last = await store.commit(Delete("/a"))
    await store.compact(last)
    await store.close()
    store = open_sqlite(path)
    assert await store.revision() == last
    assert await store.commit(Put("/a", b"2")) == last + 1
    await store.close()


async def test_compaction_bounds_the_file(tmp_path):
    path = tmp_path / "store.db"
    store = open_sqlite(str(path))
    value = b"x" * 2000
    for _ in range(3):
        for n in range(1000):
            revision = asyncio.ensure_future(store.commit(Put(f"/a/{n % 10}", value)))
        await store.compact(await revision - 1)
    await store.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM log").fetchone()[0] <= 11
    assert path.stat().st_size < 6_000_000


async def test_what_a_resumable_watch_needs_survives_compaction_and_a_restart(tmp_path):
    path = str(tmp_path / "store.db")
    store = open_sqlite(path)
    first = await store.commit(Put("/a", b"1"))
    await store.commit(Put("/a", b"2"))
    await store.compact(first)
    await store.close()
    store = open_sqlite(path)
    async with aclosing(store.watch("/", first)) as batches:
        (change,) = await anext(batches)
    assert (change.record.value, change.previous.value) == (b"2", b"1")
    await store.close()


async def test_kill_9_loses_nothing_acknowledged(tmp_path):
    path = str(tmp_path / "store.db")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, path, stdout=asyncio.subprocess.PIPE)
    acknowledged = {}
    while len(acknowledged) < 300:
        revision, key, value = (await process.stdout.readline()).split()
        acknowledged[key.decode()] = (int(revision), value)
    os.kill(process.pid, signal.SIGKILL)
    for line in (await process.stdout.read()).splitlines():
        if len(parts := line.split()) == 3:
            acknowledged[parts[1].decode()] = (int(parts[0]), parts[2])
    await process.wait()

    store = open_sqlite(path)
    for key, (revision, value) in acknowledged.items():
        record = await store.get(key)
        assert record.revision >= revision
        assert int(record.value) >= int(value)
    await store.close()


async def test_a_second_process_is_refused(tmp_path):
    path = str(tmp_path / "store.db")
    store = open_sqlite(path)
    await store.commit(Put("/a", b"1"))
    with pytest.raises(Unavailable, match="locked"):
        open_sqlite(path)
    await store.close()


async def test_a_failed_write_is_reported_and_leaves_the_state_as_it_was(tmp_path, monkeypatch):
    store = open_sqlite(str(tmp_path / "store.db"))
    await store.commit(Put("/a", b"1"))
    store._log._db.execute("PRAGMA max_page_count=1")  # as a full disk answers: no page can be added
    outcomes = await asyncio.gather(
        *(store.commit(Put(f"/big/{n}", b"x" * 100_000)) for n in range(3)), return_exceptions=True
    )
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert "full" in str(outcomes[0])
    assert (await store.range("/big/")).records == []
    store._log._db.execute("PRAGMA max_page_count=1000000")
    await store.commit(Put("/a", b"2"))
    assert (await store.get("/a")).value == b"2"
    await store.close()


async def test_a_ttl_goes_on_counting_over_a_restart(tmp_path):
    path = str(tmp_path / "store.db")
    store = open_sqlite(path)
    await store.commit(Put("/e", b"x", ttl=1))
    await store.close()
    store = open_sqlite(path)
    async with aclosing(store.watch("/", await store.revision())) as batches:
        (change,) = await asyncio.wait_for(anext(batches), 10)
    assert (change.key, change.record) == ("/e", None)
    await store.close()
