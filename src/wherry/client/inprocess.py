"""What stands for a connection when client and server share a process."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from wherry.aio.http.messages import Chunk, Headers, Push, UpgradedConnection

STREAM_BUFFER = 16 * 1024 * 1024  # bytes that a reader of a pushed body may be behind


class LocalStream:
    """A handler's body as a client reads it; also the `Sink` of a pushed one."""

    def __init__(self, status: int, headers: Headers, registry: "set[LocalStream]") -> None:
        self.status, self.headers, self._registry = status, headers, registry
        self._arrived: deque[bytes] = deque()
        self._size = 0
        self._more = asyncio.Event()
        self._push: Push | None = None
        self._iterator: AsyncIterator[bytes] | None = None
        self._ended = False
        self._error: Exception | None = None

    def start(self, body: bytes | list[bytes] | AsyncIterator[bytes] | Push) -> None:
        if isinstance(body, bytes | list):
            self._arrived.extend([body] if isinstance(body, bytes) else body)
            self._ended = True
            return
        self._registry.add(self)
        if isinstance(body, AsyncIterator):
            self._iterator = body
        else:
            self._push = body
            body.attach(self)

    def write(self, chunk: Chunk) -> bool:
        if self._ended:
            return False
        self._size += len(chunk.data)
        if self._size > STREAM_BUFFER:
            self._end(ConnectionResetError("cut off: too slow"))
            return False
        self._arrived.append(chunk.data)
        self._more.set()
        return True

    def close(self) -> None:
        self._end(None)

    def __aiter__(self) -> "LocalStream":
        return self

    async def __anext__(self) -> bytes:
        while True:
            if self._arrived:
                data = b"".join(self._arrived)
                self._arrived.clear()
                self._size = 0
                return data
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            if self._iterator is not None:
                await self._pull(self._iterator)
            else:
                self._more.clear()
                await self._more.wait()

    async def _pull(self, iterator: AsyncIterator[bytes]) -> None:
        try:
            self._arrived.append(await anext(iterator))
        except StopAsyncIteration:
            self._end(None)
        except Exception as error:
            self._end(ConnectionResetError(f"the body failed: {error}"))

    async def read(self) -> bytes:
        return b"".join([data async for data in self])

    async def aclose(self) -> None:
        if not self._ended:
            self._end(ConnectionResetError("the stream was closed"))
            close = getattr(self._iterator, "aclose", None)
            if close is not None:
                await close()

    def _end(self, error: Exception | None) -> None:
        if self._ended:
            return
        self._ended, self._error = True, error
        self._registry.discard(self)
        self._more.set()
        if self._push is not None:
            asyncio.get_running_loop().call_soon(self._push.detach)  # not in the middle of the source's own write


def pipe() -> tuple[UpgradedConnection, UpgradedConnection]:
    """Two connected ends. There is no back-pressure in process."""
    one, other = _End(), _End()
    one.peer, other.peer = other, one
    return one.connection(), other.connection()


class _End:
    peer: "_End"

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader()
        self.closed = False

    def connection(self) -> UpgradedConnection:
        return UpgradedConnection(self.reader, self.write, self.drain, self.close)

    def write(self, data: bytes) -> None:
        if data and not self.closed:
            self.peer.reader.feed_data(data)

    async def drain(self) -> None:
        if self.closed:
            raise ConnectionResetError("the connection is closed")
        await asyncio.sleep(0)

    def close(self) -> None:
        for end in (self, self.peer):
            end.closed = True
            end.reader.feed_eof()
