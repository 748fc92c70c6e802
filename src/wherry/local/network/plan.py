"""Rules of a local cluster's network: everything that must be there, from its configuration and the host's facts."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


class NetworkConflict(Exception):
    """Something else on this machine uses what the cluster needs; the message says what and the remedy."""


@dataclass(frozen=True, slots=True)
class LocalNode:
    """A node in a network namespace of this machine."""

    name: str
    netns: str
    address: str
    pod_cidr: str


@dataclass(frozen=True, slots=True)
class MachineNetwork:
    """The network of one profile. `gateway` is the host's address on `network`, held by `bridge`."""

    profile: str
    bridge: str
    gateway: str
    network: str
    service_cidr: str
    nodes: tuple[LocalNode, ...]

    @property
    def table(self) -> str:
        """The nftables table on the host."""
        return f"wherry-{self.profile}"

    @property
    def alias(self) -> str:
        """Marks the bridge as this profile's."""
        return f"wherry profile {self.profile}"

    @property
    def prefix_length(self) -> int:
        return ipaddress.ip_network(self.network).prefixlen


class ClusterAddresses(Protocol):
    """What of a ClusterConfig matters here."""

    @property
    def profile(self) -> str: ...
    @property
    def bridge(self) -> str: ...
    @property
    def gateway(self) -> str: ...
    @property
    def machine_network(self) -> str: ...
    @property
    def service_cidr(self) -> str: ...
    @property
    def nodes(self) -> Sequence["NodeAddresses"]: ...


class NodeAddresses(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def netns(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def pod_cidr(self) -> str: ...


def machine_network(config: ClusterAddresses) -> MachineNetwork:
    """The network that a cluster's configuration asks for."""
    nodes = tuple(LocalNode(node.name, node.netns, node.address, node.pod_cidr) for node in config.nodes)
    return MachineNetwork(
        profile=config.profile,
        bridge=config.bridge,
        gateway=config.gateway,
        network=config.machine_network,
        service_cidr=config.service_cidr,
        nodes=nodes,
    )


@dataclass(frozen=True, slots=True)
class HostRoute:
    destination: str
    gateway: str


@dataclass(frozen=True, slots=True)
class Present:
    """What the host has now, as far as it matters. `alias` is that of the bridge, "" when there is none yet;
    `networks`: (network, device) of every address; `routes`: (destination, device) of every route not made here."""

    alias: str
    networks: tuple[tuple[str, str], ...]
    routes: tuple[tuple[str, str], ...]


def conflict(wanted: MachineNetwork, present: Present) -> str | None:
    """What is in the way, in words with the remedy; None: nothing."""
    if present.alias not in ("", wanted.alias):
        return f"the link {wanted.bridge} belongs to {present.alias}; delete that cluster or choose another profile"
    machine = ipaddress.ip_network(wanted.network)
    for network, device in present.networks:
        if device != wanted.bridge and ipaddress.ip_network(network, strict=False).overlaps(machine):
            return f"the link {device} already has the network {network}, which {wanted.network} would overlap"
    destinations = {route.destination for route in host_routes(wanted)}
    for destination, device in present.routes:
        if destination in destinations and device != wanted.bridge:
            return f"this machine already has a route to {destination} (through {device})"
    return None


def host_routes(network: MachineNetwork) -> list[HostRoute]:
    """Pods through their own node, services through the first."""
    routes = [HostRoute(node.pod_cidr, node.address) for node in network.nodes]
    routes += [HostRoute(network.service_cidr, node.address) for node in network.nodes[:1]]
    return routes


def host_link(network: MachineNetwork, node: LocalNode) -> str:
    """The bridge's end of a node's link: `wherry0-2` for 192.168.49.2."""
    offset = int(ipaddress.ip_address(node.address)) - int(ipaddress.ip_network(network.network).network_address)
    return f"{network.bridge}-{offset}"


def mac(address: str) -> str:
    """A locally administered MAC that follows from the address: it stays when a link is made anew, and a bridge with
    a MAC of its own does not take another's when a member joins."""
    return "02:57:" + ipaddress.ip_address(address).packed.hex(":")


def is_node_namespace(profile: str, name: str) -> bool:
    """Whether a namespace is a node's of that profile, or a pod's on one. Node names are `<profile>` and
    `<profile>-m<number>`; a pod's namespace is its node's with a dot and an id."""
    own = re.escape(profile)
    return re.fullmatch(rf"wherry-{own}-{own}(-m\d+)?(\..+)?", name) is not None


NODE_SETTINGS: tuple[tuple[str, str], ...] = (
    ("net/ipv4/ip_forward", "1"),
    ("net/ipv4/conf/all/rp_filter", "2"),  # loose: answers may come by another way than requests went
    ("net/ipv4/conf/default/rp_filter", "2"),
    ("net/ipv4/conf/all/route_localnet", "1"),  # node ports on 127.0.0.1
    ("net/ipv4/conf/all/send_redirects", "0"),  # a service leads back out of the link that it came in by
    ("net/ipv4/conf/default/send_redirects", "0"),
    ("net/ipv4/conf/eth0/send_redirects", "0"),
    ("net/bridge/bridge-nf-call-iptables", "1"),  # for bridges that somebody makes inside a node
    ("net/ipv4/ping_group_range", "0 2147483647"),
)
"""Settings under /proc/sys of every node's namespace; those that the kernel does not have are left out."""


def masquerade(network: MachineNetwork) -> str:
    """The host's table: what leaves the machine network for the outside gets the host's address."""
    return f"""
add table ip {network.table}
delete table ip {network.table}
table ip {network.table} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {network.network} oifname != "{network.bridge}" masquerade
  }}
}}
"""


def node_table(network: MachineNetwork) -> str:
    """A node's table: the machine sends all service addresses to the first node, and its default route leads back to
    the machine, so an address that no service has would go round. It is refused instead."""
    return f"""
add table ip wherry-node
delete table ip wherry-node
table ip wherry-node {{
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname "eth0" ip daddr {network.service_cidr} reject with icmp host-unreachable
  }}
}}
"""


def stale_links(network: MachineNetwork, names: Iterable[str]) -> list[str]:
    """Of the host's links, those that are this cluster's node links."""
    return [name for name in names if re.fullmatch(rf"{re.escape(network.bridge)}-\d+", name)]
