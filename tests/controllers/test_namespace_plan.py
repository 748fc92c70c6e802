"""Namespaces: what goes first, and what the conditions say. Service accounts and the root certificate in each."""

from worldmaking import NOW, deleting, metadata, only, pod, the

from wherry.api import meta
from wherry.api.kinds import CONFIG_MAP, POD
from wherry.controllers.actions import Create, DeleteCollection, Requeue, Update, UpdateStatus
from wherry.controllers.attempt import Attempt, Failure
from wherry.controllers.namespace import plan
from wherry.controllers.rootca import plan as rootca
from wherry.controllers.serviceaccount import plan as serviceaccount


def space(*finalizers):
    made = {"metadata": metadata("demo", namespace=""), "spec": {"finalizers": list(finalizers or ("kubernetes",))}}
    return made | {"status": {"phase": "Active"}}


def empty(content, failure=None, of=None):
    return plan.reconcile(of or deleting(space()), content, Attempt(NOW, failure))


def settings(name="c", **more):
    return {"metadata": metadata(name, **more)}


def test_only_a_namespace_that_is_going_and_held_is_looked_at():
    assert plan.is_terminating(deleting(space()))
    assert not plan.is_terminating(space())


def test_pods_go_before_everything_else():
    actions = empty({POD: [pod()], CONFIG_MAP: [settings()]})
    assert [each.kind for each in only(actions, DeleteCollection)] == [POD]
    actions = empty({POD: [], CONFIG_MAP: [settings()]})
    assert [each.kind for each in only(actions, DeleteCollection)] == [CONFIG_MAP]


def test_an_empty_namespace_is_let_go():
    update = the(empty({POD: []}, of=deleting(space("kubernetes", "other"))), Update)
    assert update.subresource == "finalize" and update.obj["spec"]["finalizers"] == ["other"]


def test_what_is_going_already_is_waited_for_and_told():
    going = deleting(settings(), "example.com/hold")
    actions = empty({CONFIG_MAP: [going]})
    assert not only(actions, DeleteCollection) and the(actions, Requeue).seconds == plan.LATER
    found = the(actions, UpdateStatus).obj
    remaining = meta.condition(found, "NamespaceContentRemaining")
    assert remaining["message"] == "Some resources are remaining: configmaps. has 1 resource instances"
    held = meta.condition(found, "NamespaceFinalizersRemaining")
    assert held["message"].endswith("finalizers remaining: example.com/hold in 1 resource instances")
    assert meta.condition(found, "NamespaceDeletionDiscoveryFailure")["status"] == "False"
    assert found["status"]["phase"] == "Terminating"


def test_a_deletion_that_failed_is_told_and_tried_again():
    actions = empty({CONFIG_MAP: [settings()]}, Failure(DeleteCollection(CONFIG_MAP, "demo"), "no"))
    assert only(actions, DeleteCollection)
    told = meta.condition(the(actions, UpdateStatus).obj, "NamespaceDeletionContentFailure")
    assert told["message"] == "Failed to delete all resource types, 1 remaining: no"


def test_each_namespace_gets_its_service_account():
    made = the(serviceaccount.reconcile(space(), None), Create)
    assert made.obj["metadata"] == {"name": "default", "namespace": "demo"} and made.exists_ok
    assert serviceaccount.reconcile(space(), settings("default")) == []
    assert serviceaccount.reconcile(deleting(space()), None) == []


def test_each_namespace_gets_the_root_certificate():
    made = the(rootca.reconcile(space(), None, "PEM"), Create).obj
    assert made["data"] == {"ca.crt": "PEM"}
    assert rootca.reconcile(space(), made, "PEM") == []
    assert the(rootca.reconcile(space(), made, "NEW"), Update).obj["data"] == {"ca.crt": "NEW"}
    assert rootca.reconcile(deleting(space()), None, "PEM") == []
