"""Links, addresses, routes and neighbours by raw rtnetlink.

A change is a `Request`: bytes ready for the kernel, made by a pure function below. `Netlink.apply` sends a batch in
one system call and reads one acknowledgement for each, so a pod's link takes two calls. The kernel carries on after
a request that fails; `apply` raises the first failure that its request does not tolerate.

    with Netlink() as kernel:                    # of the calling thread's network namespace, for ever
        kernel.apply(add_bridge("br0"), set_link("br0", up=True), ...)

Addresses are text (`10.0.0.1`, `10.0.0.0/24`). Sources: linux/rtnetlink.h, linux/if_link.h, rtnetlink(7).
"""

import errno
import ipaddress
import socket
import struct
from dataclasses import dataclass

from wherry.linux.nlsocket import ROUTE, NetlinkError, NetlinkSocket, attribute, attributes, nested

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH = 28, 29

PROTOCOL = 87
"""What marks a route as ours (rtm_protocol), so that it can be found again; /etc/iproute2/rt_protos has no 87."""

_REPLACE, _EXCL, _CREATE = 0x100, 0x200, 0x400
_IFF_UP = 1
_SCOPE_LINK, _SCOPE_UNIVERSE = 253, 0
_ONLINK = 4
_TABLE_MAIN = 254
_UNICAST, _UNREACHABLE = 1, 7
_PERMANENT = 0x80

# attributes, by the message they belong to
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER, IFLA_LINKINFO = 1, 3, 4, 10, 18
IFLA_IFALIAS, IFLA_NET_NS_FD, IFLA_AF_SPEC, IFLA_INFO_KIND, IFLA_INFO_DATA = 20, 28, 26, 1, 2
_VETH_INFO_PEER, _INET6_ADDR_GEN_MODE, _GEN_MODE_NONE = 1, 8, b"\x01"
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC = 1, 4, 5, 6, 7
NDA_DST, NDA_LLADDR = 1, 2


@dataclass(frozen=True, slots=True)
class Request:
    """One message. `tolerate`: errors that mean the wished state is there already."""

    type: int
    flags: int
    body: bytes
    what: str
    tolerate: frozenset[int] = frozenset()

    def tolerating(self, *codes: int) -> "Request":
        return Request(self.type, self.flags, self.body, self.what, self.tolerate | set(codes))


@dataclass(frozen=True, slots=True)
class Link:
    index: int
    name: str
    up: bool
    mtu: int
    kind: str  # veth, bridge, ...; empty for real devices
    master: int  # index of the bridge it is in, 0: none
    mac: str
    alias: str = ""  # free text that somebody gave it


@dataclass(frozen=True, slots=True)
class Address:
    index: int
    address: str  # with prefix length


@dataclass(frozen=True, slots=True)
class Route:
    """`destination` is a network ("0.0.0.0/0": default); empty strings and 0 where there is none. `unreachable`
    answers with an ICMP error instead of leading anywhere."""

    destination: str
    gateway: str = ""
    device: int = 0
    source: str = ""
    metric: int = 0
    protocol: int = PROTOCOL
    table: int = _TABLE_MAIN
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a veth pair: in the namespace that `netns` is open on (None: this one)."""

    name: str
    index: int = 0
    netns: int | None = None
    mac: str = ""


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """`index`: the interface index to have (0: the kernel's choice); `master`: of the bridge to be in. A new link is
    down until `set_link` raises it (a veth end cannot be up before its peer is there)."""

    index: int = 0
    mtu: int = 0
    mac: str = ""
    master: int = 0


_DEFAULTS = LinkOptions()


# Links


def add_veth(name: str, peer: Peer, options: LinkOptions = _DEFAULTS) -> Request:
    """A pair of links; the MTU in `options` counts for both ends, the rest for the near one."""
    end = _link_body(peer.name, LinkOptions(peer.index, options.mtu, peer.mac))
    if peer.netns is not None:
        end += attribute(IFLA_NET_NS_FD, struct.pack("=I", peer.netns))
    return _new_link(name, "veth", options, nested(_VETH_INFO_PEER, end))


def add_bridge(name: str, options: LinkOptions = _DEFAULTS) -> Request:
    return _new_link(name, "bridge", options)


def set_link(
    link: str | int, *, up: bool | None = None, mtu: int = 0, master: int | None = None, alias: str = ""
) -> Request:
    """Change a link, by name or index. `master` 0 takes it out of its bridge; `alias` is free text."""
    flags = 0 if up is None else _IFF_UP
    index, name = (link, "") if isinstance(link, int) else (0, link)
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, _IFF_UP if up else 0, flags)
    body += _text(IFLA_IFNAME, name) + _number(IFLA_MTU, mtu) + _text(IFLA_IFALIAS, alias)
    if master is not None:
        body += attribute(IFLA_MASTER, struct.pack("=I", master))
    return Request(RTM_NEWLINK, 0, body, f"change link {link}")


def no_link_local(index: int) -> Request:
    """No IPv6 link-local address for a link that is not up yet; no error without IPv6."""
    mode = nested(socket.AF_INET6, attribute(_INET6_ADDR_GEN_MODE, _GEN_MODE_NONE))
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, 0, 0) + nested(IFLA_AF_SPEC, mode)
    return Request(RTM_NEWLINK, 0, body, f"change link {index}", frozenset({errno.EAFNOSUPPORT}))


def delete_link(link: str | int) -> Request:
    """No error when there is none."""
    index, name = (link, "") if isinstance(link, int) else (0, link)
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, 0, 0) + _text(IFLA_IFNAME, name)
    return Request(RTM_DELLINK, 0, body, f"delete link {link}", frozenset({errno.ENODEV, errno.EINVAL}))


def _new_link(name: str, kind: str, options: LinkOptions, data: bytes = b"") -> Request:
    info = _text(IFLA_INFO_KIND, kind)
    if data:
        info += nested(IFLA_INFO_DATA, data)
    body = _link_body(name, options) + nested(IFLA_LINKINFO, info)
    if options.master:
        body += attribute(IFLA_MASTER, struct.pack("=I", options.master))
    return Request(RTM_NEWLINK, _CREATE | _EXCL, body, f"add {kind} {name}")


def _link_body(name: str, options: LinkOptions) -> bytes:
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, options.index, 0, 0)
    body += _text(IFLA_IFNAME, name) + _number(IFLA_MTU, options.mtu)
    if options.mac:
        body += attribute(IFLA_ADDRESS, _mac(options.mac))
    return body


# Addresses, routes, neighbours


def add_address(index: int, address: str) -> Request:
    """`address` with its prefix length; no error when the link has it."""
    interface = ipaddress.ip_interface(address)
    family = socket.AF_INET if interface.version == 4 else socket.AF_INET6
    body = struct.pack("=BBBBi", family, interface.network.prefixlen, 0, _SCOPE_UNIVERSE, index)
    body += attribute(IFA_LOCAL, interface.packed) + attribute(IFA_ADDRESS, interface.packed)
    return Request(RTM_NEWADDR, _CREATE | _REPLACE, body, f"add address {address}", frozenset({errno.EEXIST}))


def delete_address(index: int, address: str) -> Request:
    interface = ipaddress.ip_interface(address)
    family = socket.AF_INET if interface.version == 4 else socket.AF_INET6
    body = struct.pack("=BBBBi", family, interface.network.prefixlen, 0, 0, index)
    body += attribute(IFA_LOCAL, interface.packed) + attribute(IFA_ADDRESS, interface.packed)
    return Request(RTM_DELADDR, 0, body, f"delete address {address}", frozenset({errno.EADDRNOTAVAIL}))


def add_route(route: Route, *, onlink: bool = False) -> Request:
    """Add or replace. `onlink`: the gateway needs no route of its own."""
    return Request(RTM_NEWROUTE, _CREATE | _REPLACE, _route_body(route, onlink), f"add route to {route.destination}")


def delete_route(route: Route) -> Request:
    """No error when there is none."""
    gone = frozenset({errno.ESRCH})
    return Request(RTM_DELROUTE, 0, _route_body(route, False), f"delete route to {route.destination}", gone)


def add_neighbour(index: int, address: str, mac: str) -> Request:
    """A permanent entry: no ARP for `address`."""
    ip = ipaddress.ip_address(address)
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    body = struct.pack("=BxxxiHBB", family, index, _PERMANENT, 0, _UNICAST)
    body += attribute(NDA_DST, ip.packed) + attribute(NDA_LLADDR, _mac(mac))
    return Request(RTM_NEWNEIGH, _CREATE | _REPLACE, body, f"add neighbour {address}")


def _route_body(route: Route, onlink: bool) -> bytes:
    network = ipaddress.ip_network(route.destination)
    family = socket.AF_INET if network.version == 4 else socket.AF_INET6
    direct = route.device and not route.gateway and network.version == 4
    scope = _SCOPE_LINK if direct else _SCOPE_UNIVERSE
    kind = _UNREACHABLE if route.unreachable else _UNICAST
    flags = _ONLINK if onlink else 0
    body = struct.pack("=BBBBBBBBI", family, network.prefixlen, 0, 0, route.table, route.protocol, scope, kind, flags)
    body += attribute(RTA_DST, network.network_address.packed) if network.prefixlen else b""
    for kind, address in ((RTA_GATEWAY, route.gateway), (RTA_PREFSRC, route.source)):
        body += attribute(kind, ipaddress.ip_address(address).packed) if address else b""
    return body + _number(RTA_OIF, route.device) + _number(RTA_PRIORITY, route.metric)


# The socket


class Netlink(NetlinkSocket):
    """An rtnetlink socket of the network namespace that the calling thread is in now. Not for concurrent use."""

    def __init__(self) -> None:
        super().__init__(ROUTE)

    def apply(self, *requests: Request) -> None:
        """Send a batch; raises NetlinkError for the first request that failed, after all were tried."""
        answers = self.send([(request.type, request.flags, request.body) for request in requests])
        for request, error in zip(requests, answers, strict=True):
            if error is not None and error.errno not in request.tolerate:
                raise NetlinkError(error.errno, f"cannot {request.what}: {error.strerror}")

    def links(self) -> list[Link]:
        header = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0)
        return [_parse_link(body) for body in self.dump(RTM_GETLINK, header)]

    def link(self, name: str) -> Link | None:
        return next((link for link in self.links() if link.name == name), None)

    def addresses(self) -> list[Address]:
        """IPv4 only."""
        header = struct.pack("=BBBBi", socket.AF_INET, 0, 0, 0, 0)
        return [_parse_address(body) for body in self.dump(RTM_GETADDR, header)]

    def routes(self, protocol: int = 0) -> list[Route]:
        """IPv4 routes of the main table; `protocol` PROTOCOL: those made here."""
        header = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)
        found = [_parse_route(body) for body in self.dump(RTM_GETROUTE, header)]
        return [r for r in found if r.table == _TABLE_MAIN and protocol in (0, r.protocol)]


def _parse_link(body: bytes) -> Link:
    _, _, index, flags, _ = struct.unpack_from("=BxHiII", body)
    facts = attributes(body[16:])
    kind = attributes(facts.get(IFLA_LINKINFO, b"")).get(IFLA_INFO_KIND, b"")
    return Link(
        index=index,
        name=facts[IFLA_IFNAME].rstrip(b"\0").decode(),
        up=bool(flags & _IFF_UP),
        mtu=_integer(facts.get(IFLA_MTU)),
        kind=kind.rstrip(b"\0").decode(),
        master=_integer(facts.get(IFLA_MASTER)),
        mac=facts.get(IFLA_ADDRESS, b"").hex(":"),
        alias=facts.get(IFLA_IFALIAS, b"").rstrip(b"\0").decode(errors="replace"),
    )


def _parse_address(body: bytes) -> Address:
    _, prefix, _, _, index = struct.unpack_from("=BBBBi", body)
    facts = attributes(body[8:])
    address = facts.get(IFA_LOCAL) or facts[IFA_ADDRESS]
    return Address(index, f"{ipaddress.ip_address(address)}/{prefix}")


def _parse_route(body: bytes) -> Route:
    _, prefix, _, _, table, protocol, _, kind, _ = struct.unpack_from("=BBBBBBBBI", body)
    facts = attributes(body[12:])
    return Route(
        destination=f"{_ip(facts.get(RTA_DST)) or '0.0.0.0'}/{prefix}",
        gateway=_ip(facts.get(RTA_GATEWAY)),
        device=_integer(facts.get(RTA_OIF)),
        source=_ip(facts.get(RTA_PREFSRC)),
        metric=_integer(facts.get(RTA_PRIORITY)),
        protocol=protocol,
        table=table,
        unreachable=kind == _UNREACHABLE,
    )


def _ip(raw: bytes | None) -> str:
    return str(ipaddress.ip_address(raw)) if raw else ""


def _integer(raw: bytes | None) -> int:
    return struct.unpack("=I", raw)[0] if raw else 0


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _text(kind: int, text: str) -> bytes:
    return attribute(kind, text.encode() + b"\0") if text else b""


def _number(kind: int, number: int) -> bytes:
    return attribute(kind, struct.pack("=I", number)) if number else b""
