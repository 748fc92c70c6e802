"""The verbs as a client sees them, over the memory store."""

import asyncio

import pytest

from wherry.api import kinds
from wherry.client.interface import AlreadyExists, Conflict, NotFound
from wherry.client.rest import RestClient
from wherry.testing.cluster import ApiServer


def config_map(name: str, **data: str) -> dict:
    return {"metadata": {"name": name, "namespace": "default"}, "data": data}


async def test_created_objects_are_read_back_with_identity(client: RestClient) -> None:
    made = await client.create(kinds.CONFIG_MAP, config_map("a", k="v"))
    assert made["metadata"]["uid"] and made["metadata"]["creationTimestamp"]
    found = await client.get(kinds.CONFIG_MAP, "a", "default")
    assert found == made
    with pytest.raises(AlreadyExists):
        await client.create(kinds.CONFIG_MAP, config_map("a"))


async def test_update_needs_the_version_that_it_read(client: RestClient) -> None:
    first = await client.create(kinds.CONFIG_MAP, config_map("a", k="1"))
    second = await client.update(kinds.CONFIG_MAP, first | {"data": {"k": "2"}})
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    with pytest.raises(Conflict):
        await client.update(kinds.CONFIG_MAP, first | {"data": {"k": "3"}})
    assert (await client.get(kinds.CONFIG_MAP, "a", "default"))["data"] == {"k": "2"}


async def test_an_update_that_changes_nothing_keeps_the_version(client: RestClient) -> None:
    made = await client.create(kinds.CONFIG_MAP, config_map("a", k="1"))
    again = await client.update(kinds.CONFIG_MAP, made)
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("type", "patch"),
    [
        ("merge", {"data": {"k": "2"}}),
        ("strategic", {"data": {"k": "2"}}),
        ("json", [{"op": "replace", "path": "/data/k", "value": "2"}]),
    ],
)
async def test_patches(client: RestClient, type: str, patch: object) -> None:
    await client.create(kinds.CONFIG_MAP, config_map("a", k="1", l="x"))
    patched = await client.patch(kinds.CONFIG_MAP, "a", "default", patch, type=type)
    assert patched["data"] == {"k": "2", "l": "x"}


async def test_concurrent_patches_all_arrive(client: RestClient) -> None:
    await client.create(kinds.CONFIG_MAP, config_map("a"))
    await asyncio.gather(
        *(client.patch(kinds.CONFIG_MAP, "a", "default", {"data": {f"k{n}": "x"}}) for n in range(20))
    )
    assert len((await client.get(kinds.CONFIG_MAP, "a", "default"))["data"]) == 20


async def test_deleted_objects_are_gone(client: RestClient) -> None:
    made = await client.create(kinds.CONFIG_MAP, config_map("a"))
    with pytest.raises(Conflict):
        await client.delete(kinds.CONFIG_MAP, "a", "default", uid="other")
    await client.delete(kinds.CONFIG_MAP, "a", "default", uid=made["metadata"]["uid"])
    with pytest.raises(NotFound):
        await client.get(kinds.CONFIG_MAP, "a", "default")


async def test_finalizers_hold_an_object_until_they_are_done(client: RestClient) -> None:
    obj = config_map("a")
    obj["metadata"]["finalizers"] = ["example.com/wait"]
    await client.create(kinds.CONFIG_MAP, obj)
    await client.delete(kinds.CONFIG_MAP, "a", "default")
    waiting = await client.get(kinds.CONFIG_MAP, "a", "default")
    assert waiting["metadata"]["deletionTimestamp"]
    del waiting["metadata"]["finalizers"]
    await client.update(kinds.CONFIG_MAP, waiting)
    with pytest.raises(NotFound):
        await client.get(kinds.CONFIG_MAP, "a", "default")


async def test_pages_show_one_snapshot(client: RestClient) -> None:
    for number in range(7):
        await client.create(kinds.CONFIG_MAP, config_map(f"c{number}"))
    first = await client.list(kinds.CONFIG_MAP, "default", limit=3)
    await client.delete(kinds.CONFIG_MAP, "c5", "default")
    second = await client.list(kinds.CONFIG_MAP, "default", limit=3, continue_token=first.continue_token)
    names = [item["metadata"]["name"] for item in first.items + second.items]
    assert names == ["c0", "c1", "c2", "c3", "c4", "c5"]


@pytest.mark.parametrize(
    ("selector", "names"),
    [("app=x", ["a", "c"]), ("app!=x", ["b", "d"]), ("app in (x,y)", ["a", "b", "c"]), ("!app", ["d"])],
)
async def test_label_selectors(client: RestClient, selector: str, names: list[str]) -> None:
    for name, app in (("a", "x"), ("b", "y"), ("c", "x"), ("d", "")):
        obj = config_map(name)
        obj["metadata"]["labels"] = {"app": app} if app else {}
        await client.create(kinds.CONFIG_MAP, obj)
    found = await client.list(kinds.CONFIG_MAP, "default", label_selector=selector)
    assert [item["metadata"]["name"] for item in found.items] == names


async def test_watch_tells_every_change_once(client: RestClient) -> None:
    made = await client.create(kinds.CONFIG_MAP, config_map("a"))
    version = made["metadata"]["resourceVersion"]
    await client.patch(kinds.CONFIG_MAP, "a", "default", {"data": {"k": "1"}})
    seen = []
    watch = client.watch(kinds.CONFIG_MAP, "default", resource_version=version)
    async for event in watch:
        seen.append((event.type, event.object["metadata"]["name"]))
        if len(seen) == 1:
            await client.create(kinds.CONFIG_MAP, config_map("b"))
        elif len(seen) == 2:
            await client.delete(kinds.CONFIG_MAP, "a", "default")
        elif len(seen) == 3:
            break
    assert seen == [("MODIFIED", "a"), ("ADDED", "b"), ("DELETED", "a")]


async def test_a_selected_watch_sees_objects_come_and_go(client: RestClient) -> None:
    made = await client.create(kinds.CONFIG_MAP, config_map("a"))
    seen = []
    watch = client.watch(
        kinds.CONFIG_MAP,
        "default",
        resource_version=made["metadata"]["resourceVersion"],
        label_selector="on=yes",
    )
    for labels in ({"on": "yes"}, {"on": "yes", "more": "x"}, {"on": "no"}):
        await client.patch(kinds.CONFIG_MAP, "a", "default", {"metadata": {"labels": labels}})
    async for event in watch:
        seen.append(event.type)
        if event.type == "DELETED":
            break
    assert seen == ["ADDED", "MODIFIED", "DELETED"]


async def test_nobody_reads_without_credentials(api: ApiServer) -> None:
    stranger = api.client_for("jane")
    answer = await stranger.request("GET", "/api/v1/namespaces/default/secrets")
    assert answer.status == 403
    assert b'secrets is forbidden: User \\"jane\\" cannot list resource \\"secrets\\"' in answer.body
