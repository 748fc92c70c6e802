"""SPDY/3.1, as far as exec, attach and port-forward use it: streams with headers, data, ends and resets.

`Session` is a push parser and a writer for one connection: bytes in, `Frame`s out, and frames to bytes. Flow control
is not part of it: the peers of this protocol (Docker's spdystream, in kubectl and the client libraries) send no
window updates and obey none.

Source: draft-mbelshe-httpbis-spdy-00, and SPDY/3.1 where it differs.
"""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

VERSION = 3
SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY, HEADERS, WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9
FLAG_FIN = 1
MAX_HEADERS = 1024 * 1024

CANCEL, REFUSED_STREAM = 5, 3

_WORDS = (
    "options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-ranges|age|allow|"
    "authorization|cache-control|connection|content-base|content-encoding|content-language|content-length|"
    "content-location|content-md5|content-range|content-type|date|etag|expect|expires|from|host|if-match|"
    "if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|location|max-forwards|pragma|"
    "proxy-authenticate|proxy-authorization|range|referer|retry-after|server|te|trailer|transfer-encoding|upgrade|"
    "user-agent|vary|via|warning|www-authenticate|method|get|status|200 OK|version|HTTP/1.1|url|public|set-cookie|"
    "keep-alive|origin"
)
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
# What both sides' compressors know from the start (2.6.10.1); its Adler-32 is e3c6a7c2.
DICTIONARY = b"".join(struct.pack(">I", len(word)) + word.encode() for word in _WORDS.split("|")) + _TAIL.encode()


class SpdyError(ValueError):
    """Bytes that are no SPDY/3.1. The connection cannot go on."""


@dataclass(frozen=True, slots=True)
class Frame:
    """`kind`: 0 for data, else a control frame's number. `status`: of RST_STREAM and GOAWAY, the id of PING."""

    kind: int
    stream: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    data: bytes = b""
    fin: bool = False
    status: int = 0

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


class Session:
    """Both directions of one connection; the compression of headers remembers what went before."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> list[Frame]:
        """Frames that are complete now; kinds that mean nothing here are left out. Raises SpdyError."""
        self._buffer += data
        frames = []
        while len(self._buffer) >= 8:
            size = int.from_bytes(self._buffer[5:8], "big")
            if len(self._buffer) < 8 + size:
                break
            head, body = bytes(self._buffer[:8]), bytes(self._buffer[8 : 8 + size])
            del self._buffer[: 8 + size]
            frame = self._parse(head, body)
            if frame is not None:
                frames.append(frame)
        return frames

    def _parse(self, head: bytes, body: bytes) -> Frame | None:
        first, flags = int.from_bytes(head[:4], "big"), head[4]
        fin = bool(flags & FLAG_FIN)
        if not first >> 31:
            return Frame(0, first, data=body, fin=fin)
        version, kind = (first >> 16) & 0x7FFF, first & 0xFFFF
        if version != VERSION:
            raise SpdyError(f"version {version}")
        try:
            return self._control(kind, body, fin)
        except (struct.error, zlib.error, UnicodeDecodeError) as error:
            raise SpdyError(f"a broken control frame of type {kind}: {error}") from error

    def _control(self, kind: int, body: bytes, fin: bool) -> Frame | None:
        if kind == SYN_STREAM:
            return Frame(kind, _number(body), self._headers(body[10:]), fin=fin)
        if kind in (SYN_REPLY, HEADERS):
            return Frame(kind, _number(body), self._headers(body[4:]), fin=fin)
        if kind == RST_STREAM:
            return Frame(kind, _number(body), status=struct.unpack_from(">I", body, 4)[0])
        if kind == PING:
            return Frame(kind, status=struct.unpack_from(">I", body)[0])
        if kind == GOAWAY:
            return Frame(kind, _number(body), status=struct.unpack_from(">I", body, 4)[0])
        return None

    def _headers(self, block: bytes) -> tuple[tuple[str, str], ...]:
        raw = self._inflate.decompress(block, MAX_HEADERS)
        (count,) = struct.unpack_from(">I", raw)
        position, out = 4, []
        for _ in range(count):
            name, position = _string(raw, position)
            value, position = _string(raw, position)
            out += [(name, each) for each in value.split("\0")]
        return tuple(out)

    def send(self, frame: Frame) -> bytes:
        """One frame as bytes. Frames must be sent in the order in which they were made here."""
        flags = FLAG_FIN if frame.fin else 0
        if frame.kind == 0:
            return _frame(frame.stream, flags, frame.data)
        return _frame(1 << 31 | VERSION << 16 | frame.kind, flags, self._body(frame))

    def _body(self, frame: Frame) -> bytes:
        stream = struct.pack(">I", frame.stream)
        if frame.kind == SYN_STREAM:
            return stream + bytes(6) + self._pack(frame.headers)
        if frame.kind in (SYN_REPLY, HEADERS):
            return stream + self._pack(frame.headers)
        if frame.kind in (RST_STREAM, GOAWAY):
            return stream + struct.pack(">I", frame.status)
        if frame.kind == PING:
            return struct.pack(">I", frame.status)
        raise SpdyError(f"frames of type {frame.kind} are not sent")

    def _pack(self, headers: Iterable[tuple[str, str]]) -> bytes:
        joined: dict[str, str] = {}
        for name, value in headers:
            joined[name] = f"{joined[name]}\0{value}" if name in joined else value
        raw = struct.pack(">I", len(joined)) + b"".join(_packed(each) for pair in joined.items() for each in pair)
        return self._deflate.compress(raw) + self._deflate.flush(zlib.Z_SYNC_FLUSH)


def _frame(first: int, flags: int, body: bytes) -> bytes:
    return struct.pack(">II", first, flags << 24 | len(body)) + body


def _number(body: bytes) -> int:
    found: int = struct.unpack_from(">I", body)[0]
    return found & 0x7FFFFFFF


def _string(raw: bytes, position: int) -> tuple[str, int]:
    (size,) = struct.unpack_from(">I", raw, position)
    end = position + 4 + size
    if end > len(raw):
        raise SpdyError("a header that ends early")
    return raw[position + 4 : end].decode(), end


def _packed(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">I", len(raw)) + raw
