"""Taints and tolerations. Source: upstream's component-helpers scheduling/corev1 and pkg/util/taints."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
MEMORY_PRESSURE = "node.kubernetes.io/memory-pressure"
DISK_PRESSURE = "node.kubernetes.io/disk-pressure"
PID_PRESSURE = "node.kubernetes.io/pid-pressure"
NETWORK_UNAVAILABLE = "node.kubernetes.io/network-unavailable"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


def of(node: Obj, *effects: str) -> list[Obj]:
    """The node's taints, those of some effects only if any are named."""
    found: list[Obj] = node["spec"].get("taints") or []
    return [each for each in found if not effects or each.get("effect") in effects]


def has(node: Obj, key: str, effect: str) -> bool:
    return any(each.get("key") == key for each in of(node, effect))


def tolerates(toleration: Obj, taint: Obj) -> bool:
    """An empty effect tolerates all effects, an empty key with Exists all taints."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    match toleration.get("operator") or "Equal":
        case "Equal":
            return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")
        case "Exists":
            return True
    return False


def used_tolerations(tolerations: Sequence[Obj], taints: Iterable[Obj]) -> list[Obj] | None:
    """The toleration that lets each taint pass; None if one is not tolerated."""
    used = []
    for taint in taints:
        found = next((each for each in tolerations if tolerates(each, taint)), None)
        if found is None:
            return None
        used.append(found)
    return used


def seconds_tolerated(used: Iterable[Obj]) -> float | None:
    """How long the pod may stay; None: forever."""
    limits = [max(0, each["tolerationSeconds"]) for each in used if each.get("tolerationSeconds") is not None]
    return min(limits, default=None)
