"""A SPDY/3.1 connection with a client: streams that it opens, and bytes in both directions.

It runs over an upgraded connection, or over the binary messages of a WebSocket (how newer clients tunnel it).
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from wherry.aio import websocket
from wherry.aio.http import Request, Response, Upgrade, UpgradedConnection
from wherry.aio.websocket import WebSocket
from wherry.node.server.errors import Refused
from wherry.wire import spdy
from wherry.wire.spdy import Frame, Session, SpdyError

log = logging.getLogger(__name__)

PROTOCOL_HEADER = "X-Stream-Protocol-Version"
TUNNEL_PREFIX = "SPDY/3.1+"
_READ = 64 * 1024
_LIMIT = 256 * 1024


class Stream:
    """One stream that the client opened. `reader` gives what it sends, and its end."""

    def __init__(self, connection: "Connection", frame: Frame) -> None:
        self.id, self.type = frame.stream, frame.header("streamtype")
        self.request_id, self.port = frame.header("requestid"), frame.header("port")
        self.reader = asyncio.StreamReader(limit=_LIMIT)
        self._connection = connection
        self._finished = False

    async def write(self, data: bytes) -> None:
        """Raises ConnectionError when the client has left."""
        if data and not self._finished:
            await self._connection.send(Frame(0, self.id, data=data))

    async def finish(self) -> None:
        """Nothing more comes from this side."""
        if not self._finished:
            self._finished = True
            with contextlib.suppress(ConnectionError):
                await self._connection.send(Frame(0, self.id, fin=True))

    async def reset(self) -> None:
        self._finished = True
        with contextlib.suppress(ConnectionError):
            await self._connection.send(Frame(spdy.RST_STREAM, self.id, status=spdy.CANCEL))


class Connection:
    """`write` sends bytes to the client, and waits while it is slow. `opened` gets each new stream."""

    def __init__(self, write: Callable[[bytes], Awaitable[None]], opened: Callable[[Stream], None]) -> None:
        self._write, self._opened = write, opened
        self._session = Session()
        self._streams: dict[int, Stream] = {}

    async def send(self, frame: Frame) -> None:
        await self._write(self._session.send(frame))

    async def run(self, chunks: AsyncIterator[bytes]) -> None:
        """Until the client leaves. What it leaves open ends."""
        try:
            async for chunk in chunks:
                for frame in self._session.feed(chunk):
                    if frame.kind == spdy.GOAWAY:
                        return
                    await self._take(frame)
        except (SpdyError, ConnectionError) as error:
            log.debug("SPDY connection ends: %s", error)
        finally:
            for stream in self._streams.values():
                stream.reader.feed_eof()

    async def _take(self, frame: Frame) -> None:
        if frame.kind == spdy.SYN_STREAM:
            stream = self._streams[frame.stream] = Stream(self, frame)
            await self.send(Frame(spdy.SYN_REPLY, frame.stream))
            self._opened(stream)
        elif frame.kind == spdy.PING:
            await self.send(frame)
        stream_or_none = self._streams.get(frame.stream)
        if stream_or_none is None:
            return
        if frame.kind == 0 and frame.data:
            stream_or_none.reader.feed_data(frame.data)
        if frame.fin or frame.kind == spdy.RST_STREAM:
            stream_or_none.reader.feed_eof()


Serve = Callable[[Connection], Awaitable[None]]
"""Work with the streams of a connection; when it returns, the connection is closed."""


def is_upgrade(request: Request) -> bool:
    return request.headers.get("upgrade").upper() == "SPDY/3.1"


def is_tunnel(request: Request) -> bool:
    """Whether a WebSocket is to carry SPDY."""
    return websocket.is_handshake(request) and any(
        each.startswith(TUNNEL_PREFIX) for each in websocket.offered(request)
    )


def choose(request: Request, known: tuple[str, ...]) -> str:
    """The protocol on top of SPDY, the first of the client's that is known. Raises Refused."""
    offered = [part.strip() for line in request.headers.all(PROTOCOL_HEADER) for part in line.split(",")]
    for each in offered:
        if each in known:
            return each
    raise Refused(
        403, f"unable to upgrade: no protocol in common, client offers {offered}, server knows {list(known)}"
    )


def upgrade(protocol: str, opened: Callable[[Stream], None], serve: Callable[[], Awaitable[None]]) -> Upgrade:
    """Answer an upgrade request: streams go to `opened` while `serve` runs; then, or when the client leaves, all
    ends."""

    async def run(connection: UpgradedConnection) -> None:
        async def write(data: bytes) -> None:
            connection.write(data)
            await connection.drain()

        await _both(Connection(write, opened).run(_chunks(connection.reader)), serve())

    return Upgrade(run, [("Upgrade", "SPDY/3.1"), (PROTOCOL_HEADER, protocol)])


def tunnel(
    request: Request, protocol: str, opened: Callable[[Stream], None], serve: Callable[[], Awaitable[None]]
) -> Upgrade | Response:
    """The same inside a WebSocket."""

    async def run(socket: WebSocket) -> None:
        await _both(Connection(socket.send, opened).run(_messages(socket)), serve())

    return websocket.accept(request, run, (TUNNEL_PREFIX + protocol,))


async def _both(reading: Awaitable[None], serving: Awaitable[None]) -> None:
    tasks = [asyncio.ensure_future(reading), asyncio.ensure_future(serving)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while data := await reader.read(_READ):
        yield data


async def _messages(socket: WebSocket) -> AsyncIterator[bytes]:
    async for message in socket:
        yield message if isinstance(message, bytes) else message.encode()
