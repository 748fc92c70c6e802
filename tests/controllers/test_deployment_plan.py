"""Deployment: rollouts, scaling, revisions, conditions."""

import pytest
from worldmaking import NOW, deleting, deployment, flat, of_deployment, only, pods_of, replica_set, template, the

from wherry.api import meta
from wherry.api.kinds import REPLICA_SET
from wherry.controllers.actions import Create, Delete, Event, Patch, Requeue, Update, UpdateStatus
from wherry.controllers.attempt import Attempt, Failure
from wherry.controllers.deployment.plan import reconcile, revisions, scaling
from wherry.lib.timestamps import rfc3339


def plan(owner, sets=(), pods=None, named=None, failure=None, now=NOW):
    taken = {meta.name(each): each for each in sets} | (named or {})
    return reconcile(owner, list(sets), pods or {}, taken.get, Attempt(now, failure))


def sizes(actions):
    return {meta.name(each.obj): each.obj["spec"]["replicas"] for each in only(actions, Update)}


def status_of(actions):
    return the(actions, UpdateStatus).obj["status"]


def progressing(actions):
    return next(each for each in status_of(actions)["conditions"] if each["type"] == "Progressing")


BOUNDS = [
    # replicas, maxSurge, maxUnavailable -> surge, unavailable
    (4, "25%", "25%", 1, 1),
    (10, "25%", "25%", 3, 2),
    (1, "25%", "25%", 1, 0),
    (2, "1%", "0%", 1, 0),
    (2, 0, "1%", 0, 1),
    (1, 0, 0, 0, 1),
    (3, 0, 5, 0, 3),
    (0, "25%", "25%", 0, 0),
    (5, 2, 1, 2, 1),
]


@pytest.mark.parametrize(("replicas", "surge", "unavailable", "up", "down"), BOUNDS)
def test_bounds_of_an_update(replicas, surge, unavailable, up, down):
    owner = deployment(replicas=replicas, rolling={"maxSurge": surge, "maxUnavailable": unavailable})
    assert scaling.bounds(owner) == (up, down)


def test_the_first_set_is_made_whole():
    owner = deployment(replicas=3)
    owner["metadata"]["annotations"] = {
        "note": "kept",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }
    actions = plan(owner)
    made = the(actions, Create).obj
    ending = made["metadata"]["labels"]["pod-template-hash"]
    assert meta.name(made) == f"web-{ending}"
    assert made["spec"]["replicas"] == 3
    assert made["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": ending}
    assert made["spec"]["template"]["metadata"]["labels"] == {"app": "web", "pod-template-hash": ending}
    assert made["metadata"]["annotations"] == {
        "note": "kept",
        "deployment.kubernetes.io/revision": "1",
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
    }
    assert the(actions, Create).done.message == f"Scaled up replica set web-{ending} from 0 to 3"
    assert progressing(actions)["reason"] == "NewReplicaSetCreated"
    assert meta.annotations(the(actions, UpdateStatus).obj)["deployment.kubernetes.io/revision"] == "1"


def test_the_same_template_always_gets_the_same_name():
    names = {meta.name(the(plan(deployment()), Create).obj) for _ in range(2)}
    assert len(names) == 1


def test_an_update_grows_the_new_set_within_the_surge_and_then_shrinks_the_old():
    owner = deployment(replicas=4, image="web:2", rolling={"maxSurge": 1, "maxUnavailable": 1})
    old = of_deployment(replica_set("old", 4, readyReplicas=4, availableReplicas=4), owner)
    actions = plan(owner, [old])
    new = the(actions, Create).obj
    assert new["spec"]["replicas"] == 1
    assert revisions.revision(new) == 2
    # One may be missing, and the new pod is not there yet: one old pod can go at once.
    assert sizes(actions) == {"old": 3}


def test_old_pods_stay_until_new_ones_are_available():
    owner = deployment(replicas=3, image="web:2", rolling={"maxSurge": 1, "maxUnavailable": 0})
    old = of_deployment(replica_set("old", 3, readyReplicas=3, availableReplicas=3, age=100), owner)
    new = of_deployment(replica_set("new", 1, image="web:2", current=1, age=10), owner, 2)
    assert sizes(plan(owner, [old, new])) == {}
    new["status"] |= {"readyReplicas": 1, "availableReplicas": 1}
    assert sizes(plan(owner, [old, new])) == {"old": 2}


def test_unhealthy_old_pods_go_first():
    owner = deployment(replicas=10, image="web:2", rolling={"maxSurge": 0, "maxUnavailable": 4})
    sick = of_deployment(replica_set("sick", 3, age=50), owner, 2)
    well = of_deployment(replica_set("well", 5, readyReplicas=5, availableReplicas=5, age=100), owner, 1)
    new = of_deployment(replica_set("new", 2, image="web:2", age=1, readyReplicas=2, availableReplicas=2), owner, 3)
    assert sizes(plan(owner, [well, sick, new])) == {"sick": 0, "well": 4}


def test_a_complete_rollout_says_so_and_removes_revisions_beyond_the_limit():
    owner = deployment(replicas=1, image="web:5", revisionHistoryLimit=1)
    full = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}
    owner["status"] = dict(full)
    old = [of_deployment(replica_set(f"r{n}", 0, image=f"web:{n}", age=100 - n), owner, n) for n in (1, 2, 3)]
    new = of_deployment(replica_set("new", 1, image="web:5", readyReplicas=1, availableReplicas=1, age=1), owner, 4)
    actions = plan(owner, [*old, new])
    assert [meta.name(each.obj) for each in only(actions, Delete)] == ["r1", "r2"]
    assert progressing(actions)["reason"] == "NewReplicaSetAvailable"
    assert progressing(actions)["message"] == 'ReplicaSet "new" has successfully progressed.'


def test_a_set_that_still_has_pods_is_not_cleaned_up():
    owner = deployment(replicas=1, image="web:5", revisionHistoryLimit=0)
    busy = of_deployment(replica_set("busy", 0, current=1), owner, 1)
    unseen = of_deployment(replica_set("unseen", 0), owner, 2)
    unseen["metadata"]["generation"] = 2
    assert revisions.to_clean_up(owner, [busy, unseen, deleting(of_deployment(replica_set("d", 0), owner, 3))]) == []


def test_going_back_to_an_old_template_reuses_its_set_and_keeps_its_history():
    owner = deployment(replicas=2, image="web:1")
    first = of_deployment(replica_set("first", 0, image="web:1", age=100), owner, 1)
    second = of_deployment(
        replica_set("second", 2, image="web:2", readyReplicas=2, availableReplicas=2, age=50), owner, 2
    )
    actions = plan(owner, [first, second])
    assert not only(actions, Create)
    changed = next(each.obj for each in only(actions, Update) if meta.name(each.obj) == "first")
    assert meta.annotations(changed)[revisions.REVISION] == "3"
    assert meta.annotations(changed)[revisions.HISTORY] == "1"
    assert changed["spec"]["replicas"] == 1


def test_the_history_of_revisions_does_not_grow_without_bound():
    text = ",".join(str(n) for n in range(1000, 1400))[: revisions.HISTORY_LIMIT]
    kept = revisions._remember(text, "1400")
    assert len(kept) <= revisions.HISTORY_LIMIT and kept.endswith(",1400") and not kept.startswith("1000")


SCALE = [
    # total before -> after, (old, new) sizes before -> after
    (10, 20, (8, 5), (14, 9)),
    (10, 5, (8, 5), (5, 3)),
    (10, 0, (8, 5), (0, 0)),
]


@pytest.mark.parametrize(("before", "after", "have", "want"), SCALE)
def test_a_change_of_scale_in_the_middle_of_a_rollout_is_shared_in_proportion(before, after, have, want):
    owner = deployment(replicas=before, image="web:2", rolling={"maxSurge": 3, "maxUnavailable": 2})
    sets = [
        of_deployment(replica_set("old", have[0], age=100), owner, 1),
        of_deployment(replica_set("new", have[1], image="web:2", age=1), owner, 2),
    ]
    for each in sets:
        each["metadata"]["annotations"][scaling.MAXIMUM] = str(before + 3)
    owner["spec"]["replicas"] = after
    got = {meta.name(each): each["spec"]["replicas"] for each in sets} | sizes(plan(owner, sets))
    surge = 3 if after else 0
    assert sum(got.values()) == after + surge
    assert (got["old"], got["new"]) == want


def test_one_active_set_takes_the_whole_change_of_scale():
    owner = deployment(replicas=5)
    only_set = of_deployment(replica_set("web-1", 3, readyReplicas=3, availableReplicas=3), owner, desired=3)
    actions = plan(owner, [only_set])
    assert sizes(actions) == {"web-1": 5}
    assert the(actions, Update).done.message == "Scaled up replica set web-1 from 3 to 5"


def test_a_paused_deployment_scales_but_does_not_roll_out():
    owner = deployment(replicas=5, image="web:2", paused=True)
    old = of_deployment(replica_set("old", 3, readyReplicas=3, availableReplicas=3), owner, desired=3)
    actions = plan(owner, [old])
    assert not only(actions, Create)
    assert sizes(actions) == {"old": 5}
    assert progressing(actions)["reason"] == "DeploymentPaused"


def test_a_resumed_deployment_starts_its_deadline_anew():
    known = {"replicas": 1, "updatedReplicas": 1, "conditions": [condition("Unknown", "DeploymentPaused", age=10000)]}
    owner = deployment(replicas=1, status=known)
    current = of_deployment(replica_set("web-1", 1), owner)
    actions = plan(owner, [current])
    assert progressing(actions)["reason"] == "DeploymentResumed"
    assert progressing(actions)["lastUpdateTime"] == rfc3339(NOW)


def condition(status, reason, age=0.0):
    when = rfc3339(NOW - age)
    return {
        "type": "Progressing", "status": status, "reason": reason, "message": "m",
        "lastUpdateTime": when, "lastTransitionTime": when,
    }  # fmt: skip


def stuck(age):
    owner = deployment(replicas=2, image="web:2", rolling={"maxSurge": 1, "maxUnavailable": 0})
    old = of_deployment(replica_set("old", 2, readyReplicas=2, availableReplicas=2, age=9000), owner, 1)
    new = of_deployment(replica_set("new", 1, image="web:2", age=age), owner, 2)
    owner["metadata"]["annotations"] = {revisions.REVISION: "2"}
    owner["status"] = {"conditions": [condition("True", "ReplicaSetUpdated", age)]}
    owner["status"] = status_of(plan(owner, [old, new], now=NOW - age))
    return owner, [old, new]


def test_a_rollout_without_progress_times_out():
    owner, sets = stuck(599)
    assert the(plan(owner, sets), Requeue).seconds == 2
    owner, sets = stuck(601)
    actions = plan(owner, sets)
    assert (progressing(actions)["status"], progressing(actions)["reason"]) == ("False", "ProgressDeadlineExceeded")
    assert progressing(actions)["message"] == 'ReplicaSet "new" has timed out progressing.'


def test_without_a_deadline_nothing_is_said_about_progress():
    owner = deployment(replicas=1, progressDeadlineSeconds=2**31 - 1)
    assert [each["type"] for each in status_of(plan(owner))["conditions"]] == ["Available"]


@pytest.mark.parametrize(("available", "verdict"), [(3, "True"), (2, "False")])
def test_available_means_enough_for_the_bounds(available, verdict):
    owner = deployment(replicas=4, rolling={"maxSurge": 0, "maxUnavailable": 1})
    current = of_deployment(replica_set("web-1", 4, readyReplicas=available, availableReplicas=available), owner)
    status = status_of(plan(owner, [current]))
    assert next(each["status"] for each in status["conditions"] if each["type"] == "Available") == verdict
    assert status["unavailableReplicas"] == 4 - available


def test_a_failure_of_a_set_is_the_deployments_too():
    owner = deployment(replicas=1)
    current = of_deployment(replica_set("web-1", 1), owner)
    failure = {
        "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota",
        "lastTransitionTime": rfc3339(NOW),
    }  # fmt: skip
    current["status"]["conditions"] = [failure]
    found = [each for each in status_of(plan(owner, [current]))["conditions"] if each["type"] == "ReplicaFailure"]
    assert found == [failure | {"lastUpdateTime": failure["lastTransitionTime"]}]


def test_a_set_that_cannot_be_made_is_told_once():
    owner = deployment(replicas=1)
    failure = Failure(Create(REPLICA_SET, {}), "forbidden")
    actions = plan(owner, failure=failure)
    assert not only(actions, Create)
    assert progressing(actions)["reason"] == "ReplicaSetCreateError"
    owner["status"] = status_of(actions)
    assert the(plan(owner, failure=failure), Create).failed.reason == "ReplicaSetCreateError"


def test_a_name_that_another_set_has_is_avoided_by_counting_the_collision():
    owner = deployment(replicas=1)
    name = meta.name(the(plan(owner), Create).obj)
    actions = plan(owner, named={name: replica_set(name, 1)})
    assert not only(actions, Create)
    assert status_of(actions)["collisionCount"] == 1
    owner["status"] = status_of(actions)
    assert meta.name(the(plan(owner, named={name: replica_set(name, 1)}), Create).obj) != name


def test_recreate_waits_until_every_old_pod_is_gone():
    owner = deployment(replicas=2, image="web:2", strategy={"type": "Recreate"})
    old = of_deployment(replica_set("old", 2, readyReplicas=2, availableReplicas=2), owner)
    actions = plan(owner, [old])
    assert sizes(actions) == {"old": 0} and not only(actions, Create)
    old["spec"]["replicas"], old["status"] = 0, {"replicas": 0, "observedGeneration": 1}
    leftover = {meta.uid(old): [deleting(each) for each in pods_of(old, 1)]}
    assert not only(plan(owner, [old], leftover), Create)
    finished = {meta.uid(old): pods_of(old, 1, phase="Failed")}
    assert the(plan(owner, [old], finished), Create).obj["spec"]["replicas"] == 2


def test_orphaned_sets_that_match_are_adopted():
    owner = deployment(replicas=3)
    orphan = replica_set("orphan", 3, readyReplicas=3, availableReplicas=3)
    actions = plan(owner, [orphan])
    patches = [each for each in only(actions, Patch) if each.kind == REPLICA_SET]
    assert [each.name for each in patches] == ["orphan"]
    assert not only(actions, Create)


def test_a_deployment_that_is_going_changes_nothing_but_its_status():
    owner = deleting(deployment(replicas=5, image="web:2"), "foregroundDeletion")
    old = of_deployment(replica_set("old", 3), owner, desired=3)
    assert {type(each) for each in flat(plan(owner, [old]))} == {UpdateStatus}


def test_a_deployment_that_selects_everything_is_warned_about():
    owner = deployment(selector={})
    assert the(plan(owner), Event).reason == "SelectingAll"


def test_minimum_ready_seconds_reach_the_set():
    owner = deployment(replicas=1, minReadySeconds=7)
    current = of_deployment(replica_set("web-1", 1), owner)
    assert the(plan(owner, [current]), Update).obj["spec"]["minReadySeconds"] == 7


def test_templates_compare_by_meaning():
    owner = deployment(replicas=1)
    current = of_deployment(replica_set("web-1", 1), owner)
    current["spec"]["template"] = template(labels={"app": "web", "pod-template-hash": "abc"})
    current["spec"]["template"]["metadata"]["creationTimestamp"] = None
    assert not only(plan(owner, [current]), Create)
