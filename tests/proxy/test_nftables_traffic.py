"""Services on the real kernel: two nodes, their pods, the machine and somebody outside."""

import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from netlab import Lab, ask, ask_udp, outside, run, udp_client

from wherry.linux import netns
from wherry.linux.conntrack import UDP, Conntrack
from wherry.node.network import NetworkConfig, NodeRoutes, PodAddress, PodNetwork
from wherry.proxy.backends import BackendError, NodeAddresses
from wherry.proxy.backends.nftables import NftablesBackend
from wherry.proxy.plan import Frontend, Rule, Target, stale_flows

pytestmark = pytest.mark.root

VIP = Frontend("10.96.0.5", "TCP", 80)
NODE_PORT = Frontend("", "TCP", 30080)


@dataclass
class Cluster:
    """Pods `a` on the first node and `b` on the second serve on 8080; `client` is a pod beside `a`."""

    lab: Lab
    a: PodAddress
    b: PodAddress
    client: PodAddress
    backends: list[NftablesBackend] = field(default_factory=list)

    def targets(self, node: int, *names: str) -> tuple[Target, ...]:
        """As the node of that number (0, 1) sees them."""
        found = {"a": Target(self.a.ip, 8080, node == 0), "b": Target(self.b.ip, 8080, node == 1)}
        return tuple(found[name] for name in names)

    def load(self, make: "dict[Frontend, Rule] | None" = None, *, rules=None) -> None:
        """The same rules on both nodes; `rules` makes them from a node's number."""
        for number, backend in enumerate(self.backends):
            node = self.lab.nodes[number]
            backend.load(NodeAddresses(node.address, [node.pod_cidr]), rules(number) if rules else make)

    @property
    def nodes(self) -> list[str]:
        return [node.netns for node in self.lab.nodes]


@pytest.fixture
async def cluster(lab: Lab, tmp_path: Path) -> AsyncIterator[Cluster]:
    networks = []
    objects = []
    for node in lab.nodes:
        config = NetworkConfig(
            tmp_path / node.name, node.pod_cidr, node.address, node.netns, str(netns.path_of(node.netns))
        )
        network = PodNetwork(config)
        await network.recover(())
        networks.append(network)
        addresses = [{"type": "InternalIP", "address": node.address}]
        objects.append(
            {"metadata": {"name": node.name}, "spec": {"podCIDR": node.pod_cidr}, "status": {"addresses": addresses}}
        )
    for node in lab.nodes:
        await NodeRoutes(None, node.name, netns=str(netns.path_of(node.netns))).sync(objects)
    pods = [await networks[n].setup(uid, "default", uid) for n, uid in ((0, "a"), (1, "b"), (0, "client"))]
    cluster = Cluster(lab, *pods)
    lab.serve(cluster.a.netns_path, "a", 8080)
    lab.serve(cluster.b.netns_path, "b", 8080)
    lab.serve(cluster.a.netns_path, "a", 8080, udp=True)
    lab.serve(cluster.b.netns_path, "b", 8080, udp=True)
    for node in lab.nodes:
        with netns.entered(node.netns):
            cluster.backends.append(NftablesBackend())
    yield cluster
    for backend in cluster.backends:
        backend.close()
    for network in networks:
        await network.close()


def answers(space: str, address: str, port: int, times: int = 24) -> Counter[str]:
    return Counter(ask(space, address, port)[0] for _ in range(times))


def both(cluster: Cluster, **options) -> None:
    cluster.load(rules=lambda node: {VIP: Rule(cluster.targets(node, "a", "b"), **options)})


class TestClusterIp:
    def test_pods_reach_all_endpoints_with_their_own_address(self, cluster: Cluster) -> None:
        both(cluster)
        assert set(answers(cluster.client.netns_path, "10.96.0.5", 80)) == {"a", "b"}
        assert {ask(cluster.client.netns_path, "10.96.0.5", 80)[1] for _ in range(12)} == {cluster.client.ip}

    def test_endpoints_are_drawn_evenly(self, cluster: Cluster) -> None:
        both(cluster)
        drawn = answers(cluster.client.netns_path, "10.96.0.5", 80, times=200)
        assert min(drawn.values()) > 60  # 100 expected; less than 60 comes once in 10^8 runs

    def test_nodes_and_the_machine_reach_it(self, cluster: Cluster) -> None:
        both(cluster)
        for space in (*cluster.nodes, cluster.lab.machine):
            assert set(answers(space, "10.96.0.5", 80)) == {"a", "b"}

    def test_a_pod_reaches_itself_through_its_service(self, cluster: Cluster) -> None:
        both(cluster)
        seen = {ask(cluster.a.netns_path, "10.96.0.5", 80) for _ in range(24)}
        assert seen == {("a", cluster.lab.nodes[0].address), ("b", cluster.a.ip)}

    def test_no_endpoint_refuses_at_once_everywhere(self, cluster: Cluster) -> None:
        cluster.load({VIP: Rule(())})
        for space in (cluster.client.netns_path, *cluster.nodes, cluster.lab.machine):
            with pytest.raises(ConnectionRefusedError):
                ask(space, "10.96.0.5", 80)

    def test_another_port_of_a_service_refuses(self, cluster: Cluster) -> None:
        both(cluster)
        for space in (cluster.client.netns_path, cluster.nodes[0], cluster.lab.machine):
            with pytest.raises(ConnectionRefusedError):
                ask(space, "10.96.0.5", 81)

    def test_only_other_nodes_have_endpoints_and_the_policy_is_local(self, cluster: Cluster) -> None:
        cluster.load({VIP: Rule((), unreachable="drop")})
        with pytest.raises(TimeoutError):
            ask(cluster.client.netns_path, "10.96.0.5", 80, timeout=0.3)

    def test_udp(self, cluster: Cluster) -> None:
        udp = Frontend("10.96.0.5", "UDP", 53)
        cluster.load(rules=lambda node: {udp: Rule(cluster.targets(node, "a", "b"))})
        seen = {ask_udp(cluster.client.netns_path, "10.96.0.5", 53) for _ in range(24)}
        assert seen == {("a", cluster.client.ip), ("b", cluster.client.ip)}

    def test_sctp(self, cluster: Cluster) -> None:
        try:
            with netns.entered(cluster.a.netns_path):
                listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
        except OSError:
            pytest.skip("this kernel has no SCTP")
        sctp = Frontend("10.96.0.5", "SCTP", 80)
        cluster.load(rules=lambda node: {sctp: Rule(cluster.targets(node, "a"))})
        with listener, netns.entered(cluster.client.netns_path):
            listener.bind(("0.0.0.0", 8080))
            listener.listen()
            client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
            client.settimeout(2)
            client.connect(("10.96.0.5", 80))
            client.close()


class TestNodePort:
    def load(self, cluster: Cluster) -> None:
        cluster.load(rules=lambda node: {NODE_PORT: Rule(cluster.targets(node, "a", "b"), external=True)})

    def test_every_address_of_every_node_from_everywhere(self, cluster: Cluster) -> None:
        self.load(cluster)
        first, second = cluster.lab.nodes
        for space in (cluster.lab.machine, cluster.client.netns_path, *cluster.nodes):
            for address in (first.address, second.address):
                assert set(answers(space, address, 30080)) == {"a", "b"}

    def test_loopback_inside_the_node(self, cluster: Cluster) -> None:
        self.load(cluster)
        for space in cluster.nodes:
            assert set(answers(space, "127.0.0.1", 30080)) == {"a", "b"}

    def test_from_outside_the_machine(self, cluster: Cluster) -> None:
        self.load(cluster)
        space = outside(cluster.lab)
        run("ip", "route", "add", "192.168.230.0/24", "via", "198.51.100.2", space=space)
        assert set(answers(space, cluster.lab.nodes[0].address, 30080)) == {"a", "b"}

    def test_a_port_without_endpoints_refuses(self, cluster: Cluster) -> None:
        cluster.load({NODE_PORT: Rule((), external=True)})
        for space in (cluster.lab.machine, cluster.nodes[0]):
            with pytest.raises(ConnectionRefusedError):
                ask(space, cluster.lab.nodes[0].address, 30080)

    def test_loopback_of_a_node_is_closed_to_others(self, cluster: Cluster) -> None:
        """`route_localnet` alone would let neighbours in."""
        self.load(cluster)
        node = cluster.lab.nodes[0]
        cluster.lab.serve(node.netns, "private", 9999)
        run("ip", "addr", "del", "127.0.0.1/8", "dev", "lo", space=cluster.nodes[1])
        run("ip", "route", "add", "127.0.0.1/32", "via", node.address, space=cluster.nodes[1])
        assert ask(node.netns, "127.0.0.1", 9999)[0] == "private"
        with pytest.raises(TimeoutError):
            ask(cluster.nodes[1], "127.0.0.1", 9999, timeout=0.3)


class TestExternalPolicyLocal:
    def load(self, cluster: Cluster, *own_nodes: int) -> None:
        """Endpoint `b`, on the second node."""

        def rules(node: int) -> dict[Frontend, Rule]:
            own = cluster.targets(node, "b") if node == 1 else ()
            return {NODE_PORT: Rule(cluster.targets(node, "b"), external=True, own=own)}

        cluster.load(rules=rules)

    def test_the_client_keeps_its_address(self, cluster: Cluster) -> None:
        self.load(cluster)
        assert ask(cluster.lab.machine, cluster.lab.nodes[1].address, 30080) == ("b", "192.168.230.1")

    def test_a_node_without_an_endpoint_does_not_answer_outsiders(self, cluster: Cluster) -> None:
        self.load(cluster)
        with pytest.raises(TimeoutError):
            ask(cluster.lab.machine, cluster.lab.nodes[0].address, 30080, timeout=0.3)

    def test_its_own_pods_and_processes_reach_endpoints_anywhere(self, cluster: Cluster) -> None:
        self.load(cluster)
        address = cluster.lab.nodes[0].address
        assert ask(cluster.client.netns_path, address, 30080) == ("b", cluster.client.ip)
        assert ask(cluster.nodes[0], address, 30080)[0] == "b"
        assert ask(cluster.nodes[0], "127.0.0.1", 30080)[0] == "b"


class TestExternalAddress:
    OUTER = Frontend("203.0.113.7", "TCP", 80)

    def test_it_is_taken_where_it_passes(self, cluster: Cluster) -> None:
        cluster.load(rules=lambda node: {self.OUTER: Rule(cluster.targets(node, "a", "b"), external=True)})
        run("ip", "route", "add", "203.0.113.7/32", "via", cluster.lab.nodes[0].address, space=cluster.lab.machine)
        for space in (cluster.client.netns_path, cluster.nodes[0], cluster.lab.machine):
            assert set(answers(space, "203.0.113.7", 80)) == {"a", "b"}

    def test_only_its_sources_may_connect(self, cluster: Cluster) -> None:
        run("ip", "route", "add", "203.0.113.7/32", "via", cluster.lab.nodes[0].address, space=cluster.lab.machine)
        for sources, allowed in ((("192.168.230.1/32",), True), (("192.0.2.0/24", "10.0.0.0/8"), False)):
            rule = Rule(cluster.targets(0, "a"), external=True, sources=sources)
            cluster.backends[0].load(NodeAddresses(cluster.lab.nodes[0].address, []), {self.OUTER: rule})
            if allowed:
                assert ask(cluster.lab.machine, "203.0.113.7", 80)[0] == "a"
            else:
                with pytest.raises(TimeoutError):
                    ask(cluster.lab.machine, "203.0.113.7", 80, timeout=0.3)


class TestAffinity:
    def test_a_client_stays_with_its_endpoint(self, cluster: Cluster) -> None:
        both(cluster, affinity=60)
        assert len(answers(cluster.client.netns_path, "10.96.0.5", 80)) == 1

    def test_clients_are_spread(self, cluster: Cluster) -> None:
        both(cluster, affinity=60)
        for n in range(10, 40):
            run("ip", "addr", "add", f"10.230.0.{n}/32", "dev", "eth0", space=Path(cluster.client.netns_path).name)
        drawn = Counter()
        for n in range(10, 40):
            with netns.entered(cluster.client.netns_path):
                client = socket.socket()
            client.bind((f"10.230.0.{n}", 0))
            run("ip", "route", "replace", f"10.230.0.{n}", "dev", link_of(cluster.client), space=cluster.nodes[0])
            with client:
                client.settimeout(2)
                client.connect(("10.96.0.5", 80))
                drawn[client.makefile().read().split()[0]] += 1
        assert set(drawn) == {"a", "b"}

    def test_it_survives_another_endpoint_and_a_reload(self, cluster: Cluster) -> None:
        both(cluster, affinity=60)
        (before,) = answers(cluster.client.netns_path, "10.96.0.5", 80, times=3)
        third = Target("10.230.0.200", 8080)
        cluster.backends[0].change({VIP: Rule((*cluster.targets(0, "a", "b"), third), affinity=60)})
        assert set(answers(cluster.client.netns_path, "10.96.0.5", 80, times=12)) == {before}
        both(cluster, affinity=60)
        assert set(answers(cluster.client.netns_path, "10.96.0.5", 80, times=12)) == {before}

    def test_when_its_endpoint_goes_another_takes_over(self, cluster: Cluster) -> None:
        both(cluster, affinity=60)
        (before,) = answers(cluster.client.netns_path, "10.96.0.5", 80, times=3)
        other = "b" if before == "a" else "a"
        cluster.backends[0].change({VIP: Rule(cluster.targets(0, other), affinity=60)})
        assert set(answers(cluster.client.netns_path, "10.96.0.5", 80, times=6)) == {other}

    def test_it_ends_after_its_time_without_connections(self, cluster: Cluster) -> None:
        both(cluster, affinity=1)
        seen = set()
        for _ in range(40):
            seen.add(ask(cluster.client.netns_path, "10.96.0.5", 80)[0])
            if len(seen) == 2:
                return
            time.sleep(1.2)
        raise AssertionError(f"always the same endpoint: {seen}")

    def test_switched_off_connections_are_spread_again(self, cluster: Cluster) -> None:
        both(cluster, affinity=60)
        ask(cluster.client.netns_path, "10.96.0.5", 80)
        cluster.backends[0].change({VIP: Rule(cluster.targets(0, "a", "b"))})
        assert set(answers(cluster.client.netns_path, "10.96.0.5", 80)) == {"a", "b"}

    def test_node_ports_have_it_too(self, cluster: Cluster) -> None:
        rule = Rule(cluster.targets(0, "a", "b"), external=True, affinity=60)
        cluster.load({NODE_PORT: rule})
        assert len(answers(cluster.lab.machine, cluster.lab.nodes[0].address, 30080)) == 1


def link_of(pod: PodAddress) -> str:
    return "pod" + bytes(int(part) for part in pod.ip.split(".")).hex()


class TestChanges:
    def test_endpoints_come_and_go(self, cluster: Cluster) -> None:
        both(cluster)
        backend = cluster.backends[0]
        client = cluster.client.netns_path
        for names in ("a", "b", "ab", "", "ba"):
            backend.change({VIP: Rule(cluster.targets(0, *names))})
            if names:
                assert set(answers(client, "10.96.0.5", 80)) == set(names)
            else:
                with pytest.raises(ConnectionRefusedError):
                    ask(client, "10.96.0.5", 80)
        backend.change({VIP: None})
        assert "10.96.0.5" not in run("nft", "list", "table", "ip", "wherry-proxy", space=cluster.nodes[0])

    def test_a_chain_that_several_verdicts_need_is_made_once(self, cluster: Cluster) -> None:
        both(cluster)
        mixed = {NODE_PORT: Rule(cluster.targets(0, "a", "b"), external=True, own=cluster.targets(0, "a"))}
        cluster.backends[0].change(mixed)
        cluster.backends[0].change(
            {Frontend("203.0.113.7", "TCP", 80): Rule(cluster.targets(0, "a", "b"), external=True)}
        )
        chain = run("nft", "list", "chain", "ip", "wherry-proxy", "pick-service-2", space=cluster.nodes[0])
        assert chain.count("dnat") == 1

    def test_open_connections_go_on_through_changes_and_reloads(self, cluster: Cluster) -> None:
        with netns.entered(cluster.a.netns_path):
            listener = socket.create_server(("0.0.0.0", 9000))
        target = Target(cluster.a.ip, 9000, local=True)
        cluster.load({VIP: Rule((target,))})
        with netns.entered(cluster.client.netns_path):
            client = socket.create_connection(("10.96.0.5", 80), timeout=2)
        server, _ = listener.accept()
        cluster.backends[0].change({VIP: None})
        both(cluster)
        client.sendall(b"still here")
        assert server.recv(20) == b"still here"
        for each in (client, server, listener):
            each.close()

    def test_a_reload_makes_no_gap(self, cluster: Cluster) -> None:
        """Connections that are made while everything is loaded again and again."""
        both(cluster)
        with netns.executor(cluster.nodes[0]) as threads:
            rules = {VIP: Rule(cluster.targets(0, "a", "b"))}
            addresses = NodeAddresses(cluster.lab.nodes[0].address, [cluster.lab.nodes[0].pod_cidr])
            loading = [threads.submit(cluster.backends[0].load, addresses, rules) for _ in range(30)]
            while not all(done.done() for done in loading):
                ask(cluster.client.netns_path, "10.96.0.5", 80)
            for done in loading:
                done.result()

    def test_what_an_earlier_process_left_is_taken_over(self, cluster: Cluster) -> None:
        cluster.load({NODE_PORT: Rule(cluster.targets(0, "a"), external=True)})
        with netns.entered(cluster.nodes[0]):
            fresh = NftablesBackend()
        fresh.load(NodeAddresses(cluster.lab.nodes[0].address, []), {VIP: Rule(cluster.targets(0, "a"))})
        fresh.close()
        assert ask(cluster.client.netns_path, "10.96.0.5", 80)[0] == "a"
        with pytest.raises(ConnectionRefusedError):
            ask(cluster.lab.machine, cluster.lab.nodes[0].address, 30080)

    def test_a_table_of_another_make_is_replaced(self, cluster: Cluster) -> None:
        run(
            "nft",
            "add table ip wherry-proxy; add set ip wherry-proxy services { type ipv4_addr; }",
            space=cluster.nodes[0],
        )
        both(cluster)
        assert set(answers(cluster.client.netns_path, "10.96.0.5", 80)) == {"a", "b"}

    def test_a_refused_change_says_so_and_changes_nothing(self, cluster: Cluster) -> None:
        both(cluster)
        with pytest.raises(BackendError, match="refused"):
            cluster.backends[0].change({VIP: Rule((Target("not-an-address", 1),))})
        assert set(answers(cluster.client.netns_path, "10.96.0.5", 80)) == {"a", "b"}


class TestUdpFlows:
    DNS = Frontend("10.96.0.5", "UDP", 53)

    def rule(self, cluster: Cluster, *names: str) -> Rule:
        targets = cluster.targets(0, *names)
        return Rule(targets, serving=targets)

    def forget(self, cluster: Cluster, table: dict[Frontend, Rule]) -> int:
        with netns.entered(cluster.nodes[0]), Conntrack() as conntrack:
            return conntrack.forget(stale_flows(conntrack.flows(UDP), table, table))

    def test_a_flow_to_an_endpoint_that_is_gone_finds_another(self, cluster: Cluster) -> None:
        cluster.load({self.DNS: self.rule(cluster, "a")})
        client = udp_client(cluster.client.netns_path)
        assert ask_udp("", "10.96.0.5", 53, client=client)[0] == "a"
        table = {self.DNS: self.rule(cluster, "b")}
        cluster.backends[0].change(table)
        assert ask_udp("", "10.96.0.5", 53, client=client)[0] == "a", "tracked: it would go on like that"
        assert self.forget(cluster, table) == 1
        assert ask_udp("", "10.96.0.5", 53, client=client)[0] == "b"
        client.close()

    def test_a_flow_that_began_before_any_endpoint_finds_the_first(self, cluster: Cluster) -> None:
        """Without the rule that refuses, as when the service is not known yet."""
        cluster.load({})
        client = udp_client(cluster.client.netns_path)
        client.connect(("10.96.0.5", 53))
        client.send(b"too early")
        table = {self.DNS: self.rule(cluster, "a")}
        cluster.backends[0].change(table)
        self.forget(cluster, table)
        assert ask_udp("", "10.96.0.5", 53, client=client)[0] == "a"
        client.close()

    def test_flows_to_serving_endpoints_stay(self, cluster: Cluster) -> None:
        cluster.load({self.DNS: self.rule(cluster, "a", "b")})
        for _ in range(6):
            ask_udp(cluster.client.netns_path, "10.96.0.5", 53)
        assert self.forget(cluster, {self.DNS: self.rule(cluster, "a", "b")}) == 0
