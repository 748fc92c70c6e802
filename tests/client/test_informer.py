"""An informer's copy against the API server: whole, in order, and across failures."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest

from wherry.api import Obj, kinds, meta
from wherry.client.informer import Informer
from wherry.client.interface import Event, Gone, ObjectList, Unreachable
from wherry.client.rest import RestClient
from wherry.client.transports import InProcess


def config_map(name: str, value: str = "", **labels: str) -> Obj:
    return {"metadata": {"name": name, "namespace": "default", "labels": labels}, "data": {"x": value}}


class Journal:
    """What a handler saw, short: +name=value, name:old>new, -name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = asyncio.Event()

    def __call__(self, old: Obj | None, new: Obj | None) -> None:
        name = meta.name(new or old or {})
        was, now = (obj["data"]["x"] if obj else None for obj in (old, new))
        self.lines.append(f"+{name}={now}" if old is None else f"-{name}" if new is None else f"{name}:{was}>{now}")
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def running(informer: Informer) -> AsyncIterator[Journal]:
    journal = Journal()
    informer.on_change(journal)
    task = asyncio.create_task(informer.run())
    try:
        yield journal
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_lists_then_follows(client: RestClient) -> None:
    await client.create(kinds.CONFIG_MAP, config_map("a", "1"))
    informer = Informer(client, kinds.CONFIG_MAP, "default", random=Random(1))
    async with running(informer) as journal:
        await asyncio.wait_for(informer.synced(), 10)
        assert journal.lines == ["+a=1"]
        await client.create(kinds.CONFIG_MAP, config_map("b", "1"))
        await client.patch(kinds.CONFIG_MAP, "a", "default", {"data": {"x": "2"}})
        deleted = await client.get(kinds.CONFIG_MAP, "b", "default")
        await client.delete(kinds.CONFIG_MAP, "b", "default")
        await journal.until(lambda: "-b" in journal.lines)
        assert journal.lines == ["+a=1", "+b=1", "a:1>2", "-b"]
        assert set(informer.store) == {"default/a"}
        assert "managedFields" not in informer.store["default/a"]["metadata"]
        assert int(informer.resource_version) > int(deleted["metadata"]["resourceVersion"])
        late = Journal()
        informer.on_change(late)
        assert late.lines == ["+a=2"]


async def test_selected_objects_come_and_go_with_their_labels(client: RestClient) -> None:
    informer = Informer(client, kinds.CONFIG_MAP, label_selector="app=x", random=Random(1))
    async with running(informer) as journal:
        await informer.synced()
        await client.create(kinds.CONFIG_MAP, config_map("other", app="y"))
        await client.create(kinds.CONFIG_MAP, config_map("mine", app="x"))
        await journal.until(lambda: len(journal.lines) == 1)
        await client.patch(kinds.CONFIG_MAP, "other", "default", {"metadata": {"labels": {"app": "x"}}})
        await client.patch(kinds.CONFIG_MAP, "mine", "default", {"metadata": {"labels": {"app": "y"}}})
        await journal.until(lambda: len(journal.lines) == 3)
        assert journal.lines == ["+mine=", "+other=", "-mine"]


async def test_a_nodes_pods_by_field_selector(client: RestClient) -> None:
    def pod(name: str, node: str) -> Obj:
        spec = {"containers": [{"name": "c", "image": "i"}], "nodeName": node, "terminationGracePeriodSeconds": 0}
        return {"metadata": {"name": name, "namespace": "default"}, "spec": spec}

    await client.create(kinds.SERVICE_ACCOUNT, {"metadata": {"name": "default", "namespace": "default"}})
    informer = Informer(client, kinds.POD, field_selector="spec.nodeName=n1", random=Random(1))
    arrived = asyncio.Event()
    informer.on_change(lambda old, new: arrived.set())
    task = asyncio.create_task(informer.run())
    await informer.synced()
    for name, node in (("p1", "n1"), ("p2", "n2"), ("p3", "n1")):
        await client.create(kinds.POD, pod(name, node))
    async with asyncio.timeout(10):
        while len(informer.store) < 2:
            arrived.clear()
            await arrived.wait()
    assert set(informer.store) == {"default/p1", "default/p3"}
    task.cancel()


async def test_indexes_follow(client: RestClient) -> None:
    await client.create(kinds.CONFIG_MAP, config_map("a", "red"))
    informer = Informer(client, kinds.CONFIG_MAP, "default", random=Random(1))
    informer.index("colour", lambda obj: [obj["data"]["x"]] if obj.get("data") else [])
    async with running(informer) as journal:
        await informer.synced()
        await client.create(kinds.CONFIG_MAP, config_map("b", "red"))
        await client.patch(kinds.CONFIG_MAP, "a", "default", {"data": {"x": "blue"}})
        await journal.until(lambda: len(journal.lines) == 3)
        names = {value: [meta.name(obj) for obj in informer.by("colour", value)] for value in ("red", "blue", "none")}
        assert names == {"red": ["b"], "blue": ["a"], "none": []}
        informer.index("name", lambda obj: [meta.name(obj)])
        assert len(informer.by("name", "a")) == 1


async def test_a_projection_keeps_memory_small(client: RestClient) -> None:
    await client.create(kinds.CONFIG_MAP, config_map("a", "x" * 1000))
    names_only = Informer(client, kinds.CONFIG_MAP, "default", project=lambda obj: {"metadata": obj["metadata"]})
    task = asyncio.create_task(names_only.run())
    await names_only.synced()
    assert set(names_only.store["default/a"]) == {"metadata"}
    task.cancel()


async def test_it_survives_the_servers_restart_without_losing_or_repeating(remote: RestClient, listener, api) -> None:
    local = RestClient(InProcess(api.handler))
    informer = Informer(remote, kinds.CONFIG_MAP, "default", random=Random(1))
    async with running(informer) as journal:
        await local.create(kinds.CONFIG_MAP, config_map("a", "1"))
        await journal.until(lambda: len(journal.lines) == 1)
        for round in range(3):
            await listener.close()
            await local.patch(kinds.CONFIG_MAP, "a", "default", {"data": {"x": f"{round} while away"}})
            await local.create(kinds.CONFIG_MAP, config_map(f"new{round}"))
            await listener.open()
            expected = 1 + 2 * (round + 1)
            await journal.until(lambda expected=expected: len(journal.lines) >= expected)
    assert journal.lines == [
        "+a=1",
        "a:1>0 while away",
        "+new0=",
        "a:0 while away>1 while away",
        "+new1=",
        "a:1 while away>2 while away",
        "+new2=",
    ]


class Script:
    """A client whose lists and watches are given beforehand; the end of the script waits for ever."""

    def __init__(self, *steps: ObjectList | list[Event] | Exception) -> None:
        self.steps = list(steps)
        self.asked: list[str] = []
        self.finished = asyncio.Event()

    async def _next(self) -> ObjectList | list[Event]:
        if not self.steps:
            self.finished.set()
            await asyncio.Event().wait()
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def list(self, kind, namespace=None, **options):
        self.asked.append("list")
        return await self._next()

    async def watch(self, kind, namespace=None, *, resource_version, **options):
        self.asked.append(f"watch {resource_version}")
        for event in await self._next():
            yield event


def version(name: str, number: int, uid: str = "u", value: str = "") -> Obj:
    return {
        "metadata": {"name": name, "uid": uid, "resourceVersion": str(number)},
        "data": {"x": value or str(number)},
    }


TABLE = {
    "a version too old is listed anew; only differences are told": (
        [
            ObjectList([version("a", 1), version("b", 2)], "2"),
            [Event("MODIFIED", version("a", 3))],
            Gone("too old", 410),
            ObjectList([version("a", 3), version("c", 5)], "6"),
        ],
        ["+a=1", "+b=2", "a:1>3", "-b", "+c=5"],
        ["list", "watch 2", "watch 3", "list", "watch 6"],
    ),
    "a lost connection resumes where it was": (
        [
            ObjectList([], "2"),
            [Event("ADDED", version("a", 4))],
            Unreachable("reset"),
            [Event("DELETED", version("a", 5))],
        ],
        ["+a=4", "-a"],
        ["list", "watch 2", "watch 4", "watch 4", "watch 5"],
    ),
    "a failed list is tried again": (
        [Unreachable("refused"), Unreachable("refused"), ObjectList([version("a", 1)], "1")],
        ["+a=1"],
        ["list", "list", "list", "watch 1"],
    ),
    "a bookmark moves the version": (
        [ObjectList([], "2"), [Event("BOOKMARK", version("", 9))]],
        [],
        ["list", "watch 2", "watch 9"],
    ),
    "an event seen already is not told twice": (
        [ObjectList([version("a", 1)], "1"), [Event("ADDED", version("a", 1)), Event("DELETED", version("z", 2))]],
        ["+a=1"],
        ["list", "watch 1", "watch 2"],
    ),
    "another object of the same name goes and comes": (
        [
            ObjectList([version("a", 1, "first")], "1"),
            Gone("too old", 410),
            ObjectList([version("a", 7, "second")], "7"),
        ],
        ["+a=1", "-a", "+a=7"],
        ["list", "watch 1", "list", "watch 7"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
async def test_what_becomes_of_answers(case: str) -> None:
    steps, told, asked = TABLE[case]
    script = Script(*steps)
    async with running(Informer(script, kinds.CONFIG_MAP, random=Random(1))) as journal:  # type: ignore[arg-type]
        async with asyncio.timeout(10):
            await script.finished.wait()
    assert journal.lines == told
    assert script.asked == asked


async def test_a_failing_handler_harms_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    informer = Informer(Script(ObjectList([version("a", 1)], "1")), kinds.CONFIG_MAP)  # type: ignore[arg-type]
    informer.on_change(lambda old, new: 1 / 0)
    async with running(informer) as journal:
        await informer.synced()
    assert journal.lines == ["+a=1"]
    assert "a handler of configmaps failed" in caplog.text
