"""Connections to one origin: `Pool("https://host:port")`.

Every failure to get an answer is an OSError: refused, reset, TLS, timed out (TimeoutError), not HTTP.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from wherry.aio.http.exchange import Answer, ClientConnection, Stale, Stream
from wherry.aio.http.heads import fields, request_head
from wherry.aio.http.messages import Headers, UpgradedConnection

__all__ = ["Answer", "Pool", "Stream", "Upgraded"]

IDEMPOTENT = frozenset(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
WITH_BODY = frozenset(["POST", "PUT", "PATCH"])
CONNECT = 10.0  # seconds for a connection, TLS included
IDLE = 60.0  # seconds after which a kept connection is not used again; servers keep them longer
Fields = Sequence[tuple[str, str]]
T = TypeVar("T")


class Upgraded(NamedTuple):
    """What became of an upgrade: a connection with status 101, else the server's answer in `body`."""

    status: int
    headers: Headers
    connection: UpgradedConnection | None
    body: bytes = b""


class Pool:
    """Kept connections to one origin. At most `max_connections` requests are under way, the rest wait in order;
    streams and upgraded connections do not count. `headers` go with every request. The base URL may have a path,
    which stands before every target. With `path` the connection is to that Unix socket."""

    def __init__(
        self,
        base_url: str,
        ssl_context: ssl.SSLContext | None = None,
        *,
        headers: Fields = (),
        max_connections: int = 100,
        server_hostname: str | None = None,
        path: str | None = None,
    ) -> None:
        url = urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"not an http or https address: {base_url!r}")
        secure = url.scheme == "https"
        self.host, self.port = url.hostname, url.port or (443 if secure else 80)
        self._path, self._prefix = path, url.path.rstrip("/")
        self._ssl = (ssl_context or ssl.create_default_context()) if secure else None
        self._hostname = (server_hostname or url.hostname) if secure else None
        self._fixed = fields([("Host", url.netloc.rpartition("@")[2]), *headers])
        self._max = max_connections
        self._slots = max_connections
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle: list[ClientConnection] = []
        self._all: set[ClientConnection] = set()
        self._closed = False

    async def request(
        self, method: str, target: str, headers: Fields = (), body: bytes = b"", timeout: float | None = None
    ) -> Answer:
        """`timeout`: seconds for the whole exchange. A kept connection that proves stale is replaced once when
        the method is idempotent."""
        data = self._encode(method, target, headers, body)
        if self._slots > 0 and not self._waiting:
            self._slots -= 1
        else:
            await self._slot(timeout)
        try:
            connection = self._take() or await self._connect()
            try:
                return await self._exchange(connection, method, data, timeout)
            except Stale:
                if method not in IDEMPOTENT:
                    raise
            return await self._exchange(await self._connect(), method, data, timeout)
        finally:
            self._release()

    async def _exchange(
        self, connection: ClientConnection, method: str, data: bytes, timeout: float | None
    ) -> Answer:
        answer = connection.begin(data, head_only=method == "HEAD")
        timer = None
        if timeout is not None:
            late = TimeoutError(f"no answer within {timeout:g} s")
            timer = asyncio.get_running_loop().call_later(timeout, connection.abort, late)
        try:
            return await answer
        except asyncio.CancelledError:
            connection.abort(ConnectionAbortedError("the request was given up"))
            raise
        finally:
            if timer is not None:
                timer.cancel()

    async def stream(
        self, method: str, target: str, headers: Fields = (), body: bytes = b"", timeout: float | None = None
    ) -> Stream:
        """`timeout`: seconds until the answer's head. The caller reads the stream to its end or closes it."""
        data = self._encode(method, target, headers, body)
        connection = self._take() or await self._connect()
        try:
            return await self._begin_stream(connection, method, data, timeout)
        except Stale:
            if method not in IDEMPOTENT:
                raise
        return await self._begin_stream(await self._connect(), method, data, timeout)

    async def _begin_stream(
        self, connection: ClientConnection, method: str, data: bytes, timeout: float | None
    ) -> Stream:
        try:
            async with asyncio.timeout(timeout):
                return await connection.begin_stream(data, head_only=method == "HEAD")
        except (asyncio.CancelledError, TimeoutError):
            connection.abort(ConnectionAbortedError("the request was given up"))
            raise

    async def upgrade(
        self, method: str, target: str, headers: Fields, body: bytes = b"", timeout: float | None = None
    ) -> Upgraded:
        """Ask for another protocol (`headers` say which; `Connection: Upgrade` is added), on a connection of its
        own. The caller closes what it gets. `timeout`: seconds until the answer's head."""
        data = self._encode(method, target, [*headers, ("Connection", "Upgrade")], body)
        connection = await self._connect()
        stream = await self._begin_stream(connection, method, data, timeout)
        if stream.status == 101:
            return Upgraded(101, stream.headers, connection.take_over())
        return Upgraded(stream.status, stream.headers, None, await stream.read())

    async def close(self) -> None:
        """Close every connection, also those in use."""
        self._closed = True
        for connection in list(self._all):
            connection.abort(ConnectionAbortedError("the client was closed"))
        self._idle.clear()
        await asyncio.sleep(0)

    def _encode(self, method: str, target: str, headers: Fields, body: bytes) -> bytes:
        framing = self._fixed
        if body or method in WITH_BODY:
            framing = b"%bContent-Length: %d\r\n" % (framing, len(body))
        return request_head(method, self._prefix + target, headers, framing) + body

    # slots and connections

    async def _slot(self, timeout: float | None) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(timeout):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._release()
            raise

    def _release(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._slots += 1

    def _take(self) -> ClientConnection | None:
        """A kept connection; the one used last is the likeliest to be alive."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if now - connection.idle_since < IDLE:
                return connection
            connection.abort(ConnectionAbortedError("idle"))
        return None

    async def _connect(self) -> ClientConnection:
        if self._closed:
            raise ConnectionAbortedError("the client is closed")
        loop = asyncio.get_running_loop()

        def make() -> ClientConnection:
            return ClientConnection(loop, self._kept, self._gone)

        try:
            connection = await within(CONNECT, self._dial(loop, make))
        except TimeoutError:
            raise TimeoutError(f"no connection to {self.host}:{self.port} within {CONNECT:g} s") from None
        self._all.add(connection)
        return connection

    async def _dial(self, loop: asyncio.AbstractEventLoop, make: Any) -> ClientConnection:
        tls: dict[str, Any] = {"ssl": self._ssl, "server_hostname": self._hostname}
        if self._path is not None:
            _, connection = await loop.create_unix_connection(make, self._path, **tls)
        else:
            _, connection = await loop.create_connection(make, self.host, self.port, **tls)
        assert isinstance(connection, ClientConnection)
        return connection

    def _kept(self, connection: ClientConnection) -> None:
        if self._closed or len(self._idle) >= self._max:
            connection.abort(ConnectionAbortedError("enough connections are kept"))
            return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append(connection)

    def _gone(self, connection: ClientConnection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    async with asyncio.timeout(seconds):
        return await work
