"""The receiving half of a server's connection: bytes in, requests and refusals out in order. It sends nothing."""

import logging
from collections import deque
from enum import Enum
from typing import NamedTuple
from urllib.parse import unquote

import httptools

from wherry.aio.http.messages import Headers, Request

log = logging.getLogger(__name__)

METHODS = {m.encode(): m for m in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
BODILESS_METHODS = (b"GET", b"HEAD")  # their heads are not searched for a body's limits before it comes


class Asked(NamedTuple):
    """A request, and what its sender understands of connections."""

    request: Request
    keep_alive: bool
    http10: bool

    @property
    def chunked(self) -> bool:
        return not self.http10


class Refused(Exception):
    """The peer's bytes are not a request that can be served."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Phase(Enum):
    IDLE = 0  # between requests
    HEAD = 1
    BODY = 2
    UPGRADE = 3  # stopped at an upgrade request; what follows is kept as bytes
    DEAF = 4  # refused: what comes is thrown away


class Incoming:
    """`feed` bytes, then take from `queue`; a Refused is the last in it. The peer waits for leave to send a body
    while `wants_continue` is set. After an upgrade request `early` holds what came behind it."""

    def __init__(self, max_head: int, max_body: int, certificate: bytes | None, remote: str) -> None:
        self.queue: deque[Asked | Refused] = deque()
        self.phase = Phase.IDLE
        self.wants_continue = False
        self.early = bytearray()
        self._max_head, self._max_body = max_head, max_body
        self._certificate, self._remote = certificate, remote
        self._parser = httptools.HttpRequestParser(self)
        self._http10: bool | None = None
        self._undecided: Asked | None = None
        self._url, self._head_size, self._body_size = b"", 0, 0
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []

    def feed(self, data: bytes) -> None:
        if self.phase is Phase.UPGRADE:
            self._keep_early(data)
        elif self.phase is not Phase.DEAF:
            self._parse(data)

    def refuse(self, refused: Refused) -> None:
        """Read nothing more. The refusal takes its place behind the requests that are complete."""
        if self.phase is not Phase.DEAF:
            self.phase, self.wants_continue = Phase.DEAF, False
            self.queue.append(refused)

    @property
    def stopped(self) -> bool:
        """Whether an upgrade request was given out and nothing is read until it is known what came of it."""
        return self.phase is Phase.UPGRADE and self._undecided is None and not self.queue

    def resume(self) -> None:
        """The upgrade was not granted, HTTP goes on with what came early."""
        early, self.early = bytes(self.early), bytearray()
        self._parser = httptools.HttpRequestParser(self)
        self.phase = Phase.IDLE
        if early:
            self._parse(early)

    def _parse(self, data: bytes) -> None:
        if self.phase is Phase.IDLE:
            self.phase = Phase.HEAD
        try:
            self._parser.feed_data(data)
            if self.phase is Phase.HEAD:
                self._head_size += len(data)
                if self._head_size > self._max_head:
                    raise Refused(431, "431 Request Header Fields Too Large")
        except httptools.HttpParserUpgrade as stop:
            self._keep_early(data[stop.args[0] :])
        except Refused as refused:
            self.refuse(refused)
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, Refused):
                self.refuse(error.__context__)
            else:
                log.error("a request could not be read", exc_info=error)
                self.refuse(Refused(400, "400 Bad Request"))
        except httptools.HttpParserError as error:
            self.refuse(Refused(400, f"400 Bad Request: {error}"))

    def _keep_early(self, data: bytes) -> None:
        """What follows an upgrade request: first its body (the parser does not read it), then the other protocol."""
        self.early += data
        asked = self._undecided
        if asked is None:
            return
        length = int(asked.request.headers.get("content-length") or 0)
        if length > self._max_body:
            self.refuse(self._too_large())
        elif len(self.early) >= length:
            self._undecided = None
            asked.request.body = bytes(self.early[:length])
            del self.early[:length]
            self.queue.append(asked)

    def _too_large(self) -> Refused:
        return Refused(413, f"Request entity too large: limit is {self._max_body}")

    # the parser's callbacks

    def on_url(self, url: bytes) -> None:
        self.phase = Phase.HEAD  # of a pipelined request
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase is not Phase.BODY:  # what follows a chunked body is not part of the head
            self._headers.append((name.decode("latin-1"), value.decode("utf-8", "surrogateescape")))

    def on_headers_complete(self) -> None:
        self.phase, self._head_size = Phase.BODY, 0
        if self._parser.get_method() in BODILESS_METHODS:
            return
        headers = Headers(self._headers)
        if int(headers.get("content-length") or 0) > self._max_body:
            raise self._too_large()
        self.wants_continue = headers.get("expect").lower() == "100-continue"

    def on_body(self, data: bytes) -> None:
        self.wants_continue = False
        self._body_size += len(data)
        if self._body_size > self._max_body:
            raise self._too_large()
        self._body.append(data)

    def on_message_complete(self) -> None:
        parser = self._parser
        if self._http10 is None:  # of the connection's first request: no client changes it
            self._http10 = parser.get_http_version() == "1.0"
        asked = Asked(self._request(), parser.should_keep_alive(), self._http10)
        self._url, self._headers, self._body, self._body_size = b"", [], [], 0
        self.phase, self.wants_continue = Phase.IDLE, False
        if parser.should_upgrade():
            self.phase, self._undecided = Phase.UPGRADE, asked
        else:
            self.queue.append(asked)

    def _request(self) -> Request:
        method = self._parser.get_method()
        body = self._body
        content = b"" if not body else body[0] if len(body) == 1 else b"".join(body)
        target = self._url.decode("latin-1")
        if not target.startswith("/") and "://" in target:  # the form that proxies send
            target = "/" + target.partition("://")[2].partition("/")[2]
        path, _, query = target.partition("?")
        return Request(
            METHODS.get(method) or method.decode(),
            unquote(path) if "%" in path else path,
            query,
            Headers(self._headers),
            content,
            self._certificate,
            self._remote,
            target,
        )
