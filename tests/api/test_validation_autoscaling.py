"""What is wrong with HorizontalPodAutoscalers, in upstream's words."""

import pytest
from apitools import change_problems, kinds, named, problems

TARGET = {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}


def autoscaler(*metrics, target=TARGET, **spec):
    return named(spec={"scaleTargetRef": target, "maxReplicas": 3, "metrics": list(metrics), **spec})


def external(**target):
    return {"type": "External", "external": {"metric": {"name": "m"}, "target": target}}


def scale_up(**rules):
    return autoscaler(behavior={"scaleUp": rules})


NEW = [
    (kinds.HORIZONTAL_POD_AUTOSCALER, autoscaler(CPU),
     []),
    (kinds.HORIZONTAL_POD_AUTOSCALER, autoscaler(minReplicas=0),
     ["spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
      "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling "
      "to zero replicas"]),
    (kinds.HORIZONTAL_POD_AUTOSCALER, autoscaler(minReplicas=5),
     ["spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"]),
    (kinds.HORIZONTAL_POD_AUTOSCALER, autoscaler(maxReplicas=0),
     ["spec.maxReplicas: Required value: must be set and greater than 0",
      "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`"]),
    (kinds.HORIZONTAL_POD_AUTOSCALER, autoscaler(target={"kind": "", "name": "a/b"}),
     ["spec.scaleTargetRef.kind: Required value",
      "spec.scaleTargetRef.name: Invalid value: \"a/b\": may not contain '/'",
      'spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group']),
    (kinds.HORIZONTAL_POD_AUTOSCALER, autoscaler({"type": "Weather"}),
     ['spec.metrics[0].type: Unsupported value: "Weather": supported values: "ContainerResource", '
      '"External", "Object", "Pods", "Resource"',
      'spec.metrics[0].type: Unsupported value: "Weather": supported values: "ContainerResource", '
      '"External", "Object", "Pods", "Resource"']),
    (kinds.HORIZONTAL_POD_AUTOSCALER, autoscaler({"type": "Resource"}),
     ["spec.metrics[0].resource: Required value: must populate information for the given metric source"]),
    (kinds.HORIZONTAL_POD_AUTOSCALER,
     autoscaler({"type": "Pods", "external": {"metric": {"name": "m"}, "target": {"type": "Value",
     "value": "1"}}}),
     ["spec.metrics[0].pods: Required value: must populate information for the given metric source"]),
    (kinds.HORIZONTAL_POD_AUTOSCALER,
     autoscaler({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}),
     ["spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target "
      "raw value or a target utilization"]),
    (kinds.HORIZONTAL_POD_AUTOSCALER, autoscaler(external(type="Value", value="0")),
     ['spec.metrics[0].external.target.value: Invalid value: "0": must be positive']),
    (kinds.HORIZONTAL_POD_AUTOSCALER, autoscaler(external(type="AverageValue")),
     ["spec.metrics[0].external.target.averageValue: Required value: must set either a target value "
      "for metric or a per-pod target"]),
    (kinds.HORIZONTAL_POD_AUTOSCALER, autoscaler(external(type="Value", value="1", averageValue="1")),
     ["spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric "
      "and a per-pod target"]),
    (kinds.HORIZONTAL_POD_AUTOSCALER,
     scale_up(stabilizationWindowSeconds=3601, policies=[{"type": "Pods", "value": 0, "periodSeconds": 1801}]),
     ["spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or "
      "equal to 3600",
      "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
      "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or "
      "equal to 1800"]),
    (kinds.HORIZONTAL_POD_AUTOSCALER,
     scale_up(selectPolicy="Most", policies=[{"type": "All", "value": 1, "periodSeconds": 1}]),
     ['spec.behavior.scaleUp.selectPolicy: Unsupported value: "Most": supported values: "Disabled", '
      '"Max", "Min"',
      'spec.behavior.scaleUp.policies[0].type: Unsupported value: "All": supported values: "Percent", '
      '"Pods"']),
]  # fmt: skip

CHANGED = [
    (kinds.HORIZONTAL_POD_AUTOSCALER,
     autoscaler() | {"status": {"currentReplicas": -1, "desiredReplicas": -1}}, autoscaler(), "status",
     ["status.currentReplicas: Invalid value: -1: must be greater than or equal to 0",
      "status.desiredReplicas: Invalid value: -1: must be greater than or equal to 0"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "obj", "expected"), NEW)
def test_what_is_wrong_with_new_objects(kind, obj, expected):
    assert problems(kind, obj) == expected


@pytest.mark.parametrize(("kind", "new", "old", "subresource", "expected"), CHANGED)
def test_what_is_wrong_with_changes(kind, new, old, subresource, expected):
    assert change_problems(kind, new, old, subresource) == expected
