"""Reading and writing what every object has: names, labels, owners, finalizers, conditions."""

from collections.abc import Mapping
from typing import Any

from wherry.api import Obj
from wherry.api.kinds import Kind
from wherry.lib.timestamps import rfc3339

_NONE: Mapping[str, str] = {}


def name(obj: Obj) -> str:
    return str(obj["metadata"].get("name", ""))


def namespace(obj: Obj) -> str:
    """Empty for cluster-scoped objects."""
    return str(obj["metadata"].get("namespace", ""))


def key(obj: Obj) -> str:
    """`namespace/name`, or the name alone: what caches and queues are keyed by."""
    metadata = obj["metadata"]
    space = metadata.get("namespace")
    return f"{space}/{metadata['name']}" if space else str(metadata["name"])


def uid(obj: Obj) -> str:
    return str(obj["metadata"].get("uid", ""))


def labels(obj: Obj) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or _NONE


def annotations(obj: Obj) -> Mapping[str, str]:
    return obj["metadata"].get("annotations") or _NONE


def finalizers(obj: Obj) -> list[str]:
    return obj["metadata"].get("finalizers") or []


def deleting(obj: Obj) -> bool:
    """Whether deletion has been asked for."""
    return "deletionTimestamp" in obj["metadata"]


def owners(obj: Obj) -> list[Obj]:
    return obj["metadata"].get("ownerReferences") or []


def controller_of(obj: Obj) -> Obj | None:
    """The owner reference that manages the object, if there is one."""
    return next((owner for owner in owners(obj) if owner.get("controller")), None)


def owner_reference(kind: Kind, owner: Obj, controller: bool = True) -> Obj:
    """A reference to `owner` for a dependent's ownerReferences."""
    reference: Obj = {"apiVersion": kind.api_version, "kind": kind.kind, "name": name(owner), "uid": uid(owner)}
    if controller:
        reference |= {"controller": True, "blockOwnerDeletion": True}
    return reference


def condition(obj: Obj, type: str) -> Obj | None:
    """The status condition of that type."""
    conditions: list[Obj] = (obj.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == type), None)


def is_true(obj: Obj, type: str) -> bool:
    found = condition(obj, type)
    return found is not None and found.get("status") == "True"


def set_condition(conditions: list[Any], new: Obj, now: float) -> bool:
    """Put `new` in place of the condition of its type, in place; lastTransitionTime moves only when the status does.
    True if anything changed. `now`: seconds since the epoch."""
    for index, old in enumerate(conditions):
        if old.get("type") != new["type"]:
            continue
        same = old.get("status") == new["status"]
        stamp = old.get("lastTransitionTime") if same else rfc3339(now)
        merged = {**old, **new, "lastTransitionTime": stamp or rfc3339(now)}
        conditions[index] = merged
        return bool(merged != old)
    conditions.append({**new, "lastTransitionTime": new.get("lastTransitionTime") or rfc3339(now)})
    return True
