"""A quota's status. Source: upstream's pkg/controller/resourcequota; the rules of counting are `wherry.api.quota`."""

from collections.abc import Iterable

from wherry.api import Obj, quota
from wherry.api.kinds import RESOURCE_QUOTA, Kind
from wherry.controllers.actions import Actions, UpdateStatus
from wherry.controllers.attempt import Attempt


def reconcile(obj: Obj, objects: Iterable[tuple[Kind, Obj]], attempt: Attempt) -> Actions:
    """`objects`: what is in the namespace, of the kinds that the quota limits."""
    status = {"hard": obj["spec"].get("hard") or {}, "used": quota.total(obj, objects, attempt.now)}
    status = {key: value for key, value in status.items() if value}
    return [] if status == (obj.get("status") or {}) else [UpdateStatus(RESOURCE_QUOTA, {**obj, "status": status})]
