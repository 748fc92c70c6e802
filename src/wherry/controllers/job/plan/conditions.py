"""A Job's conditions. Source: upstream's pkg/controller/job."""

from wherry.api import Obj, meta
from wherry.lib.timestamps import rfc3339


def make(type: str, reason: str, message: str, now: float, status: str = "True") -> Obj:
    stamp = rfc3339(now)
    return {
        "type": type,
        "status": status,
        "lastProbeTime": stamp,
        "lastTransitionTime": stamp,
        "reason": reason,
        "message": message,
    }


def is_finished(job: Obj) -> bool:
    return meta.is_true(job, "Complete") or meta.is_true(job, "Failed")


def ensure(conditions: list[Obj], new: Obj) -> bool:
    """Put the condition there if it says something new; one that is False and was never there stays away."""
    for index, old in enumerate(conditions):
        if old["type"] == new["type"]:
            same = all(old.get(each) == new[each] for each in ("status", "reason", "message"))
            if not same:
                conditions[index] = new
            return not same
    if new["status"] == "False":
        return False
    conditions.append(new)
    return True
