"""/portForward: connections to a pod's ports, made inside its network namespace."""

import asyncio
import logging
import socket
import struct
from collections.abc import Sequence
from urllib.parse import parse_qs

from wherry.aio import websocket
from wherry.aio.http import Request, Response, Upgrade
from wherry.aio.websocket import WebSocket
from wherry.linux import netns
from wherry.node.server.errors import Refused
from wherry.wire import channels
from wherry.wire.channels import ChannelError, Frame

log = logging.getLogger(__name__)

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
    """By channels: 2n carries data of the nth port, 2n+1 its errors; each begins with the port's number."""
    if not websocket.is_handshake(request):
        raise Refused(400, "only WebSocket is spoken here: unable to upgrade: missing upgrade headers in request")
    ports = ports_of(request.query)

    async def session(connection: WebSocket) -> None:
        await _Session(connection, namespace, ports).run()

    return websocket.accept(request, session, channels.PORT_FORWARD)


class _Session:
    def __init__(self, connection: WebSocket, namespace: str | None, ports: Sequence[int]) -> None:
        self._socket, self._namespace, self._ports = connection, namespace, ports
        self._writers: dict[int, asyncio.StreamWriter] = {}

    async def run(self) -> None:
        for index, port in enumerate(self._ports):
            for channel in (2 * index, 2 * index + 1):
                await self._send(channel, struct.pack("<H", port))
        pumps = [asyncio.create_task(self._pump(index, port)) for index, port in enumerate(self._ports)]
        reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait([reading, *pumps], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reading, *pumps):
                task.cancel()
            await asyncio.gather(reading, *pumps, return_exceptions=True)
            for writer in self._writers.values():
                writer.close()

    async def _pump(self, index: int, port: int) -> None:
        try:
            reader, self._writers[2 * index] = await dial(self._namespace, port)
            while data := await reader.read(_CHUNK):
                await self._send(2 * index, data)
        except OSError as error:
            message = f"error forwarding port {port}: {error.strerror or error}"
            await self._send(2 * index + 1, message.encode())

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
