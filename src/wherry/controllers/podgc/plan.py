"""Which pods to remove by force. Source: upstream's pkg/controller/podgc."""

from collections.abc import Iterable

from wherry.api import Obj, meta
from wherry.api.kinds import POD
from wherry.controllers import taints
from wherry.controllers.actions import Action, Actions, Delete, Patch, Together
from wherry.controllers.pods import created_at, is_terminal, node_name
from wherry.lib.timestamps import rfc3339

# Finished pods that may stay in the cluster.
TERMINATED_THRESHOLD = 12500
# Seconds that a node must have been gone before its pods go too: it may be registering again.
QUARANTINE = 40.0


def orphaned(pods: Iterable[Obj], now: float) -> Actions:
    """Pods of a node that no longer exists."""
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByPodGC",
        "message": "PodGC: node no longer exists",
        "lastTransitionTime": rfc3339(now),
    }
    return [action for pod in pods for action in _fail_and_delete(pod, condition)]


def is_unscheduled_terminating(pod: Obj) -> bool:
    """Deleted before it had a node: no agent will ever finish it."""
    return meta.deleting(pod) and not node_name(pod)


def single(pod: Obj) -> Actions:
    return _fail_and_delete(pod) if is_unscheduled_terminating(pod) else []


def out_of_service(node: Obj, pods: Iterable[Obj]) -> Actions:
    """Terminating pods of a node that an administrator declared out of service and that is not ready."""
    tainted = any(each["key"] == taints.OUT_OF_SERVICE for each in taints.of(node))
    if not tainted or meta.is_true(node, "Ready"):
        return []
    return [action for pod in pods if meta.deleting(pod) for action in _fail_and_delete(pod)]


def terminated(pods: Iterable[Obj], threshold: int = TERMINATED_THRESHOLD) -> Actions:
    """Finished pods beyond the threshold: evicted ones first, then the oldest."""
    finished = sorted((pod for pod in pods if is_terminal(pod)), key=_order)
    excess = len(finished) - threshold
    if threshold <= 0 or excess <= 0:
        return []
    return [Together([Delete(POD, pod, grace=0) for pod in finished[:excess]])]


def _order(pod: Obj) -> tuple[bool, float, str]:
    status = pod.get("status") or {}
    evicted = status.get("phase") == "Failed" and status.get("reason") == "Evicted"
    return not evicted, created_at(pod), meta.name(pod)


def _fail_and_delete(pod: Obj, condition: Obj | None = None) -> list[Action]:
    actions: list[Action] = []
    if not is_terminal(pod):
        status: Obj = {"phase": "Failed"} | ({"conditions": [condition]} if condition else {})
        patch = {"metadata": {"uid": meta.uid(pod)}, "status": status}
        actions.append(
            Patch(
                POD,
                meta.name(pod),
                meta.namespace(pod),
                patch,
                "strategic",
                subresource="status",
                missing_ok=True,
            )
        )
    return [*actions, Delete(POD, pod, grace=0)]
