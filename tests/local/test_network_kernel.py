"""A machine network made and taken away on the real kernel, inside a namespace that plays the machine."""

import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from wherry.linux import netlink, netns
from wherry.linux.netlink import LinkOptions, Netlink, Peer, Route
from wherry.local.network import LocalNode, MachineNetwork, NetworkConflict, ensure, remove
from wherry.local.network import kernel as shell

pytestmark = pytest.mark.root


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The calling thread is in a namespace that stands for a machine with an uplink and a default route."""
    monkeypatch.setattr(shell, "_FORWARD_BEFORE", tmp_path / "run" / "ip_forward")
    name = f"t{uuid.uuid4().hex[:6]}-machine"
    path = netns.create(name)
    with netns.entered(path):
        Path("/proc/sys/net/ipv4/ip_forward").write_text("0")  # a new namespace takes the machine's
        with Netlink() as kernel:
            kernel.apply(
                netlink.set_link("lo", up=True),
                netlink.add_veth("uplink", Peer("outside", index=11), LinkOptions(index=10, mtu=1400)),
                netlink.set_link(10, up=True),
                netlink.set_link(11, up=True),
                netlink.add_address(10, "198.51.100.2/24"),
                netlink.add_route(Route("0.0.0.0/0", gateway="198.51.100.1", protocol=3)),
            )
        yield name
    netns.delete(name)


@pytest.fixture
def network(machine: str) -> Iterator[MachineNetwork]:
    profile = f"t{uuid.uuid4().hex[:6]}"
    names = [profile, f"{profile}-m02"]
    nodes = tuple(
        LocalNode(name, f"wherry-{profile}-{name}", f"192.168.231.{n + 2}", f"10.231.{n}.0/24")
        for n, name in enumerate(names)
    )
    network = MachineNetwork(profile, "wherry98", "192.168.231.1", "192.168.231.0/24", "10.208.0.0/12", nodes)
    yield network
    remove(network)


def run(*command: str, space: str | None = None) -> str:
    prefix = ("ip", "netns", "exec", space) if space else ()
    return subprocess.run([*prefix, *command], capture_output=True, text=True, check=True).stdout


def answers(space: str, address: str) -> bool:
    """Whether a UDP port that nobody listens on there is refused: packets go to the address and back."""
    script = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2); s.connect(("{address}", 9))
s.send(b"x")
try: s.recv(1)
except ConnectionRefusedError: print("refused")
"""
    return "refused" in run("python3", "-c", script, space=space)


def state() -> tuple[object, ...]:
    """Of the machine, without what settles by itself (a link's carrier)."""
    with Netlink() as kernel:
        links = [(link.index, link.name, link.mac, link.up, link.master) for link in kernel.links()]
        addresses, routes = kernel.addresses(), kernel.routes()
    forwarding = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    return links, addresses, set(routes), run("nft", "list", "ruleset"), forwarding


def test_nodes_reach_the_host_and_each_other(network: MachineNetwork) -> None:
    ensure(network)
    first, second = network.nodes
    assert answers(first.netns, "192.168.231.1")
    assert answers(first.netns, second.address)
    assert answers(second.netns, first.address)


def test_a_node_is_ready_for_pods_and_services(network: MachineNetwork) -> None:
    ensure(network)
    space = network.nodes[0].netns
    assert "default via 192.168.231.1 dev eth0" in run("ip", "route", space=space)
    assert "LOWER_UP" in run("ip", "-br", "link", "show", "lo", space=space)
    with netns.entered(space):
        for setting, value in (("ip_forward", "1"), ("conf/all/rp_filter", "2"), ("conf/all/route_localnet", "1")):
            assert Path("/proc/sys/net/ipv4", setting).read_text().strip() == value
    assert "mtu 1400" in run("ip", "link", "show", "eth0", space=space), "the uplink's"


def test_again_it_changes_nothing(network: MachineNetwork) -> None:
    ensure(network)
    before = state()
    ensure(network)
    assert state() == before


@pytest.mark.parametrize(
    "harm",
    [
        "ip link delete wherry98",
        "ip link delete wherry98-2",
        "ip link set wherry98 down",
        "ip route del 10.208.0.0/12",
        "nft flush ruleset",
        "ip netns delete wherry-{profile}-{profile}",
        "ip netns exec wherry-{profile}-{profile} ip link set eth0 down",
    ],
)
def test_what_was_harmed_is_made_whole(network: MachineNetwork, harm: str) -> None:
    ensure(network)
    run("sh", "-c", harm.format(profile=network.profile))
    ensure(network)
    first, second = network.nodes
    assert answers(first.netns, second.address)
    assert "10.208.0.0/12 via 192.168.231.2" in run("ip", "route")
    assert "masquerade" in run("nft", "list", "ruleset")


def test_removing_leaves_the_machine_as_it_was(network: MachineNetwork) -> None:
    before = state()
    ensure(network)
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text().strip() == "1"
    remove(network)
    assert state() == before
    assert netns.names(f"wherry-{network.profile}") == []
    remove(network)


def test_forwarding_that_was_on_stays_on(network: MachineNetwork) -> None:
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    ensure(network)
    remove(network)
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text().strip() == "1"


def test_a_second_cluster_keeps_forwarding(network: MachineNetwork) -> None:
    other = MachineNetwork("other", "wherry97", "192.168.232.1", "192.168.232.0/24", "10.224.0.0/13", ())
    ensure(network)
    ensure(other)
    remove(network)
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text().strip() == "1"
    remove(other)
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text().strip() == "0"


def test_half_of_it_is_removed_too(network: MachineNetwork) -> None:
    before = state()
    netns.create(network.nodes[1].netns)
    run("ip", "link", "add", "wherry98", "type", "bridge")
    remove(network)
    assert state() == before
    assert not netns.exists(network.nodes[1].netns)


def test_pods_namespaces_go_with_their_node(network: MachineNetwork) -> None:
    ensure(network)
    pod = f"{network.nodes[0].netns}.1234"
    netns.create(pod)
    remove(network)
    assert not netns.exists(pod)


def test_a_bridge_of_somebody_else_is_left_alone(network: MachineNetwork) -> None:
    run("ip", "link", "add", "wherry98", "type", "bridge")
    run("ip", "link", "set", "wherry98", "alias", "wherry profile theirs")
    with pytest.raises(NetworkConflict, match="theirs"):
        ensure(network)
    remove(network)
    assert "wherry98" in run("ip", "link")
    run("ip", "link", "del", "wherry98")


def test_a_network_in_use_is_refused_before_anything_is_made(network: MachineNetwork) -> None:
    run("ip", "addr", "add", "192.168.231.77/24", "dev", "uplink")
    before = state()
    with pytest.raises(NetworkConflict, match="uplink"):
        ensure(network)
    assert state() == before


def test_without_a_default_route_nothing_is_masqueraded(network: MachineNetwork) -> None:
    run("ip", "route", "del", "default")
    ensure(network)
    assert "masquerade" not in run("nft", "list", "ruleset")
    assert answers(network.nodes[0].netns, network.nodes[1].address)


def test_nodes_reach_the_outside_as_the_machine(network: MachineNetwork) -> None:
    """The uplink's other end becomes a neighbour that knows no route to the machine network."""
    neighbour = f"t{uuid.uuid4().hex[:6]}-outside"
    netns.create(neighbour)
    try:
        run("ip", "link", "set", "outside", "netns", neighbour)
        run("ip", "addr", "add", "198.51.100.1/24", "dev", "outside", space=neighbour)
        run("ip", "link", "set", "outside", "up", space=neighbour)
        ensure(network)
        assert answers(network.nodes[1].netns, "198.51.100.1")
    finally:
        netns.delete(neighbour)


@pytest.mark.parametrize("iptables", ["iptables-nft", "iptables-legacy"])
class TestHostFirewall:
    """As Docker leaves it: forwarding is dropped unless somebody allows it."""

    @pytest.fixture(autouse=True)
    def program(self, iptables: str) -> None:
        if shutil.which(iptables) is None:
            pytest.skip(f"no {iptables} here")

    def test_nodes_reach_each_other_and_the_machine(self, network: MachineNetwork, iptables: str) -> None:
        Path("/proc/sys/net/bridge/bridge-nf-call-iptables").write_text("1")
        for chain in ("FORWARD", "INPUT"):
            run(iptables, "-P", chain, "DROP")
        ensure(network)
        ensure(network)
        assert answers(network.nodes[0].netns, network.nodes[1].address)
        assert answers(network.nodes[0].netns, "192.168.231.1")
        assert run(iptables, "-S").count("wherry98") == 3

    def test_its_rules_go_with_the_cluster(self, network: MachineNetwork, iptables: str) -> None:
        run(iptables, "-P", "FORWARD", "DROP")
        run(iptables, "-A", "FORWARD", "-i", "docker0", "-j", "ACCEPT")
        before = run(iptables, "-S")
        ensure(network)
        assert run(iptables, "-S") != before
        remove(network)
        assert run(iptables, "-S") == before

    def test_a_firewall_that_lets_through_is_not_touched(self, network: MachineNetwork, iptables: str) -> None:
        run(iptables, "-A", "FORWARD", "-i", "docker0", "-j", "DROP")
        before = run(iptables, "-S")
        ensure(network)
        assert run(iptables, "-S") == before


def test_a_machine_without_a_firewall_gets_none(network: MachineNetwork) -> None:
    ensure(network)
    assert "filter" not in run("nft", "list", "tables").split()
    names = Path("/proc/thread-self/net/ip_tables_names")
    assert not names.exists() or names.read_text() == ""


def test_a_service_address_without_a_service_is_refused(network: MachineNetwork) -> None:
    """It would go round between the machine and the first node."""
    ensure(network)
    with socket.socket() as client:
        client.settimeout(2)
        with pytest.raises(OSError, match="No route to host"):
            client.connect(("10.208.7.7", 80))
