"""Defaults of autoscaling/v1 and v2."""

from collections.abc import Mapping
from typing import Any

from wherry.api import Obj

VALUES: Mapping[str, Mapping[str, Any]] = {
    "autoscaling.v1.HorizontalPodAutoscalerSpec": {"minReplicas": 1},
    "autoscaling.v2.HorizontalPodAutoscalerSpec": {
        "minReplicas": 1,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
            }
        ],
    },
}

_PERCENT = {"type": "Percent", "value": 100, "periodSeconds": 15}


def _behavior(behavior: Obj, now: float) -> None:
    """Rules that are not given behave as they did before there were any."""
    up = {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, dict(_PERCENT)],
    }
    down = {"selectPolicy": "Max", "policies": [dict(_PERCENT)]}
    for direction, rules in (("scaleUp", up), ("scaleDown", down)):
        given = behavior.get(direction) or {}
        behavior[direction] = rules | {key: value for key, value in given.items() if value is not None}


RULES = {"autoscaling.v2.HorizontalPodAutoscalerBehavior": _behavior}
