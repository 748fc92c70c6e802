"""WebSocket (RFC 6455) over an upgraded connection, both sides.

A server answers a request with `accept(request, run, subprotocols)`; a client calls `connect(pool, target)`. Either
gets a `WebSocket`. The handshake is made here, the framing is wsproto's; no extension is offered or accepted.
"""

import asyncio
import base64
import hashlib
import os
from collections.abc import Awaitable, Callable, Sequence

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage
from wsproto.events import Event as FrameEvent
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from wherry.aio.http.client import Pool
from wherry.aio.http.messages import Request, Response, Upgrade, UpgradedConnection

ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
MAX_MESSAGE = 32 * 1024 * 1024
READ_SIZE = 64 * 1024
CLOSE_WAIT = 2.0  # seconds that the peer may take to answer a close frame

NORMAL, GOING_AWAY, PROTOCOL_ERROR, ABNORMAL, TOO_BIG, INTERNAL_ERROR = 1000, 1001, 1002, 1006, 1009, 1011


class HandshakeFailed(ConnectionError):
    """The server did not become a WebSocket: its answer."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"the server answered {status} to a WebSocket handshake")
        self.status, self.body = status, body


class WebSocket:
    """Messages in both directions. One task receives at a time; any number may send.

    `close_code` and `close_reason` tell how it ended (ABNORMAL without a close frame), and are None before.
    """

    def __init__(self, connection: UpgradedConnection, side: ConnectionType, subprotocol: str) -> None:
        self.subprotocol = subprotocol
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._connection, self._frames = connection, Connection(side)
        self._messages: list[bytes | str] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._receiving = self._close_sent = False
        self._ended = asyncio.Event()

    async def receive(self) -> bytes | str | None:
        """The next whole message; None when the peer has closed."""
        self._receiving = True
        try:
            while not self._messages:
                if self.close_code is not None:
                    return None
                self._feed(await self._connection.reader.read(READ_SIZE))
            return self._messages.pop(0)
        finally:
            self._receiving = False

    def __aiter__(self) -> "WebSocket":
        return self

    async def __anext__(self) -> bytes | str:
        message = await self.receive()
        if message is None:
            raise StopAsyncIteration
        return message

    async def send(self, message: bytes | str) -> None:
        """Raises ConnectionError when the socket is closed. Waits while the peer is slow."""
        self._write(TextMessage(message) if isinstance(message, str) else BytesMessage(message))
        await self._connection.drain()

    async def ping(self) -> None:
        """Keeps the connection in the memory of what stands between. The pong is not waited for."""
        self._write(Ping())
        await self._connection.drain()

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Say goodbye, wait a little for the answer, close. Harmless when closed already."""
        if self.close_code is None and not self._close_sent:
            self._goodbye(code, reason)
            try:
                async with asyncio.timeout(CLOSE_WAIT):
                    await self._await_answer()
            except (TimeoutError, ConnectionError):
                pass
        self._connection.close()

    async def _await_answer(self) -> None:
        if self._receiving:  # another task reads
            await self._ended.wait()
            return
        while await self.receive() is not None:
            pass

    def _write(self, event: FrameEvent) -> None:
        try:
            self._connection.write(self._frames.send(event))
        except LocalProtocolError as error:
            raise ConnectionResetError("the WebSocket is closed") from error

    def _goodbye(self, code: int, reason: str = "") -> None:
        if not self._close_sent:
            self._close_sent = True
            try:
                self._write(CloseConnection(code, reason or None))
            except ConnectionResetError:
                pass

    def _feed(self, data: bytes) -> None:
        if not data:
            self._end(ABNORMAL, "")
            return
        try:
            self._frames.receive_data(data)
            for event in self._frames.events():
                self._take(event)
        except RemoteProtocolError as error:
            self._goodbye(PROTOCOL_ERROR, str(error))
            self._end(PROTOCOL_ERROR, str(error))

    def _take(self, event: FrameEvent) -> None:
        if isinstance(event, Message):
            self._take_part(event)
        elif isinstance(event, Ping):
            if not self._close_sent:
                self._write(event.response())
        elif isinstance(event, CloseConnection):
            self._goodbye(event.code if event.code != 1005 else NORMAL)
            self._end(event.code, event.reason or "")

    def _take_part(self, event: Message) -> None:
        text = isinstance(event.data, str)
        part = event.data.encode() if isinstance(event.data, str) else bytes(event.data)
        self._size += len(part)
        if self._size > MAX_MESSAGE:
            self._goodbye(TOO_BIG, "the message is too big")
            self._end(TOO_BIG, "the message is too big")
            return
        self._parts.append(part)
        if event.message_finished:
            whole = b"".join(self._parts)
            self._messages.append(whole.decode() if text else whole)
            self._parts.clear()
            self._size = 0

    def _end(self, code: int, reason: str) -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            self._ended.set()


Run = Callable[[WebSocket], Awaitable[None]]


def is_handshake(request: Request) -> bool:
    """Whether a request asks for a WebSocket."""
    return request.method == "GET" and "websocket" in request.headers.get("upgrade").lower()


def offered(request: Request) -> list[str]:
    """The subprotocols that the client speaks, the one it likes best first."""
    lines = request.headers.all("sec-websocket-protocol")
    return [name.strip() for line in lines for name in line.split(",") if name.strip()]


def accept(request: Request, run: Run, subprotocols: Sequence[str] = ()) -> Upgrade | Response:
    """The answer to a handshake. Chosen is the first subprotocol the client offers that is in `subprotocols`; ""
    among them stands for clients that offer none. Without a match, or for something that is no handshake, the
    answer is 400. The socket is closed when `run` returns (with INTERNAL_ERROR if it raises)."""
    key = request.headers.get("sec-websocket-key")
    if not is_handshake(request) or not key or request.headers.get("sec-websocket-version") != "13":
        return Response(400, b"not a WebSocket handshake (version 13)\n", "text/plain")
    chosen = _choose(offered(request), subprotocols)
    if chosen is None:
        return Response(400, b"no subprotocol in common\n", "text/plain")

    async def session(connection: UpgradedConnection) -> None:
        socket = WebSocket(connection, ConnectionType.SERVER, chosen)
        code = INTERNAL_ERROR
        try:
            await run(socket)
            code = NORMAL
        finally:
            await socket.close(code)

    headers = [("Upgrade", "websocket"), ("Sec-WebSocket-Accept", _accept_key(key))]
    if chosen:
        headers.append(("Sec-WebSocket-Protocol", chosen))
    return Upgrade(session, headers)


async def connect(
    pool: Pool,
    target: str,
    headers: Sequence[tuple[str, str]] = (),
    subprotocols: Sequence[str] = (),
    timeout: float | None = None,
) -> WebSocket:
    """A client's socket; close it. Raises HandshakeFailed, or OSError as Pool does."""
    key = base64.b64encode(os.urandom(16)).decode()
    ask = [("Upgrade", "websocket"), ("Sec-WebSocket-Key", key), ("Sec-WebSocket-Version", "13"), *headers]
    if subprotocols:
        ask.append(("Sec-WebSocket-Protocol", ", ".join(subprotocols)))
    upgraded = await pool.upgrade("GET", target, ask, timeout=timeout)
    if upgraded.connection is None:
        raise HandshakeFailed(upgraded.status, upgraded.body)
    chosen = upgraded.headers.get("sec-websocket-protocol")
    if upgraded.headers.get("sec-websocket-accept") != _accept_key(key) or (chosen and chosen not in subprotocols):
        upgraded.connection.close()
        raise HandshakeFailed(upgraded.status, b"the handshake does not fit the request")
    return WebSocket(upgraded.connection, ConnectionType.CLIENT, chosen)


def _choose(offers: Sequence[str], supported: Sequence[str]) -> str | None:
    if not supported or (not offers and "" in supported):
        return ""
    return next((offer for offer in offers if offer in supported), None)


def _accept_key(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode() + ACCEPT_SUFFIX, usedforsecurity=False).digest()).decode()
