"""PodDisruptionBudget and jobs that go after their end."""

import pytest
from worldmaking import NOW, deleting, metadata, only, pod, the

from wherry.api import meta
from wherry.api.kinds import POD_DISRUPTION_BUDGET
from wherry.controllers.actions import Confirm, Delete, Event, Patch, Requeue, UpdateStatus
from wherry.controllers.attempt import Attempt
from wherry.controllers.disruption import plan
from wherry.controllers.ttlafterfinished import plan as ttl
from wherry.lib.timestamps import rfc3339


def budget(**spec):
    return {"metadata": metadata("pdb"), "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec}, "status": {}}


def look(of, pods, scales=None):
    return plan.reconcile(of, pods, scales or plan.Scales(), Attempt(NOW))


def status(actions):
    return the(actions, UpdateStatus).obj["status"]


def some(ready, sick=0):
    return [pod(f"r{n}") for n in range(ready)] + [pod(f"s{n}", ready=False) for n in range(sick)]


BUDGETS = [
    # spec, ready, not ready, scale -> desired, expected, allowed
    ({"minAvailable": 2}, 3, 0, 0, 2, 3, 1),
    ({"minAvailable": 3}, 2, 1, 0, 3, 3, 0),
    ({"minAvailable": "50%"}, 4, 0, 4, 2, 4, 2),
    ({"minAvailable": "50%"}, 3, 0, 5, 3, 5, 0),
    ({"maxUnavailable": 1}, 3, 0, 3, 2, 3, 1),
    ({"maxUnavailable": 1}, 2, 1, 3, 2, 3, 0),
    ({"maxUnavailable": "30%"}, 10, 0, 10, 7, 10, 3),
    ({"maxUnavailable": 5}, 3, 0, 3, 0, 3, 3),
    ({"maxUnavailable": 0}, 3, 0, 3, 3, 3, 0),
]


@pytest.mark.parametrize(("spec", "ready", "sick", "scale", "desired", "expected", "allowed"), BUDGETS)
def test_how_many_may_be_disturbed(spec, ready, sick, scale, desired, expected, allowed):
    found = status(look(budget(**spec), some(ready, sick), plan.Scales({"owner": scale})))
    assert (found["desiredHealthy"], found["expectedPods"], found["disruptionsAllowed"]) == (
        desired,
        expected,
        allowed,
    )
    assert found["currentHealthy"] == ready
    condition = found["conditions"][0]
    assert condition["status"] == ("True" if allowed else "False")
    assert condition["reason"] == ("SufficientPods" if allowed else "InsufficientPods")


def test_a_status_that_is_right_is_not_written():
    of = budget(minAvailable=1)
    of["status"] = status(look(of, some(2)))
    assert look(of, some(2)) == []


def test_pods_that_are_going_or_granted_are_not_healthy():
    of = budget(minAvailable=1)
    of["status"] = {"disruptedPods": {"r0": rfc3339(NOW - 10)}}
    actions = look(of, [*some(3), deleting(pod("going"))])
    assert status(actions)["currentHealthy"] == 2 and status(actions)["disruptedPods"] == {"r0": rfc3339(NOW - 10)}
    assert the(actions, Requeue).seconds == 110


def test_a_grant_that_was_not_used_is_taken_back():
    of = budget(minAvailable=1)
    of["status"] = {"disruptedPods": {"r0": rfc3339(NOW - 121)}}
    actions = look(of, some(2))
    assert "disruptedPods" not in status(actions)
    assert [each.reason for each in only(actions, Event)] == ["NotDeleted"]


def test_without_known_controllers_nothing_is_allowed():
    actions = look(budget(maxUnavailable=1), some(1), plan.Scales(unknown=["r0"]))
    assert status(actions)["disruptionsAllowed"] == 0
    assert meta.condition(the(actions, UpdateStatus).obj, "DisruptionAllowed")["reason"] == "SyncFailed"


def test_pods_without_a_controller_are_told_of():
    actions = look(budget(maxUnavailable=1), some(1), plan.Scales(unmanaged=["r0"]))
    assert "UnmanagedPods" in [each.reason for each in only(actions, Event)]
    assert the(actions, UpdateStatus).kind == POD_DISRUPTION_BUDGET


def test_a_pod_that_was_not_disrupted_after_all_is_cleared():
    spared = pod()
    spared["status"]["conditions"].append(
        {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": rfc3339(NOW - 100)}
    )
    assert plan.stale_target(spared, NOW) == [Requeue(20)]
    (condition,) = the(plan.stale_target(spared, NOW + 20), Patch).patch["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("DisruptionTarget", "False")
    assert plan.stale_target(deleting(spared), NOW + 20) == []


def finished(limit, age):
    condition = {"type": "Complete", "status": "True", "lastTransitionTime": rfc3339(NOW - age)}
    return {
        "metadata": metadata("work"),
        "spec": {"ttlSecondsAfterFinished": limit} if limit is not None else {},
        "status": {"conditions": [condition]},
    }


def test_a_finished_job_goes_in_time():
    assert ttl.reconcile(finished(100, 40), Attempt(NOW)) == [Requeue(60)]
    actions = ttl.reconcile(finished(100, 100), Attempt(NOW))
    assert [type(each) for each in actions] == [Confirm, Delete] and actions[1].propagation == "Foreground"
    assert ttl.reconcile(finished(None, 1000), Attempt(NOW)) == []
    assert ttl.reconcile({**finished(0, 1000), "status": {}}, Attempt(NOW)) == []
