"""Raw HTTPS load: a few connections, each with one request under way, parsed no further than needed."""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True, slots=True)
class Target:
    """A server and who we are to it."""

    host: str
    port: int
    tls: ssl.SSLContext

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """A whole request."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nAccept: application/json\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body


class Connection(asyncio.Protocol):
    """One keep-alive connection. `ask` sends a request and waits for the whole answer."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = -1
        self._answer: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class

    async def ask(self, request: bytes) -> bytes:
        """The answer, head and body. Raises OSError if the connection ends, RuntimeError for a 4xx or 5xx."""
        assert self._transport
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        answer = await self._answer
        if answer[9:10] not in b"123":
            raise RuntimeError(answer[:600].decode(errors="replace"))
        return answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._needed < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._needed = end + 4 + _content_length(bytes(self._buffer[:end]))
        if len(self._buffer) >= self._needed and self._answer and not self._answer.done():
            answer = bytes(self._buffer[: self._needed])
            del self._buffer[: self._needed]
            self._needed = -1
            self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def close(self) -> None:
        if self._transport:
            self._transport.close()


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


async def connect(target: Target) -> Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        Connection, target.host, target.port, ssl=target.tls, server_hostname=target.host
    )
    return connection


async def rate(target: Target, requests: Iterator[bytes], connections: int = 64) -> float:
    """Requests a second when `connections` clients send them, each the next when it has its answer."""
    clients = await asyncio.gather(*(connect(target) for _ in range(connections)))
    count = 0

    async def work(client: Connection) -> None:
        nonlocal count
        for request in requests:
            await client.ask(request)
            count += 1

    started = time.perf_counter()
    await asyncio.gather(*(work(client) for client in clients))
    elapsed = time.perf_counter() - started
    for client in clients:
        client.close()
    return count / elapsed


class Stream(asyncio.Protocol):
    """A watch: counts the lines of the answer's body, decodes nothing."""

    def __init__(self, request: bytes, needle: bytes, on_count: Callable[[int], None]) -> None:
        self._request, self._needle, self._on_count = request, needle, on_count
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        found = data.count(self._needle)
        if found:
            self._on_count(found)

    def close(self) -> None:
        if self._transport:
            self._transport.close()


async def watch(target: Target, path: str, needle: bytes, on_count: Callable[[int], None]) -> Stream:
    """Open a watch; `on_count` hears how often `needle` came."""
    loop = asyncio.get_running_loop()
    _, stream = await loop.create_connection(
        lambda: Stream(target.request("GET", path), needle, on_count),
        target.host,
        target.port,
        ssl=target.tls,
        server_hostname=target.host,
    )
    return stream
