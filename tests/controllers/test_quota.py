"""ResourceQuota: what counts, in which scope, and the sum in a namespace."""

from decimal import Decimal

import pytest
from story import web, world
from worldmaking import NOW, deleting, metadata, only, pod, the

from wherry.api import quota
from wherry.api.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    RESOURCE_QUOTA,
    SECRET,
    SERVICE,
)
from wherry.controllers.actions import UpdateStatus
from wherry.controllers.attempt import Attempt
from wherry.controllers.resourcequota import plan


def asking(requests=None, limits=None, **rest):
    resources = {key: value for key, value in (("requests", requests), ("limits", limits)) if value}
    made = pod(**rest)
    made["spec"]["containers"] = [{"name": "c", "resources": resources}]
    return made


def limited(hard, scopes=(), selector=None):
    spec = {"hard": hard} | ({"scopes": list(scopes)} if scopes else {})
    if selector:
        spec["scopeSelector"] = {"matchExpressions": [selector]}
    return {"metadata": metadata("q"), "spec": spec, "status": {}}


def test_a_pod_counts_by_what_it_asks_for():
    used = quota.usage(POD, asking({"cpu": "250m", "memory": "1Gi"}, {"cpu": 1}), NOW)
    quarter = Decimal("0.25")
    assert used == {
        "count/pods": 1, "pods": 1, "cpu": quarter, "requests.cpu": quarter, "limits.cpu": 1,
        "memory": 2**30, "requests.memory": 2**30,
    }  # fmt: skip


@pytest.mark.parametrize("ended", [asking({"cpu": 1}, phase="Succeeded"), asking({"cpu": 1}, phase="Failed")])
def test_a_pod_that_ended_counts_as_an_object_only(ended):
    assert quota.usage(POD, ended, NOW) == {"count/pods": 1}


def test_a_pod_that_should_be_gone_does_not_count():
    late = deleting(asking({"cpu": 1}))
    late["metadata"]["deletionGracePeriodSeconds"] = 30
    assert "pods" in quota.usage(POD, late, NOW + 20)
    assert "pods" not in quota.usage(POD, late, NOW + 31)


def test_extended_resources_and_huge_pages():
    used = quota.usage(POD, asking({"example.com/gpu": 2, "hugepages-2Mi": "4Mi"}), NOW)
    assert used["requests.example.com/gpu"] == 2 and "example.com/gpu" not in used
    assert used["requests.hugepages-2Mi"] == used["hugepages-2Mi"] == 4 * 2**20


SERVICES = [
    ({"type": "ClusterIP", "ports": [{}]}, 0, 0),
    ({"type": "NodePort", "ports": [{}, {}]}, 0, 2),
    ({"type": "LoadBalancer", "ports": [{}]}, 1, 1),
    ({"type": "LoadBalancer", "ports": [{"nodePort": 1}, {}], "allocateLoadBalancerNodePorts": False}, 1, 1),
]


@pytest.mark.parametrize(("spec", "balancers", "node_ports"), SERVICES)
def test_services_count_balancers_and_node_ports(spec, balancers, node_ports):
    used = quota.usage(SERVICE, {"metadata": metadata("s"), "spec": spec}, NOW)
    found = used["services"], used["services.loadbalancers"], used["services.nodeports"]
    assert found == (1, balancers, node_ports)


def test_claims_count_by_class_too():
    spec = {"storageClassName": "fast", "resources": {"requests": {"storage": "5Gi"}}}
    used = quota.usage(PERSISTENT_VOLUME_CLAIM, {"metadata": metadata("c"), "spec": spec}, NOW)
    assert used["requests.storage"] == used["fast.storageclass.storage.k8s.io/requests.storage"] == 5 * 2**30
    assert used["fast.storageclass.storage.k8s.io/persistentvolumeclaims"] == 1


def test_other_kinds_count_as_objects_some_by_a_name_of_their_own():
    assert quota.usage(SECRET, {"metadata": metadata("s")}, NOW) == {"count/secrets": 1, "secrets": 1}
    assert quota.usage(DEPLOYMENT, {"metadata": metadata("d")}, NOW) == {"count/deployments.apps": 1}


SCOPES = [
    (["Terminating"], asking(activeDeadlineSeconds=5), True),
    (["Terminating"], asking(), False),
    (["NotTerminating"], asking(), True),
    (["BestEffort"], asking(), True),
    (["BestEffort"], asking({"cpu": 1}), False),
    (["NotBestEffort"], asking(limits={"memory": "1Mi"}), True),
    (["NotBestEffort", "Terminating"], asking({"cpu": 1}), False),
    (["PriorityClass"], asking(priorityClassName="high"), True),
    (["PriorityClass"], asking(), False),
]


@pytest.mark.parametrize(("scopes", "obj", "included"), SCOPES)
def test_scopes(scopes, obj, included):
    assert quota.counts(limited({"pods": "1"}, scopes), POD, obj) is included


@pytest.mark.parametrize(
    ("operator", "values", "name", "included"),
    [
        ("In", ["high"], "high", True),
        ("In", ["high"], "low", False),
        ("NotIn", ["high"], "low", True),
        ("Exists", [], "low", True),
        ("DoesNotExist", [], "", True),
    ],
)
def test_a_quota_for_some_priorities(operator, values, name, included):
    selector = {"scopeName": "PriorityClass", "operator": operator, "values": values}
    of = limited({"pods": "1"}, selector=selector)
    assert quota.counts(of, POD, asking(priorityClassName=name)) is included


def test_a_quota_with_scopes_counts_nothing_but_pods():
    assert not quota.counts(limited({"configmaps": "1"}, ["BestEffort"]), CONFIG_MAP, {"metadata": metadata("c")})


def test_the_sum_is_shown_in_the_units_of_the_limit():
    of = limited({"requests.cpu": "2", "requests.memory": "1Gi", "pods": "10", "count/secrets": "5"})
    objects = [(POD, asking({"cpu": "300m", "memory": "100Mi"})) for _ in range(3)]
    assert quota.total(of, objects, NOW) == {
        "requests.cpu": "900m", "requests.memory": "300Mi", "pods": "3", "count/secrets": "0",
    }  # fmt: skip


def test_a_status_that_is_right_is_not_written():
    of = limited({"pods": "10"})
    of["status"] = the(plan.reconcile(of, [(POD, asking())], Attempt(NOW)), UpdateStatus).obj["status"]
    assert of["status"] == {"hard": {"pods": "10"}, "used": {"pods": "1"}}
    assert only(plan.reconcile(of, [(POD, asking())], Attempt(NOW)), UpdateStatus) == []


NEEDED = [
    (["pods"], POD, True),
    (["requests.storage"], POD, False),
    (["requests.storage"], PERSISTENT_VOLUME_CLAIM, True),
    (["limits.cpu"], SERVICE, False),
    (["services.nodeports"], SERVICE, True),
    (["count/deployments.apps"], DEPLOYMENT, True),
    (["secrets"], CONFIG_MAP, False),
]


@pytest.mark.parametrize(("hard", "kind", "expected"), NEEDED)
def test_which_kinds_a_quota_looks_at(hard, kind, expected):
    assert quota.needed(hard, kind) is expected


async def test_a_quotas_status_follows_its_namespace():
    async with world() as w:
        hard = {"pods": "10", "configmaps": "5", "count/deployments.apps": "2"}
        await w.create(RESOURCE_QUOTA, {"metadata": {"name": "q"}, "spec": {"hard": hard}})
        await w.create(DEPLOYMENT, web(3))

        async def used(**expected):
            found = ((await w.get(RESOURCE_QUOTA, "q")).get("status") or {}).get("used")
            return found == {"configmaps": "1", **{key.replace("__", "/"): value for key, value in expected.items()}}

        await w.until(lambda: used(pods="3", **{"count/deployments.apps": "1"}))
        await w.client.delete(DEPLOYMENT, "web", "default")
        await w.until(lambda: used(pods="0", **{"count/deployments.apps": "0"}))
