"""A Deployment's status: counts, Available, Progressing, ReplicaFailure.

Source: upstream's pkg/controller/deployment/progress.go, sync.go and util.
"""

from collections.abc import Sequence

from wherry.api import Obj, meta
from wherry.controllers.deployment.plan import scaling
from wherry.lib.timestamps import parse, rfc3339

AVAILABLE = "NewReplicaSetAvailable"
CREATED = "NewReplicaSetCreated"
CREATE_FAILED = "ReplicaSetCreateError"
FOUND = "FoundNewReplicaSet"
PAUSED = "DeploymentPaused"
RESUMED = "DeploymentResumed"
TIMED_OUT = "ProgressDeadlineExceeded"
UPDATED = "ReplicaSetUpdated"


class Conditions:
    """A list of conditions in the making, with upstream's rule: one of the same status and reason stays as it is."""

    def __init__(self, deployment: Obj, now: float) -> None:
        self.list: list[Obj] = list((deployment.get("status") or {}).get("conditions") or ())
        self._now = rfc3339(now)

    def get(self, type: str) -> Obj | None:
        return next((each for each in self.list if each["type"] == type), None)

    def reason(self, type: str) -> str:
        return str((self.get(type) or {}).get("reason", ""))

    def remove(self, type: str) -> None:
        self.list = [each for each in self.list if each["type"] != type]

    def set(self, type: str, status: str, reason: str, message: str) -> None:
        self.put(
            {
                "type": type,
                "status": status,
                "lastUpdateTime": self._now,
                "lastTransitionTime": self._now,
                "reason": reason,
                "message": message,
            }
        )

    def put(self, condition: Obj) -> None:
        current = self.get(condition["type"])
        if current and current["status"] == condition["status"]:
            if current.get("reason") == condition["reason"]:
                return
            condition = {**condition, "lastTransitionTime": current.get("lastTransitionTime")}
        self.remove(condition["type"])
        self.list.append(condition)

    def touch(self, type: str, status: str, reason: str, message: str) -> None:
        """Set it even if it says the same already: lastUpdateTime is when progress was last seen."""
        current = self.get(type)
        self.remove(type)
        self.set(type, status, reason, message)
        if current and current["status"] == status:
            self.list[-1]["lastTransitionTime"] = current.get("lastTransitionTime")


def has_deadline(deployment: Obj) -> bool:
    return deployment["spec"].get("progressDeadlineSeconds") not in (None, 2**31 - 1)


def counts(deployment: Obj, sets: Sequence[Obj], new: Obj | None) -> Obj:
    """The numbers of the status, without what is zero (as the API prints them)."""
    available = scaling.observed(sets, "availableReplicas")
    found = {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        "replicas": scaling.observed(sets, "replicas"),
        "updatedReplicas": scaling.observed([new], "replicas") if new else 0,
        "readyReplicas": scaling.observed(sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, scaling.total(sets) - available),
    }
    status: Obj = {key: value for key, value in found.items() if value}
    terminating = _terminating(sets)
    if terminating is not None:
        status["terminatingReplicas"] = terminating
    collisions = (deployment.get("status") or {}).get("collisionCount")
    if collisions is not None:
        status["collisionCount"] = collisions
    return status


def _terminating(sets: Sequence[Obj]) -> int | None:
    """None if a set that was looked at does not tell."""
    found = 0
    for each in sets:
        status = each.get("status") or {}
        if "terminatingReplicas" in status:
            found += status["terminatingReplicas"]
        elif status.get("observedGeneration", 0):
            return None
    return found


def set_available(deployment: Obj, status: Obj, conditions: Conditions) -> None:
    least = scaling.replicas(deployment) - scaling.max_unavailable(deployment)
    if status.get("availableReplicas", 0) >= least:
        conditions.set("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        conditions.set(
            "Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
        )


def set_paused(deployment: Obj, conditions: Conditions) -> None:
    """A paused deployment makes no progress and must not time out for it, nor right after it was resumed."""
    reason = conditions.reason("Progressing")
    if not has_deadline(deployment) or reason == TIMED_OUT:
        return
    paused = bool(deployment["spec"].get("paused"))
    if paused and reason != PAUSED:
        conditions.set("Progressing", "Unknown", PAUSED, "Deployment is paused")
    elif not paused and reason == PAUSED:
        conditions.set("Progressing", "Unknown", RESUMED, "Deployment is resumed")


def is_complete(deployment: Obj, status: Obj) -> bool:
    wanted = scaling.replicas(deployment)
    reached = all(status.get(f, 0) == wanted for f in ("updatedReplicas", "replicas", "availableReplicas"))
    return reached and status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)


def made_progress(before: Obj, status: Obj) -> bool:
    def old_pods(each: Obj) -> int:
        return int(each.get("replicas", 0)) - int(each.get("updatedReplicas", 0))

    grown = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return old_pods(status) < old_pods(before) or any(status.get(f, 0) > before.get(f, 0) for f in grown)


def set_progressing(deployment: Obj, status: Obj, new: Obj | None, conditions: Conditions, now: float) -> None:
    """What `kubectl rollout status` waits for."""
    if not has_deadline(deployment):
        conditions.remove("Progressing")
        return
    settled = status.get("replicas", 0) == status.get("updatedReplicas", 0)
    if settled and meta_reason(deployment) == AVAILABLE:
        return
    what = f'ReplicaSet "{meta.name(new)}"' if new else f'Deployment "{meta.name(deployment)}"'
    if is_complete(deployment, status):
        conditions.set("Progressing", "True", AVAILABLE, f"{what} has successfully progressed.")
    elif made_progress(deployment.get("status") or {}, status):
        conditions.touch("Progressing", "True", UPDATED, f"{what} is progressing.")
    elif _timed_out(deployment, conditions, now):
        conditions.set("Progressing", "False", TIMED_OUT, f"{what} has timed out progressing.")


def meta_reason(deployment: Obj) -> str:
    """The reason of Progressing as the server has it."""
    return str((meta.condition(deployment, "Progressing") or {}).get("reason", ""))


def _timed_out(deployment: Obj, conditions: Conditions, now: float) -> bool:
    current = conditions.get("Progressing")
    if current is None or current.get("reason") == AVAILABLE:
        return False
    return current.get("reason") == TIMED_OUT or _deadline(deployment, current) < now


def _deadline(deployment: Obj, progressing: Obj) -> float:
    return parse(progressing["lastUpdateTime"]) + float(deployment["spec"]["progressDeadlineSeconds"])


def next_check(deployment: Obj, status: Obj, now: float) -> float | None:
    """Seconds until a rollout without progress must be looked at again."""
    current = meta.condition(deployment, "Progressing")
    if not has_deadline(deployment) or current is None:
        return None
    if is_complete(deployment, status) or current.get("reason") in (TIMED_OUT, AVAILABLE):
        return None
    return max(0.0, _deadline(deployment, current) - now) + 1


def set_replica_failure(sets: Sequence[Obj], new: Obj | None, conditions: Conditions) -> None:
    """Copied from the newest set, else from any."""
    ordered = [new, *sets] if new else sets
    failure = next((found for each in ordered if (found := meta.condition(each, "ReplicaFailure"))), None)
    if failure is None:
        conditions.remove("ReplicaFailure")
        return
    conditions.put({**failure, "lastUpdateTime": failure.get("lastTransitionTime")})
