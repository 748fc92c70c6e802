"""The server's side of one connection: requests to the handler one after the other, answers out in order."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.aio.http import answers
from wherry.aio.http.heads import CONTINUE, response_head
from wherry.aio.http.incoming import Asked, Incoming, Phase, Refused
from wherry.aio.http.messages import Headers, Push, Request, Response, Upgrade, UpgradedConnection
from wherry.aio.http.writer import ConnectionSink, Writer, notice_death
from wherry.aio.tasks import start_now

if TYPE_CHECKING:
    from wherry.aio.http.server import Server

log = logging.getLogger(__name__)

PIPELINE = 8  # requests read ahead of the answers on one connection
EARLY = 64 * 1024  # bytes read behind an upgrade request before the handler has decided
LINGER = 2.0  # seconds a refused peer may take to read the refusal before the connection is closed
UPGRADE_END = 10.0  # seconds an upgraded connection's handler may take after its peer has gone


def plain_refusal(status: int, message: str) -> Response:
    """The default shape of answers that the server gives by itself."""
    return Response(status, f"{message}\n".encode(), "text/plain; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Options:
    """Limits (bytes, seconds) and the shape of refusals.

    A request whose head or body is larger is answered 431 or 413. `read_timeout`: for a head as a whole, and for
    each silence inside a body. `write_timeout`: how long a body of known length may make no progress.
    `stream_buffer`: what may wait for the slow reader of a `Push`.
    """

    max_body: int = 3 * 1024 * 1024
    max_head: int = 64 * 1024
    idle_timeout: float = 120.0
    read_timeout: float = 30.0
    write_timeout: float = 300.0
    stream_buffer: int = 16 * 1024 * 1024
    refusal: Callable[[int, str], Response] = plain_refusal


class Connection(asyncio.Protocol):
    """The transport's callbacks, and the one task that answers."""

    def __init__(self, server: "Server", loop: asyncio.AbstractEventLoop) -> None:
        self._server, self._loop = server, loop
        self._task: asyncio.Task[None] | None = None
        self._since = server.now  # of the last progress, on the server's coarse clock
        self._streaming = self._tls = self._last = False
        self._sink: ConnectionSink | None = None
        self._reader: asyncio.StreamReader | None = None

    # the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._writer = Writer(self._transport, self._loop)
        notice_death(transport)
        tls = transport.get_extra_info("ssl_object")
        self._tls = tls is not None
        certificate = tls.getpeercert(True) if tls is not None else None
        peer = transport.get_extra_info("peername")
        options = self._server.options
        remote = peer[0] if isinstance(peer, tuple) else ""
        self._incoming = Incoming(options.max_head, options.max_body, certificate, remote)
        self._server.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.left(self)
        self._writer.lost()
        self._incoming.queue.clear()
        if self._reader is not None:
            self._reader.feed_eof()
            if self._task is not None:
                self._loop.call_later(UPGRADE_END, self._task.cancel)
        elif self._streaming and self._task is not None:
            self._task.cancel()

    def eof_received(self) -> bool:
        """Whether a peer that sends no more may still read (not possible over TLS)."""
        if self._reader is not None:
            self._reader.feed_eof()
            return not self._tls
        self._last = True
        return not self._tls and self._task is not None and not self._streaming

    def pause_writing(self) -> None:
        self._since = self._server.now
        self._writer.pause()

    def resume_writing(self) -> None:
        self._writer.resume()

    def data_received(self, data: bytes) -> None:
        if self._reader is not None:
            self._reader.feed_data(data)
            return
        incoming = self._incoming
        before = incoming.phase
        incoming.feed(data)
        if before is not Phase.HEAD or incoming.phase is not Phase.HEAD:
            self._since = self._server.now  # a head has one time limit for the whole, a body one for each silence
        if incoming.queue or incoming.wants_continue:
            self._next()
        if len(incoming.queue) >= PIPELINE or len(incoming.early) > EARLY:
            self._transport.pause_reading()

    # requests and answers

    def _next(self) -> None:
        """Answer what waits, one request at a time."""
        incoming = self._incoming
        while self._task is None:
            if incoming.queue:
                self._task = start_now(self._answer(incoming.queue.popleft()), self._answered)
            elif incoming.stopped and self._reader is None:  # an ordinary answer to an upgrade request
                incoming.resume()
            else:
                break
        if incoming.wants_continue and self._task is None:
            incoming.wants_continue = False
            self._writer.write(CONTINUE)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a connection failed", exc_info=error)
            self._writer.abort()
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._next()

    async def _answer(self, asked: Asked | Refused) -> None:
        if isinstance(asked, Refused):
            self._refuse(asked)
            return
        try:
            response = await self._server.handler(asked.request)
            if isinstance(response, Upgrade):
                await self._upgraded(asked, response)
                return
            keep_alive = asked.keep_alive and not self._last and not self._server.closing
            head = answers.head(asked, response, keep_alive, self._server.date)
        except Exception:
            log.exception("%s %s failed", asked.request.method, asked.request.path)
            response, keep_alive = self._server.options.refusal(500, "500 Internal Server Error"), False
            head = answers.head(asked, response, keep_alive, self._server.date)
        await self._send(asked, response, head)
        self._since = self._server.now
        if not keep_alive or self._server.closing:
            self._writer.close()

    async def _send(self, asked: Asked, response: Response, head: bytes) -> None:
        body = response.body
        if not answers.has_body(asked, response):
            self._writer.write(head)
            await answers.drop(body)
        elif isinstance(body, bytes | list):
            await answers.send_fixed(self._writer, head, body)
        elif self._writer.gone or self._server.closing:
            await answers.drop(body)
            self._writer.close()
        else:
            self._writer.write(head)
            await self._send_stream(asked, body)

    async def _send_stream(self, asked: Asked, body: AsyncIterator[bytes] | Push) -> None:
        self._streaming = True
        try:
            if isinstance(body, AsyncIterator):
                await answers.send_iterated(self._writer, asked.chunked, body)
            else:
                self._sink = ConnectionSink(self._writer, asked.chunked, self._server.options.stream_buffer)
                await answers.send_pushed(self._sink, body)
        finally:
            self._streaming, self._sink = False, None
        if asked.http10:
            self._writer.close()

    def _refuse(self, refused: Refused) -> None:
        """Answer, then leave the peer some time to read it before the connection goes."""
        response = self._server.options.refusal(refused.status, refused.message)
        head = answers.head(Asked(Request("", "", "", Headers()), False, False), response, False, self._server.date)
        assert isinstance(response.body, bytes), "a refusal is short"
        self._writer.write(head + response.body)
        self._since = self._server.now

    async def _upgraded(self, asked: Asked, upgrade: Upgrade) -> None:
        headers = list(upgrade.headers)
        if not any(name.lower() == "connection" for name, _ in headers):
            headers.append(("Connection", "Upgrade"))
        writer, self._reader = self._writer, asyncio.StreamReader(loop=self._loop)
        writer.write(response_head(101, "", headers, b"", b""))
        self._reader.set_transport(self._transport)
        if self._incoming.early:
            self._reader.feed_data(bytes(self._incoming.early))
        if not self._transport.is_closing():
            self._transport.resume_reading()
        try:
            await upgrade.run(UpgradedConnection(self._reader, writer.write, writer.drain, writer.close))
        except ConnectionError as error:
            log.debug("%s: the peer left: %s", asked.request.path, error)
        except Exception:
            log.exception("%s %s failed", asked.request.method, asked.request.path)
        finally:
            writer.close()

    # time limits and the end

    def check(self, now: float) -> None:
        """End the connection when it has waited longer than the options allow."""
        options, waited, phase = self._server.options, now - self._since, self._incoming.phase
        if self._reader is not None or self._streaming:
            return
        if self._task is not None:
            if self._writer.paused and waited > options.write_timeout:
                self.abort()
        elif phase is Phase.DEAF or phase is Phase.IDLE:
            if waited > (LINGER if phase is Phase.DEAF else options.idle_timeout):
                self._writer.close()
        elif waited > options.read_timeout:
            self._incoming.refuse(Refused(408, "408 Request Timeout"))
            self._next()

    def finish(self) -> None:
        """The server closes: end what would go on for ever, answer what was asked."""
        if self._sink is not None:
            self._sink.close()
        elif self._task is None:
            self._writer.close()
        elif self._streaming or self._reader is not None:
            self._task.cancel()
            if self._streaming:
                self._writer.close()

    def abort(self) -> None:
        """End at once."""
        if self._task is not None:
            self._task.cancel()
        self._writer.abort()
