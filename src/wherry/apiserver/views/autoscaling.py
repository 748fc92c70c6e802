"""HorizontalPodAutoscaler: autoscaling/v2 (stored) and autoscaling/v1, which knows CPU utilization alone.

What v1 has no field for travels in annotations, as upstream's conversion writes them.
"""

import json
from collections.abc import Mapping
from typing import Any

from wherry.api import Obj

PREFIX = "autoscaling.alpha.kubernetes.io/"
METRICS, STATUSES, CONDITIONS, BEHAVIOR = (
    PREFIX + name for name in ("metrics", "current-metrics", "conditions", "behavior")
)
DEFAULT_CPU = 80  # percent, for an autoscaler that says nothing of metrics
_ROUND_TRIP = (METRICS, STATUSES, CONDITIONS, BEHAVIOR)


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _present(**fields: Any) -> Obj:
    """The fields that are set, in this order."""
    return {name: value for name, value in fields.items() if value is not None}


def to_v1(hpa: Obj) -> Obj:
    spec, status = hpa.get("spec") or {}, hpa.get("status") or {}
    metrics, current = spec.get("metrics") or [], status.get("currentMetrics") or []
    annotations = dict(hpa["metadata"].get("annotations") or {})
    for name in _ROUND_TRIP:
        annotations.pop(name, None)
    others = [_metric_to_v1(metric) for metric in metrics if not _is_cpu_utilization(metric)]
    if others:
        annotations[METRICS] = _text(others)
    if current:
        annotations[STATUSES] = _text([_status_to_v1(metric) for metric in current])
    if spec.get("behavior"):
        annotations[BEHAVIOR] = _text(_behavior_to_go(spec["behavior"]))
    if status.get("conditions"):
        annotations[CONDITIONS] = _text([_condition(condition) for condition in status["conditions"]])
    metadata = {name: value for name, value in hpa["metadata"].items() if name != "annotations"}
    if annotations:
        metadata["annotations"] = annotations
    shown_spec = _present(
        scaleTargetRef=spec.get("scaleTargetRef"),
        minReplicas=spec.get("minReplicas"),
        maxReplicas=spec.get("maxReplicas"),
        targetCPUUtilizationPercentage=_cpu(metrics, "target"),
    )
    shown_status = _present(
        observedGeneration=status.get("observedGeneration"),
        lastScaleTime=status.get("lastScaleTime"),
        currentReplicas=status.get("currentReplicas", 0),
        desiredReplicas=status.get("desiredReplicas", 0),
        currentCPUUtilizationPercentage=_cpu(current, "current"),
    )
    return {"metadata": metadata, "spec": shown_spec, "status": shown_status}


def _is_cpu_utilization(metric: Obj) -> bool:
    resource = metric.get("resource") or {}
    return bool(
        resource.get("name") == "cpu" and (resource.get("target") or {}).get("averageUtilization") is not None
    )


def _cpu(metrics: list[Obj], where: str) -> int | None:
    """The utilization of the first CPU metric."""
    for metric in metrics:
        resource = metric.get("resource") or {}
        if resource.get("name") == "cpu":
            found: int | None = (resource.get(where) or {}).get("averageUtilization")
            return found
    return None


def _metric_to_v1(metric: Obj) -> Obj:
    out: Obj = {"type": metric.get("type", "")}
    if source := metric.get("object"):
        target = source.get("target") or {}
        out["object"] = _present(
            target=source.get("describedObject"),
            metricName=(source.get("metric") or {}).get("name", ""),
            targetValue=target.get("value", "0"),
            selector=(source.get("metric") or {}).get("selector"),
            averageValue=target.get("averageValue"),
        )
    if source := metric.get("pods"):
        out["pods"] = _present(
            metricName=(source.get("metric") or {}).get("name", ""),
            targetAverageValue=(source.get("target") or {}).get("averageValue", "0"),
            selector=(source.get("metric") or {}).get("selector"),
        )
    for name in ("resource", "containerResource"):
        if source := metric.get(name):
            target = source.get("target") or {}
            out[name] = _present(
                name=source.get("name", ""),
                targetAverageUtilization=target.get("averageUtilization"),
                targetAverageValue=target.get("averageValue"),
                container=source.get("container"),
            )
    if source := metric.get("external"):
        target = source.get("target") or {}
        out["external"] = _present(
            metricName=(source.get("metric") or {}).get("name", ""),
            metricSelector=(source.get("metric") or {}).get("selector"),
            targetValue=target.get("value"),
            targetAverageValue=target.get("averageValue"),
        )
    return out


def _status_to_v1(metric: Obj) -> Obj:
    out: Obj = {"type": metric.get("type", "")}
    for name in ("resource", "containerResource"):
        if source := metric.get(name):
            current = source.get("current") or {}
            out[name] = _present(
                name=source.get("name", ""),
                currentAverageUtilization=current.get("averageUtilization"),
                currentAverageValue=current.get("averageValue", "0"),
                container=source.get("container"),
            )
    if source := metric.get("pods"):
        out["pods"] = _present(
            metricName=(source.get("metric") or {}).get("name", ""),
            currentAverageValue=(source.get("current") or {}).get("averageValue", "0"),
            selector=(source.get("metric") or {}).get("selector"),
        )
    if source := metric.get("object"):
        current = source.get("current") or {}
        out["object"] = _present(
            target=source.get("describedObject"),
            metricName=(source.get("metric") or {}).get("name", ""),
            currentValue=current.get("value", "0"),
            selector=(source.get("metric") or {}).get("selector"),
            averageValue=current.get("averageValue"),
        )
    if source := metric.get("external"):
        current = source.get("current") or {}
        out["external"] = _present(
            metricName=(source.get("metric") or {}).get("name", ""),
            metricSelector=(source.get("metric") or {}).get("selector"),
            currentValue=current.get("value", "0"),
            currentAverageValue=current.get("averageValue"),
        )
    return out


def _condition(condition: Obj) -> Obj:
    names = ("type", "status", "lastTransitionTime", "reason", "message")
    return {name: condition.get(name) for name in names if name in condition or name == "lastTransitionTime"}


# The annotation holds Go's internal type, which has no JSON names of its own.
_RULES = {"stabilizationWindowSeconds": None, "selectPolicy": None, "policies": None, "tolerance": None}


def _behavior_to_go(behavior: Mapping[str, Any]) -> Obj:
    def rules(source: Mapping[str, Any] | None) -> Obj | None:
        if source is None:
            return None
        out = {_go(name): source.get(name) for name in _RULES}
        out["Policies"] = [{_go(key): value for key, value in policy.items()} for policy in source["policies"]]
        return out

    return {"ScaleUp": rules(behavior.get("scaleUp")), "ScaleDown": rules(behavior.get("scaleDown"))}


def _behavior_from_go(behavior: Mapping[str, Any]) -> Obj:
    def rules(source: Mapping[str, Any]) -> Obj:
        out = {_json(name): value for name, value in source.items() if value is not None}
        out["policies"] = [
            {_json(key): value for key, value in policy.items()} for policy in source.get("Policies") or []
        ]
        return out

    return {_json(name): rules(value) for name, value in behavior.items() if value}


def _go(name: str) -> str:
    return name[0].upper() + name[1:]


def _json(name: str) -> str:
    return name[0].lower() + name[1:]


def to_v2(hpa: Obj) -> Obj:
    spec, status = hpa.get("spec") or {}, hpa.get("status") or {}
    annotations = dict(hpa["metadata"].get("annotations") or {})
    carried = {name: _parsed(annotations.pop(name, None)) for name in _ROUND_TRIP}
    metrics = [_metric_to_v2(metric) for metric in carried[METRICS] or []]
    if spec.get("targetCPUUtilizationPercentage") is not None:
        metrics.append(_cpu_metric("target", spec["targetCPUUtilizationPercentage"]))
    if not metrics:
        metrics = [_cpu_metric("target", DEFAULT_CPU)]
    if carried[STATUSES]:
        current = [_status_to_v2(metric) for metric in carried[STATUSES]]
    elif status.get("currentCPUUtilizationPercentage") is not None:
        current = [_cpu_metric("current", status["currentCPUUtilizationPercentage"])]
    else:
        current = []
    metadata = {name: value for name, value in hpa["metadata"].items() if name != "annotations"}
    if annotations:
        metadata["annotations"] = annotations
    names = ("observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas")
    stored_status = {name: status[name] for name in names if status.get(name) is not None}
    stored_status |= _present(currentMetrics=current or None, conditions=carried[CONDITIONS] or None)
    stored_spec = {name: spec[name] for name in ("scaleTargetRef", "minReplicas", "maxReplicas") if name in spec}
    stored_spec |= _present(metrics=metrics or None)
    if carried[BEHAVIOR]:
        stored_spec["behavior"] = _behavior_from_go(carried[BEHAVIOR])
    return {"metadata": metadata, "spec": stored_spec, "status": stored_status}


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _cpu_metric(where: str, utilization: int) -> Obj:
    value: Obj = {"averageUtilization": utilization}
    if where == "target":
        value = {"type": "Utilization", **value}
    return {"type": "Resource", "resource": {"name": "cpu", where: value}}


def _metric_to_v2(metric: Obj) -> Obj:
    out: Obj = {"type": metric.get("type", "")}
    if source := metric.get("object"):
        average = source.get("averageValue")
        value = source.get("targetValue")
        out["object"] = {
            "describedObject": source.get("target"),
            "metric": _present(name=source.get("metricName", ""), selector=source.get("selector")),
            "target": _present(
                type="AverageValue" if average is not None else "Value",
                value=value if average is None or value != "0" else None,
                averageValue=average,
            ),
        }
    if source := metric.get("pods"):
        out["pods"] = {
            "metric": _present(name=source.get("metricName", ""), selector=source.get("selector")),
            "target": _present(type="AverageValue", averageValue=source.get("targetAverageValue")),
        }
    for name in ("resource", "containerResource"):
        if source := metric.get(name):
            utilization = source.get("targetAverageUtilization")
            target = _present(
                type="AverageValue" if utilization is None else "Utilization",
                averageValue=source.get("targetAverageValue"),
                averageUtilization=utilization,
            )
            out[name] = _present(name=source.get("name", ""), target=target, container=source.get("container"))
    if source := metric.get("external"):
        value = source.get("targetValue")
        out["external"] = {
            "metric": _present(name=source.get("metricName", ""), selector=source.get("metricSelector")),
            "target": _present(
                type="AverageValue" if value is None else "Value",
                value=value,
                averageValue=source.get("targetAverageValue"),
            ),
        }
    return out


def _status_to_v2(metric: Obj) -> Obj:
    out: Obj = {"type": metric.get("type", "")}
    for name in ("resource", "containerResource"):
        if source := metric.get(name):
            current = _present(
                averageValue=source.get("currentAverageValue"),
                averageUtilization=source.get("currentAverageUtilization"),
            )
            out[name] = _present(name=source.get("name", ""), current=current, container=source.get("container"))
    for name in ("pods", "object", "external"):
        if source := metric.get(name):
            selector = source.get("selector", source.get("metricSelector"))
            out[name] = _present(
                metric=_present(name=source.get("metricName", ""), selector=selector),
                describedObject=source.get("target"),
                current=_present(
                    value=source.get("currentValue"),
                    averageValue=source.get("averageValue", source.get("currentAverageValue")),
                ),
            )
    return out
