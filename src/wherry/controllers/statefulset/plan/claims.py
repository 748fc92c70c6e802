"""Persistent volume claims of a set's pods: made with them, and kept or owned as the retention policy says.

Source: upstream's pkg/controller/statefulset (stateful_pod_control.go, stateful_set_utils.go).
"""

from collections.abc import Callable

from wherry.api import Obj, meta
from wherry.api.kinds import PERSISTENT_VOLUME_CLAIM, POD, STATEFUL_SET, Kind
from wherry.controllers.actions import Action, Create, Event, Update
from wherry.controllers.statefulset.plan import identity

Lookup = Callable[[str], Obj | None]


def policy(stateful_set: Obj) -> tuple[bool, bool]:
    """(delete the claims with the set, delete a claim when its pod is scaled away)."""
    found = stateful_set["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    return found.get("whenDeleted") == "Delete", found.get("whenScaled") == "Delete"


def missing(stateful_set: Obj, number: int, claim: Lookup) -> list[Action]:
    """Creations of the claims that the pod of that number needs."""
    actions: list[Action] = []
    for template in identity.claim_templates(stateful_set):
        name = identity.claim_name(stateful_set, template, number)
        if claim(name) is None:
            actions.append(_create(stateful_set, template, name, number))
    return actions


def _create(stateful_set: Obj, template: Obj, name: str, number: int) -> Create:
    selector = (stateful_set["spec"].get("selector") or {}).get("matchLabels") or {}
    metadata = {
        **template["metadata"],
        "name": name,
        "namespace": meta.namespace(stateful_set),
        "labels": {**meta.labels(template), **selector},
    }
    made = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": template["spec"]}
    what = f"Create Claim {name} Pod {meta.name(stateful_set)}-{number} in StatefulSet {meta.name(stateful_set)}"
    return Create(
        PERSISTENT_VOLUME_CLAIM,
        made,
        exists_ok=True,
        done=Event(STATEFUL_SET, stateful_set, "Normal", "SuccessfulCreate", f"{what} success"),
        failed=Event(STATEFUL_SET, stateful_set, "Warning", "FailedCreate", f"{what} failed error: {{error}}"),
    )


def any_deleting(stateful_set: Obj, number: int, claim: Lookup) -> bool:
    """A pod must not start on a claim that is going away."""
    found = (claim(identity.claim_name(stateful_set, t, number)) for t in identity.claim_templates(stateful_set))
    return any(each is not None and meta.deleting(each) for each in found)


def any_stale(stateful_set: Obj, pod: Obj, claim: Lookup) -> bool:
    """Whether a claim still waits to be deleted with an earlier pod of this name."""
    if not policy(stateful_set)[1]:
        return False
    number = identity.ordinal(pod)
    found = (claim(identity.claim_name(stateful_set, t, number)) for t in identity.claim_templates(stateful_set))
    return any(each is not None and _is_stale(each, POD, pod) for each in found)


def owned_right(stateful_set: Obj, pod: Obj, claim: Lookup) -> list[Action]:
    """Updates of the owners of a pod's claims, where they differ from what the retention policy asks for."""
    actions: list[Action] = []
    for template in identity.claim_templates(stateful_set):
        found = claim(identity.claim_name(stateful_set, template, identity.ordinal(pod)))
        if found is None or _is_stale(found, STATEFUL_SET, stateful_set) or _is_stale(found, POD, pod):
            continue
        wanted = _owners(stateful_set, pod, found)
        if wanted is not None and wanted != meta.owners(found):
            metadata = {**found["metadata"], "ownerReferences": wanted}
            actions.append(Update(PERSISTENT_VOLUME_CLAIM, {**found, "metadata": metadata}))
    return actions


def _owners(stateful_set: Obj, pod: Obj, claim: Obj) -> list[Obj] | None:
    """None: another controller manages the claim, hands off."""
    with_set, with_scale = policy(stateful_set)
    ours = {meta.uid(stateful_set), meta.uid(pod)}
    others = [each for each in meta.owners(claim) if each["uid"] not in ours]
    if (with_set or with_scale) and any(each.get("controller") for each in others):
        return others if len(others) < len(meta.owners(claim)) else None
    scaled_away = identity.ordinal(pod) not in identity.ordinals(stateful_set)
    if scaled_away and with_scale:
        return [*others, meta.owner_reference(POD, pod)]
    return [*others, meta.owner_reference(STATEFUL_SET, stateful_set)] if with_set else others


def _is_stale(claim: Obj, kind: Kind, owner: Obj) -> bool:
    """An owner of that name and kind, but an earlier one."""
    return any(
        each.get("kind") == kind.kind
        and each.get("apiVersion") == kind.api_version
        and each["name"] == meta.name(owner)
        and each["uid"] != meta.uid(owner)
        for each in meta.owners(claim)
    )
