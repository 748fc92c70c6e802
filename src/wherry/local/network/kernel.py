"""Makes a local cluster's network true on this machine, and takes it away."""

import errno
import logging
import os
from pathlib import Path

from wherry.linux import netlink, netns
from wherry.linux.netlink import LinkOptions, Netlink, Peer, Route
from wherry.linux.nft import Nft
from wherry.local.network import firewall, plan
from wherry.local.network.plan import LocalNode, MachineNetwork, NetworkConflict

log = logging.getLogger(__name__)

_SYSCTL = Path("/proc/sys")
_FORWARD = _SYSCTL / "net/ipv4/ip_forward"
_FORWARD_BEFORE = Path("/run/wherry/ip_forward")  # what it was before the first cluster; gone at boot as it is


def ensure(network: MachineNetwork) -> None:
    """Make what is missing. Raises NetworkConflict, NetlinkError, NftError, PermissionError."""
    with Netlink() as kernel:
        problem = plan.conflict(network, _present(kernel, network))
        if problem:
            raise NetworkConflict(problem)
        uplink = _uplink(kernel)
        mtu = uplink.mtu if uplink else 1500
        bridge = _ensure_bridge(kernel, network, mtu)
        for node in network.nodes:
            _ensure_node(kernel, network, node, LinkOptions(mtu=mtu, master=bridge))
        _ensure_routes(kernel, network, bridge)
    _ensure_forwarding()
    firewall.allow(network.bridge)
    if uplink:
        _run_nft(plan.masquerade(network))


def remove(network: MachineNetwork) -> None:
    """Take everything away, whatever of it is there; other clusters' and other programs' things stay."""
    for name in netns.names(f"wherry-{network.profile}-"):
        if plan.is_node_namespace(network.profile, name):
            netns.delete(name)
    with Netlink() as kernel:
        bridge = kernel.link(network.bridge)
        mine = bridge is None or bridge.alias in ("", network.alias)
        if mine:
            names = plan.stale_links(network, (link.name for link in kernel.links()))
            kernel.apply(*(netlink.delete_link(name) for name in (*names, network.bridge)))
        others = any(link.alias.startswith("wherry profile ") for link in kernel.links())
    _run_nft(f"add table ip {network.table}\ndelete table ip {network.table}")
    if mine:
        firewall.forget(network.bridge)
    if not others:
        _restore_forwarding()
    netns.release_directory()


def _present(kernel: Netlink, network: MachineNetwork) -> plan.Present:
    links = {link.index: link for link in kernel.links()}
    names = {index: link.name for index, link in links.items()}
    bridge = next((link for link in links.values() if link.name == network.bridge), None)
    return plan.Present(
        alias=bridge.alias if bridge else "",
        networks=tuple((a.address, names.get(a.index, "?")) for a in kernel.addresses()),
        routes=tuple(
            (r.destination, names.get(r.device, "?")) for r in kernel.routes() if r.protocol != netlink.PROTOCOL
        ),
    )


def _uplink(kernel: Netlink) -> netlink.Link | None:
    """The link of the machine's default route."""
    defaults = sorted((r for r in kernel.routes() if r.destination == "0.0.0.0/0"), key=lambda r: r.metric)
    links = {link.index: link for link in kernel.links()}
    return next((links[r.device] for r in defaults if r.device in links), None)


def _ensure_bridge(kernel: Netlink, network: MachineNetwork, mtu: int) -> int:
    """Its interface index."""
    if kernel.link(network.bridge) is None:
        options = LinkOptions(mtu=mtu, mac=plan.mac(network.gateway))
        kernel.apply(netlink.add_bridge(network.bridge, options).tolerating(errno.EEXIST))
    bridge = kernel.link(network.bridge)
    assert bridge is not None
    address = f"{network.gateway}/{network.prefix_length}"
    kernel.apply(
        netlink.set_link(bridge.index, up=True, alias=network.alias), netlink.add_address(bridge.index, address)
    )
    return bridge.index


def _ensure_node(kernel: Netlink, network: MachineNetwork, node: LocalNode, options: LinkOptions) -> None:
    path, _ = netns.ensure(node.netns)
    name = plan.host_link(network, node)
    with netns.entered(path), Netlink() as inside:
        if inside.link("eth0") is None or kernel.link(name) is None:
            _make_pair(kernel, name, path, options, plan.mac(node.address))
        _raise_link(kernel, name, options.master)
        _configure_node(inside, network, node)


def _make_pair(kernel: Netlink, name: str, path: Path, options: LinkOptions, mac: str) -> None:
    """`name` here, eth0 in the namespace. A link of that name leads to a namespace that is no more."""
    space = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        kernel.apply(netlink.delete_link(name), netlink.add_veth(name, Peer("eth0", netns=space, mac=mac), options))
    finally:
        os.close(space)


def _raise_link(kernel: Netlink, name: str, master: int) -> int:
    """Bring a link up without an IPv6 address of its own; its index."""
    link = kernel.link(name)
    assert link is not None
    if not link.up:
        kernel.apply(netlink.no_link_local(link.index))
    kernel.apply(netlink.set_link(link.index, up=True, master=master))
    return link.index


def _configure_node(kernel: Netlink, network: MachineNetwork, node: LocalNode) -> None:
    """In the node's namespace."""
    eth0 = _raise_link(kernel, "eth0", 0)
    kernel.apply(
        netlink.set_link("lo", up=True),
        netlink.add_address(eth0, f"{node.address}/{network.prefix_length}"),
        netlink.add_route(Route("0.0.0.0/0", gateway=network.gateway, device=eth0)),
    )
    for setting, value in plan.NODE_SETTINGS:
        try:
            (_SYSCTL / setting).write_text(value)
        except FileNotFoundError:
            log.debug("this kernel has no %s", setting)
    _run_nft(plan.node_table(network))


def _ensure_routes(kernel: Netlink, network: MachineNetwork, bridge: int) -> None:
    wanted = {Route(r.destination, gateway=r.gateway, device=bridge) for r in plan.host_routes(network)}
    have = {r for r in kernel.routes(netlink.PROTOCOL) if r.device == bridge}
    kernel.apply(
        *(netlink.delete_route(route) for route in have - wanted),
        *(netlink.add_route(route) for route in wanted - have),
    )


def _ensure_forwarding() -> None:
    if _FORWARD.read_text().strip() == "1":
        return
    _FORWARD_BEFORE.parent.mkdir(parents=True, exist_ok=True)
    _FORWARD_BEFORE.write_text("0")
    _FORWARD.write_text("1")


def _restore_forwarding() -> None:
    if not _FORWARD_BEFORE.exists():
        return
    _FORWARD.write_text(_FORWARD_BEFORE.read_text())
    _FORWARD_BEFORE.unlink()
    try:
        _FORWARD_BEFORE.parent.rmdir()
    except OSError:
        pass  # something else is kept there


def _run_nft(text: str) -> None:
    nft = Nft()
    try:
        nft.run(text)
    finally:
        nft.close()
