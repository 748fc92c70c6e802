"""Who manages what: adopting matching orphans, releasing what no longer matches.

Source: upstream's pkg/controller/controller_ref_manager.
"""

from collections.abc import Callable, Iterable
from typing import Any

from wherry.api import Obj, meta
from wherry.api.kinds import Kind
from wherry.controllers.actions import Action, Confirm, Patch, Together
from wherry.lib.selectors import Selector


def claim(
    kind: Kind,
    owner: Obj,
    wants: Selector | Callable[[Obj], bool],
    candidates: Iterable[Obj],
    of: Kind,
    finalizer: str = "",
) -> tuple[list[Obj], list[Action]]:
    """The candidates that `owner` manages, orphans that it adopts among them, and the actions that make it so.
    An adoption is preceded by a live look at the owner: a stale cache must not adopt for one that is going away.
    `wants`: the selector, or a rule that knows more. `finalizer` comes with adoption and goes with release."""
    claimed: list[Obj] = []
    adoptions: list[Action] = []
    releases: list[Action] = []
    for each in candidates:
        matches = wants.matches(meta.labels(each)) if isinstance(wants, Selector) else wants(each)
        manager = meta.controller_of(each)
        if manager is None:
            if matches and not meta.deleting(owner) and not meta.deleting(each):
                adoptions.append(_adopt(kind, owner, each, of, finalizer))
                claimed.append(each)
        elif manager.get("uid") == meta.uid(owner):
            if matches:
                claimed.append(each)
            elif not meta.deleting(owner):
                releases.append(release(owner, each, of, finalizer))
    actions: list[Action] = [Together(releases)] if releases else []
    if adoptions:
        actions += [Confirm(kind, owner), Together(adoptions)]
    return claimed, actions


def release(owner: Obj, dependent: Obj, of: Kind, finalizer: str = "") -> Patch:
    metadata: dict[str, Any] = {
        "uid": meta.uid(dependent),
        "ownerReferences": [{"$patch": "delete", "uid": meta.uid(owner)}],
    }
    if finalizer:
        metadata["$deleteFromPrimitiveList/finalizers"] = [finalizer]
    return Patch(
        of, meta.name(dependent), meta.namespace(dependent), {"metadata": metadata}, "strategic", missing_ok=True
    )


def _adopt(kind: Kind, owner: Obj, orphan: Obj, of: Kind, finalizer: str) -> Patch:
    metadata: dict[str, Any] = {
        "uid": meta.uid(orphan),
        "ownerReferences": [meta.owner_reference(kind, owner)],
    }
    if finalizer:
        metadata["finalizers"] = [finalizer]
    return Patch(of, meta.name(orphan), meta.namespace(orphan), {"metadata": metadata}, "strategic")


def controlled_by(owner: Obj, candidates: Iterable[Obj]) -> list[Obj]:
    """Those whose controller reference names `owner`."""
    return [each for each in candidates if (meta.controller_of(each) or {}).get("uid") == meta.uid(owner)]
