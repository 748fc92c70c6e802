"""What a local cluster's network consists of."""

import re

import pytest

from wherry.local.config import ClusterConfig
from wherry.local.network import machine_network
from wherry.local.network.plan import (
    HostRoute,
    Present,
    conflict,
    host_link,
    host_routes,
    is_node_namespace,
    mac,
    masquerade,
    stale_links,
)

TWO = machine_network(ClusterConfig(profile="dev", index=0, node_count=2))
NOTHING = Present("", (("192.0.2.2/24", "eth0"), ("127.0.0.1/8", "lo")), (("0.0.0.0/0", "eth0"),))


def test_it_follows_from_the_cluster_config() -> None:
    assert (TWO.bridge, TWO.gateway, TWO.network, TWO.prefix_length) == (
        "wherry0",
        "192.168.49.1",
        "192.168.49.0/24",
        24,
    )
    assert [(node.name, node.netns, node.address, node.pod_cidr) for node in TWO.nodes] == [
        ("dev", "wherry-dev-dev", "192.168.49.2", "10.244.0.0/24"),
        ("dev-m02", "wherry-dev-dev-m02", "192.168.49.3", "10.244.1.0/24"),
    ]


def test_the_host_reaches_pods_through_their_node_and_services_through_the_first() -> None:
    assert host_routes(TWO) == [
        HostRoute("10.244.0.0/24", "192.168.49.2"),
        HostRoute("10.244.1.0/24", "192.168.49.3"),
        HostRoute("10.96.0.0/12", "192.168.49.2"),
    ]


def test_every_node_has_a_link_of_its_own() -> None:
    names = [host_link(TWO, node) for node in TWO.nodes]
    assert names == ["wherry0-2", "wherry0-3"]
    assert stale_links(TWO, [*names, "wherry0", "wherry10-2", "wherry0-x", "eth0"]) == names


def test_link_names_fit_the_kernel() -> None:
    last = machine_network(ClusterConfig(profile="p" * 40, index=8, node_count=200))
    assert max(len(host_link(last, node)) for node in last.nodes) <= 15


@pytest.mark.parametrize(
    ("profile", "name", "expected"),
    [
        ("dev", "wherry-dev-dev", True),
        ("dev", "wherry-dev-dev-m02", True),
        ("dev", "wherry-dev-dev-m02.5f0c", True),
        ("dev", "wherry-dev-dev.5f0c", True),
        ("dev", "wherry-dev-devel", False),
        ("dev", "wherry-dev-two-dev-two", False),
        ("dev", "wherry-dev-dev-mine", False),
        ("dev-two", "wherry-dev-dev-m02", False),
        ("d.v", "wherry-dev-dev", False),
    ],
)
def test_only_a_profiles_own_namespaces_are_taken_away(profile: str, name: str, expected: bool) -> None:
    assert is_node_namespace(profile, name) is expected


def test_nothing_is_in_the_way_of_a_free_network() -> None:
    assert conflict(TWO, NOTHING) is None


def test_its_own_things_are_not_in_its_way() -> None:
    own = Present(TWO.alias, (("192.168.49.1/24", "wherry0"),), (("192.168.49.0/24", "wherry0"),))
    assert conflict(TWO, own) is None


@pytest.mark.parametrize(
    ("present", "words"),
    [
        (Present("wherry profile other", (), ()), "wherry0 belongs to wherry profile other"),
        (Present("", (("192.168.49.1/24", "br-9ab"),), ()), "link br-9ab already has the network 192.168.49.1/24"),
        (Present("", (("192.168.0.7/16", "wlan0"),), ()), "wlan0"),
        (Present("", (), (("10.96.0.0/12", "tun0"),)), r"route to 10.96.0.0/12 \(through tun0\)"),
        (Present("", (), (("10.244.1.0/24", "flannel"),)), "10.244.1.0/24"),
    ],
)
def test_what_is_in_the_way_is_named(present: Present, words: str) -> None:
    problem = conflict(TWO, present)
    assert problem is not None
    assert re.search(words, problem)


def test_a_wider_route_is_no_conflict() -> None:
    assert conflict(TWO, Present("", (), (("10.0.0.0/8", "tun0"),))) is None


def test_only_what_leaves_the_machine_network_is_masqueraded() -> None:
    text = masquerade(TWO)
    assert 'ip saddr 192.168.49.0/24 oifname != "wherry0" masquerade' in text
    assert "table ip wherry-dev {" in text


def test_macs_are_local_unicast_and_differ() -> None:
    macs = {mac(node.address) for node in TWO.nodes} | {mac(TWO.gateway)}
    assert len(macs) == 3
    assert all(int(address[:2], 16) & 0b11 == 0b10 for address in macs)
