"""What becomes of one object, given the state of its owners and dependents.

Source: upstream's pkg/controller/garbagecollector.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Literal

from wherry.api import Obj, meta
from wherry.api.kinds import Kind
from wherry.controllers.actions import Action, Actions, Delete, Patch, Together
from wherry.controllers.garbagecollector.graph import FOREGROUND, ORPHAN, is_foreground, is_orphaning


class Owner(Enum):
    """SOLID: exists. WAITING: exists but waits for its dependents to go first. ABSENT: seen to be gone."""

    SOLID = "solid"
    WAITING = "waiting"
    ABSENT = "absent"


Dependents = Iterable[tuple[Kind, Obj]]


def reconcile(kind: Kind, obj: Obj, owners: Mapping[str, Owner], dependents: Dependents) -> Actions:
    """`owners`: the state of each owner by uid. `dependents`: objects that name `obj` as an owner."""
    if is_orphaning(obj):
        return _let_go(kind, obj, dependents)
    if is_foreground(obj):
        return _finish_foreground(kind, obj, dependents)
    if meta.deleting(obj) or not meta.owners(obj):
        return []
    return _by_owners(kind, obj, owners, list(dependents))


def _let_go(kind: Kind, obj: Obj, dependents: Dependents) -> Actions:
    """Take `obj` out of its dependents' owners, then let it go."""
    releases = [_without_owners(each_kind, each, {meta.uid(obj)}) for each_kind, each in dependents]
    actions: list[Action] = [Together(releases)] if releases else []
    return [*actions, _without_finalizer(kind, obj, ORPHAN)]


def _finish_foreground(kind: Kind, obj: Obj, dependents: Dependents) -> Actions:
    """Gone is who has no dependent left that blocks it. Dependents are deleted when they are looked at themselves."""
    if any(_blocks(each, meta.uid(obj)) for _, each in dependents):
        return []
    return [_without_finalizer(kind, obj, FOREGROUND)]


def _blocks(dependent: Obj, uid: str) -> bool:
    return any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in meta.owners(dependent))


def _by_owners(kind: Kind, obj: Obj, owners: Mapping[str, Owner], dependents: list[tuple[Kind, Obj]]) -> Actions:
    states = {owner["uid"]: owners[owner["uid"]] for owner in meta.owners(obj)}
    doomed = {uid for uid, state in states.items() if state != Owner.SOLID}
    if Owner.SOLID in states.values():
        return [_without_owners(kind, obj, doomed)] if doomed else []
    if Owner.WAITING in states.values() and dependents:
        unblock = []
        if any(is_foreground(each) for _, each in dependents):
            # A circle of objects that wait for each other would never end: this one no longer blocks its owners.
            unblock = [_unblocking(kind, obj)]
        return [*unblock, Delete(kind, obj, propagation="Foreground", unchanged=not unblock)]
    return [Delete(kind, obj, propagation=_policy(obj), unchanged=True)]


def _policy(obj: Obj) -> Literal["Background", "Foreground", "Orphan"]:
    """What the object's own finalizers ask for its dependents."""
    if ORPHAN in meta.finalizers(obj):
        return "Orphan"
    return "Foreground" if FOREGROUND in meta.finalizers(obj) else "Background"


def _patch(kind: Kind, obj: Obj, **changes: Any) -> Patch:
    metadata = {"uid": meta.uid(obj), "resourceVersion": obj["metadata"]["resourceVersion"], **changes}
    return Patch(kind, meta.name(obj), meta.namespace(obj), {"metadata": metadata}, missing_ok=True)


def _without_owners(kind: Kind, obj: Obj, uids: set[str]) -> Patch:
    kept = [owner for owner in meta.owners(obj) if owner["uid"] not in uids]
    return _patch(kind, obj, ownerReferences=kept or None)


def _unblocking(kind: Kind, obj: Obj) -> Patch:
    return _patch(kind, obj, ownerReferences=[{**owner, "blockOwnerDeletion": False} for owner in meta.owners(obj)])


def _without_finalizer(kind: Kind, obj: Obj, finalizer: str) -> Patch:
    return _patch(kind, obj, finalizers=[each for each in meta.finalizers(obj) if each != finalizer] or None)
