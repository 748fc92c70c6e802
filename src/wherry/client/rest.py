"""The client: verbs as HTTP requests with JSON bodies, over any transport."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypedDict, Unpack
from urllib.parse import quote, urlencode

import orjson

from wherry.aio.http.client import Answer
from wherry.api import Obj, meta
from wherry.api.kinds import Kind
from wherry.client.errors import from_answer, from_status
from wherry.client.interface import Event, ObjectList, RawResponse, Unreachable
from wherry.client.kubeconfig import load
from wherry.client.transports import Streamed, Transport, https

REQUEST_TIMEOUT = 60.0  # seconds, as long as a server takes at most for anything but a stream
JSON = "application/json"
PATCH_TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class ListOptions(TypedDict, total=False):
    """As `Client.list` explains."""

    label_selector: str
    field_selector: str
    limit: int
    continue_token: str
    resource_version: str


class WatchOptions(TypedDict, total=False):
    """As `Client.watch` explains."""

    resource_version: str
    label_selector: str
    field_selector: str
    bookmarks: bool
    timeout: int


class PatchOptions(TypedDict, total=False):
    """As `Client.patch` explains."""

    type: str
    subresource: str | None
    field_manager: str
    force: bool


class DeleteOptions(TypedDict, total=False):
    """As `Client.delete` explains."""

    grace_period: int | None
    propagation: str | None
    uid: str | None
    resource_version: str | None


PARAMETERS = {
    "label_selector": "labelSelector",
    "field_selector": "fieldSelector",
    "limit": "limit",
    "continue_token": "continue",
    "resource_version": "resourceVersion",
    "bookmarks": "allowWatchBookmarks",
    "timeout": "timeoutSeconds",
    "field_manager": "fieldManager",
    "force": "force",
}


def from_kubeconfig(path: Path | None = None, context: str = "", user_agent: str = "wherry") -> "RestClient":
    """A client for a kubeconfig's context. Raises KubeconfigError."""
    return RestClient(https(load(path, context), user_agent))


class RestClient:
    """`Client` over a transport."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def get(
        self, kind: Kind, name: str, namespace: str | None = None, *, subresource: str | None = None
    ) -> Obj:
        return await self._ask("GET", _path(kind, namespace, name, subresource))

    async def list(self, kind: Kind, namespace: str | None = None, **options: Unpack[ListOptions]) -> ObjectList:
        found = await self._ask("GET", kind.path(namespace) + _query(options))
        items = found.get("items") or []
        for item in items:  # a list leaves them out, a watch does not
            item.setdefault("kind", kind.kind)
            item.setdefault("apiVersion", kind.api_version)
        metadata = found.get("metadata") or {}
        return ObjectList(items, metadata.get("resourceVersion", ""), metadata.get("continue", ""))

    async def create(
        self,
        kind: Kind,
        obj: Obj,
        namespace: str | None = None,
        *,
        name: str = "",
        subresource: str | None = None,
    ) -> Obj:
        where = namespace or meta.namespace(obj)
        if not subresource:
            obj = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
        return await self._ask("POST", _path(kind, where, name or None, subresource), obj)

    async def update(self, kind: Kind, obj: Obj, *, subresource: str | None = None) -> Obj:
        return await self._ask("PUT", _path(kind, meta.namespace(obj), meta.name(obj), subresource), obj)

    async def patch(
        self, kind: Kind, name: str, namespace: str | None, patch: Any, **options: Unpack[PatchOptions]
    ) -> Obj:
        type, subresource = options.pop("type", "merge"), options.pop("subresource", None)
        target = _path(kind, namespace, name, subresource) + _query(options)
        return await self._ask("PATCH", target, patch, PATCH_TYPES[type])

    async def delete(
        self, kind: Kind, name: str, namespace: str | None = None, **options: Unpack[DeleteOptions]
    ) -> Obj:
        return await self._ask("DELETE", _path(kind, namespace, name), _delete_body(options))

    async def delete_collection(self, kind: Kind, namespace: str | None = None, *, label_selector: str = "") -> None:
        await self._ask("DELETE", kind.path(namespace) + _query({"label_selector": label_selector}))

    async def watch(
        self, kind: Kind, namespace: str | None = None, **options: Unpack[WatchOptions]
    ) -> AsyncGenerator[Event, None]:
        options.setdefault("bookmarks", True)
        rest = b""  # of a line that is not whole yet
        async with aclosing(self._stream(kind.path(namespace) + _query(options, watch="true"))) as stream:
            async for data in stream:
                lines = (rest + data if rest else data).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    if line:
                        yield _event(line)

    async def stream(self, path: str, *, query: dict[str, str] | None = None) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._stream(path + (f"?{urlencode(query)}" if query else ""))) as stream:
            async for data in stream:
                yield data

    async def _stream(self, target: str) -> AsyncGenerator[bytes, None]:
        stream: Streamed | None = None
        try:
            stream = await self.transport.stream("GET", target, timeout=REQUEST_TIMEOUT)
            if stream.status >= 400:
                raise from_answer(stream.status, await stream.read())
            async for data in stream:
                yield data
        except OSError as error:
            raise _unreachable(error) from error
        finally:
            if stream is not None:
                await stream.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "",
    ) -> RawResponse:
        target = path + (f"?{urlencode(query)}" if query else "")
        answer = await self._send(method, target, body, content_type)
        return RawResponse(answer.status, dict(answer.headers), answer.body)

    async def close(self) -> None:
        await self.transport.close()

    async def _ask(self, method: str, target: str, body: Any = None, content_type: str = JSON) -> Obj:
        data = b"" if body is None else orjson.dumps(body)
        answer = await self._send(method, target, data, content_type if data else "")
        if answer.status >= 400:
            raise from_answer(answer.status, answer.body)
        found: Obj = orjson.loads(answer.body) if answer.body else {}
        return found

    async def _send(self, method: str, target: str, body: bytes, content_type: str) -> Answer:
        headers = (("Content-Type", content_type),) if content_type else ()
        try:
            return await self.transport.request(method, target, headers, body, REQUEST_TIMEOUT)
        except OSError as error:
            raise _unreachable(error) from error


def _event(line: bytes) -> Event:
    event = orjson.loads(line)
    if event["type"] == "ERROR":
        raise from_status(event["object"])
    return Event(event["type"], event["object"])


def _unreachable(error: OSError) -> Unreachable:
    return Unreachable(f"the API server does not answer: {error or type(error).__name__}")


def _path(kind: Kind, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
    return kind.path(namespace, quote(name, safe="") if name else None, subresource)


def _query(options: Any, **fixed: str) -> str:
    """`?a=b` of the options that are set, "" if none is."""
    for key, value in options.items():
        if value:
            fixed[PARAMETERS[key]] = "true" if value is True else str(value)
    return f"?{urlencode(fixed)}" if fixed else ""


def _delete_body(options: DeleteOptions) -> Obj | None:
    body: Obj = {}
    if options.get("grace_period") is not None:
        body["gracePeriodSeconds"] = options["grace_period"]
    if options.get("propagation"):
        body["propagationPolicy"] = options["propagation"]
    conditions = {"uid": options.get("uid"), "resourceVersion": options.get("resource_version")}
    conditions = {key: value for key, value in conditions.items() if value}
    if conditions:
        body["preconditions"] = conditions
    return {"kind": "DeleteOptions", "apiVersion": "v1", **body} if body else None
