"""LimitRange and ResourceQuota."""

from collections.abc import Iterator

from wherry.api import Obj
from wherry.api.errors import duplicate, forbidden_field, invalid_value, required
from wherry.api.validation import fields, metadata, resources
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules
from wherry.lib import names, quantity

# LimitRange

_ORDERED = (
    # the smaller, the larger, where it is said
    ("min", "max", "min", "min value {0} is greater than max value {1}"),
    ("min", "defaultRequest", "defaultRequest", "min value {0} is greater than default request value {1}"),
    ("defaultRequest", "max", "defaultRequest", "default request value {0} is greater than max value {1}"),
    (
        "defaultRequest", "default", "defaultRequest",
        "default request value {0} is greater than default limit value {1}",
    ),
    ("min", "default", "default", "min value {0} is greater than default value {1}"),
    ("default", "max", "default", "default value {0} is greater than max value {1}"),
)  # fmt: skip
_LARGEST_MILLI = (2**63 - 1) // 1000


def _limit_range(obj: Obj) -> Check:
    seen: set[str] = set()
    for index, limit in enumerate(obj["spec"].get("limits") or ()):
        path, kind = f"spec.limits[{index}]", limit.get("type", "")
        yield from _limit_type(kind, f"{path}.type")
        if kind in seen:
            yield duplicate(f"{path}.type", kind)
        seen.add(kind)
        yield from _limit(limit, path)


def _limit_type(kind: str, path: str) -> Check:
    wrong = names.qualified_name_errors(kind)
    yield from fields.said(path, kind, wrong)
    if not wrong and "/" not in kind and kind not in ("Pod", "Container", "PersistentVolumeClaim"):
        yield invalid_value(path, kind, "must be a standard limit type or fully qualified")


def _limit(limit: Obj, path: str) -> Check:
    kind, used = limit.get("type", ""), ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"]
    named = resources.container_name if kind in ("Pod", "Container") else resources.name
    if kind == "Pod":
        for key in ("default", "defaultRequest"):
            used.remove(key)
    keys: set[str] = set()
    for key in ("max", "min", "default", "defaultRequest"):
        if key in used:
            keys |= set(limit.get(key) or ())
            for name in sorted(limit.get(key) or ()):
                yield from named(name, f"{path}.{key}[{name}]")
        elif limit.get(key):
            yield forbidden_field(f"{path}.{key}", "may not be specified when `type` is 'Pod'")
    bounds = {*(limit.get("min") or ()), *(limit.get("max") or ())}
    if kind == "PersistentVolumeClaim" and "storage" not in bounds:
        message = "either minimum or maximum storage value is required, but neither was provided"
        yield required(f"{path}.limits", message)
    for name in sorted(limit.get("maxLimitRequestRatio") or ()):
        keys.add(name)
        yield from named(name, f"{path}.maxLimitRequestRatio[{name}]")
    for name in sorted(keys):
        yield from _limit_amounts(name, {key: (limit.get(key) or {}).get(name) for key in used}, path)


def _limit_amounts(name: str, found: dict[str, str | None], path: str) -> Check:
    for low, high, at, message in _ORDERED:
        smaller, larger = found.get(low), found.get(high)
        if smaller is None or larger is None or fields.amount(smaller) <= fields.amount(larger):
            continue
        shown = larger if (low, high) in (("min", "defaultRequest"), ("default", "max")) else smaller
        yield invalid_value(f"{path}.{at}[{name}]", shown, message.format(smaller, larger))
    yield from _ratio(name, found, path)
    default, request = found.get("default"), found.get("defaultRequest")
    if default is None or request is None or resources.overcommits(name):
        return
    if fields.amount(default) != fields.amount(request):
        message = f"default value {default} must equal to defaultRequest value {request} in {name}"
        yield invalid_value(f"{path}.defaultRequest[{name}]", request, message)


def _ratio(name: str, found: dict[str, str | None], path: str) -> Check:
    ratio, low, high = found.get("maxLimitRequestRatio"), found.get("min"), found.get("max")
    at = f"{path}.maxLimitRequestRatio[{name}]"
    if ratio is not None and fields.amount(ratio) < 1:
        yield invalid_value(at, ratio, f"ratio {ratio} is less than 1")
    if ratio is None or low is None or high is None:
        return
    counted, smallest, largest = (float(quantity.value(each)) for each in (ratio, low, high))
    if max(counted, smallest, largest) < _LARGEST_MILLI:
        counted, smallest, largest = (float(quantity.milli(each)) for each in (ratio, low, high))
        counted /= 1000
    bound = largest / smallest if smallest else float("inf")
    if counted > bound:
        yield invalid_value(at, ratio, f"ratio {ratio} is greater than max/min = {bound:f}")


# ResourceQuota

_PODS = ("pods",)
_COMPUTE = (*_PODS, "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory")
_SCOPES = {
    "Terminating": _COMPUTE,
    "NotTerminating": _COMPUTE,
    "NotBestEffort": _COMPUTE,
    "PriorityClass": _COMPUTE,
    "CrossNamespacePodAffinity": _COMPUTE,
    "BestEffort": _PODS,
    "VolumeAttributesClass": ("persistentvolumeclaims", "requests.storage"),
}
_FLAGS = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity")
_OPPOSITES = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})
_EXISTS = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)


def _quota(obj: Obj) -> Check:
    yield from _quota_spec(obj["spec"])
    yield from _quota_status(obj.get("status") or {})


def _amounts(found: dict[str, str] | None, path: str) -> Check:
    for name, value in sorted((found or {}).items()):
        at = f"{path}[{name}]"
        yield from resources.quota_name(name, at)
        yield from resources.amount(name, value, at)


def _quota_status(status: Obj) -> Check:
    yield from _amounts(status.get("hard"), "status.hard")
    yield from _amounts(status.get("used"), "status.used")


def _quota_spec(spec: Obj) -> Check:
    yield from _amounts(spec.get("hard"), "spec.hard")
    limited = [name for name in sorted(spec.get("hard") or ()) if resources.is_quota(name)]
    scopes = spec.get("scopes") or []
    for scope in scopes:
        if scope not in _SCOPES:
            yield invalid_value("spec.scopes", scopes, "unsupported scope")
        for _ in _misapplied(scope, limited):
            yield invalid_value("spec.scopes", scopes, "unsupported scope applied to resource")
    yield from _conflicting(scopes, spec)
    selector = spec.get("scopeSelector")
    if selector is not None:
        yield from _scope_selector(selector, limited)
        chosen = [each.get("scopeName", "") for each in selector.get("matchExpressions") or ()]
        yield from _conflicting(chosen, spec)


def _misapplied(scope: str, limited: list[str]) -> Iterator[str]:
    """Limited resources that a scope says nothing about."""
    allowed = _SCOPES.get(scope)
    return (name for name in limited if allowed is not None and name not in allowed)


def _conflicting(scopes: list[str], spec: Obj) -> Check:
    for pair in _OPPOSITES:
        if pair <= set(scopes):
            yield invalid_value("spec.scopes", spec.get("scopes"), "conflicting scopes")


def _scope_selector(selector: Obj, limited: list[str]) -> Check:
    path = "spec.scopeSelector.matchExpressions"
    for term in selector.get("matchExpressions") or ():
        scope, operator, values = term.get("scopeName", ""), term.get("operator", ""), term.get("values")
        if scope not in _SCOPES:
            yield invalid_value(f"{path}.scopeName", scope, "unsupported scope")
        for _ in _misapplied(scope, limited):
            yield invalid_value(path, selector, "unsupported scope applied to resource")
        if scope in _FLAGS and operator != "Exists":
            yield invalid_value(f"{path}.operator", operator, _EXISTS)
        if operator in ("In", "NotIn"):
            if not values:
                message = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                yield required(f"{path}.values", message)
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                message = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                yield invalid_value(f"{path}.values", values, message)
        else:
            yield invalid_value(f"{path}.operator", operator, "not a valid selector operator")


def _quota_update(new: Obj, old: Obj) -> Check:
    yield from _quota_spec(new["spec"])
    scopes = new["spec"].get("scopes") or []
    if set(scopes) != set(old["spec"].get("scopes") or ()):
        yield invalid_value("spec.scopes", scopes, metadata.IMMUTABLE)


def _quota_status_update(new: Obj, old: Obj) -> Check:
    if not new["metadata"].get("resourceVersion"):
        yield required("resourceVersion")
    yield from _quota_status(new.get("status") or {})


RULES = {
    "v1/LimitRange": Rules(body=_limit_range, only_whole=True),
    "v1/ResourceQuota": Rules(body=_quota, change=_quota_update, subresources={"status": _quota_status_update}),
}
