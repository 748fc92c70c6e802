"""Sending an answer: its head, and a body of any shape."""

import logging
from collections.abc import AsyncIterator, Iterator

from wherry.aio.http.heads import BODILESS, END_OF_CHUNKS, response_head
from wherry.aio.http.incoming import Asked
from wherry.aio.http.messages import Chunk, Push, Response
from wherry.aio.http.writer import ConnectionSink, Writer

log = logging.getLogger(__name__)

BLOCK = 128 * 1024  # bytes of fragments joined for one write: fewer cost calls, more cost cache misses
JOINED = 64 * 1024  # a body up to this size is copied behind its head, so that both leave in one write
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CLOSE = b"Connection: close\r\n"
KEEP_ALIVE = b"Connection: keep-alive\r\n"


def head(asked: Asked, response: Response, keep_alive: bool, date: bytes) -> bytes:
    """The head of an answer. Raises ValueError for header fields that cannot be sent."""
    body = response.body
    if response.status in BODILESS:
        framing = b""
    elif type(body) is bytes:
        framing = b"Content-Length: %d\r\n" % len(body)
    elif type(body) is list:
        framing = b"Content-Length: %d\r\n" % sum(map(len, body))
    else:
        framing = CHUNKED if asked.chunked else b""
    if not keep_alive:
        framing += CLOSE
    elif asked.http10:
        framing += KEEP_ALIVE
    return response_head(response.status, response.content_type, response.headers, framing, date)


def has_body(asked: Asked, response: Response) -> bool:
    return asked.request.method != "HEAD" and response.status not in BODILESS


async def send_fixed(writer: Writer, start: bytes, body: bytes | list[bytes]) -> None:
    """A head and a body of known length. Gives up quietly when the reader goes."""
    if isinstance(body, bytes) and len(body) <= JOINED:
        writer.write(start + body)
        body = []
    else:
        writer.write(start)
    try:
        for block in blocks(body) if isinstance(body, list) else [body]:
            writer.write(block)
            if writer.paused:
                await writer.drain()
    except ConnectionError:
        writer.abort()


def blocks(fragments: list[bytes]) -> Iterator[bytes]:
    """The fragments joined into blocks of about BLOCK bytes."""
    first = size = 0
    for index, fragment in enumerate(fragments):
        size += len(fragment)
        if size >= BLOCK:
            yield b"".join(fragments[first : index + 1])
            first, size = index + 1, 0
    if size:
        yield b"".join(fragments[first:])


async def send_iterated(writer: Writer, chunked: bool, body: AsyncIterator[bytes]) -> None:
    """Each item as it comes. The iterator is closed in any case; its failure cuts the connection, so that the
    reader sees that the body is not whole."""
    try:
        async for data in body:
            if data:
                writer.write(Chunk(data).framed if chunked else data)
                await writer.drain()
        if chunked:
            writer.write(END_OF_CHUNKS)
    except ConnectionError:
        writer.abort()
    except Exception:
        log.exception("a streamed body failed")
        writer.abort()
    finally:
        await drop(body)


async def send_pushed(sink: ConnectionSink, body: Push) -> None:
    """Until the source closes the sink, or the task is cancelled because the reader has gone."""
    try:
        body.attach(sink)
        await sink.ended
    finally:
        sink.ended.cancel()
        body.detach()


async def drop(body: bytes | list[bytes] | AsyncIterator[bytes] | Push) -> None:
    """Let go of a body that will not be read further."""
    if isinstance(body, bytes | list):
        return
    if isinstance(body, AsyncIterator):
        close = getattr(body, "aclose", None)
        if close is not None:
            await close()
    else:
        body.detach()
