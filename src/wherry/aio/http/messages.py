"""What a handler gets and gives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field


class Headers:
    """Header fields in order of arrival; names compare without case and may repeat."""

    __slots__ = ("_items",)

    def __init__(self, items: Sequence[tuple[str, str]] = ()) -> None:
        self._items = list(items)

    def get(self, name: str, default: str = "") -> str:
        """The first value of a field."""
        name = name.lower()
        return next((value for key, value in self._items if key.lower() == name), default)

    def all(self, name: str) -> list[str]:
        name = name.lower()
        return [value for key, value in self._items if key.lower() == name]

    def add(self, name: str, value: str) -> None:
        self._items.append((name, value))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(key.lower() == name.lower() for key, _ in self._items)

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


@dataclass(slots=True)
class Response:
    """An answer. `body` is bytes; a list of fragments, sent with a known length and never joined; or an async
    iterator, sent chunked, each item flushed as it comes."""

    status: int = 200
    body: bytes | list[bytes] | AsyncIterator[bytes] = b""
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
