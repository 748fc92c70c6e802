"""Rules of a node's pod network: which address a pod gets, which routes lead to other nodes, who has a port."""

import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from wherry.api import Obj

GATEWAY = "169.254.1.1"  # every pod's next hop: the other end of its own link
GATEWAY_MAC = "ee:ee:ee:ee:ee:ee"  # of every pod link's node side, so that pods need no ARP
FIRST_LINK_INDEX = 0x100000  # interface indexes of pod links: far above what the kernel counts up to


POD_SETTINGS: tuple[tuple[str, str], ...] = (
    ("net/ipv4/ip_unprivileged_port_start", "0"),  # any user may listen on port 80, as in other engines
    ("net/ipv4/ping_group_range", "0 2147483647"),  # any user may ping
)
"""Settings under /proc/sys of every pod's namespace, before the pod's own."""


class NetworkError(Exception):
    """A pod's network could not be made. `retryable`: whether trying later may help."""

    retryable = True


class NoAddressLeft(NetworkError):
    """Every address of the node's pod CIDR is in use."""


class PortTaken(NetworkError):
    """Another pod of this node has that host port."""


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port of the node that leads to a pod. `host_ip` "" is every address of the node."""

    host_port: int
    container_port: int
    protocol: str = "TCP"
    host_ip: str = ""


@dataclass(frozen=True, slots=True)
class PodAddress:
    """What a pod was given. `netns_path` is bind-mounted under /run/netns: `ip netns` shows it."""

    ip: str
    netns_path: str


@dataclass(frozen=True, slots=True)
class Record:
    """Everything needed to find, rebuild or remove a pod's network."""

    uid: str
    namespace: str
    name: str
    ip: str
    host_ports: tuple[HostPort, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeRoute:
    """Another node's pods: `destination` (CIDR) through `gateway` (that node's address)."""

    destination: str
    gateway: str


def allocate(pod_cidr: str, used: Collection[str], last: str | None) -> str:
    """The first free address after `last`, going round; so an address rests before it is used again. The network,
    the first host (often a gateway's) and the broadcast address are never given. Raises NoAddressLeft."""
    network = ipaddress.ip_network(pod_cidr)
    low, high = int(network.network_address) + 2, int(network.broadcast_address) - 1
    size = high - low + 1
    start = (int(ipaddress.ip_address(last)) + 1 - low) % size if last and size > 0 else 0
    taken = {int(ipaddress.ip_address(address)) for address in used}
    for step in range(size):
        candidate = low + (start + step) % size
        if candidate not in taken:
            return str(ipaddress.ip_address(candidate))
    raise NoAddressLeft(f"no address left in the pod network {pod_cidr} ({len(taken)} in use)")


def link_index(pod_cidr: str, ip: str) -> int:
    """The interface index of a pod's link in the node's namespace: known beforehand, so one batch can use it."""
    return FIRST_LINK_INDEX + int(ipaddress.ip_address(ip)) - int(ipaddress.ip_network(pod_cidr).network_address)


def link_name(ip: str) -> str:
    """`pod0af40005`: unique on a node, and tells the address."""
    return f"pod{int(ipaddress.ip_address(ip)):08x}"


def pod_mac(ip: str) -> str:
    """A locally administered MAC made from the address, so that the node needs no ARP either."""
    return "0a:58:" + ":".join(f"{octet:02x}" for octet in ipaddress.ip_address(ip).packed)


def port_conflict(wanted: Iterable[HostPort], records: Iterable[Record]) -> str | None:
    """Why `wanted` cannot be given beside what the other pods have; None: it can."""
    taken = [(port, record) for record in records for port in record.host_ports]
    for want in wanted:
        for have, record in taken:
            if _clash(want, have):
                return f"host port {want.host_port}/{want.protocol} is taken by pod {record.namespace}/{record.name}"
    return None


def _clash(a: HostPort, b: HostPort) -> bool:
    same_port = (a.host_port, a.protocol) == (b.host_port, b.protocol)
    anywhere = {a.host_ip, b.host_ip} & {"", "0.0.0.0"}
    return same_port and (a.host_ip == b.host_ip or bool(anywhere))


def routes(nodes: Iterable[Obj], this_node: str) -> frozenset[NodeRoute]:
    """Where the other nodes' pods are. Nodes without a pod CIDR or an address (yet) are left out."""
    return frozenset(route for node in nodes if node["metadata"]["name"] != this_node for route in _node_routes(node))


def pod_cidrs(nodes: Iterable[Obj]) -> frozenset[str]:
    """All nodes' pods, this node's too."""
    return frozenset(cidr for node in nodes for cidr in _pod_cidrs(node))


def _pod_cidrs(node: Obj) -> list[str]:
    """IPv4 only."""
    spec = node.get("spec", {})
    return [cidr for cidr in spec.get("podCIDRs") or [spec.get("podCIDR")] if cidr and ":" not in cidr]


def _node_routes(node: Obj) -> list[NodeRoute]:
    addresses = [a["address"] for a in node.get("status", {}).get("addresses", ()) if a.get("type") == "InternalIP"]
    gateways = [address for address in addresses if ":" not in address]
    return [NodeRoute(cidr, gateway) for cidr in _pod_cidrs(node) for gateway in gateways[:1]]
