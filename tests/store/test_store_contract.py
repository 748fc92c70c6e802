"""What every backend promises; see `wherry.store.interface`."""

import asyncio
from contextlib import aclosing

import pytest

from wherry.store import Compacted, Delete, Mismatch, Put
from wherry.store.memory import MemoryStore
from wherry.store.sqlite import open as open_sqlite


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    store = MemoryStore() if request.param == "memory" else open_sqlite(str(tmp_path / "store.db"))
    yield store
    await store.close()


async def take(store, prefix, after, count):
    """The next `count` changes as (key, value or None, previous value or None)."""
    seen = []
    async with aclosing(store.watch(prefix, after)) as batches:
        async for batch in batches:
            for change in batch:
                value = change.record.value if change.record else None
                seen.append((change.key, value, change.previous.value if change.previous else None))
            if len(seen) >= count:
                break
    return seen


async def test_a_put_is_read_back_with_its_revisions(store):
    first = await store.commit(Put("/a/1", b"x"))
    second = await store.commit(Put("/a/1", b"y"))
    record = await store.get("/a/1")
    assert (record.value, record.revision, record.created) == (b"y", second, first)
    assert second == first + 1 == await store.revision()
    assert await store.get("/a/2") is None


@pytest.mark.parametrize("expect", [0, 1, 99])
async def test_an_expectation_that_does_not_hold_writes_nothing(store, expect):
    await store.commit(Put("/other", b"-"))
    current = await store.commit(Put("/a", b"x"))
    with pytest.raises(Mismatch) as error:
        await store.commit(Put("/b", b"new"), Put("/a", b"y", expect=expect))
    assert (error.value.key, error.value.current.revision, error.value.index) == ("/a", current, 1)
    assert await store.get("/b") is None
    assert (await store.get("/a")).value == b"x"


async def test_expectations_that_hold(store):
    made = await store.commit(Put("/a", b"x", expect=0))
    changed = await store.commit(Put("/a", b"y", expect=made))
    await store.commit(Delete("/a", expect=changed))
    assert await store.get("/a") is None
    with pytest.raises(Mismatch):
        await store.commit(Delete("/a", expect=changed))


async def test_deleting_nothing_unconditionally_changes_nothing(store):
    before = await store.commit(Put("/a", b"x"))
    assert await store.commit(Delete("/missing")) == before


async def test_of_many_creators_exactly_one_wins(store):
    outcomes = await asyncio.gather(
        *(store.commit(Put("/a", str(n).encode(), expect=0)) for n in range(20)), return_exceptions=True
    )
    assert sum(isinstance(outcome, int) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Mismatch) for outcome in outcomes) == 19


async def test_a_counter_raised_concurrently_loses_no_step(store):
    await store.commit(Put("/n", b"0"))

    async def raise_it():
        while True:
            record = await store.get("/n")
            try:
                return await store.commit(Put("/n", str(int(record.value) + 1).encode(), expect=record.revision))
            except Mismatch:
                continue

    await asyncio.gather(*(raise_it() for _ in range(50)))
    assert (await store.get("/n")).value == b"50"


async def test_ranges_are_sorted_bounded_and_continue(store):
    for name in ("b", "a", "d", "c"):
        await store.commit(Put(f"/pods/{name}", name.encode()))
    await store.commit(Put("/podsx/z", b"-"))
    first = await store.range("/pods/", limit=3)
    assert ([record.key[-1] for record in first.records], first.remaining) == (["a", "b", "c"], 1)
    rest = await store.range("/pods/", after=first.records[-1].key)
    assert ([record.key[-1] for record in rest.records], rest.remaining) == (["d"], 0)


async def test_a_range_shows_one_past_revision(store):
    await store.commit(Put("/p/a", b"1"))
    then = await store.commit(Put("/p/b", b"1"))
    await store.commit(Put("/p/a", b"2"))
    await store.commit(Delete("/p/b"))
    await store.commit(Put("/p/c", b"1"))
    past = await store.range("/p/", revision=then)
    assert [(record.key, record.value) for record in past.records] == [("/p/a", b"1"), ("/p/b", b"1")]
    page = await store.range("/p/", revision=then, after="/p/a", limit=1)
    assert ([record.key for record in page.records], page.remaining) == (["/p/b"], 0)


async def test_watches_see_everything_once_and_in_order(store):
    start = await store.commit(Put("/p/a", b"0"))
    await store.commit(Put("/p/a", b"1"))
    watching = asyncio.create_task(take(store, "/p/", start, 4))
    await asyncio.sleep(0)
    await store.commit(Put("/q/other", b"-"))
    await store.commit(Put("/p/b", b"1"), Put("/p/c", b"1"))
    await store.commit(Delete("/p/a"))
    assert await asyncio.wait_for(watching, 5) == [
        ("/p/a", b"1", b"0"),
        ("/p/b", b"1", None),
        ("/p/c", b"1", None),
        ("/p/a", None, b"1"),
    ]


async def test_compaction_forgets_the_past_and_keeps_the_present(store):
    first = await store.commit(Put("/a", b"1"))
    second = await store.commit(Put("/a", b"2"))
    await store.commit(Put("/a", b"3"))
    await store.compact(second)
    with pytest.raises(Compacted) as error:
        await store.range("/a", revision=first)
    assert error.value.oldest == second
    with pytest.raises(Compacted):
        await take(store, "/a", first, 1)
    assert await take(store, "/a", second, 1) == [("/a", b"3", b"2")]
    assert (await store.get("/a")).value == b"3"


async def test_a_key_with_a_ttl_goes_by_itself(store):
    start = await store.revision()
    watching = asyncio.create_task(take(store, "/e/", start, 3))
    await asyncio.sleep(0)
    await store.commit(Put("/e/short", b"x", ttl=1))
    await store.commit(Put("/e/kept", b"y"))
    assert (await asyncio.wait_for(watching, 10))[-1] == ("/e/short", None, b"x")
    assert await store.get("/e/kept") is not None


async def test_a_key_written_again_outlives_its_first_ttl(store):
    await store.commit(Put("/e/a", b"x", ttl=1))
    await store.commit(Put("/e/b", b"x", ttl=1))
    await store.commit(Put("/e/a", b"y"))
    start = await store.revision()
    assert await asyncio.wait_for(take(store, "/e/", start, 1), 10) == [("/e/b", None, b"x")]
    assert (await store.get("/e/a")).value == b"y"
