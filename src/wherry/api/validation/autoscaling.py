"""HorizontalPodAutoscaler, in the form of autoscaling/v2."""

from wherry.api import Obj
from wherry.api.errors import forbidden_field, invalid_value, required
from wherry.api.validation import fields, resources
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules

_LONGEST_PERIOD, _LONGEST_WINDOW = 1800, 3600
_TO_ZERO = "must specify at least one Object or External metric to support scaling to zero replicas"


def _autoscaler(obj: Obj) -> Check:
    yield from _spec(obj["spec"], None)


def _update(new: Obj, old: Obj) -> Check:
    yield from _spec(new["spec"], old["spec"])


def _spec(spec: Obj, before: Obj | None) -> Check:
    least, most = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    bound = 0 if before and before.get("minReplicas") == 0 else 1
    if least is not None and least < bound:
        yield invalid_value("spec.minReplicas", least, f"must be greater than or equal to {bound}")
    if not most:
        yield required("spec.maxReplicas", "must be set and greater than 0")
    elif most < 0:
        yield invalid_value("spec.maxReplicas", most, "must be greater than or equal to 1")
    if least is not None and most < least:
        yield invalid_value("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    yield from _target(spec, before)
    metrics, known = spec.get("metrics") or [], _has_bad_reference(before or {})
    for index, metric in enumerate(metrics):
        yield from _metric(metric, f"spec.metrics[{index}]", known)
    if least == 0 and not any(metric.get("type") in ("Object", "External") for metric in metrics):
        yield forbidden_field("spec.metrics", _TO_ZERO)
    for direction in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(direction)
        if rules is not None:
            yield from _scaling_rules(rules, f"spec.behavior.{direction}")


# References


def _target(spec: Obj, before: Obj | None) -> Check:
    """What is scaled. What an object names already stays good."""
    target, known = spec.get("scaleTargetRef") or {}, (before or {}).get("scaleTargetRef") or {}
    unchanged = before is not None and all(target.get(key) == known.get(key) for key in ("apiVersion", "kind"))
    coreless = target.get("kind") != "ReplicationController"
    yield from _reference(target, "spec.scaleTargetRef", "" if unchanged else _version_error(target, coreless))


def _reference(found: Obj, path: str, wrong_version: str) -> Check:
    yield from fields.path_segment_or_needed(found.get("kind"), f"{path}.kind")
    yield from fields.path_segment_or_needed(found.get("name"), f"{path}.name")
    if wrong_version:
        yield invalid_value(f"{path}.apiVersion", found.get("apiVersion", ""), wrong_version)


def _version_error(found: Obj, group_needed: bool = False) -> str:
    version = found.get("apiVersion", "")
    if version.count("/") > 1:
        return f"unexpected GroupVersion string: {version}"
    return "apiVersion must specify API group" if group_needed and not version.rpartition("/")[0] else ""


def _has_bad_reference(spec: Obj) -> bool:
    described = (
        (metric.get("object") or {}).get("describedObject") or {}
        for metric in spec.get("metrics") or ()
        if metric.get("type") == "Object"
    )
    return any(map(_version_error, described))


# Metrics

_SOURCES = {
    "object": "Object",
    "external": "External",
    "pods": "Pods",
    "resource": "Resource",
    "containerResource": "ContainerResource",
}
_TYPES = tuple(sorted(_SOURCES.values()))


def _metric(metric: Obj, path: str, known: bool) -> Check:
    """One metric: its type, and the source of just that type."""
    kind = metric.get("type", "")
    if not kind:
        yield required(f"{path}.type", "must specify a metric source type")
    yield from fields.one_of(kind, f"{path}.type", _TYPES)
    present = [key for key in _SOURCES if metric.get(key) is not None]
    if present:
        yield from _source(present[0], metric[present[0]], f"{path}.{present[0]}", known)
    expected = next((key for key, name in _SOURCES.items() if name == kind), "")
    if expected and expected not in present:
        yield required(f"{path}.{expected}", "must populate information for the given metric source")
    elif not expected:
        yield from fields.one_of(kind, f"{path}.type", _TYPES)
    if len(present) != 1:
        for key in present:
            if key != expected:
                yield forbidden_field(f"{path}.{key}", "must populate the given metric source only")


def _source(kind: str, source: Obj, path: str, known: bool) -> Check:
    target, at = source.get("target") or {}, f"{path}.target"
    if kind == "object":
        described = source.get("describedObject") or {}
        yield from _reference(described, f"{path}.describedObject", "" if known else _version_error(described))
    if kind in ("resource", "containerResource"):
        yield from _resource(kind, source, path)
    else:
        yield from _identifier((source.get("metric") or {}).get("name", ""), f"{path}.metric.name")
    yield from _metric_target(target, at)
    value, average, utilization = (target.get(key) for key in ("value", "averageValue", "averageUtilization"))
    if kind == "object" and value is None and average is None:
        yield required(f"{at}.averageValue", "must set either a target value or averageValue")
    elif kind == "pods" and average is None:
        yield required(f"{at}.averageValue", "must specify a positive target averageValue")
    elif kind == "external":
        if value is None and average is None:
            message = "must set either a target value for metric or a per-pod target"
            yield required(f"{at}.averageValue", message)
        if value is not None and average is not None:
            message = "may not set both a target value for metric and a per-pod target"
            yield forbidden_field(f"{at}.value", message)
    elif kind in ("resource", "containerResource"):
        if utilization is None and average is None:
            message = "must set either a target raw value or a target utilization"
            yield required(f"{at}.averageUtilization", message)
        if utilization is not None and average is not None:
            message = "may not set both a target raw value and a target utilization"
            yield forbidden_field(f"{at}.averageValue", message)


def _resource(kind: str, source: Obj, path: str) -> Check:
    name, container = source.get("name", ""), source.get("container", "")
    if not name:
        yield required(f"{path}.name", "must specify a resource name")
    elif kind == "containerResource":
        yield from resources.container_name(name, f"{path}.name")
    if kind == "containerResource" and not container:
        yield required(f"{path}.container", "must specify a container")
    elif kind == "containerResource":
        yield from fields.label(container, f"{path}.container")


def _identifier(name: str, path: str) -> Check:
    if not name:
        yield required(path, "must specify a metric name")
    else:
        yield from fields.path_segment(name, path)


def _metric_target(target: Obj, path: str) -> Check:
    kind, utilization = target.get("type", ""), target.get("averageUtilization")
    if not kind:
        yield required(f"{path}.type", "must specify a metric target type")
    if kind not in ("Utilization", "Value", "AverageValue"):
        yield invalid_value(f"{path}.type", kind, "must be either Utilization, Value, or AverageValue")
    for key in ("value", "averageValue"):
        if target.get(key) is not None and fields.amount(target[key]) <= 0:
            yield invalid_value(f"{path}.{key}", target[key], "must be positive")
    if utilization is not None and utilization < 1:
        yield invalid_value(f"{path}.averageUtilization", utilization, "must be greater than 0")


# Behaviour


def _scaling_rules(rules: Obj, path: str) -> Check:
    window, select = rules.get("stabilizationWindowSeconds"), rules.get("selectPolicy")
    at = f"{path}.stabilizationWindowSeconds"
    if window is not None and window < 0:
        yield invalid_value(at, window, "must be greater than or equal to zero")
    if window is not None and window > _LONGEST_WINDOW:
        yield invalid_value(at, window, f"must be less than or equal to {_LONGEST_WINDOW}")
    if select is not None:
        yield from fields.one_of(select, f"{path}.selectPolicy", ("Disabled", "Max", "Min"))
    if not rules.get("policies"):
        yield required(f"{path}.policies", "must specify at least one Policy")
    yield from fields.each(rules.get("policies"), f"{path}.policies", _scaling_policy)
    if rules.get("tolerance") is not None:
        yield from fields.amount_not_negative(rules["tolerance"], f"{path}.tolerance")


def _scaling_policy(policy: Obj, path: str) -> Check:
    yield from fields.one_of(policy.get("type", ""), f"{path}.type", ("Percent", "Pods"))
    yield from fields.positive(policy.get("value"), f"{path}.value")
    period = policy.get("periodSeconds", 0)
    yield from fields.positive(period, f"{path}.periodSeconds")
    if period > _LONGEST_PERIOD:
        yield invalid_value(f"{path}.periodSeconds", period, f"must be less than or equal to {_LONGEST_PERIOD}")


def _status(new: Obj, old: Obj) -> Check:
    status = new.get("status") or {}
    for key in ("currentReplicas", "desiredReplicas"):
        yield from fields.not_negative(status.get(key, 0), f"status.{key}")


RULES = {
    "autoscaling/v2/HorizontalPodAutoscaler": Rules(
        body=_autoscaler, change=_update, subresources={"status": _status}
    ),
}
