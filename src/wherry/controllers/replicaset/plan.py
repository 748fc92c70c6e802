"""How many pods to make or delete, which, and what the status says.

Source: upstream's pkg/controller/replicaset.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from wherry.api import Obj, meta
from wherry.api.kinds import POD, REPLICATION_CONTROLLER, Kind
from wherry.controllers import ownership, pods
from wherry.controllers.actions import Action, Actions, Create, Delete, Event, Requeue, Together, UpdateStatus
from wherry.controllers.attempt import Attempt
from wherry.controllers.templates import pod_from
from wherry.lib import selectors
from wherry.lib.timestamps import rfc3339

# The most pods that one pass makes or deletes, so that one huge set does not starve the others of the connection.
BURST = 500


def reconcile(
    kind: Kind, owner: Obj, candidates: Sequence[Obj], related: Callable[[], Iterable[Obj]], attempt: Attempt
) -> Actions:
    """`candidates`: pods that `owner` controls and those in its namespace that nobody does. `related`: pods of sets
    with the same parent, read only if pods must be chosen for deletion."""
    selector = selector_of(kind, owner)
    claimed, actions = ownership.claim(kind, owner, selector, filter(pods.is_active, candidates), POD)
    going = ownership.controlled_by(owner, filter(pods.is_terminating, candidates))
    terminating = [pod for pod in going if selector.matches(meta.labels(pod))]
    status = _status(kind, owner, claimed, len(terminating), attempt)
    if status != (owner.get("status") or {}):
        actions.append(UpdateStatus(kind, {**owner, "status": status}))
    wait = pods.next_availability(claimed, _min_ready(owner), attempt.now)
    if wait is not None:
        actions.append(Requeue(wait))
    if not meta.deleting(owner):
        actions += _scale(kind, owner, claimed, related, attempt.now)
    return actions


def selector_of(kind: Kind, owner: Obj) -> selectors.Selector:
    """A ReplicationController's selector is a plain map, a ReplicaSet's a LabelSelector."""
    selector = owner["spec"].get("selector")
    if kind == REPLICATION_CONTROLLER:
        return selectors.from_map(selector) if selector else selectors.NOTHING
    return selectors.from_object(selector)


def replicas(owner: Obj) -> int:
    return int(owner["spec"].get("replicas", 1))


def _min_ready(owner: Obj) -> int:
    return int(owner["spec"].get("minReadySeconds", 0))


def _scale(
    kind: Kind, owner: Obj, claimed: Sequence[Obj], related: Callable[[], Iterable[Obj]], now: float
) -> list[Action]:
    missing = replicas(owner) - len(claimed)
    if missing > 0:
        return [Together([_create(kind, owner)] * min(missing, BURST), slow_start=True)]
    if missing < 0:
        excess = min(-missing, BURST)
        if excess < len(claimed):
            claimed = pods.by_deletion_preference(claimed, pods.active_per_node(related()), now)
        return [Together([_delete(kind, owner, pod) for pod in claimed[:excess]])]
    return []


def _create(kind: Kind, owner: Obj) -> Create:
    return Create(
        POD,
        pod_from(owner["spec"]["template"], kind, owner),
        done=Event(kind, owner, "Normal", "SuccessfulCreate", "Created pod: {name}"),
        failed=Event(kind, owner, "Warning", "FailedCreate", "Error creating: {error}"),
    )


def _delete(kind: Kind, owner: Obj, pod: Obj) -> Delete:
    return Delete(
        POD,
        pod,
        done=Event(kind, owner, "Normal", "SuccessfulDelete", "Deleted pod: {name}"),
        failed=Event(kind, owner, "Warning", "FailedDelete", "Error deleting: {error}"),
    )


def _status(kind: Kind, owner: Obj, claimed: Sequence[Obj], terminating: int, attempt: Attempt) -> Obj:
    template_labels = selectors.from_map((owner["spec"]["template"].get("metadata") or {}).get("labels"))
    ready = [pod for pod in claimed if pods.is_ready(pod)]
    counts = {
        "fullyLabeledReplicas": sum(template_labels.matches(meta.labels(pod)) for pod in claimed),
        "readyReplicas": len(ready),
        "availableReplicas": sum(pods.is_available(pod, _min_ready(owner), attempt.now) for pod in ready),
        "observedGeneration": owner["metadata"].get("generation", 0),
    }
    status: dict[str, Any] = {"replicas": len(claimed)}
    status |= {key: count for key, count in counts.items() if count}
    if kind != REPLICATION_CONTROLLER:
        status["terminatingReplicas"] = terminating
    if conditions := _conditions(owner, len(claimed), attempt):
        status["conditions"] = conditions
    return status


def _conditions(owner: Obj, have: int, attempt: Attempt) -> list[Obj]:
    """ReplicaFailure stands, as first worded, as long as pods cannot be made or deleted."""
    failure = attempt.failed(Create, Delete)
    conditions = list((owner.get("status") or {}).get("conditions") or ())
    present = any(each["type"] == "ReplicaFailure" for each in conditions)
    if failure is None:
        return [each for each in conditions if each["type"] != "ReplicaFailure"]
    if present or have == replicas(owner):
        return conditions
    return [
        *conditions,
        {
            "type": "ReplicaFailure",
            "status": "True",
            "lastTransitionTime": rfc3339(attempt.now),
            "reason": "FailedCreate" if have < replicas(owner) else "FailedDelete",
            "message": failure,
        },
    ]
