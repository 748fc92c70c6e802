"""The framing that all netlink families share: attributes, batches of requests with acknowledgements, listings.

Sources: netlink(7), linux/netlink.h.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

ROUTE, NETFILTER = socket.NETLINK_ROUTE, 12

_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_ERROR, _DONE = 2, 3
_DUMP_INTERRUPTED = 0x10
_NESTED = 0x8000
_CAP_ACK, _EXT_ACK, _STRICT = 10, 11, 12
_SOL_NETLINK = 270
_BATCH = 100  # requests sent before their answers are read: more would overflow the socket's buffer


class NetlinkError(OSError):
    """The kernel refused; `strerror` has its own explanation when it gave one."""


class NetlinkSocket:
    """A socket of the network namespace that the calling thread is in now. Not for concurrent use."""

    def __init__(self, family: int) -> None:
        self._sequence = 0
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        for option in (_CAP_ACK, _EXT_ACK, _STRICT):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        self._socket.bind((0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, messages: Sequence[tuple[int, int, bytes]]) -> list[NetlinkError | None]:
        """Each message is (type, flags, body). The kernel's answer to each, None where it agreed; it carries on after
        one that fails."""
        answers: list[NetlinkError | None] = []
        for start in range(0, len(messages), _BATCH):
            answers += self._send_some(messages[start : start + _BATCH])
        return answers

    def dump(self, kind: int, header: bytes) -> list[bytes]:
        """The bodies of all objects of a kind; asked again when they changed meanwhile."""
        while True:
            self._socket.send(self._message(kind, _REQUEST | _DUMP, header))
            found: list[bytes] = []
            if not self._read_dump(found):
                return found

    def _send_some(self, messages: Sequence[tuple[int, int, bytes]]) -> list[NetlinkError | None]:
        first = self._sequence + 1
        batch = [self._message(kind, _REQUEST | _ACK | flags, body) for kind, flags, body in messages]
        self._socket.send(b"".join(batch))
        answers: dict[int, NetlinkError | None] = {}
        while len(answers) < len(messages):
            for kind, sequence, _, body in _messages(self._socket.recv(1 << 16)):
                if kind == _ERROR and sequence >= first:
                    answers[sequence] = _failure(body)
        return [answers[sequence] for sequence in sorted(answers)]

    def _read_dump(self, found: list[bytes]) -> bool:
        """Whether the kernel says that the listing was interrupted by a change."""
        interrupted = False
        while True:
            for kind, sequence, flags, body in _messages(self._socket.recv(1 << 20)):
                if sequence != self._sequence:
                    continue
                interrupted |= bool(flags & _DUMP_INTERRUPTED)
                if kind == _DONE:
                    return interrupted
                if kind == _ERROR:
                    raise _failure(body) or NetlinkError(errno.EPROTO, "listing ended early")
                found.append(body)

    def _message(self, kind: int, flags: int, body: bytes) -> bytes:
        self._sequence += 1
        return struct.pack("=IHHII", 16 + len(body), kind, flags, self._sequence, 0) + body


def _messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Type, sequence number, flags and body of each."""
    offset = 0
    while offset + 16 <= len(data):
        length, kind, flags, sequence, _ = struct.unpack_from("=IHHII", data, offset)
        yield kind, sequence, flags, data[offset + 16 : offset + length]
        offset += (length + 3) & ~3


def _failure(body: bytes) -> NetlinkError | None:
    (code,) = struct.unpack_from("=i", body)
    if code == 0:
        return None
    explanation = attributes(body[20:]).get(1, b"").rstrip(b"\0").decode(errors="replace")
    return NetlinkError(-code, explanation or os.strerror(-code))


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by their number, flags stripped; of repeated ones the last."""
    found, offset = {}, 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def nested(kind: int, data: bytes) -> bytes:
    return attribute(kind | _NESTED, data)
