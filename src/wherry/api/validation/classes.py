"""PriorityClass and RuntimeClass."""

from wherry.api import Obj
from wherry.api.errors import duplicate, forbidden_field, required
from wherry.api.validation import fields, internal, metadata, resources, scheduling
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules

_HIGHEST = 1_000_000_000
_RESERVED = "system-"
_SYSTEM = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}


def _priority_class(obj: Obj) -> Check:
    name, value = obj["metadata"].get("name", ""), obj.get("value", 0)
    if name.startswith(_RESERVED):
        wrong = _not_system(name, value, obj.get("globalDefault", False))
        if wrong:
            message = (
                f"priority class names with '{_RESERVED}' prefix are reserved for system use only. error: {wrong}"
            )
            yield forbidden_field("metadata.name", message)
    elif value > _HIGHEST:
        yield forbidden_field("value", f"maximum allowed value of a user defined priority is {_HIGHEST}")
    if obj.get("preemptionPolicy") is not None:
        policies = ("PreemptLowerPriority", "Never")
        yield from fields.one_of_or_needed(obj["preemptionPolicy"], "preemptionPolicy", policies)


def _not_system(name: str, value: int, default: bool) -> str:
    """Why a class is not one of the system's own."""
    expected = _SYSTEM.get(name)
    if expected is None:
        return f"{name} is not a known system priority class"
    if value != expected:
        return f"value of {name} PriorityClass must be {expected}"
    return f"globalDefault of {name} PriorityClass must be false" if default else ""


def _priority_class_update(new: Obj, old: Obj) -> Check:
    if new.get("value", 0) != old.get("value", 0):
        yield forbidden_field("value", "may not be changed in an update.")
    yield from metadata.immutable(new.get("preemptionPolicy"), old.get("preemptionPolicy"), "preemptionPolicy")


def _runtime_class(obj: Obj) -> Check:
    if not obj.get("handler"):
        yield required("handler")
    else:
        yield from fields.label(obj["handler"], "handler")
    fixed = (obj.get("overhead") or {}).get("podFixed")
    if fixed:
        yield from resources.requirements(
            {"limits": dict(sorted(fixed.items()))}, None, "overhead", resources.container_name
        )
    placement = obj.get("scheduling") or {}
    yield from metadata.labels(placement.get("nodeSelector"), "scheduling.nodeSelector")
    tolerations = placement.get("tolerations") or []
    yield from scheduling.tolerations(tolerations, "scheduling.tolerations")
    seen: set[tuple[str, ...]] = set()
    for index, each in enumerate(tolerations):
        key = tuple(each.get(part, "") for part in ("key", "operator", "value", "effect"))
        if key in seen:
            shown = internal.shown("core.Toleration", each)
            yield duplicate(f"scheduling.tolerations[{index}]", shown)
        seen.add(key)


def _runtime_class_update(new: Obj, old: Obj) -> Check:
    yield from _runtime_class(new)
    yield from metadata.immutable(new.get("handler", ""), old.get("handler", ""), "handler")


RULES = {
    "scheduling.k8s.io/v1/PriorityClass": Rules(body=_priority_class, change=_priority_class_update),
    "node.k8s.io/v1/RuntimeClass": Rules(
        body=_runtime_class, change=_runtime_class_update, kube_finalizers=False, recheck=True
    ),
}
