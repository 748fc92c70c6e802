"""Silent nodes, evictions by taints, pods that nobody else removes."""

import pytest
from worldmaking import NOW, deleting, node, only, pod, the

from wherry.api import meta
from wherry.api.kinds import NODE, POD
from wherry.controllers import taints
from wherry.controllers.actions import Delete, Event, Patch, Requeue, Update, UpdateStatus
from wherry.controllers.attempt import Attempt
from wherry.controllers.nodelifecycle import plan as life
from wherry.controllers.nodelifecycle import zones
from wherry.controllers.podgc import plan as podgc
from wherry.controllers.tainteviction import plan as eviction
from wherry.lib.timestamps import rfc3339

ALLOWED = zones.Licence(False, lambda: 0.0)
HALTED = zones.Licence(True, lambda: 0.0)


def health(silence=0.0, ready="True"):
    return life.Health(1000.0 - silence, ready=ready)


def watch(of, known, pods=(), licence=ALLOWED, retry=False):
    return life.reconcile(of, known, lambda: pods, licence, Attempt(NOW, retry=retry), 1000.0)


def tainted(*keys, effect="NoExecute"):
    return [{"key": key, "effect": effect, "timeAdded": rfc3339(NOW)} for key in keys]


def taints_after(actions, effect):
    return sorted(each["key"] for each in taints.of(the(actions, Update).obj, effect))


def test_a_node_that_speaks_is_left_alone_until_its_grace_ends():
    assert watch(node(), health(silence=10)) == [Requeue(30.0)]


def test_a_silent_node_is_unknown_first_and_tainted_next():
    actions = watch(node(), health(silence=41))
    status = the(actions, UpdateStatus).obj["status"]
    kinds = {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}
    assert kinds["Ready"] == ("Unknown", "NodeStatusUnknown")
    assert kinds["MemoryPressure"] == ("Unknown", "NodeStatusNeverUpdated")
    assert not only(actions, Update)
    silent = the(actions, UpdateStatus).obj
    actions = watch(silent, health(silence=41), [pod("p", node="n1")])
    assert taints_after(actions, "NoSchedule") == ["node.kubernetes.io/unreachable"]
    assert taints_after(actions, "NoExecute") == ["node.kubernetes.io/unreachable"]
    marked = the(actions, Patch)
    assert marked.kind == POD and marked.patch["status"]["conditions"][0]["status"] == "False"
    assert [each.reason for each in only(actions, Event)] == ["NodeNotReady", "NodeNotReady"]


def test_a_new_node_gets_longer():
    assert life.silent_in(node(ready=None), health(), 1000.0) == life.STARTUP_GRACE


def test_signs_of_life_are_changes_of_the_heartbeat_or_the_lease():
    known = life.listen(None, node(), {"spec": {"renewTime": "a"}}, 10.0)
    assert life.listen(known, node(), {"spec": {"renewTime": "a"}}, 20.0).heard == 10.0
    assert life.listen(known, node(), {"spec": {"renewTime": "b"}}, 20.0).heard == 20.0
    moved = node()
    moved["status"]["conditions"][0]["lastHeartbeatTime"] = rfc3339(NOW + 1)
    assert life.listen(known, moved, {"spec": {"renewTime": "a"}}, 20.0).heard == 20.0


TAINTS = [
    ("Ready", "False", "node.kubernetes.io/not-ready"),
    ("Ready", "Unknown", "node.kubernetes.io/unreachable"),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
]


@pytest.mark.parametrize(("condition", "status", "taint"), TAINTS)
def test_conditions_become_taints(condition, status, taint):
    of = node()
    of["status"]["conditions"] = [{"type": condition, "status": status}]
    assert taint in taints_after(watch(of, health(ready="False")), "NoSchedule")


def test_a_cordoned_node_is_tainted_and_an_uncordoned_one_is_not():
    of = node()
    of["spec"]["unschedulable"] = True
    actions = watch(of, health())
    assert taints_after(actions, "NoSchedule") == ["node.kubernetes.io/unschedulable"]
    back = the(actions, Update).obj
    back["spec"]["unschedulable"] = False
    assert taints_after(watch(back, health()), "NoSchedule") == []


def test_taints_of_others_stay():
    mine = {"key": "dedicated", "value": "gpu", "effect": "NoExecute"}
    of = node(taints=[mine, *tainted(taints.UNREACHABLE)])
    assert the(watch(of, health()), Update).obj["spec"]["taints"] == [mine]


def test_between_not_ready_and_unreachable_no_new_permission_is_needed():
    of = node(ready="False", taints=tainted(taints.UNREACHABLE))
    never = zones.Licence(False, lambda: float("inf"))
    assert taints_after(watch(of, health(ready="Unknown"), licence=never), "NoExecute") == [taints.NOT_READY]


def test_without_permission_the_node_is_looked_at_again():
    later = zones.Licence(False, lambda: 7.0)
    actions = watch(node(ready="False"), health(ready="False"), licence=later)
    assert taints_after(actions, "NoExecute") == []
    assert Requeue(7.0) in actions


def test_when_all_nodes_fail_nobody_is_evicted():
    of = node(ready="Unknown", taints=tainted(taints.UNREACHABLE))
    assert taints_after(watch(of, health(ready="Unknown"), licence=HALTED), "NoExecute") == []


def test_beta_labels_follow():
    of = node(**{"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"})
    labels = the(watch(of, health()), Update).obj["metadata"]["labels"]
    assert labels["beta.kubernetes.io/os"] == "linux" and labels["beta.kubernetes.io/arch"] == "amd64"


def test_pods_are_marked_once_and_again_after_a_failed_pass():
    of = node(ready="False", taints=tainted(taints.NOT_READY) + tainted(taints.NOT_READY, effect="NoSchedule"))
    member = pod("p", node="n1")
    assert only(watch(of, health(ready="True"), [member]), Patch)
    assert not only(watch(of, health(ready="False"), [member]), Patch)
    assert only(watch(of, health(ready="False"), [member], retry=True), Patch)


STATES = [
    (5, 0, "Normal", zones.RATE),
    (1, 2, "Normal", zones.RATE),
    (4, 5, "PartialDisruption", 0.0),
    (45, 55, "PartialDisruption", zones.SECONDARY_RATE),
    (0, 3, "FullDisruption", zones.RATE),
]


@pytest.mark.parametrize(("ready", "not_ready", "state", "rate"), STATES)
def test_states_of_a_zone(ready, not_ready, state, rate):
    zone = zones.Zone(ready, not_ready)
    assert (zone.state, zone.rate) == (state, rate)


def test_zones_are_counted_by_their_labels():
    a = node("a", **{"topology.kubernetes.io/zone": "z"})
    b = node("b", ready="False", **{"topology.kubernetes.io/zone": "z"})
    out = node("out", ready="False", **{zones.EXCLUDED: ""})
    tally = zones.Tally()
    for each in (a, b, out):
        tally.change(None, each)
    assert list(tally.zones.values()) == [zones.Zone(1, 1)] and not tally.all_disrupted
    tally.change(a, None)
    assert list(tally.zones.values()) == [zones.Zone(0, 1)] and tally.all_disrupted
    tally.change(b, None)
    assert tally.zones == {} and not tally.all_disrupted


def test_nodes_of_a_zone_are_given_up_one_by_one():
    pace = zones.Pace()
    assert pace.wait("z", 0.1, 100.0) == 0
    assert pace.wait("z", 0.1, 104.0) == 6
    assert pace.wait("other", 0.1, 104.0) == 0
    assert pace.wait("z", 0.1, 110.0) == 0
    assert pace.wait("z", 0.0, 200.0) == float("inf")


TOLERATES = [
    ({"key": "k", "operator": "Equal", "value": "v", "effect": "NoExecute"}, True),
    ({"key": "k", "value": "v"}, True),
    ({"key": "k", "operator": "Exists"}, True),
    ({"operator": "Exists"}, True),
    ({"key": "k", "value": "w"}, False),
    ({"key": "other", "operator": "Exists"}, False),
    ({"key": "k", "operator": "Exists", "effect": "NoSchedule"}, False),
    ({"value": "v"}, False),
]


@pytest.mark.parametrize(("toleration", "expected"), TOLERATES)
def test_what_a_toleration_tolerates(toleration, expected):
    assert taints.tolerates(toleration, {"key": "k", "value": "v", "effect": "NoExecute"}) is expected


def leave(tolerations, start=None, now=1000.0, found=None):
    of = node(taints=[{"key": "k", "effect": "NoExecute"}] if found is None else found)
    return eviction.reconcile(pod("p", node="n1", tolerations=tolerations), of, start, NOW, now)


def tolerating(seconds=None):
    return {"key": "k", "operator": "Exists"} | ({} if seconds is None else {"tolerationSeconds": seconds})


def test_a_pod_that_does_not_tolerate_goes_at_once():
    actions = leave([]).actions
    assert the(actions, Patch).patch["status"]["conditions"][0]["reason"] == "DeletionByTaintManager"
    assert only(actions, Delete)


def test_a_pod_that_tolerates_for_a_while_goes_then():
    first = leave([tolerating(300)])
    assert first.actions == [Requeue(300.0)] and first.start == 1000.0
    assert leave([tolerating(300)], start=1000.0, now=1299.0).actions == [Requeue(1.0)]
    assert only(leave([tolerating(300)], start=1000.0, now=1300.0).actions, Delete)


@pytest.mark.parametrize("seconds", [0, -5])
def test_no_time_is_no_tolerance(seconds):
    assert only(leave([tolerating(seconds)]).actions, Delete)


def test_a_pod_that_tolerates_forever_stays():
    assert leave([tolerating()]).actions == []


def test_an_eviction_is_called_off_when_the_taint_goes():
    called_off = leave([tolerating(300)], start=1000.0, found=[])
    assert called_off.start is None
    assert the(called_off.actions, Event).message.startswith("Cancelling deletion of Pod")


def test_the_shortest_used_toleration_counts():
    both = [{"key": each, "effect": "NoExecute"} for each in ("a", "b")]
    tolerations = [
        {"key": "a", "operator": "Exists", "tolerationSeconds": 60},
        {"key": "b", "operator": "Exists"},
        {"key": "c", "operator": "Exists", "tolerationSeconds": 1},
    ]
    assert leave(tolerations, found=both).actions == [Requeue(60.0)]


def test_pods_of_a_node_that_is_gone_fail_and_go():
    actions = podgc.orphaned([pod("p", node="gone"), pod("done", node="gone", phase="Succeeded")], NOW)
    assert the(actions, Patch).patch["status"]["phase"] == "Failed"
    assert [each.grace for each in only(actions, Delete)] == [0, 0]


def test_a_pod_deleted_before_it_had_a_node_goes():
    assert only(podgc.single(deleting(pod("p"))), Delete)
    assert podgc.single(deleting(pod("p", node="n1"))) == []


def test_terminating_pods_of_a_node_out_of_service_go():
    of = node(ready="Unknown", taints=[{"key": taints.OUT_OF_SERVICE, "effect": "NoExecute"}])
    pods = [deleting(pod("going", node="n1")), pod("staying", node="n1")]
    assert [meta.name(each.obj) for each in only(podgc.out_of_service(of, pods), Delete)] == ["going"]
    assert podgc.out_of_service(node(), pods) == []


def test_finished_pods_beyond_the_threshold_go_evicted_and_old_ones_first():
    evicted = pod("evicted", phase="Failed", age=1)
    evicted["status"]["reason"] = "Evicted"
    pods = [pod("old", phase="Succeeded", age=100), pod("young", phase="Failed", age=10), evicted, pod("runs")]
    assert [meta.name(each.obj) for each in only(podgc.terminated(pods, 1), Delete)] == ["evicted", "old"]
    assert podgc.terminated(pods, 3) == []


def test_events_name_the_node():
    assert life.registered(node("n7")).message == "Node n7 event: Registered Node n7 in Controller"
    assert life.removed(node("n7")).kind == NODE
