"""Which nodes a DaemonSet wants a pod on, and what ties a pod to its node.

Source: upstream's pkg/controller/daemon (NodeShouldRunDaemonPod) and its util package.
"""

from typing import Any

from wherry.api import Obj, meta
from wherry.controllers import nodeaffinity, taints

_TOLERATED = (
    (taints.NOT_READY, "NoExecute"),
    (taints.UNREACHABLE, "NoExecute"),
    (taints.DISK_PRESSURE, "NoSchedule"),
    (taints.MEMORY_PRESSURE, "NoSchedule"),
    (taints.PID_PRESSURE, "NoSchedule"),
    (taints.UNSCHEDULABLE, "NoSchedule"),
)


def tolerations(spec: Obj) -> list[Obj]:
    """The template's own, and those that keep a daemon on a node in trouble."""
    added = [*_TOLERATED, *([(taints.NETWORK_UNAVAILABLE, "NoSchedule")] if spec.get("hostNetwork") else [])]
    found = list(spec.get("tolerations") or ())
    for key, effect in added:
        new = {"key": key, "operator": "Exists", "effect": effect}
        found = [each for each in found if not _same_taint(each, new)] + [new]
    return found


def _same_taint(one: Obj, other: Obj) -> bool:
    return all(one.get(each, "") == other.get(each, "") for each in ("key", "effect", "operator", "value"))


def fit(daemon_set: Obj, node: Obj) -> tuple[bool, bool]:
    """(should run there, may go on running there). A new NoSchedule taint does not drive a daemon out."""
    spec = daemon_set["spec"]["template"]["spec"]
    if spec.get("nodeName") not in (None, "", meta.name(node)) or not nodeaffinity.matches(spec, node):
        return False, False
    tolerated = tolerations(spec)
    if taints.used_tolerations(tolerated, taints.of(node, "NoSchedule", "NoExecute")) is not None:
        return True, True
    return False, taints.used_tolerations(tolerated, taints.of(node, "NoExecute")) is not None


def pinned(affinity: Obj | None, node: str) -> Obj:
    """The template's affinity, with the node in place of required node terms."""
    terms: list[dict[str, Any]] = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
    found = dict(affinity or {})
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    found["nodeAffinity"] = {**(found.get("nodeAffinity") or {}), **required}
    return found


def target(pod: Obj) -> str:
    """The node that the pod is on or pinned to; empty if neither."""
    spec = pod["spec"]
    if spec.get("nodeName"):
        return str(spec["nodeName"])
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for each in term.get("matchFields") or ():
            if each["key"] == "metadata.name" and each["operator"] == "In" and len(each["values"]) == 1:
                return str(each["values"][0])
    return ""
