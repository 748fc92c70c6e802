"""/portForward: connections to a pod's ports, made inside its network namespace.

kubectl opens SPDY streams (in a WebSocket or not), a pair for each connection: `data`, and `error` for what went
wrong. Other clients use channels of a WebSocket: two for each port that the query names.
"""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Sequence
from urllib.parse import parse_qs

from wherry.aio import websocket
from wherry.aio.http import Request, Response, Upgrade
from wherry.aio.websocket import WebSocket
from wherry.linux import netns
from wherry.node.server import spdy
from wherry.node.server.errors import Refused
from wherry.node.server.spdy import Stream
from wherry.wire import channels
from wherry.wire.channels import ChannelError, Frame

log = logging.getLogger(__name__)

PROTOCOL = "portforward.k8s.io"
_CHUNK = 64 * 1024
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def dial(namespace: str | None, port: int) -> Streams:
    """A connection to 127.0.0.1 in a network namespace (None: the node's). Raises OSError."""
    with netns.entered(namespace):
        raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
        return await asyncio.open_connection(sock=raw)
    except BaseException:
        raw.close()
        raise


def ports_of(query: str) -> list[int]:
    """The ports that a WebSocket client names. Raises Refused."""
    texts = [port for each in parse_qs(query).get("ports", []) for port in each.split(",")]
    if not texts or not all(each.isdigit() and 0 < int(each) < 65536 for each in texts):
        raise Refused(400, 'query parameter "ports" is required: port numbers from 1 to 65535')
    return [int(each) for each in texts]


def serve(request: Request, namespace: str | None) -> Upgrade | Response:
    """Raises Refused for a request that asks for no protocol that is known."""
    if spdy.is_tunnel(request):
        pairs = _Pairs(namespace)
        return spdy.tunnel(request, PROTOCOL, pairs.add, pairs.run)
    if spdy.is_upgrade(request):
        pairs = _Pairs(namespace)
        return spdy.upgrade(spdy.choose(request, (PROTOCOL,)), pairs.add, pairs.run)
    if not websocket.is_handshake(request):
        raise Refused(400, "unable to upgrade: missing upgrade headers in request")
    ports = ports_of(request.query)

    async def session(connection: WebSocket) -> None:
        await _Channels(connection, namespace, ports).run()

    return websocket.accept(request, session, channels.PORT_FORWARD)


class _Pairs:
    """SPDY: a connection for each pair of streams with the same request id."""

    def __init__(self, namespace: str | None) -> None:
        self._namespace = namespace
        self._waiting: dict[str, Stream] = {}
        self._ready: asyncio.Queue[tuple[Stream, Stream]] = asyncio.Queue()

    def add(self, stream: Stream) -> None:
        other = self._waiting.pop(stream.request_id, None)
        if other is None:
            self._waiting[stream.request_id] = stream
        else:
            self._ready.put_nowait((stream, other) if stream.type == "data" else (other, stream))

    async def run(self) -> None:
        """Until cancelled."""
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                data, error = await self._ready.get()
                task = asyncio.create_task(self._forward(data, error))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        finally:
            for task in tasks:
                task.cancel()

    async def _forward(self, data: Stream, error: Stream) -> None:
        try:
            reader, writer = await dial(self._namespace, int(data.port or 0))
        except (OSError, ValueError) as problem:
            with contextlib.suppress(ConnectionError):
                await error.write(_refusal(data.port, problem))
            await error.finish()
            await data.finish()
            return
        try:
            with contextlib.suppress(ConnectionError):
                await asyncio.gather(_to_pod(data.reader, writer), _to_client(reader, data))
        finally:
            writer.close()
            await error.finish()


def _refusal(port: str, problem: Exception) -> bytes:
    what = getattr(problem, "strerror", None) or problem
    return f"failed to connect to localhost:{port} inside the pod's namespace: {what}".encode()


async def _to_pod(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        target.write(data)
        await target.drain()
    with contextlib.suppress(OSError):
        target.write_eof()


async def _to_client(source: asyncio.StreamReader, target: Stream) -> None:
    while data := await source.read(_CHUNK):
        await target.write(data)
    await target.finish()


class _Channels:
    """WebSocket: 2n carries data of the nth port, 2n+1 its errors; each begins with the port's number."""

    def __init__(self, connection: WebSocket, namespace: str | None, ports: Sequence[int]) -> None:
        self._socket, self._namespace, self._ports = connection, namespace, ports
        self._writers: dict[int, asyncio.StreamWriter] = {}

    async def run(self) -> None:
        for index, port in enumerate(self._ports):
            for channel in (2 * index, 2 * index + 1):
                await self._send(channel, struct.pack("<H", port))
        pumps = [
            asyncio.create_task(self._pump(2 * index, reader))
            for index, port in enumerate(self._ports)
            if (reader := await self._dial(2 * index, port)) is not None
        ]
        reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait([reading, *pumps], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reading, *pumps):
                task.cancel()
            await asyncio.gather(reading, *pumps, return_exceptions=True)
            for writer in self._writers.values():
                writer.close()

    async def _dial(self, channel: int, port: int) -> asyncio.StreamReader | None:
        try:
            reader, self._writers[channel] = await dial(self._namespace, port)
        except OSError as problem:
            await self._send(channel + 1, _refusal(str(port), problem))
            return None
        return reader

    async def _pump(self, channel: int, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(_CHUNK):
            await self._send(channel, data)

    async def _read(self) -> None:
        async for message in self._socket:
            try:
                frame = channels.decode(message, self._socket.subprotocol)
            except ChannelError as error:
                log.debug("ignored: %s", error)
                continue
            writer = self._writers.get(frame.channel)
            if writer is not None:
                writer.write(frame.data)
                await writer.drain()

    async def _send(self, channel: int, data: bytes) -> None:
        await self._socket.send(channels.encode(Frame(channel, data), self._socket.subprotocol))
