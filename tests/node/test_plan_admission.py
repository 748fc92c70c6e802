"""What the node does not take although it was bound there."""

import pytest
from nodetest import container, pod

from wherry.node.plan.admission import admit, resize
from wherry.node.plan.demand import requests

NODE = {"cpu": "2", "memory": "4Gi", "pods": "3"}


def asking(cpu="0", memory="0", uid="u-1", phase="Running", **spec):
    resources = {"requests": {"cpu": cpu, "memory": memory}}
    return pod(container(resources=resources), metadata={"uid": uid}, **spec) | {"status": {"phase": phase}}


def sysctl(name):
    return {"securityContext": {"sysctls": [{"name": name, "value": "1"}]}}


@pytest.mark.parametrize(
    ("new", "others", "reason"),
    [
        (asking("1"), [], None),
        (asking("1500m"), [asking("600m", uid="a")], "OutOfcpu"),
        (asking("1500m"), [asking("600m", uid="a", phase="Succeeded")], None),
        (asking("1500m"), [asking("1500m")], None),
        (asking(memory="5Gi"), [], "OutOfmemory"),
        (asking(), [asking(uid=str(number)) for number in range(3)], "OutOfpods"),
        (asking(os={"name": "windows"}), [], "PodOSNotSupported"),
        (asking(**sysctl("kernel/shm_rmid_forced")), [], None),
        (asking(**sysctl("kernel.msgmax")), [], "SysctlForbidden"),
        (asking(hostNetwork=True, **sysctl("net.ipv4.tcp_syncookies")), [], "SysctlForbidden"),
    ],
)
def test_admission(new, others, reason):
    found = admit(new, others, NODE)
    assert (found.reason if found else None) == reason


def test_the_message_has_the_numbers():
    found = admit(asking("1500m"), [asking("600m", uid="a")], NODE)
    assert found.message == (
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 1500, used: 600, capacity: 2000"
    )


@pytest.mark.parametrize(
    ("cpu", "others", "reason"),
    [("1", [], None), ("3", [], "Infeasible"), ("1500m", [asking("1", uid="a")], "Deferred")],
)
def test_room_for_more(cpu, others, reason):
    found = resize(asking(cpu), others, NODE)
    assert (found.reason if found else None) == reason


def part(cpu, **fields):
    return container(f"c{cpu}", resources={"requests": {"cpu": str(cpu)}}, **fields)


@pytest.mark.parametrize(
    ("of", "cpu"),
    [
        (pod(part(1), part(2)), 3),
        (pod(part(1), init=(part(5),)), 5),
        (pod(part(1), init=(part(2, restartPolicy="Always"), part(5))), 7),
        (pod(part(4), init=(part(5), part(2, restartPolicy="Always"))), 6),
        (pod(part(1), overhead={"cpu": "1"}), 2),
        (pod(part(1), resources={"requests": {"cpu": "4"}}), 4),
    ],
)
def test_what_a_pod_asks_for(of, cpu):
    assert requests(of)["cpu"] == cpu
