"""ReplicaSet: how many pods, which go first, what the status says."""

import pytest
from worldmaking import NOW, deleting, flat, only, owned, pod, pods_of, replica_set, the

from wherry.api import meta
from wherry.api.kinds import POD, REPLICA_SET, REPLICATION_CONTROLLER
from wherry.controllers import pods
from wherry.controllers.actions import Confirm, Create, Delete, Patch, Requeue, Together, UpdateStatus
from wherry.controllers.attempt import Attempt, Failure
from wherry.controllers.replicaset.plan import BURST, reconcile


def plan(owner, candidates, failure=None, kind=REPLICA_SET, related=None):
    return reconcile(kind, owner, candidates, lambda: related or candidates, Attempt(NOW, failure))


@pytest.mark.parametrize(
    ("wanted", "have", "made", "deleted"),
    [(3, 0, 3, 0), (3, 2, 1, 0), (3, 3, 0, 0), (1, 3, 0, 2), (0, 3, 0, 3), (1000, 0, BURST, 0), (0, 600, 0, BURST)],
)
def test_pods_are_made_and_deleted_until_there_are_as_many_as_asked_for(wanted, have, made, deleted):
    owner = replica_set(replicas=wanted)
    actions = plan(owner, pods_of(owner, have))
    assert len(only(actions, Create)) == made
    assert len(only(actions, Delete)) == deleted


def test_creates_start_slowly_and_deletes_do_not():
    owner = replica_set(replicas=2)
    assert plan(owner, [])[-1].slow_start
    owner = replica_set(replicas=0)
    together = plan(owner, pods_of(owner, 2))[-1]
    assert isinstance(together, Together) and not together.slow_start


def test_a_pod_is_made_from_the_template_and_named_by_the_server():
    owner = replica_set("web-1", 1)
    made = the(plan(owner, []), Create).obj
    assert made["metadata"]["generateName"] == "web-1-"
    assert made["metadata"]["labels"] == {"app": "web"}
    assert meta.controller_of(made)["uid"] == meta.uid(owner)
    assert made["spec"] == owner["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    ("candidate", "counted"),
    [
        (lambda own: own(pod("ready")), True),
        (lambda own: own(pod("failed", phase="Failed")), False),
        (lambda own: own(pod("done", phase="Succeeded")), False),
        (lambda own: deleting(own(pod("going"))), False),
    ],
)
def test_only_active_pods_count(candidate, counted):
    owner = replica_set(replicas=1)
    actions = plan(owner, [candidate(lambda each: owned(each, REPLICA_SET, owner))])
    assert len(only(actions, Create)) == (0 if counted else 1)


def test_a_matching_orphan_is_adopted_after_a_live_look_at_the_owner():
    owner = replica_set(replicas=1)
    actions = plan(owner, [pod("orphan")])
    assert isinstance(actions[0], Confirm)
    patch = the(actions, Patch)
    assert patch.patch["metadata"]["ownerReferences"][0]["uid"] == meta.uid(owner)
    assert not only(actions, Create)


@pytest.mark.parametrize("orphan", [pod("other", labels={"app": "db"}), deleting(pod("going"))])
def test_what_does_not_match_or_is_going_is_not_adopted(orphan):
    owner = replica_set(replicas=0, current=0)
    assert not only(plan(owner, [orphan]), Patch)


def test_an_owner_that_is_going_adopts_and_makes_nothing():
    owner = deleting(replica_set(replicas=2), "foregroundDeletion")
    actions = plan(owner, [pod("orphan")])
    assert not only(actions, Patch) and not only(actions, Create)


def test_a_pod_whose_labels_left_the_selector_is_released_and_replaced():
    owner = replica_set(replicas=1)
    strayed = owned(pod("strayed", labels={"app": "debug"}), REPLICA_SET, owner)
    actions = plan(owner, [strayed])
    patch = the(actions, Patch)
    assert patch.patch["metadata"]["ownerReferences"] == [{"$patch": "delete", "uid": meta.uid(owner)}]
    assert len(only(actions, Create)) == 1


FIRST_TO_GO = [
    ("unassigned before assigned", {"node": "", "phase": "Pending", "ready": None}, {"node": "n"}),
    ("pending before running", {"node": "n", "phase": "Pending", "ready": None}, {"node": "n"}),
    ("not ready before ready", {"node": "n", "ready": False}, {"node": "n"}),
    (
        "cheap before dear",
        {"node": "n", "annotations": {pods.DELETION_COST: "-5"}, "age": 9000},
        {"node": "n", "age": 10},
    ),
    ("on a crowded node before alone", {"node": "crowd", "age": 9000}, {"node": "n", "age": 10}),
    ("ready for a short time before long", {"node": "n", "ready_for": 10}, {"node": "n", "ready_for": 10000}),
    ("young before old", {"node": "n", "age": 10}, {"node": "n", "age": 100000}),
]


@pytest.mark.parametrize(("first", "last"), [case[1:] for case in FIRST_TO_GO], ids=[case[0] for case in FIRST_TO_GO])
def test_which_pod_goes_first(first, last):
    loser, keeper = pod("loser", **first), pod("keeper", **last)
    for order in ([loser, keeper], [keeper, loser]):
        assert pods.by_deletion_preference(order, {"crowd": 3, "n": 1}, NOW)[0] is loser


def test_a_pod_that_restarted_more_goes_first():
    calm, shaky = pod("calm", node="n"), pod("shaky", node="n")
    shaky["status"]["containerStatuses"] = [{"name": "c", "restartCount": 4}]
    assert pods.by_deletion_preference([calm, shaky], {}, NOW) == [shaky, calm]


@pytest.mark.parametrize("cost", ["one", "1.5", "+3", "99999999999"])
def test_a_deletion_cost_that_is_no_number_counts_as_none(cost):
    assert pods.deletion_cost(pod(annotations={pods.DELETION_COST: cost})) == 0


def test_related_pods_make_a_node_crowded():
    owner = replica_set(replicas=1)
    a, b = (owned(pod(n, node=n), REPLICA_SET, owner) for n in ("n1", "n2"))
    related = [a, b, pod("old-1", node="n2")]
    assert the(plan(owner, [a, b], related=related), Delete).obj is b


def test_the_status_counts():
    owner = replica_set(replicas=4, minReadySeconds=60, current=0)
    owned_pods = [
        *pods_of(owner, 1, ready_for=100),
        *pods_of(owner, 1, ready_for=20),
        *pods_of(owner, 1, ready=False),
        *pods_of(owner, 1, labels={"app": "web", "extra": "1"}, ready=None, phase="Pending"),
        deleting(pods_of(owner, 1)[0]),
    ]
    actions = plan(owner, owned_pods)
    assert the(actions, UpdateStatus).obj["status"] == {
        "replicas": 4,
        "fullyLabeledReplicas": 4,
        "readyReplicas": 2,
        "availableReplicas": 1,
        "terminatingReplicas": 1,
        "observedGeneration": 1,
    }
    assert the(actions, Requeue).seconds == 40


def test_a_status_that_is_right_is_not_written():
    owner = replica_set(replicas=1)
    candidates = pods_of(owner, 1)
    owner["status"] = the(plan(owner, candidates), UpdateStatus).obj["status"]
    assert plan(owner, candidates) == []


def test_a_refused_create_is_told_in_the_status_before_the_next_try_and_taken_back_after():
    owner = replica_set(replicas=2, current=0)
    failure = Failure(Create(POD, {}), 'pods "x" is forbidden: exceeded quota')
    actions = plan(owner, [], failure)
    told = flat(actions)[0]
    assert isinstance(told, UpdateStatus) and only(actions, Create)
    condition = meta.condition(told.obj, "ReplicaFailure")
    assert (condition["status"], condition["reason"]) == ("True", "FailedCreate")
    assert condition["message"] == 'pods "x" is forbidden: exceeded quota'
    assert "conditions" not in the(plan(told.obj, pods_of(told.obj, 2)), UpdateStatus).obj["status"]


def test_a_replication_controller_selects_by_a_plain_map():
    owner = replica_set(replicas=2)
    owner["spec"]["selector"] = {"app": "web"}
    actions = plan(owner, pods_of(owner, 1, kind=REPLICATION_CONTROLLER), kind=REPLICATION_CONTROLLER)
    made = the(actions, Create).obj
    assert meta.controller_of(made)["kind"] == "ReplicationController"
    assert "terminatingReplicas" not in the(actions, UpdateStatus).obj["status"]
