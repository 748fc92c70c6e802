"""The verbs against the API server, over both transports."""

import asyncio
import json

import pytest

from wherry.api import kinds
from wherry.client import errors, interface
from wherry.client.rest import RestClient


def config_map(name: str, **data: str):
    return {"metadata": {"name": name, "namespace": "default"}, "data": data}


async def test_an_objects_life(client: RestClient) -> None:
    created = await client.create(kinds.CONFIG_MAP, config_map("a", x="1"))
    assert created["metadata"]["uid"] and created["kind"] == "ConfigMap"
    created["data"]["x"] = "2"
    updated = await client.update(kinds.CONFIG_MAP, created)
    assert (await client.get(kinds.CONFIG_MAP, "a", "default")) == updated
    with pytest.raises(interface.Conflict):
        await client.update(kinds.CONFIG_MAP, created)
    with pytest.raises(interface.AlreadyExists) as error:
        await client.create(kinds.CONFIG_MAP, config_map("a"))
    assert (error.value.code, error.value.reason) == (409, "AlreadyExists") and not error.value.retryable
    with pytest.raises(interface.Conflict):
        await client.delete(kinds.CONFIG_MAP, "a", "default", uid="someone-else")
    await client.delete(kinds.CONFIG_MAP, "a", "default", grace_period=0, propagation="Background")
    with pytest.raises(interface.NotFound, match='configmaps "a" not found'):
        await client.get(kinds.CONFIG_MAP, "a", "default")


@pytest.mark.parametrize(
    ("type", "patch"),
    [
        ("merge", {"data": {"x": "2"}}),
        ("strategic", {"data": {"x": "2"}}),
        ("json", [{"op": "replace", "path": "/data/x", "value": "2"}]),
    ],
)
async def test_patches(client: RestClient, type: interface.PatchType, patch: object) -> None:
    await client.create(kinds.CONFIG_MAP, config_map("p", x="1", y="1"))
    patched = await client.patch(kinds.CONFIG_MAP, "p", "default", patch, type=type)
    assert patched["data"] == {"x": "2", "y": "1"}


async def test_lists_are_selected_and_paged(client: RestClient) -> None:
    for number in range(5):
        obj = config_map(f"c{number}")
        obj["metadata"]["labels"] = {"odd": str(number % 2)}
        await client.create(kinds.CONFIG_MAP, obj)
    odd = await client.list(kinds.CONFIG_MAP, "default", label_selector="odd=1")
    assert [item["metadata"]["name"] for item in odd.items] == ["c1", "c3"]
    assert {item["kind"] for item in odd.items} == {"ConfigMap"}
    names, token = [], ""
    while True:
        part = await client.list(kinds.CONFIG_MAP, "default", limit=2, continue_token=token, label_selector="odd")
        names += [item["metadata"]["name"] for item in part.items]
        assert len(part.items) <= 2
        if not (token := part.continue_token):
            break
    assert names == [f"c{number}" for number in range(5)]
    await client.delete_collection(kinds.CONFIG_MAP, "default", label_selector="odd=1")
    rest = await client.list(kinds.CONFIG_MAP, "default", label_selector="odd")
    assert [item["metadata"]["name"] for item in rest.items] == ["c0", "c2", "c4"]


async def test_watch_tells_every_change_from_a_version_on(client: RestClient) -> None:
    start = (await client.list(kinds.CONFIG_MAP, "default")).resource_version
    await client.create(kinds.CONFIG_MAP, config_map("w", x="1"))

    async def follow() -> list[tuple[str, str]]:
        seen = []
        watch = client.watch(kinds.CONFIG_MAP, "default", resource_version=start)
        async for event in watch:
            if event.type != "BOOKMARK":
                seen.append((event.type, event.object["data"]["x"]))
            if event.type == "DELETED":
                break
        await watch.aclose()
        return seen

    following = asyncio.ensure_future(follow())
    await client.patch(kinds.CONFIG_MAP, "w", "default", {"data": {"x": "ü" * 100_000}})
    await client.delete(kinds.CONFIG_MAP, "w", "default")
    seen = await asyncio.wait_for(following, 10)
    assert seen == [("ADDED", "1"), ("MODIFIED", "ü" * 100_000), ("DELETED", "ü" * 100_000)]


async def test_a_watch_ends_after_its_time(client: RestClient) -> None:
    async with asyncio.timeout(20):
        events = [event.type async for event in client.watch(kinds.SECRET, timeout=1)]
    assert set(events) <= {"BOOKMARK"}


async def test_errors_before_a_stream_begins(client: RestClient) -> None:
    with pytest.raises(interface.NotFound):
        async for _ in client.stream("/apis/no/such/thing"):
            pass
    with pytest.raises(interface.ApiError, match="Invalid value"):
        async for _ in client.watch(kinds.CONFIG_MAP, resource_version="not a number"):
            pass


async def test_any_path(client: RestClient) -> None:
    answer = await client.request("GET", "/version")
    assert answer.status == 200 and json.loads(answer.body)["major"] == "1"
    assert (await client.request("GET", "/no/such/path")).status == 404


async def test_no_server_is_unreachable(remote: RestClient, listener) -> None:
    await listener.close()
    with pytest.raises(interface.Unreachable) as error:
        await remote.get(kinds.NODE, "n")
    assert error.value.retryable
    with pytest.raises(interface.Unreachable):
        async for _ in remote.watch(kinds.NODE):
            pass


@pytest.mark.parametrize(
    ("code", "body", "kind"),
    [
        (409, {"kind": "Status", "reason": "AlreadyExists", "code": 409}, interface.AlreadyExists),
        (409, {"kind": "Status", "reason": "Conflict", "code": 409}, interface.Conflict),
        (410, {"kind": "Status", "reason": "Expired", "code": 410}, interface.Gone),
        (422, {"kind": "Status", "reason": "Invalid"}, interface.Invalid),
        (403, "<html>a proxy</html>", interface.Forbidden),
        (401, "", interface.Unauthorized),
        (404, "404 page not found", interface.NotFound),
        (500, {"something": "else"}, interface.ApiError),
        (429, {"kind": "Status", "details": {"retryAfterSeconds": 7}}, interface.TooManyRequests),
    ],
)
def test_errors_by_reason(code: int, body: object, kind: type) -> None:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    error = errors.from_answer(code, data)
    assert type(error) is kind and error.code == code
    if isinstance(error, interface.TooManyRequests):
        assert error.retry_after == 7 and error.retryable
