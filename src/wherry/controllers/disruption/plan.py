"""Healthy pods, wanted healthy pods, and what that allows. Source: upstream's pkg/controller/disruption."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wherry.api import Obj, meta
from wherry.api.kinds import POD, POD_DISRUPTION_BUDGET
from wherry.controllers.actions import Action, Actions, Event, Requeue, UpdateStatus
from wherry.controllers.attempt import Attempt
from wherry.controllers.intstr import scaled
from wherry.controllers.pods import condition_patch, is_ready, is_terminal
from wherry.lib.timestamps import parse, rfc3339

ALLOWED = "DisruptionAllowed"
# Seconds in which a pod must be deleted after its eviction was granted; then the grant is taken back.
DELETION_TIMEOUT = 120.0
# Seconds after which a pod that was to be disrupted, and was not deleted, is no longer said to be.
STALE_TIMEOUT = 120.0


@dataclass(frozen=True, slots=True)
class Scales:
    """What the controllers of the pods ask for: replicas by the controller's uid; pods without a controller; pods
    whose controller's scale nobody knows."""

    by_controller: Mapping[str, int] = field(default_factory=dict)
    unmanaged: Sequence[str] = ()
    unknown: Sequence[str] = ()

    @property
    def total(self) -> int:
        return sum(self.by_controller.values())


def needs_scales(budget: Obj) -> bool:
    """Whether the budget is relative to what the pods' controllers ask for."""
    spec = budget["spec"]
    return spec.get("maxUnavailable") is not None or isinstance(spec.get("minAvailable"), str)


def reconcile(budget: Obj, pods: Sequence[Obj], scales: Scales, attempt: Attempt) -> Actions:
    """`pods`: those that the budget selects."""
    if scales.unknown:
        return _fail(budget, f'found no controllers for pod "{scales.unknown[0]}"', attempt)
    actions: list[Action] = []
    if not pods:
        actions.append(_event(budget, "Normal", "NoPods", "No matching pods found"))
    if scales.unmanaged:
        actions.append(_unmanaged(budget))
    expected, desired = _expected(budget, pods, scales)
    granted, overdue = _granted(budget, pods, attempt.now)
    message = f"Pod was expected by PDB {meta.key(budget)} to be deleted but it wasn't"
    actions += [Event(POD, pod, "Warning", "NotDeleted", message) for pod in overdue]
    healthy = sum(is_ready(pod) and not meta.deleting(pod) and meta.name(pod) not in granted for pod in pods)
    status = _status(budget, healthy, desired, expected, granted, attempt.now)
    if status != (budget.get("status") or {}):
        actions.append(UpdateStatus(POD_DISRUPTION_BUDGET, {**budget, "status": status}))
    elif not pods:
        actions = []  # told when the status became so
    if granted:
        actions.append(Requeue(min(map(parse, granted.values())) + DELETION_TIMEOUT - attempt.now))
    return actions


def _expected(budget: Obj, pods: Sequence[Obj], scales: Scales) -> tuple[int, int]:
    """(pods that there should be, of them healthy)."""
    spec = budget["spec"]
    if spec.get("maxUnavailable") is not None:
        return scales.total, max(0, scales.total - scaled(spec["maxUnavailable"], scales.total, round_up=True))
    least = spec.get("minAvailable")
    if isinstance(least, str):
        return scales.total, scaled(least, scales.total, round_up=True)
    return len(pods), int(least or 0)


def _granted(budget: Obj, pods: Sequence[Obj], now: float) -> tuple[dict[str, str], list[Obj]]:
    """Evictions that were granted and not carried out yet, by pod; and pods whose time for it is over."""
    known: Mapping[str, str] = (budget.get("status") or {}).get("disruptedPods") or {}
    granted, overdue = {}, []
    for pod in pods:
        when = known.get(meta.name(pod))
        if when is None or meta.deleting(pod):
            continue
        if parse(when) + DELETION_TIMEOUT < now:
            overdue.append(pod)
        else:
            granted[meta.name(pod)] = when
    return granted, overdue


def _status(budget: Obj, healthy: int, desired: int, expected: int, granted: Mapping[str, str], now: float) -> Obj:
    allowed = max(0, healthy - desired) if expected > 0 else 0
    generation = budget["metadata"].get("generation", 0)
    conditions = [dict(each) for each in (budget.get("status") or {}).get("conditions") or ()]
    enough = allowed > 0
    condition = {
        "type": ALLOWED,
        "status": "True" if enough else "False",
        "reason": "SufficientPods" if enough else "InsufficientPods",
        "message": "",
        "observedGeneration": generation,
    }
    meta.set_condition(conditions, condition, now)
    status: Obj = {
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "disruptionsAllowed": allowed,
        "observedGeneration": generation,
        "conditions": conditions,
    }
    return status | ({"disruptedPods": dict(granted)} if granted else {})


def _fail(budget: Obj, message: str, attempt: Attempt) -> Actions:
    """Nothing may be disturbed while nobody knows how many pods there should be."""
    before = budget.get("status") or {}
    conditions = [dict(each) for each in before.get("conditions") or ()]
    new = {"type": ALLOWED, "status": "False", "reason": "SyncFailed", "message": message}
    meta.set_condition(conditions, new, attempt.now)
    status = {"currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0, **before}
    status |= {"disruptionsAllowed": 0, "conditions": conditions}
    if status == before:
        return []
    text = f"Failed to calculate the number of expected pods: {message}"
    return [
        _event(budget, "Warning", "CalculateExpectedPodCountFailed", text),
        UpdateStatus(POD_DISRUPTION_BUDGET, {**budget, "status": status}),
    ]


def _unmanaged(budget: Obj) -> Event:
    message = (
        f"Pods selected by this PodDisruptionBudget (selector: {budget['spec'].get('selector')}) were found to be "
        "unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined "
        'behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
    )
    return _event(budget, "Warning", "UnmanagedPods", message)


def _event(budget: Obj, type: str, reason: str, message: str) -> Event:
    return Event(POD_DISRUPTION_BUDGET, budget, "Warning" if type == "Warning" else "Normal", reason, message)


def stale_target(pod: Obj, now: float) -> Actions:
    """A pod that was to be disrupted and still runs long after is no longer said to be."""
    condition = meta.condition(pod, "DisruptionTarget")
    if condition is None or condition.get("status") != "True" or meta.deleting(pod) or is_terminal(pod):
        return []
    if condition.get("reason") == "TerminationByKubelet":
        return []
    left = parse(condition["lastTransitionTime"]) + STALE_TIMEOUT - now
    if left > 0:
        return [Requeue(left)]
    return [condition_patch(pod, {"type": "DisruptionTarget", "status": "False", "lastTransitionTime": rfc3339(now)})]
