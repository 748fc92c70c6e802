"""Pods as the caches keep them: what controllers look at, and what siblings have in common only once.

A pod as the API server sends it is some 16 KB of Python objects; of 150,000 the caches can keep a tenth of that. A
pod so reduced may be patched, never replaced.
"""

from collections import OrderedDict
from typing import Any

from wherry.api import Obj

_METADATA = (
    "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "labels", "annotations",
    "ownerReferences", "finalizers", "deletionTimestamp", "deletionGracePeriodSeconds",
)  # fmt: skip
_SPEC = (
    "nodeName", "tolerations", "hostname", "subdomain", "affinity", "restartPolicy", "resources", "overhead",
    "priorityClassName", "activeDeadlineSeconds",
)  # fmt: skip
_STATUS = ("phase", "reason", "podIP")
_CONTAINER = ("name", "restartPolicy", "ports", "resources")
_CONDITION = ("type", "status", "lastTransitionTime", "reason")
_SHARED_METADATA = ("labels", "annotations", "ownerReferences", "finalizers", "creationTimestamp")
_SHARED_SPEC = ("containers", "initContainers", "tolerations", "affinity", "overhead", "resources")
FAMILIES, CONDITIONS = 10_000, 10_000  # remembered


class Essence:
    """The projection of an informer of pods. Pods of one owner share what is equal; so do equal conditions."""

    def __init__(self) -> None:
        self._families: OrderedDict[str, Obj] = OrderedDict()
        self._conditions: OrderedDict[tuple[Any, ...], Obj] = OrderedDict()

    def __call__(self, pod: Obj) -> Obj:
        metadata = _kept(pod["metadata"], _METADATA)
        spec = _spec(pod["spec"])
        owners = metadata.get("ownerReferences")
        if owners:
            family = _recent(self._families, owners[0]["uid"], FAMILIES)
            _share(metadata, _SHARED_METADATA, family)
            _share(spec, _SHARED_SPEC, family)
        status = self._status(pod.get("status") or {})
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}

    def _status(self, status: Obj) -> Obj:
        kept = _kept(status, _STATUS)
        if len(status.get("podIPs") or ()) > 1:
            kept["podIPs"] = status["podIPs"]
        if status.get("conditions"):
            kept["conditions"] = [self._condition(each) for each in status["conditions"]]
        for field in ("containerStatuses", "initContainerStatuses"):
            if any(map(_is_eventful, status.get(field) or ())):
                kept[field] = [_kept(each, ("name", "restartCount", "state")) for each in status[field]]
        return kept

    def _condition(self, condition: Obj) -> Obj:
        kept = _kept(condition, _CONDITION)
        known = _recent(self._conditions, tuple(kept.items()), CONDITIONS)
        known.update(kept)
        return known


def _spec(spec: Obj) -> Obj:
    kept = _kept(spec, _SPEC)
    for field in ("containers", "initContainers"):
        if spec.get(field):
            kept[field] = [_kept(each, _CONTAINER) for each in spec[field]]
    claims = [each for each in spec.get("volumes") or () if "persistentVolumeClaim" in each or "ephemeral" in each]
    if claims:
        kept["volumes"] = claims
    return kept


def _is_eventful(status: Obj) -> bool:
    """Whether a container's status says more than that it runs and always did."""
    return bool(status.get("restartCount")) or "terminated" in (status.get("state") or {})


def _kept(obj: Obj, fields: tuple[str, ...]) -> Obj:
    return {field: obj[field] for field in fields if field in obj}


def _share(obj: Obj, fields: tuple[str, ...], family: Obj) -> None:
    """Replace a field by the family's where they are equal; the last that differed is the family's."""
    for field in fields:
        if field in obj:
            value = obj[field]
            if family.get(field) == value:
                obj[field] = family[field]
            else:
                family[field] = value


def _recent(entries: OrderedDict[Any, Obj], key: Any, most: int) -> Obj:
    entry = entries.get(key)
    if entry is None:
        entry = entries[key] = {}
        if len(entries) > most:
            entries.popitem(last=False)
    return entry
