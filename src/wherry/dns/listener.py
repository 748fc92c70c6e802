"""Sockets of a DNS server: UDP and TCP, on addresses of a network namespace."""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any, Self

from wherry.linux import netns

log = logging.getLogger(__name__)

IDLE = 10.0  # seconds that a client may keep a connection without asking
MOST_CONNECTIONS = 500
_BUFFER = 1 << 20  # bytes: a burst of questions while the loop is busy

Respond = Callable[[bytes, bool], bytes | Coroutine[Any, Any, bytes]]


class Listener:
    """An asynchronous context manager; leaving closes every socket. `respond` gets a question and whether it came by
    TCP."""

    def __init__(self, respond: Respond, space: str | None) -> None:
        self._respond, self._space = respond, space
        self._servers: list[asyncio.Server] = []
        self._transports: list[asyncio.BaseTransport] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, address: tuple[str, int]) -> None:
        """By UDP and TCP. Raises OSError, and then listens on neither."""
        with netns.entered(self._space):
            datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            for each in (datagrams, stream):
                each.setblocking(False)
                each.bind(address)
        except OSError:
            datagrams.close()
            stream.close()
            raise
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=datagrams)
        self._transports.append(transport)
        self._servers.append(await asyncio.start_server(self._serve_stream, sock=stream))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for transport in self._transports:
            transport.close()
        for server in self._servers:
            server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def datagram(self, data: bytes, peer: tuple[str, int], transport: asyncio.DatagramTransport) -> None:
        answer = self._respond(data, False)
        if isinstance(answer, bytes):
            if answer:
                transport.sendto(answer, peer)
            return
        self._start(_send_later(answer, peer, transport))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if len(self._tasks) < MOST_CONNECTIONS:
                await self._answer_stream(reader, writer)
        except (OSError, TimeoutError, EOFError):
            pass  # the client went away, or asked nothing for too long
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            async with asyncio.timeout(IDLE):
                (length,) = struct.unpack(">H", await reader.readexactly(2))
                data = await reader.readexactly(length)
            answer = self._respond(data, True)
            answer = answer if isinstance(answer, bytes) else await answer
            writer.write(struct.pack(">H", len(answer)) + answer)
            await writer.drain()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            self._listener.datagram(data, addr, self._transport)
        except Exception:
            log.exception("a question could not be answered")

    def error_received(self, exc: Exception) -> None:
        """A client that is gone before its answer came."""


async def _send_later(
    answer: Coroutine[Any, Any, bytes], peer: tuple[str, int], transport: asyncio.DatagramTransport
) -> None:
    data = await answer
    if data and not transport.is_closing():
        transport.sendto(data, peer)
