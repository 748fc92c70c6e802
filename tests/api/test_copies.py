"""What was found out about one pod of a template holds for the next, and for no other."""

from typing import Any

import pytest

from wherry.api import copies, defaults, kinds, validation


def pod(name: str = "web-1", token: str = "kube-api-access-abc12", **spec: Any) -> dict[str, Any]:
    mounts = [{"name": token, "mountPath": "/token", "readOnly": True}]
    container = {"name": "main", "image": "app:1", "resources": {}, "volumeMounts": mounts}
    volume = {"name": token, "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
    made = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [container], "volumes": [volume], "serviceAccountName": "default"} | spec,
        "status": {},
    }
    defaults.apply(kinds.POD, made)
    return made


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (pod("web-2"), True),
        (pod("web-2", "kube-api-access-zzz99"), True),
        (pod(nodeName="a"), False),
        (pod(token="kube-api-access-long-name"), False),
        (pod(token="mine"), False),
    ],
)
def test_pods_of_one_template_have_one_fingerprint(other: dict[str, Any], alike: bool) -> None:
    assert (copies.fingerprint(pod()) == copies.fingerprint(other)) is alike


def test_annotations_count() -> None:
    other = pod()
    other["metadata"]["annotations"] = {"a": "b"}
    assert copies.fingerprint(other) != copies.fingerprint(pod())


def test_a_volume_named_after_the_pod_makes_it_singular() -> None:
    singular = pod(volumes=[{"name": "v", "ephemeral": {}}])
    assert copies.fingerprint(singular) is None
    known = copies.Known()
    known.add(None)
    assert None not in known


def test_a_copy_that_mounts_the_volume_of_another_is_still_refused() -> None:
    assert not validation.validate_create(kinds.POD, pod())
    wrong = pod()
    wrong["spec"]["containers"][0]["volumeMounts"][0]["name"] = "kube-api-access-zzz99"
    assert [each.field for each in validation.validate_create(kinds.POD, wrong)] == [
        "spec.containers[0].volumeMounts[0].name"
    ]


def test_only_the_newest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "REMEMBERED", 2)
    known = copies.Known()
    for found in (b"a", b"b", b"c"):
        known.add(found)
    assert [found in known for found in (b"a", b"b", b"c")] == [False, True, True]
