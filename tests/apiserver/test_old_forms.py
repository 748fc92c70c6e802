"""What old clients say in annotations, and what an object's inner form hides."""

from random import Random

import pytest

from wherry.api import Obj, kinds
from wherry.api.patch import fieldset
from wherry.api.patch.managed import Entry, Manager
from wherry.apiserver import strategies
from wherry.apiserver.authn.user import User
from wherry.apiserver.registry import forms
from wherry.apiserver.strategies.base import Context, prepare_create
from wherry.apiserver.subresources import scale

ANNOTATION = "container.apparmor.security.beta.kubernetes.io/c"


def created(annotation: str, **spec: object) -> tuple[Obj, list[str]]:
    """A pod's only container after its creation, and the warnings."""
    warnings: list[str] = []
    pod: Obj = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "annotations": {ANNOTATION: annotation}},
        "spec": {"containers": [{"name": "c"}], **spec},
    }
    prepare_create(strategies.of(kinds.POD), pod, Context(0.0, User("jane"), Random(1), warnings.append))
    return pod["spec"]["containers"][0], warnings


@pytest.mark.parametrize(
    ("annotation", "profile"),
    [
        ("unconfined", {"type": "Unconfined"}),
        ("runtime/default", {"type": "RuntimeDefault"}),
        ("localhost/web", {"type": "Localhost", "localhostProfile": "web"}),
    ],
)
def test_app_armor_annotations_become_fields(annotation: str, profile: Obj) -> None:
    container, warnings = created(annotation)
    assert container["securityContext"] == {"appArmorProfile": profile}
    assert len(warnings) == 1
    assert ANNOTATION in warnings[0]


def test_app_armor_annotations_that_add_nothing() -> None:
    same, silent = created("unconfined", securityContext={"appArmorProfile": {"type": "Unconfined"}})
    assert "securityContext" not in same
    assert not silent
    unknown, warned = created("nonsense")
    assert "securityContext" not in unknown
    assert warned
    windows, silent = created("unconfined", os={"name": "windows"})
    assert "securityContext" not in windows
    assert not silent


def test_metadata_alone_is_without_the_generation_of_a_daemon_set() -> None:
    annotations = {"deprecated.daemonset.template.generation": "1", "mine": "x"}
    obj = {"metadata": {"name": "d", "annotations": annotations}}
    shown = forms.metadata_only(kinds.DAEMON_SET, obj, "v1")
    assert shown["metadata"]["annotations"] == {"mine": "x"}
    assert forms.metadata_only(kinds.DEPLOYMENT, obj, "v1")["metadata"]["annotations"] == annotations


def test_a_manager_of_a_scale_that_gives_up_the_replicas() -> None:
    replicas, status = scale.REPLICAS, fieldset.single("status", "replicas")
    parent = Manager("hand", "Update", "apps/v1", "scale")
    child = parent._replace(api_version="autoscaling/v1")
    parents = {parent: Entry(replicas, "apps/v1", "2026-01-01T00:00:00Z")}
    given_up = scale._to_workload(parents, {child: Entry(status, "autoscaling/v1", None)}, kinds.DEPLOYMENT)
    assert given_up == {}
    kept = scale._to_workload(parents, {child: Entry(replicas, "autoscaling/v1", None)}, kinds.DEPLOYMENT)
    assert kept == parents
