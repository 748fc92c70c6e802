"""Resizing pods: what may change, and what is said of the rest."""

import pytest
from apitools import change_problems, kinds, pod


def sized(cpu="1", name="c", **more):
    resources = {"requests": {"cpu": cpu, "memory": "1Gi"}}
    return pod(containers=[{"name": name, "image": "i", "resources": resources}], **more)


ONLY = "spec: Forbidden: only cpu and memory resources are mutable"

CHANGES = [
    (sized("2"), []),
    (sized("1") | {"spec": {**sized()["spec"], "nodeSelector": {"a": "b"}}}, [ONLY]),
    (sized(name="d"), ["spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize"]),
    (pod(containers=[]), ["spec.containers: Required value",
                          "spec: Invalid value: \"\": Pod QOS Class may not change as a result of resizing",
                          "spec.containers: Forbidden: containers may not be added or removed on resize"]),
    (pod(containers=[{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}]),
     ["spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed"]),
]  # fmt: skip


@pytest.mark.parametrize(("new", "said"), CHANGES)
def test_only_cpu_and_memory_change(new, said):
    assert change_problems(kinds.POD, new, sized(), "resize") == said


def test_a_static_pod_stays_as_it_is():
    static = sized() | {"metadata": {**sized()["metadata"], "annotations": {"kubernetes.io/config.mirror": "x"}}}
    assert change_problems(kinds.POD, static, static, "resize") == ["[]: Forbidden: static pods cannot be resized"]
