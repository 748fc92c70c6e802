"""StatefulSet, DaemonSet: order, identity, revisions; one pod a node."""

import pytest
from worldmaking import NOW, deleting, metadata, node, only, owned, pod, template, the

from wherry.api import meta
from wherry.api.kinds import CONTROLLER_REVISION, DAEMON_SET, PERSISTENT_VOLUME_CLAIM, POD
from wherry.controllers import nodeaffinity
from wherry.controllers.actions import Create, Delete, Event, Requeue, Update, UpdateStatus
from wherry.controllers.attempt import Attempt
from wherry.controllers.backoff import Backoff
from wherry.controllers.daemonset import plan as daemonset
from wherry.controllers.daemonset.plan import nodes
from wherry.controllers.statefulset import plan as statefulset
from wherry.controllers.statefulset.plan import identity


def stateful(replicas=3, image="web:1", **spec):
    return {
        "metadata": metadata("db"),
        "spec": {
            "replicas": replicas,
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(image),
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "revisionHistoryLimit": 10,
            **spec,
        },
        "status": {},
    }


class Sets:
    """A set with its revisions and pods as earlier passes left them."""

    def __init__(self, **spec):
        self.set = stateful(**spec)
        self.revisions = []
        self.pods = []
        self.claims = {}

    def plan(self, **attempt):
        actions = statefulset.reconcile(self.set, self.pods, self.revisions, self.claims.get, Attempt(NOW, **attempt))
        for each in only(actions, Create):
            if each.kind == CONTROLLER_REVISION:
                made = {**each.obj, "metadata": {**metadata(each.obj["metadata"]["name"]), **each.obj["metadata"]}}
                self.revisions.append(made)
        for each in only(actions, UpdateStatus):
            self.set = {**self.set, "status": each.obj["status"]}
        return actions

    def have(self, number, revision=-1, **facts):
        """The pod of that number, of that revision."""
        known = self.revisions[revision]
        made = identity.make_pod(self.set, self.set["spec"]["template"], number, meta.name(known))
        facts = {"phase": "Running", "ready": True, **facts}
        like = pod(made["metadata"]["name"], phase=facts["phase"], ready=facts["ready"])
        like["metadata"] |= {key: made["metadata"][key] for key in ("labels", "ownerReferences")}
        like["spec"] = made["spec"]
        if facts.get("going"):
            deleting(like)
        self.pods.append(like)
        return like


def made_pods(actions):
    return [meta.name(each.obj) for each in only(actions, Create) if each.kind == POD]


def gone_pods(actions):
    return [meta.name(each.obj) for each in only(actions, Delete) if each.kind == POD]


def test_pods_are_made_one_after_the_other():
    world = Sets()
    assert made_pods(world.plan()) == ["db-0"]
    world.have(0, ready=False)
    assert made_pods(world.plan()) == []
    world.pods.clear()
    world.have(0)
    assert made_pods(world.plan()) == ["db-1"]


def test_in_parallel_all_are_made_at_once():
    assert made_pods(Sets(podManagementPolicy="Parallel").plan()) == ["db-0", "db-1", "db-2"]


def test_a_pod_has_the_identity_of_its_number():
    world = Sets(ordinals={"start": 5})
    created = next(each.obj for each in only(world.plan(), Create) if each.kind == POD)
    labels = meta.labels(created)
    assert meta.name(created) == "db-5" and labels[identity.POD_NAME] == "db-5" and labels[identity.POD_INDEX] == "5"
    assert labels[identity.REVISION] == meta.name(world.revisions[0])
    assert (created["spec"]["hostname"], created["spec"]["subdomain"]) == ("db-5", "db")
    assert "generateName" not in created["metadata"]


@pytest.mark.parametrize("facts", [{"phase": "Failed", "ready": None}, {"phase": "Succeeded", "ready": None}])
def test_a_pod_that_ended_is_replaced(facts):
    world = Sets(replicas=1)
    world.plan()
    world.have(0, **facts)
    assert gone_pods(world.plan()) == ["db-0"]


def test_the_highest_goes_first_when_scaled_down():
    world = Sets(replicas=1)
    world.plan()
    for number in range(3):
        world.have(number)
    assert gone_pods(world.plan()) == ["db-2"]
    deleting(world.pods[2])
    assert gone_pods(world.plan()) == []


def test_scaling_down_waits_while_another_pod_is_not_well():
    world = Sets(replicas=2)
    world.plan()
    world.have(0)
    world.have(1)
    world.have(2, ready=False)
    world.have(3, ready=False)
    assert gone_pods(world.plan()) == []
    world.pods.pop()
    assert gone_pods(world.plan()) == ["db-2"]


def test_an_update_goes_from_the_highest_down_one_by_one():
    world = Sets(replicas=3)
    world.plan()
    for number in range(3):
        world.have(number)
    world.plan()
    world.set["spec"]["template"] = template("web:2")
    assert gone_pods(world.plan()) == ["db-2"]
    assert world.set["status"]["updateRevision"] != world.set["status"]["currentRevision"]
    world.pods.pop()
    world.have(2, revision=-1, ready=False)
    assert gone_pods(world.plan()) == []
    world.pods.pop()
    world.have(2, revision=-1)
    assert gone_pods(world.plan()) == ["db-1"]


def test_a_finished_update_makes_its_revision_the_current_one():
    world = Sets(replicas=1)
    world.plan()
    world.have(0)
    world.plan()
    world.set["spec"]["template"] = template("web:2")
    world.plan()
    world.pods.clear()
    world.have(0)
    world.plan()
    assert world.set["status"]["currentRevision"] == meta.name(world.revisions[-1])


def test_pods_below_the_partition_stay_and_are_remade_at_the_old_revision():
    world = Sets(replicas=2, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 1}})
    world.plan()
    world.have(0)
    world.have(1)
    world.plan()
    world.set["spec"]["template"] = template("web:2")
    assert gone_pods(world.plan()) == ["db-1"]
    world.pods.clear()
    created = next(each.obj for each in only(world.plan(), Create) if each.kind == POD)
    assert meta.name(created) == "db-0" and created["spec"]["containers"][0]["image"] == "web:1"


def test_several_may_be_missing_at_once_if_allowed():
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 2}}
    world = Sets(replicas=4, updateStrategy=rolling)
    world.plan()
    for number in range(4):
        world.have(number)
    world.plan()
    world.set["spec"]["template"] = template("web:2")
    assert gone_pods(world.plan()) == ["db-3", "db-2"]


def test_on_delete_leaves_the_replacement_to_the_user():
    world = Sets(replicas=1, updateStrategy={"type": "OnDelete"})
    world.plan()
    world.have(0)
    world.plan()
    world.set["spec"]["template"] = template("web:2")
    assert gone_pods(world.plan()) == []


def test_going_back_renumbers_the_old_revision():
    world = Sets(replicas=0)
    world.plan()
    world.set["spec"]["template"] = template("web:2")
    world.plan()
    world.set["spec"]["template"] = template("web:1")
    renumbered = the(world.plan(), Update).obj
    assert meta.name(renumbered) == meta.name(world.revisions[0]) and renumbered["revision"] == 3


def test_old_revisions_beyond_the_limit_are_forgotten():
    world = Sets(replicas=0, revisionHistoryLimit=1)
    for number in range(5):
        world.set["spec"]["template"] = template(f"web:{number}")
        actions = world.plan()
    forgotten = [meta.name(each.obj) for each in only(actions, Delete) if each.kind == CONTROLLER_REVISION]
    assert meta.name(world.revisions[0]) in forgotten and meta.name(world.revisions[-1]) not in forgotten


def storage(**policy):
    claim = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    return {"volumeClaimTemplates": [claim], "persistentVolumeClaimRetentionPolicy": policy or None}


def test_claims_are_made_before_the_pod_and_mounted_by_it():
    actions = Sets(replicas=1, **storage()).plan()
    creates = [each for each in only(actions, Create) if each.kind != CONTROLLER_REVISION]
    assert [each.kind for each in creates] == [PERSISTENT_VOLUME_CLAIM, POD]
    assert meta.name(creates[0].obj) == "data-db-0" and meta.labels(creates[0].obj) == {"app": "web"}
    assert creates[1].obj["spec"]["volumes"] == [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}
    ]


def test_a_pod_waits_for_a_claim_that_is_going_away():
    world = Sets(replicas=1, **storage())
    world.claims["data-db-0"] = deleting({"metadata": metadata("data-db-0")})
    actions = world.plan()
    assert made_pods(actions) == [] and only(actions, Requeue)


RETENTION = [
    # whenDeleted, whenScaled, number -> who owns the claim
    ("Retain", "Retain", 0, []),
    ("Delete", "Retain", 0, ["StatefulSet"]),
    ("Retain", "Delete", 0, []),
    ("Retain", "Delete", 1, ["Pod"]),
    ("Delete", "Delete", 0, ["StatefulSet"]),
    ("Delete", "Delete", 1, ["Pod"]),
]


@pytest.mark.parametrize(("deleted", "scaled", "number", "owners"), RETENTION)
def test_claims_are_owned_as_the_retention_policy_says(deleted, scaled, number, owners):
    world = Sets(replicas=1, **storage(whenDeleted=deleted, whenScaled=scaled))
    world.plan()
    for each in range(2):
        world.have(each)
        world.claims[f"data-db-{each}"] = {"metadata": metadata(f"data-db-{each}")}
    updates = {meta.name(each.obj): each.obj for each in only(world.plan(), Update)}
    found = updates.get(f"data-db-{number}", world.claims[f"data-db-{number}"])
    assert [each["kind"] for each in meta.owners(found)] == owners


def test_the_status_of_a_stateful_set():
    world = Sets(replicas=3)
    world.plan()
    world.have(0)
    world.have(1, ready=False)
    world.plan()
    revision = meta.name(world.revisions[0])
    assert world.set["status"] == {
        "replicas": 2, "readyReplicas": 1, "availableReplicas": 1, "currentReplicas": 2, "updatedReplicas": 2,
        "currentRevision": revision, "updateRevision": revision, "collisionCount": 0, "observedGeneration": 1,
    }  # fmt: skip


def test_pods_of_other_sets_are_not_members():
    assert identity.is_member(stateful(), pod("db-7")) and not identity.is_member(stateful(), pod("db-x"))
    assert not identity.is_member(stateful(), pod("db-extra-1"))


# DaemonSet


def daemon(image="agent:1", spec=None, **more):
    made = {
        "metadata": metadata("agent"),
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(image),
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
            "revisionHistoryLimit": 10,
            **more,
        },
        "status": {},
    }
    made["spec"]["template"]["spec"] |= spec or {}
    return made


class Daemons:
    def __init__(self, *names, **spec):
        self.set, self.nodes = daemon(**spec), [node(name) for name in names]
        self.revisions, self.pods, self.backoff, self.now = [], [], Backoff(1.0, 900.0), NOW

    def plan(self):
        actions = daemonset.reconcile(
            self.set, self.pods, self.revisions, self.nodes, self.backoff, Attempt(self.now)
        )
        for each in only(actions, Create):
            if each.kind == CONTROLLER_REVISION:
                self.revisions.append({**each.obj, "metadata": {**metadata("r"), **each.obj["metadata"]}})
        for each in only(actions, UpdateStatus):
            self.set = {**self.set, "status": each.obj["status"]}
        return actions

    def have(self, on, name="", **facts):
        going = facts.pop("going", False)
        made = owned(pod(name or f"agent-{on}", node=on, **facts), DAEMON_SET, self.set)
        made["metadata"]["labels"] = {**made["metadata"]["labels"], "controller-revision-hash": self.hash}
        self.pods.append(deleting(made) if going else made)
        return made

    @property
    def hash(self):
        return meta.labels(self.revisions[-1])["controller-revision-hash"]


def places(actions):
    return sorted(nodes.target(each.obj) for each in only(actions, Create) if each.kind == POD)


def test_one_pod_on_every_node():
    world = Daemons("n1", "n2")
    assert places(world.plan()) == ["n1", "n2"]
    world.have("n1")
    assert places(world.plan()) == ["n2"]


def test_a_daemon_is_pinned_to_its_node_and_tolerates_trouble():
    created = next(each.obj for each in only(Daemons("n1").plan(), Create) if each.kind == POD)
    term = created["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    fields = [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]
    assert term == {"nodeSelectorTerms": [{"matchFields": fields}]}
    keys = {each["key"] for each in created["spec"]["tolerations"]}
    assert {"node.kubernetes.io/unreachable", "node.kubernetes.io/unschedulable"} <= keys
    assert "node.kubernetes.io/network-unavailable" not in keys


FITS = [
    # template spec, node labels, taints -> should run, may stay
    ({}, {}, [], (True, True)),
    ({"nodeSelector": {"disk": "ssd"}}, {}, [], (False, False)),
    ({"nodeSelector": {"disk": "ssd"}}, {"disk": "ssd"}, [], (True, True)),
    ({"nodeName": "other"}, {}, [], (False, False)),
    ({}, {}, [{"key": "k", "effect": "NoSchedule"}], (False, True)),
    ({}, {}, [{"key": "k", "effect": "NoExecute"}], (False, False)),
    ({}, {}, [{"key": "k", "effect": "PreferNoSchedule"}], (True, True)),
    ({"tolerations": [{"key": "k", "operator": "Exists"}]}, {}, [{"key": "k", "effect": "NoExecute"}], (True, True)),
    ({}, {}, [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}], (True, True)),
]


@pytest.mark.parametrize(("spec", "labels", "found", "expected"), FITS)
def test_which_nodes_fit(spec, labels, found, expected):
    assert nodes.fit(daemon(spec=spec), node("n1", taints=found, **labels)) == expected


EXPRESSIONS = [
    ("In", ["a", "b"], True),
    ("In", ["c"], False),
    ("NotIn", ["c"], True),
    ("Exists", [], True),
    ("DoesNotExist", [], False),
]


@pytest.mark.parametrize(("operator", "values", "expected"), EXPRESSIONS)
def test_node_affinity(operator, values, expected):
    expression = {"key": "zone", "operator": operator, "values": values}
    required = {"nodeSelectorTerms": [{}, {"matchExpressions": [expression]}]}
    spec = {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}
    assert nodeaffinity.matches(spec, node("n1", zone="a")) is expected


@pytest.mark.parametrize(
    ("operator", "limit", "expected"), [("Gt", "3", True), ("Gt", "5", False), ("Lt", "9", True)]
)
def test_node_affinity_compares_numbers(operator, limit, expected):
    term = {"matchExpressions": [{"key": "cores", "operator": operator, "values": [limit]}]}
    spec = {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [term]}}}}  # fmt: skip
    assert nodeaffinity.matches(spec, node("n1", cores="4")) is expected


def test_pods_on_nodes_that_do_not_fit_any_more_go():
    world = Daemons("n1", spec={"nodeSelector": {"disk": "ssd"}})
    world.plan()
    world.have("n1")
    assert gone_pods(world.plan()) == ["agent-n1"]
    assert world.set["status"]["numberMisscheduled"] == 1


def test_failed_daemons_are_replaced_ever_more_slowly():
    world = Daemons("n1")
    world.plan()
    world.have("n1", phase="Failed", ready=None)
    actions = world.plan()
    assert gone_pods(actions) == ["agent-n1"]
    assert [each.reason for each in only(actions, Event)] == ["FailedDaemonPod"]
    again = world.plan()
    assert gone_pods(again) == [] and the(again, Requeue).seconds == 1.0
    world.now += 1.0
    assert gone_pods(world.plan()) == ["agent-n1"]
    assert the(world.plan(), Requeue).seconds == 2.0


def test_a_second_pod_on_a_node_goes():
    world = Daemons("n1")
    world.plan()
    world.have("n1", "older", age=100)
    world.have("n1", "younger", age=1)
    assert gone_pods(world.plan()) == ["younger"]


def test_an_update_replaces_as_many_as_may_be_missing():
    world = Daemons("n1", "n2", "n3")
    world.plan()
    for each in ("n1", "n2", "n3"):
        world.have(each)
    world.set["spec"]["template"] = template("agent:2")
    assert len(gone_pods(world.plan())) == 1
    world.pods[0]["status"]["conditions"][0]["status"] = "False"
    assert gone_pods(world.plan()) == ["agent-n1"]


def test_with_surge_the_new_pod_comes_first():
    surge = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    world = Daemons("n1", "n2", updateStrategy=surge)
    world.plan()
    old = [world.have(each) for each in ("n1", "n2")]
    world.set["spec"]["template"] = template("agent:2")
    actions = world.plan()
    assert len(places(actions)) == 1 and gone_pods(actions) == []
    place = places(actions)[0]
    new = world.have(place, "new", ready=False)
    assert gone_pods(world.plan()) == [] and places(world.plan()) == []
    new["status"]["conditions"][0]["status"] = "True"
    assert gone_pods(world.plan()) == [f"agent-{place}"]
    assert len(old) == 2


def test_the_status_of_a_daemon_set():
    world = Daemons("n1", "n2", "n3")
    world.plan()
    world.have("n1")
    world.have("n2", ready=False)
    world.plan()
    assert world.set["status"] == {
        "desiredNumberScheduled": 3, "currentNumberScheduled": 2, "numberMisscheduled": 0, "numberReady": 1,
        "updatedNumberScheduled": 2, "numberAvailable": 1, "numberUnavailable": 2, "observedGeneration": 1,
    }  # fmt: skip


def test_which_changes_of_a_node_concern_the_set():
    world = Daemons("n1")
    assert daemonset.wants_look(world.set, node("n2"), False)
    assert not daemonset.wants_look(world.set, node("n1"), True)
    out = node("n1", taints=[{"key": "k", "effect": "NoExecute"}])
    assert daemonset.wants_look(world.set, out, True)
