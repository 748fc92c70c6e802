"""The head of an answer and of a request as bytes."""

from collections.abc import Sequence
from http import HTTPStatus

REASONS = {status.value: status.phrase for status in HTTPStatus}
BODILESS = frozenset([204, 304])
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
END_OF_CHUNKS = b"0\r\n\r\n"
_KNOWN_LIMIT = 500

_known: dict[tuple[int, str], bytes] = {}


def response_head(
    status: int, content_type: str, headers: Sequence[tuple[str, str]], framing: bytes, date: bytes
) -> bytes:
    """Everything before the body. `framing`: the fields that say where the body ends and whether the connection
    stays, each ended by CRLF. Raises ValueError when a field would break out of its line."""
    start = _known.get((status, content_type)) or _start(status, content_type)
    if not headers:
        return b"%b%b%b\r\n" % (start, date, framing)
    return b"%b%b%b%b\r\n" % (start, date, fields(headers), framing)


def request_head(method: str, target: str, headers: Sequence[tuple[str, str]], framing: bytes) -> bytes:
    line = f"{method} {target} HTTP/1.1\r\n"
    if len(line.split()) != 3:
        raise ValueError(f"not a request target: {target!r}")
    return b"%b%b%b\r\n" % (line.encode("ascii"), fields(headers), framing)


def fields(headers: Sequence[tuple[str, str]]) -> bytes:
    """Header lines. Raises ValueError for a field that holds a line break."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if text.count("\n") != len(headers) or text.count("\r") != len(headers):
        raise ValueError("a header field holds a line break")
    return text.encode("utf-8", "surrogateescape")


def _start(status: int, content_type: str) -> bytes:
    start = f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}\r\n".encode()
    if content_type and status not in BODILESS:
        start += fields([("Content-Type", content_type)])
    if len(_known) < _KNOWN_LIMIT:
        _known[status, content_type] = start
    return start
