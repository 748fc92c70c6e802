"""What to delete next in a namespace that is going away, and what its conditions say.

Source: upstream's pkg/controller/namespace/deletion.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from wherry.api import Obj, meta
from wherry.api.kinds import NAMESPACE, POD, Kind
from wherry.controllers.actions import Action, Actions, DeleteCollection, Requeue, Together, Update, UpdateStatus
from wherry.controllers.attempt import Attempt

FINALIZER = "kubernetes"
# Seconds until the next look: deletions were just asked for, or something stands in the way.
SOON, LATER = 0.02, 1.0

# Condition: (reason, message) when all is well.
_FINE = {
    "NamespaceDeletionDiscoveryFailure": ("ResourcesDiscovered", "All resources successfully discovered"),
    "NamespaceDeletionGroupVersionParsingFailure": (
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    "NamespaceDeletionContentFailure": (
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    "NamespaceContentRemaining": ("ContentRemoved", "All content successfully removed"),
    "NamespaceFinalizersRemaining": ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
}


def is_terminating(namespace: Obj) -> bool:
    """Whether this controller has something to do with it."""
    return meta.deleting(namespace) and bool(namespace["spec"].get("finalizers"))


def reconcile(namespace: Obj, content: Mapping[Kind, Sequence[Obj]], attempt: Attempt) -> Actions:
    """`content`: what is in the namespace now, read live. Pods go before everything else, so that they can be
    stopped in order with all that they use still there."""
    left = {kind: objects for kind, objects in content.items() if objects}
    if not left:
        return [Update(NAMESPACE, _without_finalizer(namespace), subresource="finalize")]
    first = {POD: left[POD]} if POD in left else left
    untouched = [kind for kind, objects in first.items() if not all(map(meta.deleting, objects))]
    actions: list[Action] = []
    if untouched:
        actions.append(Together([DeleteCollection(kind, meta.name(namespace)) for kind in untouched]))
        return [*actions, Requeue(SOON)] if not attempt.failure else [*_report(namespace, left, attempt), *actions]
    return [*_report(namespace, left, attempt), Requeue(LATER)]


def _without_finalizer(namespace: Obj) -> Obj:
    kept = [each for each in namespace["spec"]["finalizers"] if each != FINALIZER]
    return {**namespace, "spec": {**namespace["spec"], "finalizers": kept}}


def _report(namespace: Obj, left: Mapping[Kind, Sequence[Obj]], attempt: Attempt) -> list[Action]:
    status = dict(namespace.get("status") or {})
    conditions = [dict(each) for each in status.get("conditions") or ()]
    troubles = _troubles(left, attempt)
    for type, (reason, message) in _FINE.items():
        wanted = {"type": type, "status": "False", "reason": reason, "message": message}
        meta.set_condition(conditions, wanted | troubles.get(type, {}), attempt.now)
    wanted_status = {**status, "phase": "Terminating", "conditions": conditions}
    return [UpdateStatus(NAMESPACE, {**namespace, "status": wanted_status})] if wanted_status != status else []


def _troubles(left: Mapping[Kind, Sequence[Obj]], attempt: Attempt) -> dict[str, dict[str, Any]]:
    remaining = sorted(f"{k.plural}.{k.group} has {len(objects)} resource instances" for k, objects in left.items())
    troubles = {
        "NamespaceContentRemaining": {
            "status": "True",
            "reason": "SomeResourcesRemain",
            "message": f"Some resources are remaining: {', '.join(remaining)}",
        }
    }
    holding = Counter(each for objects in left.values() for obj in objects for each in meta.finalizers(obj))
    if holding:
        names = sorted(f"{finalizer} in {number} resource instances" for finalizer, number in holding.items())
        troubles["NamespaceFinalizersRemaining"] = {
            "status": "True",
            "reason": "SomeFinalizersRemain",
            "message": f"Some content in the namespace has finalizers remaining: {', '.join(names)}",
        }
    if failure := attempt.failed(DeleteCollection):
        troubles["NamespaceDeletionContentFailure"] = {
            "status": "True",
            "reason": "ContentDeletionFailed",
            "message": f"Failed to delete all resource types, 1 remaining: {failure}",
        }
    return troubles
