"""The real kubectl against a cluster of two nodes, as people use it. The tests share the cluster and run in order."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clusterlab import Cluster

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl on this machine"),
]

WEB = str(Path(__file__).parent.parent.parent / "examples/01-web/manifests.yaml")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("kubectl"))
    try:
        made.ok("start", "--nodes", "2")
        made.ok("image", "make", "busybox")
        yield made
    finally:
        made.wherry("delete")
    assert made.leftovers() == []


@pytest.fixture
def kubectl(cluster: Cluster) -> Callable[..., str]:
    """Runs kubectl; its output. It must succeed."""

    def run(*words: str) -> str:
        done = cluster.kubectl(*words)
        assert done.returncode == 0, done.stderr + cluster.logs()
        return done.stdout

    return run


def test_apply_creates_and_a_second_time_changes_nothing(kubectl):
    assert kubectl("apply", "-f", WEB).splitlines() == [
        "configmap/web-page created",
        "deployment.apps/web created",
        "service/web created",
    ]
    assert kubectl("apply", "-f", WEB).splitlines() == [
        "configmap/web-page unchanged",
        "deployment.apps/web unchanged",
        "service/web unchanged",
    ]
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")


def test_wait_and_get_wide(kubectl, cluster):
    kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=60s")
    heading, *rows = kubectl("get", "pods", "-l", "app=web", "-o", "wide").splitlines()
    assert heading.split()[:8] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED"]
    assert [row.split()[1:3] for row in rows] == [["1/1", "Running"]] * 3
    assert {row.split()[6] for row in rows} == {node.name for node in cluster.config.nodes}


def test_nodes_say_what_they_are(kubectl, cluster):
    rows = kubectl("get", "nodes", "-o", "wide").splitlines()[1:]
    assert [(row.split()[0], row.split()[1], row.split()[5]) for row in rows] == [
        (node.name, "Ready", node.address) for node in cluster.config.nodes
    ]


def test_describe_tells_the_story_of_a_pod(kubectl):
    text = kubectl("describe", "pods", "-l", "app=web")
    assert text.count("Successfully assigned default/web-") == 3
    assert re.search(r"Started\s+\S+\s+kubelet\s+(Started container web|Container started)", text)
    assert "Replicas:               3 desired" in kubectl("describe", "deployment", "web")


def test_logs_follow(kubectl, cluster):
    script = "i=0; while true; do i=$((i+1)); echo line $i; sleep 0.1; done"
    kubectl("run", "talker", "--image=busybox", "--image-pull-policy=IfNotPresent", "--", "sh", "-c", script)
    kubectl("wait", "--for=condition=Ready", "pod/talker", "--timeout=60s")
    command = ["kubectl", "logs", "-f", "talker"]
    with subprocess.Popen(command, env=cluster.environment, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert [following.stdout.readline() for _ in range(5)] == [f"line {number}\n" for number in range(1, 6)]
        following.send_signal(signal.SIGINT)
    assert kubectl("logs", "talker", "--tail=1").startswith("line ")


def test_exec_runs_commands_and_gives_their_exit_code(kubectl, cluster):
    assert kubectl("exec", "talker", "--", "sh", "-c", "echo $((6 * 7))") == "42\n"
    assert cluster.kubectl("exec", "talker", "--", "sh", "-c", "exit 3").returncode == 3
    command = ["kubectl", "exec", "-i", "talker", "--", "wc", "-c"]
    done = subprocess.run(command, env=cluster.environment, input=b"x" * 100_000, capture_output=True, check=True)
    assert done.stdout == b"100000\n"


def test_exec_with_a_terminal_is_a_shell(cluster):
    master, slave = pty.openpty()
    command = ["kubectl", "exec", "-it", "talker", "--", "sh"]
    process = subprocess.Popen(command, env=cluster.environment, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    os.write(master, b"tty; echo user-$(id -u)-$((40 + 2))\nexit 5\n")
    text, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline and select.select([master], [], [], 60)[0]:
        try:
            text += os.read(master, 4096)
        except OSError:  # the other side is closed
            break
    os.close(master)
    assert process.wait(60) == 5
    assert b"/dev/pts/" in text and b"user-0-42" in text


def test_scale(kubectl):
    kubectl("scale", "deployment/web", "--replicas=5")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert kubectl("get", "deployment", "web").splitlines()[1].split()[1] == "5/5"
    kubectl("scale", "deployment/web", "--replicas=3")
    kubectl("wait", "--for=jsonpath={.status.replicas}=3", "deployment/web", "--timeout=60s")


def test_a_new_image_rolls_out_and_back(kubectl):
    def image() -> str:
        return kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}")

    kubectl("set", "image", "deployment/web", "web=busybox:1")
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert image() == "busybox:1"
    assert len(kubectl("rollout", "history", "deployment/web").split("REVISION")[1].strip().splitlines()) == 3
    kubectl("rollout", "undo", "deployment/web")
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert image() == "busybox"


def test_an_image_that_nobody_has_is_reported(kubectl):
    kubectl("run", "broken", "--image=127.0.0.1:1/none")
    reason = "{.status.containerStatuses[0].state.waiting.reason}"
    kubectl("wait", f"--for=jsonpath={reason}=ImagePullBackOff", "pod/broken", "--timeout=60s")
    assert 'Failed to pull image "127.0.0.1:1/none"' in kubectl("describe", "pod", "broken")
    kubectl("delete", "pod", "broken")


def test_a_pod_that_cannot_fit_says_why(kubectl):
    requests = json.dumps({"spec": {"containers": [_hungry()]}})
    kubectl("run", "hungry", "--image=busybox", f"--overrides={requests}")
    kubectl("wait", "--for=condition=PodScheduled=false", "pod/hungry", "--timeout=60s")
    assert "0/2 nodes are available: 2 Insufficient memory" in kubectl("describe", "pod", "hungry")
    kubectl("delete", "pod", "hungry")


def _hungry() -> dict[str, object]:
    return {"name": "hungry", "image": "busybox", "resources": {"requests": {"memory": "1Ei"}}}


def test_cordon_drain_and_uncordon(kubectl, cluster):
    node = cluster.config.nodes[1].name
    kubectl("cordon", node)
    assert "Ready,SchedulingDisabled" in kubectl("get", "node", node)
    kubectl("drain", node, "--ignore-daemonsets", "--force", "--delete-emptydir-data", "--grace-period=1")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    there = kubectl("get", "pods", "-o", "jsonpath={.items[*].spec.nodeName}")
    assert node not in there.split()
    kubectl("uncordon", node)
    assert "SchedulingDisabled" not in kubectl("get", "node", node)


@pytest.mark.parametrize(
    "manifest", ["apiVersion: v1\nkind: Pod\n", "apiVersion: v1\nkind: Pot\nmetadata: {name: x}\n"]
)
def test_a_malformed_manifest_is_refused_in_one_message(cluster, tmp_path, manifest):
    path = tmp_path / "m.yaml"
    path.write_text(manifest)
    done = cluster.kubectl("apply", "-f", str(path))
    assert done.returncode == 1 and done.stderr.startswith("error: ")


def test_explain_and_api_resources(kubectl):
    assert "FIELD: replicas <integer>" in kubectl("explain", "deployment.spec.replicas")
    assert "template" in kubectl("explain", "deployment.spec", "--recursive")
    rows = {row.split()[0]: row for row in kubectl("api-resources").splitlines()[1:]}
    assert rows["deployments"].split() == ["deployments", "deploy", "apps/v1", "true", "Deployment"]
    assert {"pods", "services", "nodes", "endpointslices", "leases"} <= rows.keys()


def test_delete_takes_what_belongs_to_it_along(kubectl):
    kubectl("delete", "-f", WEB, "--timeout=60s")
    kubectl("delete", "pod", "--all", "--timeout=60s", "--force")
    kubectl("wait", "--for=delete", "pod", "-l", "app=web", "--timeout=60s")
    assert kubectl("get", "all", "-l", "app=web") == ""
