"""The client's side of one connection: one exchange at a time."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import httptools

from wherry.aio.http.messages import Headers, UpgradedConnection
from wherry.aio.http.writer import Writer, notice_death

STREAM_BUFFER = 1024 * 1024  # bytes of a streamed body read ahead of its reader


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    headers: Headers
    body: bytes


class Stale(ConnectionResetError):
    """A kept connection turned out to be closed before any byte of the answer came."""


class Stream:
    """An answer whose body is read as it comes: `async for data in stream`. Close it with `aclose`.

    Each step gives all that has arrived. Raises ConnectionResetError when the body ends early.
    """

    def __init__(self, status: int, headers: Headers, connection: "ClientConnection") -> None:
        self.status, self.headers = status, headers
        self._connection = connection
        self._arrived: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._end: Exception | None = None

    def __aiter__(self) -> "Stream":
        return self

    async def __anext__(self) -> bytes:
        while not self._arrived:
            if self._end is not None:
                raise self._end
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        data = self._arrived[0] if len(self._arrived) == 1 else b"".join(self._arrived)
        self._arrived.clear()
        if self._size > STREAM_BUFFER:
            self._connection.resume()
        self._size = 0
        return data

    async def read(self) -> bytes:
        """The rest of the body."""
        return b"".join([data async for data in self])

    async def aclose(self) -> None:
        if self._end is None:
            self._connection.abort(ConnectionResetError("the stream was closed"))

    def feed(self, data: bytes) -> None:
        self._arrived.append(data)
        before, self._size = self._size, self._size + len(data)
        if before <= STREAM_BUFFER < self._size:
            self._connection.pause()
        self._wake()

    def finish(self, error: Exception | None) -> None:
        self._end = error or StopAsyncIteration()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class ClientConnection(asyncio.Protocol):
    """`begin` an exchange, await its future. `free` is called when the connection can take the next one, `lost`
    when it is gone."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        free: Callable[["ClientConnection"], None],
        lost: Callable[["ClientConnection"], None],
    ) -> None:
        self._loop, self._free, self._lost = loop, free, lost
        self.used = False  # has served an exchange: it may have gone stale since
        self.idle_since = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self._waits: asyncio.Future[Answer] | asyncio.Future[Stream] | None = None
        self._streamed = self._head_only = self._answering = self._to_end = False
        self._stream: Stream | None = None
        self._reader: asyncio.StreamReader | None = None
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []

    def begin(self, data: bytes, *, head_only: bool = False) -> asyncio.Future[Answer]:
        """Send a request; the future gives the whole answer."""
        self._head_only, self._streamed, self._answering = head_only, False, False
        waits: asyncio.Future[Answer] = self._loop.create_future()
        self._waits = waits
        self._writer.write(data)
        return waits

    def begin_stream(self, data: bytes, *, head_only: bool = False) -> asyncio.Future[Stream]:
        """Send a request; the future gives the answer's head, and its body as a stream."""
        self._head_only, self._streamed, self._answering = head_only, True, False
        waits: asyncio.Future[Stream] = self._loop.create_future()
        self._waits = waits
        self._writer.write(data)
        return waits

    def take_over(self) -> UpgradedConnection:
        """After the answer 101: the connection without HTTP."""
        assert self._reader is not None
        return UpgradedConnection(self._reader, self._writer.write, self._writer.drain, self._writer.close)

    # the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._writer = Writer(self._transport, self._loop)
        notice_death(transport)

    def pause_writing(self) -> None:
        self._writer.pause()

    def resume_writing(self) -> None:
        self._writer.resume()

    def pause(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def eof_received(self) -> bool:
        if self._reader is not None:
            self._reader.feed_eof()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._writer.lost()
        self._lost(self)
        if self._reader is not None:
            self._reader.feed_eof()
        elif self._to_end and exc is None:
            self._complete()
        else:
            kind = ConnectionResetError if self._answering or not self.used else Stale
            self._fail(kind(f"the server closed the connection{f': {exc}' if exc else ''}"))

    def data_received(self, data: bytes) -> None:
        if self._reader is not None:
            self._reader.feed_data(data)
            return
        if self._waits is None and self._stream is None:
            self._transport.abort()  # nobody asked
            return
        self._answering = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            self._switch(data[stop.args[0] :])
        except httptools.HttpParserError as error:
            self.abort(ConnectionError(f"the server's answer is not HTTP: {error}"))

    def abort(self, error: Exception) -> None:
        """Give up the exchange and the connection."""
        self._to_end = False
        self._fail(error)
        self._writer.abort()

    # the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1"), value.decode("utf-8", "surrogateescape")))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            return
        headers = Headers(self._headers)
        self._to_end = "content-length" not in headers and "transfer-encoding" not in headers
        self._to_end = self._to_end and status not in (204, 304) and not self._head_only
        if self._streamed:
            self._stream = Stream(status, headers, self)
            self._settle(self._stream)
        if self._head_only:
            self._complete()
            self._parser = httptools.HttpResponseParser(self)

    def on_body(self, data: bytes) -> None:
        if self._stream is not None:
            self._stream.feed(data)
        else:
            self._body.append(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:
            if not self._head_only:
                self._complete()
        elif status != 101:
            self._headers = []  # an interim answer

    def _complete(self) -> None:
        keep = self._parser.should_keep_alive() and not self._to_end
        self._to_end = False
        headers, body = self._headers, self._body
        self._headers, self._body = [], []
        stream, self._stream = self._stream, None
        if keep and not self._transport.is_closing():
            self.used = True
            self.resume()  # a stream may have paused it
            self._free(self)
        else:
            self._writer.close()
        if stream is not None:
            stream.finish(None)
        else:
            whole = body[0] if len(body) == 1 else b"".join(body)
            self._settle(Answer(self._parser.get_status_code(), Headers(headers), whole))

    def _switch(self, early: bytes) -> None:
        status, headers, self._headers = self._parser.get_status_code(), self._headers, []
        self._reader = asyncio.StreamReader(loop=self._loop)
        self._reader.set_transport(self._transport)
        if early:
            self._reader.feed_data(early)
        if self._streamed:
            self._settle(Stream(status, Headers(headers), self))
        else:
            self.abort(ConnectionError("the server switched protocols unasked"))

    def _settle(self, result: Answer | Stream) -> None:
        waits, self._waits = self._waits, None
        if waits is not None and not waits.done():
            waits.set_result(result)  # type: ignore[arg-type]

    def _fail(self, error: Exception) -> None:
        stream, self._stream = self._stream, None
        waits, self._waits = self._waits, None
        if stream is not None:
            stream.finish(error)
        if waits is not None and not waits.done():
            waits.set_exception(error)
