"""The loop that all controllers share: order, back-off, conflicts, stale caches, slow starts."""

import asyncio
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from worldmaking import NOW

from wherry.aio.tasks import Tasks
from wherry.api import meta
from wherry.api.kinds import CONFIG_MAP, EVENT
from wherry.client.events import Correlator
from wherry.client.interface import NotFound
from wherry.controllers.actions import Confirm, Create, Delete, Event, Patch, Requeue, Together, Update
from wherry.controllers.caches import Caches
from wherry.controllers.expectations import PATIENCE, Expectations
from wherry.controllers.loop import RESYNC, Loop, Watch
from wherry.controllers.queue import Queue
from wherry.controllers.watching import own_key
from wherry.testing.clock import FakeClock
from wherry.testing.cluster import ApiServer


class Scripted:
    """A controller of ConfigMaps that does what the test says, and remembers its attempts."""

    name, component = "scripted", "scripted-controller"

    def __init__(self, caches, script):
        self.maps = caches.of(CONFIG_MAP)
        self.script, self.attempts = script, []
        self.watches = (Watch(CONFIG_MAP, own_key),)

    async def reconcile(self, key, attempt):
        if not key.startswith("default/") or key.endswith("kube-root-ca.crt"):
            return []
        self.attempts.append((key, attempt))
        return self.script(self.maps.get(key), attempt)


@asynccontextmanager
async def running(script):
    clock = FakeClock()
    async with ApiServer(clock=clock) as api, Tasks() as tasks:
        caches = Caches(api.client, clock)
        controller = Scripted(caches, script)
        loop = Loop(controller, api.client, caches, clock)
        tasks.start(caches.run(), "caches")
        tasks.start(loop.run(), "loop")
        await clock.advance(0.1)
        yield api.client, clock, controller, loop


def config(name="a", **data):
    return {"metadata": {"name": name, "namespace": "default"}, "data": data}


async def until(clock, condition):
    async with asyncio.timeout(10):
        while not condition():
            await clock.advance(0.01)


async def test_a_failure_is_told_to_the_next_attempt_and_tried_ever_more_slowly():
    bad = Create(CONFIG_MAP, {"metadata": {"name": "Not A Name", "namespace": "default"}})
    async with running(lambda obj, attempt: [bad]) as (client, clock, controller, _):
        times = []
        await client.create(CONFIG_MAP, config())
        await until(clock, lambda: len(controller.attempts) >= 6)
        times = [attempt.now for _, attempt in controller.attempts]
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert pauses[-1] > pauses[0] and pauses == sorted(pauses)
        assert controller.attempts[0][1].failure is None
        assert "Not A Name" in controller.attempts[1][1].failed(Create)
        assert controller.attempts[1][1].failed(Delete) is None


async def test_a_success_forgets_the_failures():
    outcomes = iter(
        [[Delete(CONFIG_MAP, config("missing")), Create(CONFIG_MAP, config("Bad Name"))], [Requeue(0.5)], []]
    )
    async with running(lambda obj, attempt: next(outcomes, [])) as (client, clock, controller, loop):
        await client.create(CONFIG_MAP, config())
        await until(clock, lambda: len(controller.attempts) >= 3)
        assert controller.attempts[2][1].failure is None and not loop.queue.failing("default/a")


async def test_actions_happen_in_order_until_one_fails():
    def script(obj, attempt):
        if attempt.failure or meta.name(obj) != "a":
            return []
        names = ("b", "c", "Bad Name", "d")
        return [Create(CONFIG_MAP, config(name)) for name in names]

    async with running(script) as (client, clock, controller, _):
        await client.create(CONFIG_MAP, config())
        await until(clock, lambda: any(attempt.failure for _, attempt in controller.attempts))
        names = {meta.name(each) for each in (await client.list(CONFIG_MAP, "default")).items}
        assert {"b", "c"} <= names and "d" not in names


async def test_a_key_waits_until_the_cache_shows_its_own_writes():
    seen = []

    def script(obj, attempt):
        count = int((obj.get("data") or {}).get("count", 0))
        seen.append(count)
        changed = {**obj, "data": {"count": str(count + 1)}}
        return [Update(CONFIG_MAP, changed), Requeue(0.001)] if count < 20 else []

    async with running(script) as (client, clock, _, _):
        await client.create(CONFIG_MAP, config())
        await until(clock, lambda: 20 in seen)
        assert seen[:21] == list(range(21))


async def test_a_conflict_is_tried_again_without_counting_as_a_failure():
    def script(obj, attempt):
        stale = {**obj, "metadata": {**obj["metadata"], "resourceVersion": "1"}}
        return [] if attempt.retry else [Update(CONFIG_MAP, stale)]

    async with running(script) as (client, clock, controller, _):
        await client.create(CONFIG_MAP, config())
        await until(clock, lambda: len(controller.attempts) >= 2)
        assert controller.attempts[1][1].retry and controller.attempts[1][1].failure is None


async def test_a_mistake_in_a_plan_does_not_end_the_loop():
    def script(obj, attempt):
        if not attempt.retry:
            raise KeyError("mistake")
        return [Create(CONFIG_MAP, config("made"), exists_ok=True)]

    async with running(script) as (client, clock, controller, _):
        await client.create(CONFIG_MAP, config())
        await until(clock, lambda: "default/made" in controller.maps.store)


async def test_a_slow_start_stops_at_the_first_batch_that_fails():
    def script(obj, attempt):
        if meta.name(obj) != "a" or attempt.failure:
            return []
        names = ["x0", "x1", "Bad 2", "x3", "x4", "x5", "x6"]
        return [Together([Create(CONFIG_MAP, config(name)) for name in names], slow_start=True)]

    async with running(script) as (client, clock, controller, _):
        await client.create(CONFIG_MAP, config())
        await until(clock, lambda: any(attempt.failure for _, attempt in controller.attempts))
        names = {meta.name(each) for each in (await client.list(CONFIG_MAP, "default")).items}
        assert {"x0", "x1"} <= names and not {"x3", "x4"} & names


async def test_confirming_an_owner_that_is_another_one_by_now_stops_the_pass():
    def script(obj, attempt):
        if meta.name(obj) != "a" or attempt.retry:
            return []
        other = {**obj, "metadata": {**obj["metadata"], "uid": "another"}}
        return [Confirm(CONFIG_MAP, other), Create(CONFIG_MAP, config("made"))]

    async with running(script) as (client, clock, controller, _):
        await client.create(CONFIG_MAP, config())
        await until(clock, lambda: any(attempt.retry for _, attempt in controller.attempts))
        with pytest.raises(NotFound):
            await client.get(CONFIG_MAP, "made", "default")


async def test_what_is_missing_is_fine_where_the_plan_says_so():
    actions = [
        Delete(CONFIG_MAP, config("missing")),
        Patch(CONFIG_MAP, "missing", "default", {}, missing_ok=True),
        Create(CONFIG_MAP, config("a"), exists_ok=True),
        Create(CONFIG_MAP, config("made"), exists_ok=True),
    ]
    async with running(lambda obj, attempt: actions) as (client, clock, controller, loop):
        await client.create(CONFIG_MAP, config())
        await until(clock, lambda: len(controller.attempts) >= 2 and loop.queue.idle)
        assert await client.get(CONFIG_MAP, "made", "default")
        assert not any(attempt.retry for _, attempt in controller.attempts)


async def test_events_name_what_was_made_and_repeat_by_a_count():
    def script(obj, attempt):
        told = Event(CONFIG_MAP, obj, "Normal", "Seen", "Saw it")
        made = Event(CONFIG_MAP, obj, "Normal", "Made", "Created {name}")
        return [told, told, Create(CONFIG_MAP, config("made"), exists_ok=True, done=made)] if obj else []

    async with running(script) as (client, clock, _, _):
        await client.create(CONFIG_MAP, config())
        async with asyncio.timeout(10):
            while True:
                await clock.advance(0.01)
                events = (await client.list(EVENT, "default")).items
                found = {(meta_of["reason"], meta_of["message"]): meta_of["count"] for meta_of in events}
                if ("Made", "Created made") in found and any(count > 1 for count in found.values()):
                    break
        assert all(each["source"]["component"] == "scripted-controller" for each in events)


async def test_every_object_is_looked_at_again_now_and_then():
    async with running(lambda obj, attempt: []) as (client, clock, controller, _):
        await client.create(CONFIG_MAP, config())
        await until(clock, lambda: len(controller.attempts) == 1)
        await clock.advance(RESYNC + 1)
        await until(clock, lambda: len(controller.attempts) == 2)


# The queue


async def test_a_key_is_in_the_queue_once_and_never_worked_on_twice_at_a_time():
    queue = Queue(FakeClock())
    for _ in range(3):
        queue.add("a")
    assert await queue.get() == "a" and len(queue) == 0
    queue.add("a")
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.done("a")
    assert await waiting == "a"
    queue.done("a")
    assert queue.idle


async def test_of_several_delays_the_earliest_counts():
    clock = FakeClock()
    queue = Queue(clock)
    async with Tasks() as tasks:
        tasks.start(queue.run(), "timers")
        queue.add_after("a", 10)
        queue.add_after("a", 2)
        queue.add_after("b", 5)
        await clock.advance(2.1)
        assert await queue.get() == "a" and len(queue) == 0
        queue.done("a")
        await clock.advance(3)
        assert await queue.get() == "b"
        queue.done("b")
        await clock.advance(6)
        assert queue.idle


async def test_a_key_rests_after_long_work():
    clock = FakeClock()
    queue = Queue(clock)
    async with Tasks() as tasks:
        tasks.start(queue.run(), "timers")
        queue.add("a")
        await queue.get()
        queue.done("a", rest=1.0)
        queue.add("a")
        await clock.advance(0.5)
        assert not queue._ready
        await clock.advance(0.6)
        assert await queue.get() == "a"


async def test_back_off_doubles_up_to_a_limit():
    queue = Queue(FakeClock(), first=1.0, most=10.0)
    assert [queue.retry("a") for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    queue.forget("a")
    assert queue.retry("a") == 1


# Expectations and events


class Cache:
    resource_version, objects = "10", {}

    def get(self, key):
        return self.objects.get(key)


def test_a_deletion_is_expected_until_it_shows():
    clock, cache = FakeClock(), Cache()
    expected = Expectations(lambda kind: cache, clock)
    obj = {"metadata": {"name": "a", "namespace": "default", "uid": "u"}}
    cache.objects = {"default/a": obj}
    expected.deleted("key", CONFIG_MAP, obj)
    assert not expected.fulfilled("key")
    cache.objects = {"default/a": {"metadata": {**obj["metadata"], "deletionTimestamp": "now"}}}
    assert expected.fulfilled("key")


async def test_patience_ends():
    clock, cache = FakeClock(), Cache()
    expected = Expectations(lambda kind: cache, clock)
    expected.wrote("key", CONFIG_MAP, {"metadata": {"resourceVersion": "11"}})
    assert not expected.fulfilled("key")
    await clock.advance(PATIENCE + 1)
    assert expected.fulfilled("key")


def test_what_nobody_watches_is_not_expected():
    expected = Expectations(lambda kind: None, FakeClock())
    expected.wrote("key", CONFIG_MAP, {"metadata": {"resourceVersion": "11"}})
    assert expected.fulfilled("key")


def event(message="m", reason="R", name="a"):
    return {
        "metadata": {"name": f"{name}.1", "namespace": "default"},
        "involvedObject": {"kind": "Pod", "name": name, "uid": name},
        "reason": reason, "message": message, "source": {"component": "c"}, "type": "Normal",
        "firstTimestamp": "t", "lastTimestamp": "t", "count": 1,
    }  # fmt: skip


def test_one_source_writes_so_many_events_about_one_object_and_then_slowly():
    correlator = Correlator()
    written = [correlator.correlate(event(str(number)), NOW) for number in range(40)]
    assert sum(each is not None for each in written) == 25
    assert correlator.correlate(event("later"), NOW + 10) is None
    assert correlator.correlate(event("much later"), NOW + 301) is not None
    assert correlator.correlate(event(name="b"), NOW) is not None


def test_similar_events_are_combined():
    correlator = Correlator()
    messages = [correlator.correlate(event(str(number)), NOW)["message"] for number in range(12)]
    assert messages[8] == "8" and messages[9] == "(combined from similar events): 9"
    combined = [correlator.correlate(event(str(number)), NOW)["count"] for number in range(12, 14)]
    assert combined == [4, 5]
