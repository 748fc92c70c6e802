"""Pods' networks on the real kernel: two nodes on a machine of namespaces."""

import asyncio
import json
import socket
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from netlab import Lab, ask, ask_udp, outside, run

from wherry.linux import netns
from wherry.node.network import (
    HostPort,
    NetworkConfig,
    NetworkError,
    NoAddressLeft,
    NodeRoutes,
    PodAddress,
    PodNetwork,
    PortTaken,
)

pytestmark = pytest.mark.root


def config(lab: Lab, tmp_path: Path, number: int = 0, pod_cidr: str = "") -> NetworkConfig:
    node = lab.nodes[number]
    return NetworkConfig(
        state_dir=tmp_path / node.name,
        pod_cidr=pod_cidr or node.pod_cidr,
        node_ip=node.address,
        netns_prefix=node.netns,
        netns=str(netns.path_of(node.netns)),
    )


@pytest.fixture
async def networks(lab: Lab, tmp_path: Path) -> AsyncIterator[list[PodNetwork]]:
    networks = [PodNetwork(config(lab, tmp_path, number)) for number in (0, 1)]
    for network in networks:
        await network.recover(())
    yield networks
    for network in networks:
        await network.close()


async def pod(network: PodNetwork, name: str = "web", host_ports: tuple[HostPort, ...] = ()) -> PodAddress:
    return await network.setup(str(uuid.uuid4()), "default", name, host_ports)


async def connect_nodes(lab: Lab) -> None:
    nodes = [
        {
            "metadata": {"name": node.name},
            "spec": {"podCIDR": node.pod_cidr},
            "status": {"addresses": [{"type": "InternalIP", "address": node.address}]},
        }
        for node in lab.nodes
    ]
    for node in lab.nodes:
        await NodeRoutes(None, node.name, netns=str(netns.path_of(node.netns))).sync(nodes)


async def test_a_pod_has_one_address_and_its_loopback(networks: list[PodNetwork]) -> None:
    address = await pod(networks[0])
    assert address.ip == "10.230.0.2"
    space = Path(address.netns_path).name
    assert "inet 10.230.0.2/32" in run("ip", "-4", "addr", "show", "eth0", space=space)
    assert "inet 127.0.0.1/8" in run("ip", "-4", "addr", "show", "lo", space=space)
    assert run("ip", "route", space=space).splitlines()[0].startswith("default via 169.254.1.1 dev eth0")
    assert "mtu 1400" in run("ip", "link", "show", "eth0", space=space), "the node's own"


async def test_any_user_may_listen_on_low_ports(networks: list[PodNetwork]) -> None:
    address = await pod(networks[0])
    script = "import os, socket; os.setuid(65534); socket.socket().bind(('0.0.0.0', 80)); print('bound')"
    assert run("python3", "-c", script, space=Path(address.netns_path).name) == "bound\n"


async def test_pods_reach_each_other_and_see_true_addresses(lab: Lab, networks: list[PodNetwork]) -> None:
    await connect_nodes(lab)
    one, two, far = await pod(networks[0]), await pod(networks[0]), await pod(networks[1])
    for server, name in ((one, "one"), (two, "two"), (far, "far")):
        lab.serve(server.netns_path, name, 80)
    assert ask(one.netns_path, two.ip, 80) == ("two", one.ip)
    assert ask(one.netns_path, far.ip, 80) == ("far", one.ip)
    assert ask(far.netns_path, one.ip, 80) == ("one", far.ip)
    assert ask(one.netns_path, one.ip, 80) == ("one", one.ip)


async def test_nodes_and_the_machine_reach_pods(lab: Lab, networks: list[PodNetwork]) -> None:
    await connect_nodes(lab)
    near = await pod(networks[0])
    lab.serve(near.netns_path, "near", 80)
    assert ask(lab.nodes[0].netns, near.ip, 80) == ("near", lab.nodes[0].address)
    assert ask(lab.nodes[1].netns, near.ip, 80) == ("near", lab.nodes[1].address)
    assert ask(lab.machine, near.ip, 80) == ("near", "192.168.230.1")


async def test_a_pod_reaches_its_node_and_the_outside(lab: Lab, networks: list[PodNetwork]) -> None:
    beyond = outside(lab)
    lab.serve(beyond, "beyond", 80)
    lab.serve(lab.nodes[0].netns, "node", 80)
    one = await pod(networks[0])
    assert ask(one.netns_path, "198.51.100.1", 80) == ("beyond", "198.51.100.2")
    assert ask(one.netns_path, lab.nodes[0].address, 80) == ("node", one.ip)


async def test_an_address_without_a_pod_refuses_at_once(lab: Lab, networks: list[PodNetwork]) -> None:
    one = await pod(networks[0])
    with pytest.raises(OSError, match="No route to host"):
        ask(one.netns_path, "10.230.0.200", 80)


async def test_the_same_pod_keeps_its_address(networks: list[PodNetwork]) -> None:
    first = await networks[0].setup("uid-1", "default", "web")
    await pod(networks[0])
    assert await networks[0].setup("uid-1", "default", "web") == first
    assert networks[0].address("uid-1") == first
    assert networks[0].address("nobody") is None


async def test_teardown_takes_everything_back(lab: Lab, networks: list[PodNetwork]) -> None:
    network = networks[0]
    address = await network.setup("uid-1", "default", "web", (HostPort(8080, 80),))
    await network.teardown("uid-1")
    assert not Path(address.netns_path).exists()
    assert network.address("uid-1") is None
    assert address.ip + " " not in run("ip", "route", space=lab.nodes[0].netns)
    assert "8080" not in run("nft", "list", "table", "ip", "wherry-pods", space=lab.nodes[0].netns)
    await network.teardown("uid-1")


async def test_an_address_is_given_again_right_after_its_pod(lab: Lab, tmp_path: Path) -> None:
    """A network of one address: the dying link of the pod before must not be in the way."""
    network = PodNetwork(config(lab, tmp_path, pod_cidr="10.230.0.0/30"))
    await network.recover(())
    try:
        for turn in range(5):
            address = await network.setup(f"uid-{turn}", "default", "web")
            lab.serve(address.netns_path, f"turn{turn}", 80)
            assert ask(lab.nodes[0].netns, address.ip, 80)[0] == f"turn{turn}"
            with pytest.raises(NoAddressLeft):
                await network.setup("one-too-many", "default", "web")
            await network.teardown(f"uid-{turn}")
    finally:
        await network.close()


async def test_many_at_once_get_different_addresses(networks: list[PodNetwork]) -> None:
    addresses = await asyncio.gather(*(pod(networks[0], f"web-{n}") for n in range(50)))
    assert len({address.ip for address in addresses}) == 50
    assert all(netns.exists(address.netns_path) for address in addresses)


class TestHostPorts:
    async def test_they_lead_to_the_pod_from_everywhere(self, lab: Lab, networks: list[PodNetwork]) -> None:
        await connect_nodes(lab)
        node = lab.nodes[0]
        web = await pod(networks[0], "web", (HostPort(8080, 80), HostPort(5353, 53, "UDP")))
        near, far = await pod(networks[0]), await pod(networks[1])
        lab.serve(web.netns_path, "web", 80)
        lab.serve(web.netns_path, "dns", 53, udp=True)
        assert ask(lab.machine, node.address, 8080) == ("web", "192.168.230.1")
        assert ask(near.netns_path, node.address, 8080) == ("web", near.ip)
        assert ask(far.netns_path, node.address, 8080)[0] == "web"
        assert ask(node.netns, node.address, 8080)[0] == "web"
        assert ask(node.netns, "127.0.0.1", 8080) == ("web", node.address)
        assert ask(web.netns_path, node.address, 8080) == ("web", node.address), "a pod through its own host port"
        assert ask_udp(lab.machine, node.address, 5353)[0] == "dns"

    async def test_one_of_a_certain_address_is_there_only(self, lab: Lab, networks: list[PodNetwork]) -> None:
        node = lab.nodes[0]
        web = await pod(networks[0], "web", (HostPort(8080, 80, "TCP", "127.0.0.1"),))
        lab.serve(web.netns_path, "web", 80)
        assert ask(node.netns, "127.0.0.1", 8080)[0] == "web"
        with pytest.raises(ConnectionRefusedError):
            ask(lab.machine, node.address, 8080)

    async def test_a_taken_one_is_refused_and_leaves_nothing(self, lab: Lab, networks: list[PodNetwork]) -> None:
        await pod(networks[0], "first", (HostPort(8080, 80),))
        with pytest.raises(PortTaken, match="host port 8080/TCP is taken by pod default/first"):
            await networks[0].setup("uid-2", "default", "second", (HostPort(8080, 81),))
        assert networks[0].address("uid-2") is None
        assert not netns.exists(f"{lab.nodes[0].netns}.uid-2")


class TestRestart:
    async def restarted(self, network: PodNetwork, live: set[str]) -> PodNetwork:
        await network.close()
        again = PodNetwork(network.config)
        await again.recover(live)
        return again

    async def test_live_pods_keep_addresses_links_and_ports(self, lab: Lab, networks: list[PodNetwork]) -> None:
        before = await networks[0].setup("uid-1", "default", "web", (HostPort(8080, 80),))
        lab.serve(before.netns_path, "web", 80)
        networks[0] = await self.restarted(networks[0], {"uid-1"})
        assert networks[0].address("uid-1") == before
        assert ask(lab.machine, lab.nodes[0].address, 8080)[0] == "web"
        other = await networks[0].setup("uid-2", "default", "web")
        assert other.ip != before.ip

    async def test_pods_that_are_gone_are_forgotten(self, lab: Lab, networks: list[PodNetwork]) -> None:
        gone = await networks[0].setup("uid-1", "default", "web", (HostPort(8080, 80),))
        networks[0] = await self.restarted(networks[0], set())
        assert networks[0].address("uid-1") is None
        assert not Path(gone.netns_path).exists()
        assert await networks[0].setup("uid-2", "default", "web", (HostPort(8080, 80),))

    async def test_a_namespace_that_nobody_remembers_is_removed(self, lab: Lab, networks: list[PodNetwork]) -> None:
        stray = f"{lab.nodes[0].netns}.stray"
        netns.create(stray)
        networks[0] = await self.restarted(networks[0], set())
        assert not netns.exists(stray)
        assert netns.exists(lab.nodes[0].netns)

    async def test_a_lost_link_is_made_anew(self, lab: Lab, networks: list[PodNetwork]) -> None:
        address = await networks[0].setup("uid-1", "default", "web")
        lab.serve(address.netns_path, "web", 80)
        run("ip", "link", "del", "pod0ae60002", space=lab.nodes[0].netns)
        networks[0] = await self.restarted(networks[0], {"uid-1"})
        assert ask(lab.nodes[0].netns, address.ip, 80)[0] == "web"

    async def test_a_lost_namespace_is_made_anew_with_the_same_address(self, networks: list[PodNetwork]) -> None:
        address = await networks[0].setup("uid-1", "default", "web")
        netns.delete(address.netns_path)
        networks[0] = await self.restarted(networks[0], {"uid-1"})
        assert await networks[0].setup("uid-1", "default", "web") == address
        assert netns.exists(address.netns_path)

    async def test_a_half_made_pod_is_completed(self, lab: Lab, networks: list[PodNetwork]) -> None:
        address = await networks[0].setup("uid-1", "default", "web")
        space = Path(address.netns_path).name
        run("ip", "route", "flush", "table", "main", space=space)
        run("ip", "addr", "flush", "dev", "eth0", space=space)
        await networks[0].setup("uid-1", "default", "web")
        lab.serve(address.netns_path, "web", 80)
        assert ask(lab.nodes[0].netns, address.ip, 80)[0] == "web"

    async def test_a_damaged_record_is_thrown_away(self, networks: list[PodNetwork]) -> None:
        address = await networks[0].setup("uid-1", "default", "web")
        record = networks[0].config.state_dir / "network" / "uid-1"
        assert json.loads(record.read_bytes())["ip"] == address.ip
        record.write_text(record.read_text()[:20])
        networks[0] = await self.restarted(networks[0], {"uid-1"})
        assert networks[0].address("uid-1") is None
        assert not record.exists()
        assert not netns.exists(address.netns_path)


class TestRoutesToNodes:
    def routes(self, lab: Lab) -> str:
        return run("ip", "route", space=lab.nodes[0].netns)

    def node(self, name: str, cidr: str, address: str) -> dict:
        return {
            "metadata": {"name": name},
            "spec": {"podCIDR": cidr},
            "status": {"addresses": [{"type": "InternalIP", "address": address}]},
        }

    async def test_they_follow_the_nodes(self, lab: Lab, networks: list[PodNetwork]) -> None:
        routes = NodeRoutes(None, lab.nodes[0].name, netns=str(netns.path_of(lab.nodes[0].netns)))
        address = await pod(networks[0])
        await routes.sync([self.node("b", "10.230.1.0/24", "192.168.230.3")])
        assert "10.230.1.0/24 via 192.168.230.3" in self.routes(lab)
        await routes.sync([self.node("b", "10.230.1.0/24", "192.168.230.4")])
        assert "10.230.1.0/24 via 192.168.230.4" in self.routes(lab)
        await routes.sync([self.node("c", "10.230.2.0/24", "192.168.230.4")])
        assert "10.230.1.0/24" not in self.routes(lab)
        await routes.sync([])
        assert "10.230.2.0/24" not in self.routes(lab)
        assert f"{address.ip} dev pod" in self.routes(lab), "pods' own routes are not touched"
        assert "default via" in self.routes(lab)

    async def test_nodes_that_come_before_the_pod_network(self, lab: Lab, tmp_path: Path) -> None:
        routes = NodeRoutes(None, lab.nodes[0].name, netns=str(netns.path_of(lab.nodes[0].netns)))
        await routes.sync([self.node("b", "10.230.1.0/24", "192.168.230.3")])
        network = PodNetwork(config(lab, tmp_path))
        await network.recover(())
        await network.close()
        table = run("nft", "list", "table", "ip", "wherry-pods", space=lab.nodes[0].netns)
        assert "10.230.0.0/24" in table
        assert "10.230.1.0/24" in table


async def test_before_recover_and_after_close_it_says_so(lab: Lab, tmp_path: Path) -> None:
    network = PodNetwork(config(lab, tmp_path))
    with pytest.raises(NetworkError, match="recover"):
        await network.setup("uid-1", "default", "web")


async def test_an_address_that_the_node_does_not_have(lab: Lab, tmp_path: Path) -> None:
    wrong = config(lab, tmp_path)
    network = PodNetwork(NetworkConfig(tmp_path, wrong.pod_cidr, "192.0.2.77", wrong.netns_prefix, wrong.netns))
    with pytest.raises(NetworkError, match=r"192\.0\.2\.77"):
        await network.recover(())
    await network.close()


async def test_an_open_connection_survives_a_restart(lab: Lab, networks: list[PodNetwork]) -> None:
    address = await networks[0].setup("uid-1", "default", "web", (HostPort(8080, 80),))
    with netns.entered(address.netns_path):
        listener = socket.socket()
    listener.bind(("0.0.0.0", 80))
    listener.listen()
    with netns.entered(lab.machine):
        client = socket.socket()
    client.settimeout(2)
    client.connect((lab.nodes[0].address, 8080))
    server, _ = listener.accept()
    await networks[0].close()
    networks[0] = PodNetwork(networks[0].config)
    await networks[0].recover({"uid-1"})
    client.sendall(b"still here")
    assert server.recv(20) == b"still here"
    for each in (client, server, listener):
        each.close()
