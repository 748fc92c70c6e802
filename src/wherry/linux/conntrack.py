"""Tracked connections by ctnetlink: list those of a protocol, forget some. IPv4.

Sources: linux/netfilter/nfnetlink_conntrack.h, nf_conntrack_netlink.c.
"""

import errno
import ipaddress
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from wherry.linux.nlsocket import NETFILTER, NetlinkSocket, attribute, attributes, nested

UDP = socket.IPPROTO_UDP

_GET, _DELETE = 0x101, 0x102  # subsystem 1 (ctnetlink), messages 1 and 2
_ORIG, _REPLY = 1, 2
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_V4_SRC, _V4_DST = 1, 2
_PROTO_NUM, _SRC_PORT, _DST_PORT = 1, 2, 3
_HEADER = struct.pack("=BBH", socket.AF_INET, 0, 0)


@dataclass(frozen=True, slots=True)
class Flow:
    """A tracked connection: where its client sent it, and who answers."""

    protocol: int
    source: str
    source_port: int
    destination: str
    destination_port: int
    answers_from: str
    answers_port: int


class Conntrack(NetlinkSocket):
    """Connections of the network namespace that the calling thread is in now. Raises OSError."""

    def __init__(self) -> None:
        super().__init__(NETFILTER)

    def flows(self, protocol: int) -> list[Flow]:
        """Every connection of a protocol (UDP, ...)."""
        found = (_parse(body[len(_HEADER) :], protocol) for body in self.dump(_GET, _HEADER))
        return [flow for flow in found if flow is not None]

    def forget(self, flows: Iterable[Flow]) -> int:
        """How many of them there still were."""
        answers = self.send([(_DELETE, 0, _HEADER + _original(flow)) for flow in flows])
        failures = [error for error in answers if error is not None and error.errno != errno.ENOENT]
        if failures:
            raise failures[0]
        return answers.count(None)


def _parse(body: bytes, protocol: int) -> Flow | None:
    parts = attributes(body)
    source, destination, source_port, destination_port, number = _tuple(parts[_ORIG])
    if number != protocol:
        return None
    answers_from, _, answers_port, _, _ = _tuple(parts[_REPLY])
    return Flow(number, source, source_port, destination, destination_port, answers_from, answers_port)


def _tuple(data: bytes) -> tuple[str, str, int, int, int]:
    """Source and destination address, source and destination port, protocol."""
    parts = attributes(data)
    ip, proto = attributes(parts[_TUPLE_IP]), attributes(parts[_TUPLE_PROTO])
    source, destination = (str(ipaddress.ip_address(ip[each])) for each in (_V4_SRC, _V4_DST))
    ports = [int.from_bytes(proto.get(each, b""), "big") for each in (_SRC_PORT, _DST_PORT)]
    return source, destination, ports[0], ports[1], proto[_PROTO_NUM][0]


def _original(flow: Flow) -> bytes:
    addresses = attribute(_V4_SRC, ipaddress.ip_address(flow.source).packed)
    addresses += attribute(_V4_DST, ipaddress.ip_address(flow.destination).packed)
    proto = attribute(_PROTO_NUM, bytes([flow.protocol]))
    proto += attribute(_SRC_PORT, flow.source_port.to_bytes(2, "big"))
    proto += attribute(_DST_PORT, flow.destination_port.to_bytes(2, "big"))
    parts = nested(_TUPLE_IP, addresses) + nested(_TUPLE_PROTO, proto)
    return nested(_ORIG, parts)
