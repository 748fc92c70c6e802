"""Pods in the caches: no rule sees a difference, and siblings share what they have in common."""

import pytest
from worldmaking import NOW, deleting, owned, pod, replica_set

from wherry.api import meta, quota
from wherry.api.kinds import POD, REPLICA_SET
from wherry.controllers import pods as facts
from wherry.controllers import services
from wherry.controllers.essence import Essence
from wherry.controllers.job.plan import failures
from wherry.controllers.volumeprotection.plan import claims_of
from wherry.lib.timestamps import rfc3339


def container_status(**state):
    return [{"name": "c", "restartCount": state.pop("restarts", 0), "state": state, "image": "i", "containerID": "x"}]


def with_status(made, **status):
    made["status"] |= status
    return made


ENDED = {"terminated": {"exitCode": 3, "finishedAt": rfc3339(NOW - 5)}}
SERVICE = {"metadata": {"name": "web"}, "spec": {"ports": [{"name": "a", "port": 80, "targetPort": "http"}]}}

CLAIM = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}

PODS = [
    pod("plain", node="n1", ip="10.0.0.1", age=50),
    pod("pending", phase="Pending", ready=None),
    deleting(pod("going", node="n1"), "example.com/hold"),
    with_status(pod("restarted"), containerStatuses=container_status(restarts=3)),
    with_status(pod("ended", phase="Failed"), containerStatuses=container_status(**ENDED)),
    with_status(pod("dual"), podIP="10.0.0.1", podIPs=[{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]),
    pod("tolerant", tolerations=[{"operator": "Exists"}], hostname="a", subdomain="web", annotations={"k": "v"}),
    pod("claiming", volumes=[CLAIM, {"name": "e", "emptyDir": {}}]),
    pod("asking", containers=[{"name": "c", "resources": {"requests": {"cpu": "1"}}, "image": "i",
                               "ports": [{"name": "http", "containerPort": 8080}]}]),
]  # fmt: skip

RULES = {
    "ready": facts.is_ready,
    "active": facts.is_active,
    "terminal": facts.is_terminal,
    "available": lambda p: facts.available_in(p, 100, NOW),
    "restarts": facts.restarts,
    "cost": facts.deletion_cost,
    "created": facts.created_at,
    "finished": failures.finished_at,
    "ips": services.pod_ips,
    "concern": services.concern,
    "ports": lambda p: services.endpoint_ports(p, SERVICE),
    "hostname": lambda p: services.hostname_of(p, SERVICE),
    "claims": claims_of,
    "usage": lambda p: quota.usage(POD, p, NOW),
    "finalizers": meta.finalizers,
    "owners": meta.owners,
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("whole", PODS, ids=meta.name)
def test_no_rule_sees_a_difference(whole, name):
    assert RULES[name](Essence()(whole)) == RULES[name](whole)


def test_siblings_share_what_they_have_in_common():
    owner, project = replica_set(), Essence()
    one, other = (project(owned(pod(name, node=name), REPLICA_SET, owner)) for name in ("a", "b"))
    assert one["metadata"]["labels"] is other["metadata"]["labels"]
    assert one["metadata"]["ownerReferences"] is other["metadata"]["ownerReferences"]
    assert one["spec"]["containers"] is other["spec"]["containers"]
    assert one["status"]["conditions"][0] is other["status"]["conditions"][0]
    assert (meta.name(one), facts.node_name(other)) == ("a", "b")


def test_those_that_differ_do_not():
    owner, project = replica_set(), Essence()
    one = project(owned(pod("a", labels={"app": "web", "canary": "1"}), REPLICA_SET, owner))
    other = project(owned(pod("b"), REPLICA_SET, owner))
    assert meta.labels(one)["canary"] == "1" and "canary" not in meta.labels(other)
