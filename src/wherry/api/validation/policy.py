"""PodDisruptionBudget."""

from wherry.api import Obj
from wherry.api.errors import invalid_value
from wherry.api.validation import fields, internal, metadata, templates
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules

_COUNTS = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")


def _budget(obj: Obj) -> Check:
    spec = obj.get("spec") or {}
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        shown = internal.shown("policy.PodDisruptionBudgetSpec", spec)
        yield invalid_value("spec", shown, "minAvailable and maxUnavailable cannot be both set")
    for key in ("minAvailable", "maxUnavailable"):
        if spec.get(key) is not None:
            yield from templates.count_or_percent(spec[key], f"spec.{key}")
            yield from templates.at_most_all(spec[key], f"spec.{key}")
    yield from metadata.label_selector(spec.get("selector"), "spec.selector")
    if spec.get("unhealthyPodEvictionPolicy") is not None:
        policies = ("AlwaysAllow", "IfHealthyBudget")
        yield from fields.one_of(spec["unhealthyPodEvictionPolicy"], "spec.unhealthyPodEvictionPolicy", policies)


def _status(new: Obj, old: Obj) -> Check:
    status = new.get("status") or {}
    yield from metadata.conditions(status.get("conditions"), "status.conditions")
    yield from templates.counts(status, "status", _COUNTS)


RULES = {
    "policy/v1/PodDisruptionBudget": Rules(body=_budget, own_metadata=False, subresources={"status": _status}),
}
