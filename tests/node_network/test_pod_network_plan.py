"""Addresses, host ports and routes, decided without a kernel."""

import itertools

import pytest

from wherry.node.network import HostPort, NoAddressLeft
from wherry.node.network.plan import (
    NodeRoute,
    Record,
    allocate,
    link_index,
    link_name,
    pod_cidrs,
    pod_mac,
    port_conflict,
    routes,
)
from wherry.node.network.rules import cluster, host_ports, table

CIDR = "10.244.3.0/24"


def node(name: str, cidrs: list[str], addresses: list[tuple[str, str]]) -> dict:
    return {
        "metadata": {"name": name},
        "spec": {"podCIDR": cidrs[0], "podCIDRs": cidrs} if cidrs else {},
        "status": {"addresses": [{"type": type, "address": address} for type, address in addresses]},
    }


class TestAddresses:
    def test_the_first_pod_gets_the_second_host(self) -> None:
        assert allocate(CIDR, [], None) == "10.244.3.2"

    @pytest.mark.parametrize(
        ("used", "last", "expected"),
        [
            (["10.244.3.2"], None, "10.244.3.3"),
            (["10.244.3.2"], "10.244.3.2", "10.244.3.3"),
            ([], "10.244.3.2", "10.244.3.3"),
            (["10.244.3.4"], "10.244.3.3", "10.244.3.5"),
            ([], "10.244.3.254", "10.244.3.2"),
            (["10.244.3.2", "10.244.3.3"], "10.244.3.254", "10.244.3.4"),
        ],
    )
    def test_the_next_free_one_after_the_last(self, used: list[str], last: str | None, expected: str) -> None:
        assert allocate(CIDR, used, last) == expected

    def test_a_last_one_of_another_network_does_no_harm(self) -> None:
        assert allocate(CIDR, [], "10.9.9.9").startswith("10.244.3.")

    def test_all_253_are_given_once_and_no_more(self) -> None:
        used: list[str] = []
        for _ in range(253):
            used.append(allocate(CIDR, used, used[-1] if used else None))
        assert len(set(used)) == 253
        assert {"10.244.3.0", "10.244.3.1", "10.244.3.255"}.isdisjoint(used)
        with pytest.raises(NoAddressLeft, match=r"10\.244\.3\.0/24 \(253 in use\)"):
            allocate(CIDR, used, used[-1])

    def test_a_returned_address_rests_until_its_turn_comes(self) -> None:
        used = ["10.244.3.2", "10.244.3.3"]
        used.remove("10.244.3.2")
        given = [allocate(CIDR, used, "10.244.3.3")]
        for _ in range(3):
            given.append(allocate(CIDR, [*used, *given], given[-1]))
        assert given == ["10.244.3.4", "10.244.3.5", "10.244.3.6", "10.244.3.7"]

    def test_a_tiny_network(self) -> None:
        with pytest.raises(NoAddressLeft):
            allocate("10.0.0.0/31", [], None)

    def test_what_follows_from_an_address_is_unique_on_the_node(self) -> None:
        addresses = [f"10.244.{a}.{b}" for a, b in itertools.product((3, 4), (2, 3, 254))]
        for rule in (link_name, pod_mac, lambda ip: link_index("10.244.0.0/16", ip)):
            assert len({rule(ip) for ip in addresses}) == len(addresses)
        assert link_name("10.244.3.2") == "pod0af40302"
        assert pod_mac("10.244.3.2") == "0a:58:0a:f4:03:02"


class TestHostPorts:
    def taken(self, *ports: HostPort) -> list[Record]:
        return [Record("u1", "shop", "web", "10.244.3.2", ports)]

    @pytest.mark.parametrize(
        ("wanted", "have", "clash"),
        [
            (HostPort(80, 8080), HostPort(80, 9090), True),
            (HostPort(80, 8080), HostPort(81, 8080), False),
            (HostPort(53, 53, "UDP"), HostPort(53, 53, "TCP"), False),
            (HostPort(80, 8080, "TCP", "10.0.0.1"), HostPort(80, 8080, "TCP", "10.0.0.2"), False),
            (HostPort(80, 8080, "TCP", "10.0.0.1"), HostPort(80, 8080, "TCP", "10.0.0.1"), True),
            (HostPort(80, 8080, "TCP", "10.0.0.1"), HostPort(80, 8080), True),
            (HostPort(80, 8080, "TCP", "0.0.0.0"), HostPort(80, 8080, "TCP", "10.0.0.2"), True),
        ],
    )
    def test_ports_clash_as_addresses_overlap(self, wanted: HostPort, have: HostPort, clash: bool) -> None:
        problem = port_conflict([wanted], self.taken(have))
        assert (problem is not None) is clash
        if problem:
            assert problem == f"host port {wanted.host_port}/{wanted.protocol} is taken by pod shop/web"

    def test_they_become_elements(self) -> None:
        text = host_ports(self.taken(HostPort(80, 8080), HostPort(53, 5353, "UDP", "192.0.2.1")))
        assert "hostports { tcp . 80 : 10.244.3.2 . 8080 }" in text
        assert "hostports_at { 192.0.2.1 . udp . 53 : 10.244.3.2 . 5353 }" in text
        assert "hairpin { 10.244.3.2 . 10.244.3.2 }" in text

    def test_a_pod_without_any_adds_nothing(self) -> None:
        assert "add element" not in host_ports(self.taken())
        assert "10.244.3.2" not in table(CIDR, "192.0.2.9", self.taken())


class TestRoutes:
    def test_one_to_every_other_node(self) -> None:
        nodes = [
            node("a", ["10.244.0.0/24"], [("InternalIP", "192.0.2.2")]),
            node(
                "b", ["10.244.1.0/24"], [("Hostname", "b"), ("InternalIP", "192.0.2.3"), ("ExternalIP", "198.51.0.1")]
            ),
            node("c", ["10.244.2.0/24", "fd00:1::/64"], [("InternalIP", "fd00::4"), ("InternalIP", "192.0.2.4")]),
        ]
        assert routes(nodes, "a") == {
            NodeRoute("10.244.1.0/24", "192.0.2.3"),
            NodeRoute("10.244.2.0/24", "192.0.2.4"),
        }
        assert pod_cidrs(nodes) == {"10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"}

    @pytest.mark.parametrize(
        "unready",
        [
            node("b", [], [("InternalIP", "192.0.2.3")]),
            node("b", ["10.244.1.0/24"], []),
            {"metadata": {"name": "b"}},
        ],
    )
    def test_none_to_a_node_that_is_not_known_well_enough(self, unready: dict) -> None:
        assert routes([unready], "a") == frozenset()

    def test_a_node_with_only_the_old_field(self) -> None:
        old = node("b", ["10.244.1.0/24"], [("InternalIP", "192.0.2.3")])
        del old["spec"]["podCIDRs"]
        assert routes([old], "a") == {NodeRoute("10.244.1.0/24", "192.0.2.3")}

    def test_neighbouring_networks_stay_apart_and_parts_of_larger_ones_go(self) -> None:
        text = cluster(["10.244.1.0/24", "10.244.0.0/24", "10.244.9.0/24", "10.244.9.0/28"])
        assert "{ 10.244.0.0/24, 10.244.1.0/24, 10.244.9.0/24 }" in text
        assert "add element" not in cluster([])
