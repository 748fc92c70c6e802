"""One call of grpc.health.v1.Health/Check, without a gRPC library.

Of HTTP/2 only what one unary call needs: the preface, one HEADERS and one DATA frame out, and the first DATA frame
back. The answer's headers are not read (nor their compression): a call that fails sends no DATA.
"""

import asyncio
import struct

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_SERVING = 1


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """RFC 9113, 4.1."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def header(name: str, value: str) -> bytes:
    """A literal header field without indexing and without Huffman coding (RFC 7541, 6.2.2)."""
    return b"\x00" + _text(name) + _text(value)


def _text(text: str) -> bytes:
    raw = text.encode()
    if len(raw) < 127:
        return bytes([len(raw)]) + raw
    rest, out = len(raw) - 127, bytearray([127])
    while rest >= 128:
        out.append(rest % 128 + 128)
        rest //= 128
    out.append(rest)
    return bytes(out) + raw


def call(authority: str, service: str) -> bytes:
    """Everything that the client sends."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/grpc.health.v1.Health/Check",
        ":authority": authority,
        "content-type": "application/grpc",
        "te": "trailers",
        "user-agent": "kube-probe/1.36",
    }
    block = b"".join(header(key, value) for key, value in headers.items())
    body = struct.pack(">BI", 0, len(message)) + message
    return (
        _PREFACE
        + frame(_SETTINGS, 0, 0, b"")
        + frame(_HEADERS, _END_HEADERS, 1, block)
        + frame(_DATA, _END_STREAM, 1, body)
    )


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 128:
        out.append(number % 128 + 128)
        number //= 128
    return bytes([*out, number])


def serving(body: bytes) -> bool:
    """Whether a HealthCheckResponse with its gRPC prefix says SERVING."""
    return body[5:7] == bytes([0x08, _SERVING])


async def check(host: str, port: int, service: str) -> bool:
    """Raises OSError, and IncompleteReadError when the server hangs up."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(call(f"{host}:{port}", service))
        while True:
            head = await reader.readexactly(9)
            kind, flags = head[3], head[4]
            payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
            if kind == _DATA and payload:
                return serving(payload)
            if kind in (_RESET, _GOAWAY) or (kind == _HEADERS and flags & _END_STREAM):
                return False
            if kind in (_SETTINGS, _PING) and not flags & _ACK:
                writer.write(frame(kind, _ACK, 0, payload if kind == _PING else b""))
    finally:
        writer.close()
