"""Lists and watches: selectors, paging, resuming, bookmarks, initial events."""

import asyncio
from contextlib import aclosing

import pytest

from wherry.api import Obj, kinds
from wherry.client.interface import ApiError
from wherry.client.rest import RestClient
from wherry.store.memory import MemoryStore
from wherry.testing.cluster import ApiServer


def config_map(name: str, **labels: str) -> Obj:
    return {"metadata": {"name": name, "namespace": "default", "labels": labels}, "data": {}}


async def collect(client: RestClient, count: int, **options: object) -> list[tuple[str, str]]:
    """The first events of a watch, without bookmarks."""
    found = []
    async with asyncio.timeout(5), aclosing(client.watch(kinds.CONFIG_MAP, "default", **options)) as events:
        async for event in events:
            if event.type != "BOOKMARK":
                found.append((event.type, event.object["metadata"]["name"]))
            if len(found) == count:
                return found
    return found


async def test_a_watch_goes_on_where_a_list_ended(client: RestClient) -> None:
    await client.create(kinds.CONFIG_MAP, config_map("a"))
    listed = await client.list(kinds.CONFIG_MAP, "default")
    await client.create(kinds.CONFIG_MAP, config_map("b"))
    await client.patch(kinds.CONFIG_MAP, "a", "default", {"data": {"k": "v"}})
    await client.delete(kinds.CONFIG_MAP, "b", "default")
    events = await collect(client, 3, resource_version=listed.resource_version)
    assert events == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]


async def test_a_selected_watch_shows_objects_come_and_go(client: RestClient) -> None:
    start = (await client.list(kinds.CONFIG_MAP, "default")).resource_version
    await client.create(kinds.CONFIG_MAP, config_map("a"))
    for labels in ({"x": "1"}, {"x": "1", "y": "2"}, {"x": None}):
        await client.patch(kinds.CONFIG_MAP, "a", "default", {"metadata": {"labels": labels}})
    events = await collect(client, 3, resource_version=start, label_selector="x=1")
    assert [kind for kind, _ in events] == ["ADDED", "MODIFIED", "DELETED"]


async def test_a_watch_without_a_version_starts_with_what_is_there(client: RestClient) -> None:
    await client.create(kinds.CONFIG_MAP, config_map("a"))
    await client.create(kinds.CONFIG_MAP, config_map("b"))
    assert sorted(await collect(client, 2)) == [("ADDED", "a"), ("ADDED", "b")]


async def test_streamed_lists_end_with_a_marked_bookmark(client: RestClient) -> None:
    await client.create(kinds.CONFIG_MAP, config_map("a"))
    query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    kinds_seen = []
    async with asyncio.timeout(5), aclosing(client._stream(f"{kinds.CONFIG_MAP.path('default')}?{query}")) as stream:
        async for data in stream:
            kinds_seen += [line for line in data.split(b"\n") if line]
            if b"k8s.io/initial-events-end" in data:
                break
    assert b'"type":"ADDED"' in kinds_seen[0]
    assert b'"type":"BOOKMARK"' in kinds_seen[-1]


async def test_the_past_before_the_start_is_gone(client: RestClient) -> None:
    with pytest.raises(ApiError) as caught:
        await collect(client, 1, resource_version="1")
    assert caught.value.code == 410


async def test_pages_show_one_moment(client: RestClient) -> None:
    for name in "abcde":
        await client.create(kinds.CONFIG_MAP, config_map(name))
    first = await client.list(kinds.CONFIG_MAP, "default", limit=2)
    await client.create(kinds.CONFIG_MAP, config_map("bb"))
    await client.delete(kinds.CONFIG_MAP, "d", "default")
    second = await client.list(kinds.CONFIG_MAP, "default", limit=2, continue_token=first.continue_token)
    third = await client.list(kinds.CONFIG_MAP, "default", limit=2, continue_token=second.continue_token)
    names = [obj["metadata"]["name"] for page in (first, second, third) for obj in page.items]
    assert names == ["a", "b", "c", "d", "e"]
    assert not third.continue_token


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"label_selector": "tier in (web, db),env!=dev"}, ["b"]),
        ({"label_selector": "!tier"}, ["c"]),
        ({"label_selector": "tier"}, ["a", "b"]),
        ({"field_selector": "metadata.name=b"}, ["b"]),
        ({"field_selector": "metadata.name!=b"}, ["a", "c"]),
        ({"field_selector": "metadata.name=none"}, []),
    ],
)
async def test_selectors(client: RestClient, options: dict[str, str], names: list[str]) -> None:
    await client.create(kinds.CONFIG_MAP, config_map("a", tier="web", env="dev"))
    await client.create(kinds.CONFIG_MAP, config_map("b", tier="db"))
    await client.create(kinds.CONFIG_MAP, config_map("c"))
    found = await client.list(kinds.CONFIG_MAP, "default", **options)
    assert [obj["metadata"]["name"] for obj in found.items] == names


async def test_pods_of_a_node_are_found_as_soon_as_they_are_made(api: ApiServer, client: RestClient) -> None:
    await client.create(kinds.SERVICE_ACCOUNT, {"metadata": {"name": "default", "namespace": "default"}})
    for number in range(6):
        spec = {"nodeName": f"n{number % 2}", "containers": [{"name": "c", "image": "x"}]}
        await client.create(kinds.POD, {"metadata": {"name": f"p{number}", "namespace": "default"}, "spec": spec})
    found = await client.list(kinds.POD, field_selector="spec.nodeName=n1")
    assert [obj["metadata"]["name"] for obj in found.items] == ["p1", "p3", "p5"]
    await client.delete(kinds.POD, "p3", "default", grace_period=0)
    found = await client.list(kinds.POD, field_selector="spec.nodeName=n1,metadata.name!=p1")
    assert [obj["metadata"]["name"] for obj in found.items] == ["p5"]


async def test_unknown_fields_are_refused(client: RestClient) -> None:
    with pytest.raises(ApiError, match=r"field label not supported: spec\.bogus"):
        await client.list(kinds.POD, field_selector="spec.bogus=1")


async def test_a_server_starts_on_a_store_without_a_past() -> None:
    store = MemoryStore()
    async with ApiServer(store) as api:
        await api.client.create(kinds.CONFIG_MAP, config_map("a"))
        await store.compact(await store.revision())
    async with asyncio.timeout(5), ApiServer(store) as api:
        assert [obj["metadata"]["name"] for obj in (await api.client.list(kinds.CONFIG_MAP, "default")).items] == [
            "a"
        ]
