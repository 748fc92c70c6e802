"""How a client's requests reach the API server: over connections, or straight into its handler.

`Pool` (HTTPS) is one transport as it stands; `InProcess` is the other. Both fail with OSError.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from wherry.aio.http.client import Answer, Pool, Upgraded
from wherry.aio.http.messages import Handler, Headers, Request, Response, Upgrade
from wherry.client.inprocess import LocalStream, pipe
from wherry.client.kubeconfig import Access, ssl_context

Fields = Sequence[tuple[str, str]]


class Streamed(Protocol):
    """An answer whose body is read as it comes; closed with `aclose`."""

    status: int
    headers: Headers

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def read(self) -> bytes: ...

    async def aclose(self) -> None: ...


class Transport(Protocol):
    """What `rest` needs; see `wherry.aio.http.client.Pool` for the meaning."""

    async def request(
        self, method: str, target: str, headers: Fields = (), body: bytes = b"", timeout: float | None = None
    ) -> Answer: ...

    async def stream(
        self, method: str, target: str, headers: Fields = (), body: bytes = b"", timeout: float | None = None
    ) -> Streamed: ...

    async def upgrade(
        self, method: str, target: str, headers: Fields, body: bytes = b"", timeout: float | None = None
    ) -> Upgraded: ...

    async def close(self) -> None: ...


def https(access: Access, user_agent: str = "wherry") -> Pool:
    """Connections to the server that a kubeconfig names, with its credentials. Raises KubeconfigError."""
    headers = [("User-Agent", user_agent), ("Accept", "application/json")]
    if access.token:
        headers.append(("Authorization", f"Bearer {access.token}"))
    return Pool(access.server, ssl_context(access), headers=headers, server_hostname=access.tls_server_name or None)


class InProcess:
    """Requests as calls of the handler: no sockets, the same bytes. The identity is what the handler's
    authentication makes of the client certificate (DER) or the headers (a bearer token)."""

    def __init__(self, handler: Handler, certificate: bytes | None = None, headers: Fields = ()) -> None:
        self._handler, self._certificate, self._headers = handler, certificate, headers
        self._open: set[LocalStream] = set()
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def request(
        self, method: str, target: str, headers: Fields = (), body: bytes = b"", timeout: float | None = None
    ) -> Answer:
        async with asyncio.timeout(timeout):
            stream = await self.stream(method, target, headers, body)
            return Answer(stream.status, stream.headers, await stream.read())

    async def stream(
        self, method: str, target: str, headers: Fields = (), body: bytes = b"", timeout: float | None = None
    ) -> LocalStream:
        async with asyncio.timeout(timeout):
            response = await self._call(method, target, headers, body)
        if isinstance(response, Upgrade):
            raise ConnectionError("the server switched protocols unasked")
        fields = Headers([("Content-Type", response.content_type), *response.headers])
        stream = LocalStream(response.status, fields, self._open)
        stream.start(b"" if method == "HEAD" else response.body)
        return stream

    async def upgrade(
        self, method: str, target: str, headers: Fields, body: bytes = b"", timeout: float | None = None
    ) -> Upgraded:
        async with asyncio.timeout(timeout):
            response = await self._call(method, target, [*headers, ("Connection", "Upgrade")], body)
        if isinstance(response, Response):
            assert isinstance(response.body, bytes), "a refused upgrade has a short body"
            return Upgraded(response.status, Headers(list(response.headers)), None, response.body)
        near, far = pipe()
        session = asyncio.ensure_future(response.run(far))
        session.add_done_callback(lambda _: far.close())
        self._running.add(session)
        session.add_done_callback(self._running.discard)
        return Upgraded(101, Headers(list(response.headers)), near)

    async def close(self) -> None:
        self._closed = True
        for stream in list(self._open):
            await stream.aclose()
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _call(self, method: str, target: str, headers: Fields, body: bytes) -> Response | Upgrade:
        """The handler runs in a task of its own: as over a connection, a caller that gives up does not stop it."""
        if self._closed:
            raise ConnectionAbortedError("the client is closed")
        path, _, query = target.partition("?")
        fields = Headers([*self._headers, *headers])
        request = Request(method, path, query, fields, body, self._certificate, "127.0.0.1", target)
        task = asyncio.ensure_future(self._handler(request))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        response: Response | Upgrade = await asyncio.shield(task)
        return response
