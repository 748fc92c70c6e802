"""What a handler gets and gives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Headers:
    """Header fields in order of arrival; names compare without case and may repeat."""

    __slots__ = ("_first", "_items")

    def __init__(self, items: Sequence[tuple[str, str]] = ()) -> None:
        self._items = list(items)
        self._first: dict[str, str] | None = None  # the first value of each field, by its name in small letters

    def _index(self) -> dict[str, str]:
        first: dict[str, str] = {}
        for name, value in self._items:
            first.setdefault(name.lower(), value)
        self._first = first
        return first

    def get(self, name: str, default: str = "") -> str:
        """The first value of a field."""
        return (self._first or self._index()).get(name.lower(), default)

    def all(self, name: str) -> list[str]:
        name = name.lower()
        return [value for key, value in self._items if key.lower() == name]

    def add(self, name: str, value: str) -> None:
        self._items.append((name, value))
        self._first = None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in (self._first or self._index())

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)


@dataclass(slots=True)
class Request:
    """One request, its body read whole. `path` is percent-decoded, `query` is raw (no `?`), `peer_certificate` is the
    verified client certificate in DER, `remote` the peer's address."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes = b""
    peer_certificate: bytes | None = None
    remote: str = ""
    target: str = ""  # path and query as they were sent


class Chunk:
    """Part of a streamed body with its framing made once, however many connections it is written to."""

    __slots__ = ("data", "framed")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.framed = b"%x\r\n%b\r\n" % (len(data), data)


class Sink(Protocol):
    """Where a `Push` writes. No call waits or raises."""

    def write(self, chunk: Chunk) -> bool:
        """Send a chunk (not empty). False: the reader is gone, or has been cut off for being too slow."""

    def close(self) -> None:
        """The body is whole; the connection goes on to its next request."""


class Push(Protocol):
    """A streamed body whose source writes when it has something, to as many sinks as it likes; what a watch uses.

    An async iterator costs a task switch a reader and item; a source that hands one `Chunk` to each of its sinks
    costs one write a reader.
    """

    def attach(self, sink: Sink) -> None:
        """The head of the answer is sent: begin. Called once, before `detach`; it may already write."""

    def detach(self) -> None:
        """The stream is over, whoever ended it (also when it never began). Called exactly once."""


@dataclass(slots=True)
class Response:
    """An answer. `body` is bytes; a list of fragments, sent with a known length and never joined whole; an async
    iterator, sent chunked, each item flushed as it comes; or a `Push`, sent chunked."""

    status: int = 200
    body: bytes | list[bytes] | AsyncIterator[bytes] | Push = b""
    content_type: str = "application/json"
    headers: Sequence[tuple[str, str]] = ()


@dataclass(slots=True)
class UpgradedConnection:
    """A connection that left HTTP. `reader` already holds the bytes that arrived early."""

    reader: asyncio.StreamReader
    write: Callable[[bytes], None]
    drain: Callable[[], Awaitable[None]]
    close: Callable[[], None]


@dataclass(slots=True)
class Upgrade:
    """Answer 101 with `headers`, then hand the connection to `run`; the server closes it when `run` returns."""

    run: Callable[[UpgradedConnection], Awaitable[None]]
    headers: Sequence[tuple[str, str]] = field(default_factory=list)


Handler = Callable[[Request], Awaitable[Response | Upgrade]]
