"""Fields of features that are off in this version by default: accepted, noted as managed, and dropped.

Something that already uses such a field keeps it. Source: the strategies' dropDisabledFields of Kubernetes v1.36.
"""

from collections.abc import Callable, Iterator, Mapping

from wherry.api import Obj

_PROJECTIONS = ("clusterTrustBundle", "podCertificate")

# A rule removes what is disabled from a new object, in place, unless the old one has it.
Rule = Callable[[Obj, Obj], None]


def drop(api_version: str, kind: str, new: Obj, old: Obj | None) -> None:
    """Take what is disabled out of an object that is being written. What it shares with the old one stays."""
    rule = _RULES.get(f"{api_version}/{kind}")
    if rule is not None:
        rule(new, old or {})


def _without(new: Obj, old: Obj, *path: str) -> None:
    """Remove a field of nested objects that the old one does not have."""
    *above, last = path
    for key in above:
        new, old = new.get(key) or {}, old.get(key) or {}
    if new.get(last) is not None and old.get(last) is None:
        del new[last]


# Pods


def _sources(spec: Obj) -> Iterator[Obj]:
    for volume in spec.get("volumes") or ():
        yield from (volume.get("projected") or {}).get("sources") or ()


def _containers(spec: Obj) -> Iterator[Obj]:
    for key in ("containers", "initContainers", "ephemeralContainers"):
        yield from spec.get(key) or ()


def _signals(spec: Obj) -> list[Obj]:
    """Containers that name their stop signal."""
    return [each for each in _containers(spec) if (each.get("lifecycle") or {}).get("stopSignal") is not None]


def _uses(spec: Obj) -> set[str]:
    """The disabled features that a pod's spec uses."""
    found = {key for source in _sources(spec) for key in _PROJECTIONS if source.get(key) is not None}
    if _signals(spec):
        found.add("stopSignal")
    if spec.get("schedulingGroup") is not None:
        found.add("schedulingGroup")
    return found


def _pod_spec(*path: str) -> Rule:
    def rule(new: Obj, old: Obj) -> None:
        for key in path:
            new, old = new.get(key) or {}, old.get(key) or {}
        gone = _uses(new)
        if not gone:
            return
        gone -= _uses(old)
        for source in _sources(new):
            for key in gone & set(_PROJECTIONS):
                source.pop(key, None)
        if "stopSignal" in gone:
            for container in _signals(new):
                del container["lifecycle"]["stopSignal"]
                if not container["lifecycle"]:
                    del container["lifecycle"]
        if "schedulingGroup" in gone:
            del new["schedulingGroup"]

    return rule


_TEMPLATE = _pod_spec("spec", "template", "spec")


def _stateful_set(new: Obj, old: Obj) -> None:
    _without(new, old, "spec", "updateStrategy", "rollingUpdate", "maxUnavailable")
    _TEMPLATE(new, old)


# Others


def _claim(new: Obj, old: Obj) -> None:
    """Sources in other namespaces are off; of old-style sources only claims and snapshots are known."""
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    if (spec.get("dataSourceRef") or {}).get("namespace") and before.get("dataSourceRef") is None:
        del spec["dataSourceRef"]
    source = spec.get("dataSource")
    if source is None or spec.get("dataSourceRef") is not None or before.get("dataSource") is not None:
        return
    known = {("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot")}
    if (source.get("apiGroup") or "", source.get("kind", "")) not in known:
        del spec["dataSource"]


def _lease(new: Obj, old: Obj) -> None:
    for key in ("strategy", "preferredHolder"):
        _without(new, old, "spec", key)


def _node(new: Obj, old: Obj) -> None:
    _without(new, old, "spec", "configSource")
    _without(new, old, "status", "config")


def _csi_driver(new: Obj, old: Obj) -> None:
    _without(new, old, "spec", "preventPodSchedulingIfMissing")


_LISTS = ("bools", "ints", "strings", "versions")


def _devices(obj: Obj) -> list[Obj]:
    return (obj.get("spec") or {}).get("devices") or []


def _attributes(obj: Obj) -> list[Obj]:
    return [attribute for device in _devices(obj) for attribute in (device.get("attributes") or {}).values()]


def _resource_slice(new: Obj, old: Obj) -> None:
    """Attributes are not lists; devices take none of the node's own resources."""
    if not any(attribute.get(key) is not None for attribute in _attributes(old) for key in _LISTS):
        for attribute in _attributes(new):
            for key in _LISTS:
                attribute.pop(key, None)
    if not any(device.get("nodeAllocatableResourceMappings") for device in _devices(old)):
        for device in _devices(new):
            device.pop("nodeAllocatableResourceMappings", None)


_RULES: Mapping[str, Rule] = {
    "v1/Pod": _pod_spec("spec"),
    "v1/PodTemplate": _pod_spec("template", "spec"),
    "v1/ReplicationController": _TEMPLATE,
    "apps/v1/ReplicaSet": _TEMPLATE,
    "apps/v1/Deployment": _TEMPLATE,
    "apps/v1/DaemonSet": _TEMPLATE,
    "apps/v1/StatefulSet": _stateful_set,
    "batch/v1/Job": _TEMPLATE,
    "batch/v1/CronJob": _pod_spec("spec", "jobTemplate", "spec", "template", "spec"),
    "v1/PersistentVolumeClaim": _claim,
    "v1/Node": _node,
    "coordination.k8s.io/v1/Lease": _lease,
    "storage.k8s.io/v1/CSIDriver": _csi_driver,
    "resource.k8s.io/v1/ResourceSlice": _resource_slice,
}
