"""When a pod must leave its tainted node. Source: upstream's pkg/controller/tainteviction."""

from dataclasses import dataclass

from wherry.api import Obj, meta
from wherry.api.kinds import POD
from wherry.controllers import taints
from wherry.controllers.actions import Actions, Delete, Event, Patch, Requeue
from wherry.lib.timestamps import rfc3339


@dataclass(frozen=True, slots=True)
class Eviction:
    """`start`: since when (monotonic seconds) the pod's time on the tainted node runs; None: it need not leave."""

    start: float | None
    actions: Actions


def reconcile(pod: Obj, node: Obj | None, start: float | None, now: float, monotonic: float) -> Eviction:
    """`start`: from the last pass. The time runs on while the taints change among themselves; it ends when nothing
    drives the pod out any more."""
    found = taints.of(node, "NoExecute") if node else []
    used = taints.used_tolerations(pod["spec"].get("tolerations") or (), found)
    if meta.deleting(pod):
        return Eviction(start, [])
    if used is None:
        return Eviction(monotonic if start is None else start, evict(pod, now))
    limit = taints.seconds_tolerated(used)
    if limit is None:
        return Eviction(None, _cancel(pod) if start is not None else [])
    start = monotonic if start is None else start
    left = start + limit - monotonic
    return Eviction(start, evict(pod, now) if left <= 0 else [Requeue(left)])


def evict(pod: Obj, now: float) -> Actions:
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByTaintManager",
        "message": "Taint manager: deleting due to NoExecute taint",
        "lastTransitionTime": rfc3339(now),
    }
    return [
        Event(POD, pod, "Normal", "TaintManagerEviction", f"Marking for deletion Pod {meta.key(pod)}"),
        Patch(
            POD,
            meta.name(pod),
            meta.namespace(pod),
            {"metadata": {"uid": meta.uid(pod)}, "status": {"conditions": [condition]}},
            "strategic",
            subresource="status",
            missing_ok=True,
        ),
        Delete(POD, pod),
    ]


def _cancel(pod: Obj) -> Actions:
    return [Event(POD, pod, "Normal", "TaintManagerEviction", f"Cancelling deletion of Pod {meta.key(pod)}")]
