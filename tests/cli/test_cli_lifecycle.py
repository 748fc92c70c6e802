"""Start, stop and delete on this machine, without waiting for what runs in the cluster."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import yaml
from clusterlab import Cluster

from wherry.local import config

pytestmark = pytest.mark.root


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def test_a_cluster_starts_stops_comes_back_and_goes_without_a_trace(cluster):
    cluster.ok("start", "--no-wait", "--nodes", "2")
    assert {"supervisor", "apiserver"} <= cluster.pids().keys()
    before = cluster.config
    assert before.node_count == 2

    cluster.ok("stop")
    assert cluster.pids() == {} and cluster.status() == "stopped"
    assert "was not running" in cluster.ok("stop")

    cluster.ok("start", "--no-wait")
    assert cluster.config == before
    until(lambda: cluster.has_namespace("kube-system"))

    cluster.ok("delete")
    assert cluster.leftovers() == []
    assert "there is no cluster" in cluster.ok("delete")


def test_secrets_are_for_root_only(cluster):
    cluster.ok("start", "--no-wait")
    for directory in (cluster.layout.apiserver, cluster.layout.nodes):
        assert directory.stat().st_mode & 0o077 == 0


def test_a_second_start_says_so_and_disturbs_nothing(cluster):
    cluster.ok("start", "--no-wait")
    before = cluster.pids()["apiserver"]
    assert "was running already" in cluster.ok("start", "--no-wait")
    assert cluster.pids()["apiserver"] == before


def test_nodes_are_added_and_never_taken_away(cluster):
    cluster.ok("start", "--no-wait")
    apiserver = cluster.pids()["apiserver"]
    cluster.ok("start", "--no-wait", "--nodes", "2")
    assert cluster.config.node_count == 2 and cluster.pids()["apiserver"] == apiserver
    done = cluster.wherry("start", "--nodes", "1")
    assert done.returncode == 2 and "takes none away" in done.stderr
    assert cluster.config.node_count == 2


def test_a_node_is_a_machine_of_its_own(cluster):
    cluster.ok("start", "--no-wait", "--nodes", "2")
    second = cluster.config.nodes[1]
    found = cluster.ok("ssh", second.name, "--", "sh", "-c", "hostname; ls /sys/class/net; ip -br address show eth0")
    assert found.split()[0] == second.name and f"{second.address}/24" in found
    assert cluster.wherry("ssh", second.name, "--", "sh", "-c", "exit 7").returncode == 7
    assert cluster.wherry("ssh", "--", "no-such-command").returncode == 127


def test_a_port_in_use_is_named_with_its_owner_and_nothing_is_left(cluster):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = cluster.wherry("start", "--port", str(port))
    assert done.returncode == 69
    assert f"port {port}" in done.stderr and f"process {os.getpid()}" in done.stderr and "--port" in done.stderr
    assert cluster.leftovers() == []


@pytest.mark.slow
def test_a_server_that_cannot_start_is_not_waited_for(cluster):
    """Somebody takes the port while the cluster starts: between two of the server's lives, here."""
    cluster.ok("start", "--no-wait")
    until(lambda: cluster.has_namespace("default"))
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(cluster.pids()["apiserver"], signal.SIGKILL)
        until(lambda: _takes(thief, cluster.config.port))
        thief.listen()
        done = cluster.wherry("start", "--timeout", "60")
    assert done.returncode == 69 and "already in use" in done.stderr and "--port" in done.stderr


def _takes(thief: socket.socket, port: int) -> bool:
    try:
        thief.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def test_a_stopped_cluster_can_move_to_another_port(cluster):
    cluster.ok("start", "--no-wait")
    cluster.ok("stop")
    with socket.create_server(("127.0.0.1", cluster.config.port)):
        done = cluster.wherry("start")
        assert done.returncode == 69 and f"port {cluster.config.port}" in done.stderr
        cluster.ok("start", "--no-wait", "--port", str(cluster.config.port + 1000))
        until(lambda: cluster.has_namespace("default"))


def test_a_running_cluster_keeps_its_port(cluster):
    cluster.ok("start", "--no-wait")
    done = cluster.wherry("start", "--port", str(cluster.config.port + 1000))
    assert done.returncode == 2 and "wherry stop" in done.stderr


def test_networks_that_something_else_uses_are_avoided(cluster):
    """As a Minikube on Docker does, which has 192.168.49.0/24."""
    used = config.ClusterConfig("other", 0).gateway
    link = f"{cluster.profile}d"
    try:
        subprocess.run(["ip", "link", "add", link, "type", "bridge"], check=True)
        subprocess.run(["ip", "address", "add", f"{used}/24", "dev", link], check=True)
        subprocess.run(["ip", "link", "set", link, "up"], check=True)
        cluster.ok("start", "--no-wait")
        assert cluster.config.index > 0
    finally:
        subprocess.run(["ip", "link", "delete", link], check=False)


def test_two_clusters_live_side_by_side(cluster, tmp_path):
    other = Cluster(tmp_path)
    try:
        cluster.ok("start", "--no-wait")
        other.ok("start", "--no-wait")
        assert cluster.config.index != other.config.index and cluster.config.port != other.config.port
        for each in (cluster, other):
            until(lambda each=each: each.has_namespace("default"))
        other.ok("delete")
        assert cluster.has_namespace("default")
    finally:
        other.wherry("delete")


def test_the_kubeconfig_of_others_is_left_alone(cluster):
    theirs = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "work", "cluster": {"server": "https://work.example"}}],
        "users": [{"name": "me", "user": {"token": "t"}}],
        "contexts": [{"name": "work", "context": {"cluster": "work", "user": "me"}}],
        "current-context": "work",
        "preferences": {"colors": True},
    }
    cluster.kubeconfig.write_text(yaml.safe_dump(theirs))
    cluster.ok("start", "--no-wait")
    during = yaml.safe_load(cluster.kubeconfig.read_text())
    assert [context["name"] for context in during["contexts"]] == ["work", cluster.profile]
    assert during["current-context"] == cluster.profile
    cluster.ok("delete")
    assert yaml.safe_load(cluster.kubeconfig.read_text()) == theirs


def test_without_root_it_says_what_to_do():
    code = "import os; from wherry.cli import cluster, main; os.seteuid(65534); main.main(['start'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 77 and "sudo wherry start" in done.stderr


def test_a_missing_program_is_named_with_its_remedy(cluster):
    done = cluster.wherry("start", PATH="/nonexistent")
    assert done.returncode == 69 and "no conmon" in done.stderr and "install the package conmon" in done.stderr
    assert cluster.leftovers() == []


@pytest.mark.parametrize("victim", ["supervisor", "apiserver"])
def test_a_process_that_is_killed_comes_back(cluster, victim):
    cluster.ok("start", "--no-wait")
    until(lambda: cluster.make_namespace("kept"))
    before = cluster.pids()
    os.kill(before[victim], signal.SIGKILL)
    until(lambda: cluster.pids().get(victim) not in (None, before[victim]))
    if victim == "supervisor":
        assert cluster.pids()["apiserver"] == before["apiserver"]
    until(lambda: cluster.has_namespace("kept"))
    assert "was running already" in cluster.ok("start", "--no-wait")
