"""Numbered channels with a client, whatever carries them: a WebSocket or SPDY streams."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Protocol

from wherry.aio.websocket import WebSocket
from wherry.node.server.spdy import Stream
from wherry.wire import channels
from wherry.wire.channels import ChannelError, Frame

_READ = 32 * 1024
_PATIENCE = 30.0
_QUEUE = 64
_TYPES = {
    "stdin": channels.STDIN,
    "stdout": channels.STDOUT,
    "stderr": channels.STDERR,
    "error": channels.ERROR,
    "resize": channels.RESIZE,
}


class Carrier(Protocol):
    """`tells_status`: the protocol has a Status object at the end."""

    tells_status: bool

    async def opened(self) -> None:
        """Until the client is ready for output. Raises TimeoutError."""

    async def send(self, channel: int, data: bytes) -> None:
        """Raises ConnectionError."""

    def frames(self) -> AsyncIterator[Frame]:
        """What the client sends, until it leaves."""

    async def close(self) -> None:
        """All output has been sent."""


class WebSocketCarrier:
    def __init__(self, socket: WebSocket, first: int) -> None:
        self._socket, self._first = socket, first
        self._protocol = socket.subprotocol or channels.V1
        self.tells_status = self._protocol in (channels.V5, channels.V4, channels.V4_BASE64)

    async def opened(self) -> None:
        """An empty message tells the client that its streams are there."""
        await self.send(self._first, b"")

    async def send(self, channel: int, data: bytes) -> None:
        await self._socket.send(channels.encode(Frame(channel, data), self._protocol))

    async def frames(self) -> AsyncIterator[Frame]:
        async for message in self._socket:
            with contextlib.suppress(ChannelError):
                yield channels.decode(message, self._protocol)

    async def close(self) -> None:
        """Whoever accepted the socket closes it."""


class SpdyCarrier:
    """A stream a channel; the client opens those that it wants."""

    def __init__(self, wanted: set[int], protocol: str) -> None:
        self._missing = set(wanted)
        self._streams: dict[int, Stream] = {}
        self._complete = asyncio.Event()
        self.tells_status = protocol == channels.V4

    def add(self, stream: Stream) -> None:
        """The client opened one."""
        channel = _TYPES.get(stream.type)
        if channel is not None:
            self._streams[channel] = stream
            self._missing.discard(channel)
        if not self._missing:
            self._complete.set()

    async def opened(self) -> None:
        async with asyncio.timeout(_PATIENCE):
            await self._complete.wait()

    async def send(self, channel: int, data: bytes) -> None:
        stream = self._streams.get(channel)
        if stream is not None:
            await stream.write(data)

    async def frames(self) -> AsyncIterator[Frame]:
        queue: asyncio.Queue[Frame] = asyncio.Queue(_QUEUE)
        inputs = [each for each in (channels.STDIN, channels.RESIZE) if each in self._streams]
        tasks = [asyncio.create_task(self._pump(each, queue)) for each in inputs]
        try:
            while True:
                yield await queue.get()
        finally:
            for task in tasks:
                task.cancel()

    async def _pump(self, channel: int, queue: asyncio.Queue[Frame]) -> None:
        while data := await self._streams[channel].reader.read(_READ):
            await queue.put(Frame(channel, data))
        await queue.put(Frame(channel, closes=True))

    async def close(self) -> None:
        for stream in self._streams.values():
            await stream.finish()
