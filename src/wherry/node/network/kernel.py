"""The kernel's side of a node's pod network. Everything here blocks and runs in threads of the node's namespace.

A link takes two batches of requests, one in each namespace. Interface indexes and MACs follow from the address, so
nothing has to be asked in between, and every step may be repeated: a half-made link is completed.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wherry.linux import netlink, netns
from wherry.linux.netlink import LinkOptions, Netlink, Peer, Request, Route
from wherry.linux.nft import Nft
from wherry.node.network import plan, rules
from wherry.node.network.plan import NetworkError, Record

_LO, _ETH0 = 1, 2  # interface indexes in a pod


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """`state_dir` is the node's; files go to `<state_dir>/network`. `netns_prefix` names the pods' namespaces
    (`<prefix>.<uid>`): the name of the node's own namespace. `netns`: path of the node's network namespace, when the
    calling process is not in it. `mtu` 0: that of the link with the node's address."""

    state_dir: Path
    pod_cidr: str
    node_ip: str
    netns_prefix: str
    netns: str | None = None
    mtu: int = 0


class NodeKernel:
    """Links, namespaces and rules of one node. Raises OSError and NftError."""

    def __init__(self, config: NetworkConfig) -> None:
        self._config = config
        self._mtu = config.mtu
        self._nft: Nft | None = None

    def namespace(self, record: Record) -> Path:
        return netns.path_of(self._name(record))

    def open(self, records: Iterable[Record]) -> None:
        """Make the node's own rules and routes anew."""
        config = self._config
        self._nft = Nft()
        self.apply(rules.table(config.pod_cidr, config.node_ip, records))
        with Netlink() as kernel:
            # a pod that is gone: refuse at once instead of sending its packets along the default route
            kernel.apply(netlink.add_route(Route(config.pod_cidr, unreachable=True)))
            self._mtu = config.mtu or _mtu_of(kernel, config.node_ip)

    def close(self) -> None:
        if self._nft is not None:
            self._nft.close()

    def apply(self, text: str) -> None:
        assert self._nft is not None
        self._nft.run(text)

    def reconnect(self, records: Iterable[Record]) -> None:
        """Give links back to pods that lost them (the node's namespace was made anew); remove namespaces that belong
        to no record. A pod without its namespace stays so: its containers are gone too."""
        wanted = {self._name(record): record for record in records}
        for name in set(netns.names(f"{self._config.netns_prefix}.")) - wanted.keys():
            netns.delete(name)
        with Netlink() as kernel:
            links = {link.name for link in kernel.links()}
        for name, record in wanted.items():
            if plan.link_name(record.ip) not in links and netns.exists(name):
                self.connect(record)

    def connect(self, record: Record) -> None:
        path, made = netns.ensure(self._name(record))
        with netns.entered(path):
            inside = Netlink()
            if made:
                _write_settings()
        with inside, Netlink() as node:
            linked = not made and inside.link("eth0") is not None
            index = plan.link_index(self._config.pod_cidr, record.ip)
            if not linked:
                self._make_pair(node, record, index)
            node.apply(
                netlink.no_link_local(index),
                netlink.set_link(index, up=True),
                netlink.add_neighbour(index, record.ip, plan.pod_mac(record.ip)),
                netlink.add_route(Route(f"{record.ip}/32", device=index, source=self._config.node_ip)),
            )
            inside.apply(*_pod_side(record))

    def disconnect(self, record: Record) -> None:
        """The kernel takes the link down with the namespace, a moment later and together with others: that is cheaper
        than waiting for each. The route goes now."""
        with Netlink() as kernel:
            index = plan.link_index(self._config.pod_cidr, record.ip)
            kernel.apply(netlink.delete_route(Route(f"{record.ip}/32", device=index)))
        netns.delete(self._name(record))

    def _make_pair(self, node: Netlink, record: Record, index: int) -> None:
        """A link of that name still leads to an earlier pod's namespace, which is on its way out."""
        space = os.open(self.namespace(record), os.O_RDONLY | os.O_CLOEXEC)
        name = plan.link_name(record.ip)
        peer = Peer("eth0", _ETH0, space, plan.pod_mac(record.ip))
        options = LinkOptions(index=index, mtu=self._mtu, mac=plan.GATEWAY_MAC)
        try:
            node.apply(netlink.delete_link(name), netlink.add_veth(name, peer, options))
        finally:
            os.close(space)

    def _name(self, record: Record) -> str:
        return f"{self._config.netns_prefix}.{record.uid}"


def _write_settings() -> None:
    """Of the namespace that the thread is in."""
    for setting, value in plan.POD_SETTINGS:
        Path("/proc/sys", setting).write_text(value)


def _pod_side(record: Record) -> list[Request]:
    return [
        netlink.set_link(_LO, up=True),
        netlink.no_link_local(_ETH0),
        netlink.set_link(_ETH0, up=True),
        netlink.add_address(_ETH0, f"{record.ip}/32"),
        netlink.add_neighbour(_ETH0, plan.GATEWAY, plan.GATEWAY_MAC),
        netlink.add_route(Route(f"{plan.GATEWAY}/32", device=_ETH0)),
        netlink.add_route(Route("0.0.0.0/0", gateway=plan.GATEWAY, device=_ETH0)),
    ]


def _mtu_of(kernel: Netlink, address: str) -> int:
    """The MTU of the link that has `address`."""
    indexes = {a.index for a in kernel.addresses() if a.address.split("/")[0] == address}
    found = next((link.mtu for link in kernel.links() if link.index in indexes), 0)
    if not found:
        raise NetworkError(f"no link of this node has its address {address}")
    return found
