"""Owner references: who goes with whom, and in which order."""

import pytest
from worldmaking import deleting, only, owned, pod, replica_set, the

from wherry.api import meta
from wherry.api.kinds import DEPLOYMENT, POD, REPLICA_SET
from wherry.controllers.actions import Delete, Patch
from wherry.controllers.garbagecollector.graph import Graph, Ref
from wherry.controllers.garbagecollector.plan import Owner, reconcile


def child(*owners):
    made = pod("child")
    made["metadata"]["ownerReferences"] = [
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": uid, "uid": uid, "blockOwnerDeletion": True}
        for uid in owners
    ]
    return made


FATES = [
    # states of the owners, has dependents -> what happens (propagation or kept owners)
    ({"a": Owner.SOLID}, False, None),
    ({"a": Owner.ABSENT}, False, "Background"),
    ({"a": Owner.WAITING}, False, "Background"),
    ({"a": Owner.WAITING}, True, "Foreground"),
    ({"a": Owner.ABSENT}, True, "Background"),
    ({"a": Owner.SOLID, "b": Owner.ABSENT}, False, ["a"]),
    ({"a": Owner.SOLID, "b": Owner.WAITING}, True, ["a"]),
    ({"a": Owner.ABSENT, "b": Owner.WAITING}, True, "Foreground"),
    ({}, False, None),
]


@pytest.mark.parametrize(("owners", "has_dependents", "fate"), FATES)
def test_what_becomes_of_an_object_by_its_owners(owners, has_dependents, fate):
    obj = child(*owners)
    dependents = [(POD, pod("grandchild"))] if has_dependents else []
    actions = reconcile(POD, obj, owners, dependents)
    if fate is None:
        assert actions == []
    elif isinstance(fate, str):
        deleted = the(actions, Delete)
        assert deleted.propagation == fate and deleted.unchanged
    else:
        patch = the(actions, Patch).patch["metadata"]
        assert [each["uid"] for each in patch["ownerReferences"]] == fate
        assert patch["resourceVersion"] == obj["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("finalizer", "policy"), [("orphan", "Orphan"), ("foregroundDeletion", "Foreground"), ("mine", "Background")]
)
def test_an_objects_own_finalizer_decides_for_its_dependents(finalizer, policy):
    obj = child("a")
    obj["metadata"]["finalizers"] = [finalizer]
    assert the(reconcile(POD, obj, {"a": Owner.ABSENT}, []), Delete).propagation == policy


def test_foreground_waits_for_dependents_that_block():
    owner = deleting(replica_set("r"), "other", "foregroundDeletion")
    blocking = owned(pod("p"), REPLICA_SET, owner)
    free = owned(pod("q"), REPLICA_SET, owner)
    free["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = False
    assert reconcile(REPLICA_SET, owner, {}, [(POD, blocking), (POD, free)]) == []
    patch = the(reconcile(REPLICA_SET, owner, {}, [(POD, free)]), Patch)
    assert patch.patch["metadata"]["finalizers"] == ["other"]


def test_orphaning_lets_dependents_go_before_the_owner_goes():
    owner = deleting(replica_set("r"), "orphan")
    actions = reconcile(REPLICA_SET, owner, {}, [(POD, owned(pod("p"), REPLICA_SET, owner))])
    first, last = only(actions, Patch)
    assert first.kind == POD and first.patch["metadata"]["ownerReferences"] is None
    assert last.kind == REPLICA_SET and last.patch["metadata"]["finalizers"] is None


def test_an_object_that_is_going_in_the_background_needs_nothing():
    assert reconcile(POD, deleting(child("a"), "mine"), {}, []) == []


def test_a_circle_of_waiting_objects_is_broken():
    obj = child("a")
    waiting = deleting(pod("next"), "foregroundDeletion")
    actions = reconcile(POD, obj, {"a": Owner.WAITING}, [(POD, waiting)])
    assert not the(actions, Patch).patch["metadata"]["ownerReferences"][0]["blockOwnerDeletion"]
    assert the(actions, Delete).propagation == "Foreground"


def test_the_graph_says_whom_an_event_concerns():
    graph = Graph()
    owner, stranger = replica_set("r"), pod("alone")
    member = owned(pod("p"), REPLICA_SET, owner)
    ref = Ref(POD, "default/p")
    assert graph.change(POD, None, stranger) == []
    assert graph.change(POD, None, member) == [ref]
    assert graph.change(POD, member, {**member, "status": {"phase": "Failed"}}) == []
    assert graph.change(REPLICA_SET, None, owner) == []
    waiting = deleting({**owner, "metadata": dict(owner["metadata"])}, "foregroundDeletion")
    assert graph.change(REPLICA_SET, owner, waiting) == [Ref(REPLICA_SET, "default/r"), ref]
    assert graph.change(REPLICA_SET, waiting, None) == [ref]
    graph.change(POD, member, None)
    assert graph.dependents(meta.uid(owner)) == []


def test_a_changed_owner_is_a_reason_to_look():
    graph = Graph()
    first, second = replica_set("a"), replica_set("b")
    member = owned(pod("p"), REPLICA_SET, first)
    graph.change(POD, None, member)
    moved = owned({**member, "metadata": dict(member["metadata"])}, REPLICA_SET, second)
    assert graph.change(POD, member, moved) == [Ref(POD, "default/p")]
    assert graph.dependents(meta.uid(first)) == []
    assert graph.dependents(meta.uid(second)) == [Ref(POD, "default/p")]


def test_an_object_replaced_by_its_namesake_frees_the_old_ones_dependents():
    graph = Graph()
    owner = replica_set("r")
    graph.change(POD, None, owned(pod("p"), REPLICA_SET, owner))
    assert graph.change(REPLICA_SET, owner, replica_set("r")) == [Ref(POD, "default/p")]
    assert Ref(DEPLOYMENT, "x") != Ref(REPLICA_SET, "x")
