"""What is wrong with objects of resource.k8s.io, in upstream's words."""

import pytest
from apitools import LABEL, SUBDOMAIN, alone, change_problems, kinds, named, problems


def exactly(name="r", **fields):
    return {"name": name, "exactly": {"deviceClassName": "c", **fields}}


def claim(*requests, **devices):
    return named(spec={"devices": {"requests": list(requests or [exactly()]), **devices}})


def selecting(expression):
    return claim(exactly(selectors=[{"cel": {"expression": expression}}]))


def class_of(**spec):
    return alone(spec=spec)


def pool(*devices, node="n", **spec):
    found = {"name": "p", "generation": 1, "resourceSliceCount": 1}
    return alone(spec={"driver": "d.x", "pool": found, "nodeName": node, "devices": list(devices), **spec})


NEW = [
    (kinds.RESOURCE_CLAIM, claim(),
     []),
    (kinds.RESOURCE_CLAIM, claim(exactly("A"), exactly(), exactly()),
     ['spec.devices.requests[0].name: Invalid value: "A": ' + LABEL,
      'spec.devices.requests[2]: Duplicate value: "r"']),
    (kinds.RESOURCE_CLAIM, claim({"name": "r"}),
     ["spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is "
      "required"]),
    (kinds.RESOURCE_CLAIM, claim(exactly(deviceClassName="")),
     ["spec.devices.requests[0].exactly.deviceClassName: Required value"]),
    (kinds.RESOURCE_CLAIM, claim(exactly(allocationMode="Some", count=-1)),
     ['spec.devices.requests[0].exactly.allocationMode: Unsupported value: "Some": supported values: '
      '"All", "ExactCount"']),
    (kinds.RESOURCE_CLAIM, claim(exactly(allocationMode="All", count=2)),
     ["spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when "
      "allocationMode is 'All'"]),
    (kinds.RESOURCE_CLAIM, claim({"name": "r", "firstAvailable": [{"name": "a", "deviceClassName": "c"}] * 2}),
     ['spec.devices.requests[0].firstAvailable[1]: Duplicate value: "a"']),
    (kinds.RESOURCE_CLAIM, claim(constraints=[{"requests": ["x"], "matchAttribute": "a"}]),
     ['spec.devices.constraints[0].requests[0]: Invalid value: "x": must be the name of a request in '
      "the claim or the name of a request and a subrequest separated by '/'",
      'spec.devices.constraints[0].matchAttribute: Invalid value: "a": a fully qualified name must be '
      "a domain and a name separated by a slash"]),
    (kinds.RESOURCE_CLAIM,
     claim(config=[{"requests": ["r", "r"], "opaque": {"driver": "A", "parameters": []}}, {}]),
     ['spec.devices.config[0].requests[1]: Duplicate value: "r"',
      'spec.devices.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid '
      "JSON object",
      "spec.devices.config[1].opaque: Required value"]),
    (kinds.RESOURCE_CLAIM, claim(exactly(tolerations=[{"operator": "Near", "effect": "Go"}])),
     ['spec.devices.requests[0].exactly.tolerations[0].operator: Unsupported value: "Near": supported '
      'values: "Equal", "Exists"',
      'spec.devices.requests[0].exactly.tolerations[0].effect: Unsupported value: "Go": supported '
      'values: "NoExecute", "NoSchedule", "None"']),
    (kinds.RESOURCE_CLAIM, selecting("device.driver"),
     ['spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: "device.driver": '
      "must evaluate to bool or the unknown type, not string"]),
    (kinds.RESOURCE_CLAIM, selecting("device.attributes['x'].y =="),
     ["spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: "
      "\"device.attributes['x'].y ==\": compilation failed: ERROR: <input>:1:28: Syntax error: "
      "mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', "
      "NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | device.attributes['x'].y ==\n | "
      "...........................^"]),
    (kinds.RESOURCE_CLAIM,
     selecting("device.driver == 'd.x' && device.capacity['d.x'].mem.compareTo(quantity('1Gi')) > 0"),
     []),
    (kinds.RESOURCE_CLAIM_TEMPLATE,
     named(spec={"metadata": {"name": "x", "uid": "u"}, "spec": {"devices": {"requests": [{"name": ""}]}}}),
     ["spec.metadata.name: Forbidden: cannot be set",
      "spec.metadata.uID: Forbidden: cannot be set",
      'spec.spec.devices.requests[0].name: Invalid value: "": ' + LABEL,
      "spec.spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is "
      "required"]),
    (kinds.DEVICE_CLASS, class_of(selectors=[{}], config=[{}]),
     ["spec.selectors[0].cel: Required value",
      "spec.config[0].opaque: Required value"]),
    (kinds.DEVICE_CLASS, class_of(extendedResourceName="gpu"),
     ['spec.extendedResourceName: Invalid value: "gpu": must be a valid extended resource name']),
    (kinds.RESOURCE_SLICE, pool({"name": "a"}),
     []),
    (kinds.RESOURCE_SLICE, pool({"name": "A"}, {"name": "b"}, {"name": "b"}),
     ['spec.devices[0].name: Invalid value: "A": ' + LABEL,
      'spec.devices[2]: Duplicate value: "b"']),
    (kinds.RESOURCE_SLICE, pool(node=None),
     ["spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, "
      "`perDeviceNodeSelection` is required"]),
    (kinds.RESOURCE_SLICE, pool(allNodes=True),
     ['spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, '
      "`allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set"]),
    (kinds.RESOURCE_SLICE, pool(pool={"name": "A/b", "generation": -1, "resourceSliceCount": 0}),
     ['spec.pool.name: Invalid value: "A": ' + SUBDOMAIN,
      "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
      "spec.pool.generation: Invalid value: -1: must be greater than or equal to zero"]),
    (kinds.RESOURCE_SLICE,
     pool({"name": "a", "attributes": {"x y": {"string": "s"}, "v": {"version": "1"}, "n": {},
     "b": {"bool": True, "int": 1}}}),
     ["spec.devices[0].attributes[b]: Invalid value: "
      '{"IntValue":1,"BoolValue":true,"StringValue":null,"VersionValue":null,"IntValues":null,"BoolValu'
      'es":null,"StringValues":null,"VersionValues":null}: exactly one value must be specified',
      'spec.devices[0].attributes[n]: Invalid value: "": exactly one value must be specified',
      'spec.devices[0].attributes[v].version: Invalid value: "1": must be a string compatible with '
      "semver.org spec 2.0.0",
      'spec.devices[0].attributes: Invalid value: "x y": a valid C identifier must start with '
      "alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. "
      "'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')"]),
    (kinds.RESOURCE_SLICE, pool({"name": "a", "taints": [{"key": "", "effect": "Go"}]}),
     ['spec.devices[0].taints[0].key: Invalid value: "": name part must be non-empty',
      'spec.devices[0].taints[0].key: Invalid value: "": name part must consist of alphanumeric '
      "characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
      "'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
      "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      'spec.devices[0].taints[0].effect: Unsupported value: "Go": supported values: "NoExecute", '
      '"NoSchedule", "None"']),
]  # fmt: skip

CHANGED = [
    (kinds.RESOURCE_CLAIM, claim(exactly("s")), claim(), "",
     ["spec: Invalid value: "
      '{"Devices":{"Requests":[{"Name":"s","Exactly":{"DeviceClassName":"c","Selectors":null,"Allocatio'
      'nMode":"ExactCount","Count":1,"AdminAccess":null,"Tolerations":null,"Capacity":null},"FirstAvail'
      'able":null}],"Constraints":null,"Config":null}}: field is immutable']),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "obj", "expected"), NEW)
def test_what_is_wrong_with_new_objects(kind, obj, expected):
    assert problems(kind, obj) == expected


@pytest.mark.parametrize(("kind", "new", "old", "subresource", "expected"), CHANGED)
def test_what_is_wrong_with_changes(kind, new, old, subresource, expected):
    assert change_problems(kind, new, old, subresource) == expected
