"""What follows from a profile's few choices."""

from ipaddress import ip_address, ip_network

import pytest

from wherry.local import config
from wherry.local.config import MAX_NODES, MAX_PROFILES, ClusterConfig
from wherry.local.errors import ChoiceError, ConfigError
from wherry.local.layout import Layout, layout, profiles


def test_networks_of_all_profiles_are_apart():
    networks = [
        ip_network(text)
        for index in range(MAX_PROFILES)
        for cluster in [ClusterConfig("p", index)]
        for text in (cluster.machine_network, cluster.pod_network, cluster.service_cidr)
    ]
    assert not [(a, b) for i, a in enumerate(networks) for b in networks[:i] if a.overlaps(b)]


@pytest.mark.parametrize("index", [0, MAX_PROFILES - 1])
def test_every_address_is_inside_its_network(index):
    cluster = ClusterConfig("p", index, node_count=MAX_NODES)
    machine, services = ip_network(cluster.machine_network), ip_network(cluster.service_cidr)
    assert ip_address(cluster.kubernetes_address) in services and ip_address(cluster.cluster_dns) in services
    addresses = {ip_address(node.address) for node in cluster.nodes} | {ip_address(cluster.gateway)}
    assert len(addresses) == MAX_NODES + 1 and all(address in machine for address in addresses)
    assert machine.broadcast_address not in addresses
    cidrs = {ip_network(node.pod_cidr) for node in cluster.nodes}
    assert len(cidrs) == MAX_NODES and all(cidr.subnet_of(ip_network(cluster.pod_network)) for cidr in cidrs)


def test_the_first_profile_is_laid_out_as_minikube_and_kubeadm_do():
    cluster = ClusterConfig("wherry", node_count=2)
    assert (cluster.gateway, cluster.kubernetes_address, cluster.cluster_dns) == (
        "192.168.49.1",
        "10.96.0.1",
        "10.96.0.10",
    )
    assert [(node.name, node.address, node.pod_cidr) for node in cluster.nodes] == [
        ("wherry", "192.168.49.2", "10.244.0.0/24"),
        ("wherry-m02", "192.168.49.3", "10.244.1.0/24"),
    ]


@pytest.mark.parametrize("name", ["", "Wherry", "a_b", "-a", "a-", "a.b", "a" * 41, "../etc"])
def test_names_that_no_profile_can_have(name):
    with pytest.raises(ChoiceError, match="cannot be a profile's name"):
        config.check_profile(name)


@pytest.mark.parametrize(
    ("count", "words"), [(0, "1 to 200"), (-1, "1 to 200"), (201, "1 to 200"), (2, "takes none")]
)
def test_node_counts_that_cannot_be(count, words):
    with pytest.raises(ChoiceError, match=words):
        config.with_nodes(ClusterConfig("p", node_count=3), count)


def test_adding_nodes_keeps_those_that_are_there():
    before = ClusterConfig("p", index=2, port=9000)
    after = config.with_nodes(before, 3)
    assert after.nodes[:1] == before.nodes and (after.index, after.port) == (2, 9000)


def test_an_unknown_node_names_the_known_ones():
    with pytest.raises(ChoiceError, match="its nodes: p, p-m02"):
        ClusterConfig("p", node_count=2).node("p-m03")


def test_a_config_is_read_as_it_was_written(tmp_path):
    cluster = ClusterConfig("p", index=1, node_count=2, port=9443)
    config.save(tmp_path / "config.json", cluster)
    assert config.load(tmp_path / "config.json") == cluster
    assert config.load(tmp_path / "other.json") is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"profile": "p", "colour": 1}'])
def test_a_damaged_config_is_named(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigError, match=r"config\.json is damaged"):
        config.load(tmp_path / "config.json")


def test_profiles_are_the_directories_with_a_config(tmp_path):
    for name in ("b", "a"):
        config.save(Layout(tmp_path, name).config, ClusterConfig(name))
    (tmp_path / "stray").mkdir()
    assert profiles(tmp_path) == ["a", "b"]
    assert profiles(tmp_path / "nowhere") == []


def test_home_can_be_moved(tmp_path, monkeypatch):
    monkeypatch.setenv("WHERRY_HOME", str(tmp_path))
    assert layout("p").config == tmp_path / "p" / "config.json"
