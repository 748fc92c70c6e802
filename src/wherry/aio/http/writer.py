"""The sending half of a connection: back-pressure, and writes that no longer matter are dropped quietly."""

import asyncio
import socket

from wherry.aio.http.heads import END_OF_CHUNKS
from wherry.aio.http.messages import Chunk

HIGH_WATER = 256 * 1024  # bytes that may wait in the transport before writers are asked to pause

# Seconds of silence before the kernel asks a TCP peer whether it lives, between questions, and how many stay
# unanswered before the connection is lost: a watch on a machine that vanished ends within a minute.
KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))


def notice_death(transport: asyncio.BaseTransport) -> None:
    """Let the kernel find out about peers that vanish without a word."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEP_ALIVE:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


class Writer:
    """`write` never raises and never waits; `drain` waits until there is room, and raises ConnectionResetError when
    the peer is gone. `paused` tells whether `drain` would wait."""

    __slots__ = ("_loop", "_waiters", "gone", "paused", "transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport, self._loop = transport, loop
        self.paused = self.gone = False
        self._waiters: list[asyncio.Future[None]] = []
        transport.set_write_buffer_limits(high=HIGH_WATER)

    def write(self, data: bytes) -> None:
        if not self.gone and not self.transport.is_closing():  # uvloop raises for a transport that is closed
            self.transport.write(data)

    async def drain(self) -> None:
        if self.gone or self.transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        if self.paused:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        for waiter in self._take_waiters():
            waiter.set_result(None)

    def lost(self) -> None:
        """The connection has ended."""
        self.gone, self.paused = True, False
        for waiter in self._take_waiters():
            waiter.set_exception(ConnectionResetError("the connection was lost"))

    def _take_waiters(self) -> list[asyncio.Future[None]]:
        waiters, self._waiters = self._waiters, []
        return [waiter for waiter in waiters if not waiter.done()]

    def close(self) -> None:
        """Send what was written, then close."""
        if not self.gone:
            self.transport.close()

    def abort(self) -> None:
        """Close now; what was not sent is dropped."""
        if not self.gone:
            self.transport.abort()


class ConnectionSink:
    """A `Sink` over a connection. A reader for which more than `limit` bytes wait is cut off."""

    __slots__ = ("_chunked", "_limit", "_writer", "ended")

    def __init__(self, writer: Writer, chunked: bool, limit: int) -> None:
        self._writer, self._chunked, self._limit = writer, chunked, limit
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def write(self, chunk: Chunk) -> bool:
        writer = self._writer
        if writer.gone or self.ended.done():
            return False
        transport = writer.transport
        if transport.is_closing():
            return False
        if writer.paused and transport.get_write_buffer_size() > self._limit:
            writer.abort()
            return False
        transport.write(chunk.framed if self._chunked else chunk.data)
        return True

    def close(self) -> None:
        if not self.ended.done():
            if self._chunked:
                self._writer.write(END_OF_CHUNKS)
            self.ended.set_result(None)
