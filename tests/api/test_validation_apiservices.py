"""What is wrong with APIServices, in upstream's words."""

import pytest
from apitools import LABEL_1035, alone, change_problems, kinds, problems

SERVICE = {"name": "s", "namespace": "n"}


def api(name="v1.g.x", **spec):
    wanted = {"group": "g.x", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1, "service": SERVICE}
    return alone(name, spec={**wanted, "insecureSkipTLSVerify": True, **spec})


NEW = [
    (kinds.API_SERVICE, api(),
     []),
    (kinds.API_SERVICE, api("v2.g.x"),
     ['metadata.name: Invalid value: "v2.g.x": must be `spec.version+"."+spec.group`: "v1.g.x"']),
    (kinds.API_SERVICE, api(".g.x", version=""),
     ['spec.version: Invalid value: "": ' + LABEL_1035]),
    (kinds.API_SERVICE, api("v1.g.x", groupPriorityMinimum=0, versionPriority=1001),
     ["spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000",
      "spec.versionPriority: Invalid value: 1001: must be positive and less than 1000"]),
    (kinds.API_SERVICE, api(groupPriorityMinimum=20001),
     ["spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000"]),
    (kinds.API_SERVICE, api(service=None),
     ["spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have "
      "insecureSkipTLSVerify"]),
    (kinds.API_SERVICE, api(service={"name": "", "namespace": "", "port": 70000}),
     ["spec.service.namespace: Required value",
      "spec.service.name: Required value",
      "spec.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, "
      "inclusive"]),
    (kinds.API_SERVICE, api(caBundle="eA=="),
     ["spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present"]),
]  # fmt: skip

CHANGED = [
    (kinds.API_SERVICE,
     api() | {"status": {"conditions": [{"type": "Available", "status": "Yes"}]}}, api(), "status",
     ['status.conditions[0].status: Unsupported value: "Yes": supported values: "True", "False", '
      '"Unknown"']),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "obj", "expected"), NEW)
def test_what_is_wrong_with_new_objects(kind, obj, expected):
    assert problems(kind, obj) == expected


@pytest.mark.parametrize(("kind", "new", "old", "subresource", "expected"), CHANGED)
def test_what_is_wrong_with_changes(kind, new, old, subresource, expected):
    assert change_problems(kind, new, old, subresource) == expected
