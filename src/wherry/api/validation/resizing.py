"""Resizing a pod: its containers' cpu and memory may change, nothing else."""

from wherry.api import Obj, podresources
from wherry.api.errors import forbidden_field, invalid_value
from wherry.api.patch.values import same
from wherry.api.validation.fields import Check

_MIRROR = "kubernetes.io/config.mirror"
_ONLY = "only cpu and memory resources are mutable"
_LISTS = ("containers", "initContainers")


def fixed(old: Obj) -> Check:
    """Pods that cannot be resized at all."""
    if _MIRROR in (old["metadata"].get("annotations") or {}):
        yield forbidden_field("[]", "static pods cannot be resized")
    elif (old["spec"].get("os") or {}).get("name") == "windows":
        yield forbidden_field("[]", "windows pods cannot be resized")


def change(new: Obj, old: Obj) -> Check:
    """What is wrong with a resize, metadata and the new spec itself apart."""
    spec, before, status = new["spec"], old["spec"], old.get("status") or {}
    was = status.get("qosClass") or podresources.qos(before)
    if was != podresources.qos(spec):
        shown = (new.get("status") or {}).get("qosClass", "")
        yield invalid_value("spec", shown, "Pod QOS Class may not change as a result of resizing")
    if not _supported(status):
        yield forbidden_field("spec", "Pod running on node without support for resize")
    if any(_amounts(each.get("resources")) for each in (spec, before)):
        yield from _whole_pod(spec, before)
    if status.get("nodeAllocatableResourceClaimStatuses"):
        yield forbidden_field("spec", "pods with node allocatable resource claims cannot be resized")
    moved = list(_order(spec, before))
    yield from moved or _containers(spec, before)


def _supported(status: Obj) -> bool:
    """Whether the pod's node can resize, as far as can be seen."""
    running = [each for each in status.get("containerStatuses") or () if (each.get("state") or {}).get("running")]
    return not running or running[0].get("resources") is not None


def _amounts(resources: Obj | None) -> int:
    return sum(len((resources or {}).get(way) or ()) for way in ("requests", "limits"))


def _removed(now: Obj, before: Obj, path: str, what: str) -> Check:
    """Amounts that were there must stay."""
    for way in ("requests", "limits"):
        if set(before.get(way) or ()) - set(now.get(way) or ()):
            yield forbidden_field(f"{path}.{way}", f"{what} {way} cannot be removed")


def _masked(now: Obj | None, before: Obj | None) -> Obj:
    """Resources as they would be without a change of cpu and memory; claims are left out."""
    masked = {}
    for way in ("requests", "limits"):
        amounts = {
            key: value for key, value in ((now or {}).get(way) or {}).items() if key not in podresources.COMPUTE
        }
        then = (before or {}).get(way) or {}
        amounts |= {key: then[key] for key in podresources.COMPUTE if key in then}
        if amounts:
            masked[way] = amounts
    return masked


def _whole_pod(spec: Obj, before: Obj) -> Check:
    now, then = spec.get("resources"), before.get("resources")
    if then is not None and now is None:
        yield forbidden_field("spec.resources", "pod-level resources cannot be removed")
        return
    if then is not None:
        yield from _removed(now or {}, then, "spec.resources", "pod-level resource")
    if not same(_masked(now, then), {key: value for key, value in (then or {}).items() if value}):
        yield forbidden_field("spec", f"{_ONLY} at pod-level")


def _order(spec: Obj, before: Obj) -> Check:
    for key in _LISTS:
        now, then = spec.get(key) or [], before.get(key) or []
        if len(now) != len(then):
            yield forbidden_field(f"spec.{key}", f"{key} may not be added or removed on resize")
            continue
        for index, (new, old) in enumerate(zip(now, then, strict=True)):
            if new.get("name") != old.get("name"):
                message = f"{key} may not be renamed or reordered on resize"
                yield forbidden_field(f"spec.{key}[{index}].name", message)


def _containers(spec: Obj, before: Obj) -> Check:
    for key in reversed(_LISTS):
        for index, (new, old) in enumerate(zip(spec.get(key) or (), before.get(key) or (), strict=True)):
            path = f"spec.{key}[{index}].resources"
            yield from _removed(new.get("resources") or {}, old.get("resources") or {}, path, "resource")
    for new, old in zip(spec.get("containers") or (), before.get("containers") or (), strict=True):
        if not _same_but_compute(new, old):
            yield forbidden_field("spec", _ONLY)
    for index, (new, old) in enumerate(
        zip(spec.get("initContainers") or (), before.get("initContainers") or (), strict=True)
    ):
        path = f"spec.initContainers[{index}]"
        if not _same_but_compute(new, old):
            yield forbidden_field(path, "only cpu and memory resources for init or sidecar containers are mutable")
        if new.get("restartPolicy") == "Always" or same(new, old):
            continue
        for policy in new.get("resizePolicy") or ():
            if policy.get("restartPolicy") == "RestartContainer":
                message = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"
                yield forbidden_field(path, message)
    if not same(_rest(spec), _rest(before)):
        yield forbidden_field("spec", _ONLY)


def _same_but_compute(new: Obj, old: Obj) -> bool:
    masked = {**new, "resources": _masked(new.get("resources"), old.get("resources"))}
    kept = {key: value for key, value in (old.get("resources") or {}).items() if value}
    return same(masked, {**old, "resources": kept})


def _rest(spec: Obj) -> Obj:
    return {key: value for key, value in spec.items() if key not in (*_LISTS, "resources")}
