"""Finalizers of claims and volumes. Source: upstream's pkg/controller/volume/pvcprotection and pvprotection."""

from collections.abc import Iterable

from wherry.api import Obj, meta
from wherry.api.kinds import PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM, Kind
from wherry.controllers.actions import Actions, Update
from wherry.controllers.pods import is_terminal

CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER = "kubernetes.io/pv-protection"


def claims_of(pod: Obj) -> list[str]:
    """Names of the claims that a pod mounts, those that are made for it (ephemeral volumes) among them."""
    names = []
    for volume in pod["spec"].get("volumes") or ():
        if volume.get("persistentVolumeClaim"):
            names.append(volume["persistentVolumeClaim"]["claimName"])
        elif volume.get("ephemeral"):
            names.append(f"{meta.name(pod)}-{volume['name']}")
    return names


def uses(pod: Obj) -> bool:
    """Whether the pod still needs what it mounts. One that was never placed does once it is: it counts too."""
    return not is_terminal(pod)


def wants_look(claim: Obj) -> bool:
    return meta.deleting(claim) == (CLAIM_FINALIZER in meta.finalizers(claim))


def protect_claim(claim: Obj, pods: Iterable[Obj]) -> Actions:
    """`pods`: read live, those that mount the claim; looked at only if it is being deleted."""
    if not meta.deleting(claim):
        return _with(PERSISTENT_VOLUME_CLAIM, claim, CLAIM_FINALIZER)
    if any(uses(pod) for pod in pods):
        return []
    return _without(PERSISTENT_VOLUME_CLAIM, claim, CLAIM_FINALIZER)


def protect_volume(volume: Obj) -> Actions:
    if not meta.deleting(volume):
        return _with(PERSISTENT_VOLUME, volume, VOLUME_FINALIZER)
    if (volume.get("status") or {}).get("phase") == "Bound":
        return []
    return _without(PERSISTENT_VOLUME, volume, VOLUME_FINALIZER)


def _with(kind: Kind, obj: Obj, finalizer: str) -> Actions:
    found = meta.finalizers(obj)
    return [] if finalizer in found else [_finalized(kind, obj, [*found, finalizer])]


def _without(kind: Kind, obj: Obj, finalizer: str) -> Actions:
    found = meta.finalizers(obj)
    return [_finalized(kind, obj, [each for each in found if each != finalizer])] if finalizer in found else []


def _finalized(kind: Kind, obj: Obj, finalizers: list[str]) -> Update:
    return Update(kind, {**obj, "metadata": {**obj["metadata"], "finalizers": finalizers}})
