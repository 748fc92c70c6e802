"""Pods."""

from collections.abc import Iterator

from wherry.api import Obj, kinds
from wherry.api.kinds import Kind
from wherry.apiserver.strategies import qos
from wherry.apiserver.strategies.base import METADATA, Context, Strategy, keep
from wherry.apiserver.warnings.pods import APPARMOR, APPARMOR_DEPRECATED, apparmor
from wherry.lib.timestamps import rfc3339


def _new_pod(new: Obj, context: Context) -> None:
    spec = new["spec"]
    _app_armor(new["metadata"].get("annotations") or {}, spec, context)
    new["status"] = {"phase": "Pending", "qosClass": qos.of_pod(spec)}
    if spec.get("schedulingGates"):
        new["status"]["conditions"] = [_GATED | {"lastTransitionTime": rfc3339(context.now)}]
    labels = new["metadata"].get("labels") or {}
    for term in _affinity_terms(spec.get("affinity") or {}):
        _merge_keys(term, labels, "matchLabelKeys", "In")
        _merge_keys(term, labels, "mismatchLabelKeys", "NotIn")
    for constraint in spec.get("topologySpreadConstraints") or ():
        _merge_keys(constraint, labels, "matchLabelKeys", "In")


def _app_armor(annotations: Obj, spec: Obj, context: Context) -> None:
    """Profiles that old clients name in annotations become fields, unless the pod's own profile says the same."""
    if (spec.get("os") or {}).get("name") == "windows":
        return
    inherited = (spec.get("securityContext") or {}).get("appArmorProfile")
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        key = f"{APPARMOR}{container.get('name', '')}"
        if key not in annotations or (container.get("securityContext") or {}).get("appArmorProfile"):
            continue
        profile = apparmor(annotations[key])
        if profile is not None and profile == inherited:
            continue
        if profile is not None:
            container["securityContext"] = {**(container.get("securityContext") or {}), "appArmorProfile": profile}
        context.warn(f"metadata.annotations[{key}]: {APPARMOR_DEPRECATED}")


_GATED: Obj = {
    "type": "PodScheduled",
    "status": "False",
    "lastProbeTime": None,
    "lastTransitionTime": "",
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}


def _affinity_terms(affinity: Obj) -> Iterator[Obj]:
    for name in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(name) or {}
        for weighted in rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            yield weighted["podAffinityTerm"]
        yield from rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ()


def _merge_keys(term: Obj, labels: Obj, field: str, operator: str) -> None:
    """Turn "the pod's own value of this label" into an expression of the selector."""
    selector = term.get("labelSelector")
    if selector is None:
        return
    for key in term.get(field) or ():
        if key in labels:
            expression = {"key": key, "operator": operator, "values": [labels[key]]}
            selector.setdefault("matchExpressions", []).append(expression)


def _status(new: Obj, old: Obj, context: Context) -> None:
    keep(new["metadata"], old["metadata"], "deletionTimestamp")
    mine, theirs = new.setdefault("status", {}), old.get("status") or {}
    for name in ("qosClass", "observedGeneration"):
        if not mine.get(name) and name in theirs:
            mine[name] = theirs[name]
    _keep_observed_generations(mine, theirs)


def _keep_observed_generations(mine: Obj, theirs: Obj) -> None:
    remembered: dict[str, list[int]] = {}
    for condition in theirs.get("conditions") or ():
        remembered.setdefault(condition.get("type", ""), []).append(condition.get("observedGeneration", 0))
    for condition in mine.get("conditions") or ():
        known = remembered.get(condition.get("type", ""))
        generation = known.pop(0) if known else 0
        if not condition.get("observedGeneration") and generation:
            condition["observedGeneration"] = generation


def _ephemeral_containers(new: Obj, old: Obj, context: Context) -> None:
    """Only the ephemeral containers may change."""
    containers = new["spec"].get("ephemeralContainers")
    _only_spec(new, old)
    new["spec"] = {key: value for key, value in old["spec"].items() if key != "ephemeralContainers"}
    if containers:
        new["spec"]["ephemeralContainers"] = containers


def _resize(new: Obj, old: Obj, context: Context) -> None:
    """Only resources may change; containers that were moved or renamed are left for validation to refuse."""
    mine, theirs = new["spec"], old["spec"]
    lists = ("containers", "initContainers")
    if any(len(mine.get(name) or ()) != len(theirs.get(name) or ()) for name in lists):
        return
    merged = {name: _with_resources(mine.get(name) or [], theirs.get(name) or []) for name in lists}
    _only_spec(new, old)
    new["spec"] = {**theirs, **{name: value for name, value in merged.items() if value}}
    if "resources" in mine:
        new["spec"]["resources"] = mine["resources"]


def _with_resources(mine: list[Obj], theirs: list[Obj]) -> list[Obj]:
    if any(new.get("name") != old.get("name") for new, old in zip(mine, theirs, strict=True)):
        return mine
    merged = []
    for new, old in zip(mine, theirs, strict=True):
        container = {key: value for key, value in old.items() if key not in ("resources", "resizePolicy")}
        merged.append(container | {key: new[key] for key in ("resources", "resizePolicy") if key in new})
    return merged


def _only_spec(new: Obj, old: Obj) -> None:
    keep(new, old, "status")
    keep(new["metadata"], old["metadata"], *METADATA)


def grace_period(pod: Obj, asked: int | None) -> int:
    """Seconds that a pod's deletion waits for its node: none if no node has it or if it has ended."""
    period = asked if asked is not None else pod["spec"].get("terminationGracePeriodSeconds") or 0
    if not pod["spec"].get("nodeName") or (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
        return 0
    return int(period) if period >= 0 else 1


STRATEGIES: dict[Kind, Strategy] = {
    kinds.POD: Strategy(
        status=True,
        generation=("spec",),
        create=_new_pod,
        prepare_status=_status,
        status_keeps_metadata=("ownerReferences",),
        subresources={"ephemeralcontainers": _ephemeral_containers, "resize": _resize},
        grace=grace_period,
        returns_deleted=True,
    )
}
