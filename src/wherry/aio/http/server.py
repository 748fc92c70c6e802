"""Run a handler: `server = await serve(handler, port=0)`, then `server.port`, and `await server.close()`."""

import asyncio
import ssl
from collections.abc import Sequence
from email.utils import formatdate
from typing import Any

from wherry.aio.http.connection import Connection, Options
from wherry.aio.http.messages import Handler

__all__ = ["Options", "Server", "serve"]

TICK = 1.0  # seconds between looks at the connections' time limits; also the resolution of those limits
TLS_HANDSHAKE = 10.0
TLS_SHUTDOWN = 0.5  # for the peer's goodbye; clients that keep a connection without looking at it never say one
BACKLOG = 1024


async def serve(
    handler: Handler,
    *,
    host: str | Sequence[str] = "127.0.0.1",
    port: int = 0,
    path: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    options: Options | None = None,
) -> "Server":
    """Listen and answer until `close`. `port` 0 picks a free one; `path` is a Unix socket instead of host and port.
    Raises OSError when the address cannot be had."""
    loop = asyncio.get_running_loop()
    server = Server(handler, options or Options())
    listening: dict[str, Any] = {"backlog": BACKLOG, "ssl": ssl_context}
    if ssl_context is not None:
        ssl_context.set_alpn_protocols(["http/1.1"])
        listening |= {"ssl_handshake_timeout": TLS_HANDSHAKE, "ssl_shutdown_timeout": TLS_SHUTDOWN}

    def connection() -> Connection:
        return Connection(server, loop)

    if path is None:
        server.listener = await loop.create_server(connection, host, port, **listening)
        server.port = server.listener.sockets[0].getsockname()[1]
    else:
        server.listener = await loop.create_unix_server(connection, path, **listening)
    server.tick()
    return server


class Server:
    """A running server. What the connections share: the handler, the options, a coarse clock.

    `port` is that of the first address (0 for a Unix socket).
    """

    def __init__(self, handler: Handler, options: Options) -> None:
        self.handler, self.options = handler, options
        self.listener: asyncio.Server | None = None
        self.connections: set[Connection] = set()
        self.port = 0
        self.closing = False
        self.now = asyncio.get_running_loop().time()
        self.date = b""
        self._empty = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def tick(self) -> None:
        """Advance the coarse clock and end what has waited too long."""
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        self.date = f"Date: {formatdate(usegmt=True)}\r\n".encode()
        for connection in list(self.connections):
            connection.check(self.now)
        self._timer = loop.call_later(TICK, self.tick)

    def joined(self, connection: Connection) -> None:
        self.connections.add(connection)
        if self.closing:
            connection.finish()

    def left(self, connection: Connection) -> None:
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    async def close(self, timeout: float = 5.0) -> None:
        """Accept nothing more, end streams, let requests be answered for `timeout` seconds, then cut the rest."""
        self.closing = True
        if self.listener is not None:
            self.listener.close()
        self._empty.clear()
        for connection in list(self.connections):
            connection.finish()
        try:
            await asyncio.wait_for(self._left_empty(), timeout)
        except TimeoutError:
            for connection in list(self.connections):
                connection.abort()
            await self._left_empty()
        if self._timer is not None:
            self._timer.cancel()
        if self.listener is not None:
            await self.listener.wait_closed()

    async def _left_empty(self) -> None:
        if self.connections:
            await self._empty.wait()
