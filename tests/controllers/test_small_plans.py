"""Mirrored Endpoints, aggregated roles, protected volumes."""

import pytest
from worldmaking import deleting, metadata, only, pod, the

from wherry.api import meta
from wherry.controllers.actions import Create, Delete, Event, Update
from wherry.controllers.clusterroleaggregation import plan as roles
from wherry.controllers.endpointslicemirroring import plan as mirror
from wherry.controllers.volumeprotection import plan as protection


def endpoints(*subsets, **more):
    return {"metadata": metadata("db", labels={"team": "a"}, **more), "subsets": list(subsets)}


def subset(*ips, port=5432, not_ready=()):
    return {
        "addresses": [{"ip": ip} for ip in ips],
        "notReadyAddresses": [{"ip": ip} for ip in not_ready],
        "ports": [{"name": "sql", "port": port, "protocol": "TCP"}],
    }


SERVICE = {"metadata": metadata("db"), "spec": {}}


def existing(made, name="db-abc"):
    return {**made, "metadata": {**made["metadata"], "name": name, "resourceVersion": "7", "uid": name}}


def test_a_hand_made_endpoints_object_is_shown_as_slices_by_family_and_ports():
    of = endpoints(subset("192.0.2.1", "2001:db8::1", not_ready=["192.0.2.9"]), subset("192.0.2.2", port=6432))
    made = {(e.obj["addressType"], e.obj["ports"][0]["port"]): e.obj for e in only(
        mirror.reconcile(of, SERVICE, []), Create)}  # fmt: skip
    assert set(made) == {("IPv4", 5432), ("IPv6", 5432), ("IPv4", 6432)}
    first = made["IPv4", 5432]
    shown = {each["addresses"][0]: each["conditions"]["ready"] for each in first["endpoints"]}
    assert shown == {"192.0.2.1": True, "192.0.2.9": False}
    assert meta.labels(first)["kubernetes.io/service-name"] == "db" and meta.labels(first)["team"] == "a"
    assert meta.controller_of(first)["kind"] == "Endpoints"


def test_slices_that_are_right_stay_and_changed_ones_are_updated():
    of = endpoints(subset("192.0.2.1"))
    have = existing(the(mirror.reconcile(of, SERVICE, []), Create).obj)
    assert mirror.reconcile(of, SERVICE, [have]) == []
    changed = the(mirror.reconcile({**of, "subsets": [subset("192.0.2.2")]}, SERVICE, [have]), Update).obj
    assert meta.name(changed) == "db-abc" and changed["endpoints"][0]["addresses"] == ["192.0.2.2"]
    assert the(mirror.reconcile({**of, "subsets": []}, SERVICE, [have]), Delete).obj is have


NOT_MIRRORED = [
    ("no endpoints", None, SERVICE),
    ("no service", endpoints(subset("192.0.2.1")), None),
    ("a selector", endpoints(subset("192.0.2.1")), {**SERVICE, "spec": {"selector": {"a": "b"}}}),
]


@pytest.mark.parametrize(("of", "service"), [c[1:] for c in NOT_MIRRORED], ids=[c[0] for c in NOT_MIRRORED])
def test_what_is_not_mirrored_loses_its_slices(of, service):
    have = existing(the(mirror.reconcile(endpoints(subset("192.0.2.1")), SERVICE, []), Create).obj)
    assert [type(each) for each in mirror.reconcile(of, service, [have])] == [Delete]


def test_who_asks_not_to_be_mirrored_is_not():
    of = endpoints(subset("192.0.2.1"))
    of["metadata"]["labels"][mirror.SKIP] = "true"
    assert mirror.reconcile(of, SERVICE, []) == []


def test_addresses_that_cannot_be_shown_are_told_of():
    actions = mirror.reconcile(endpoints(subset("192.0.2.1", "nonsense", "192.0.2.2")), SERVICE, [], most=1)
    assert {each.reason for each in only(actions, Event)} == {"InvalidIPAddress", "TooManyAddressesToMirror"}


def role(name, *verbs, labels=None, **more):
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": [verb]} for verb in verbs]
    return {"metadata": metadata(name, namespace="", labels=labels or {}), "rules": rules, **more}


def test_an_aggregated_role_has_the_rules_of_those_it_selects():
    selectors = [{"matchLabels": {"to": "admin"}}, {"matchLabels": {"to": "all"}}]
    admin = role("admin", "old", labels={"to": "admin"}, aggregationRule={"clusterRoleSelectors": selectors})
    others = [
        role("b", "list", labels={"to": "admin"}),
        role("a", "get", "list", labels={"to": "admin"}),
        role("c", "x"),
    ]
    changed = the(roles.reconcile(admin, [admin, *others]), Update).obj
    assert [rule["verbs"] for rule in changed["rules"]] == [["get"], ["list"]]
    assert roles.reconcile(changed, [changed, *others]) == []
    assert roles.reconcile(others[0], others) == []


def mounting(name, phase="Running", **volume):
    return pod(
        name, phase=phase, volumes=[{"name": "v", **(volume or {"persistentVolumeClaim": {"claimName": "data"}})}]
    )


def test_a_claim_stays_while_a_pod_uses_it():
    claim = {"metadata": metadata("data")}
    protected = the(protection.protect_claim(claim, ()), Update).obj
    assert meta.finalizers(protected) == [protection.CLAIM_FINALIZER]
    going = deleting(protected, "other", protection.CLAIM_FINALIZER)
    assert protection.protect_claim(going, [mounting("p")]) == []
    freed = the(protection.protect_claim(going, [mounting("p", phase="Succeeded")]), Update).obj
    assert meta.finalizers(freed) == ["other"]


def test_which_claims_a_pod_mounts():
    assert protection.claims_of(mounting("p")) == ["data"]
    assert protection.claims_of(mounting("p", ephemeral={})) == []
    assert protection.claims_of(mounting("p", ephemeral={"volumeClaimTemplate": {}})) == ["p-v"]


def test_a_volume_stays_while_it_is_bound():
    volume = {"metadata": metadata("pv", namespace=""), "status": {"phase": "Bound"}}
    protected = the(protection.protect_volume(volume), Update).obj
    going = deleting(protected, protection.VOLUME_FINALIZER)
    assert protection.protect_volume(going) == []
    assert (
        meta.finalizers(the(protection.protect_volume({**going, "status": {"phase": "Released"}}), Update).obj) == []
    )
