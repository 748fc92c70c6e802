"""When a finished job goes. Source: upstream's pkg/controller/ttlafterfinished."""

from wherry.api import Obj, meta
from wherry.api.kinds import JOB
from wherry.controllers.actions import Actions, Confirm, Delete, Requeue
from wherry.controllers.attempt import Attempt
from wherry.lib.timestamps import parse


def reconcile(job: Obj, attempt: Attempt) -> Actions:
    limit = job["spec"].get("ttlSecondsAfterFinished")
    ended = _finished_at(job)
    if limit is None or ended is None or meta.deleting(job):
        return []
    left = ended + limit - attempt.now
    return [Requeue(left)] if left > 0 else [Confirm(JOB, job), Delete(JOB, job, propagation="Foreground")]


def _finished_at(job: Obj) -> float | None:
    for type in ("Complete", "Failed"):
        condition = meta.condition(job, type)
        if condition is not None and condition.get("status") == "True" and condition.get("lastTransitionTime"):
            return parse(condition["lastTransitionTime"])
    return None
