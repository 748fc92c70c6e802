"""Who depends on whom, by the owners' uids, as the watches show it; and which objects an event makes worth a look.

An object is named by `Ref` (kind and key). Owners need not be known: an entry under an owner's uid is all there is.
"""

from collections.abc import Iterable
from typing import NamedTuple

from wherry.api import Obj, meta
from wherry.api.kinds import Kind

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


class Ref(NamedTuple):
    """`key`: namespace/name, or the name of a cluster-scoped object."""

    kind: Kind
    key: str


def is_foreground(obj: Obj) -> bool:
    """Waits for its dependents to be deleted first."""
    return meta.deleting(obj) and FOREGROUND in meta.finalizers(obj)


def is_orphaning(obj: Obj) -> bool:
    """Waits for its dependents to be let go."""
    return meta.deleting(obj) and ORPHAN in meta.finalizers(obj)


class Graph:
    """Changed by events, read by the plan."""

    def __init__(self) -> None:
        self._dependents: dict[str, dict[Ref, None]] = {}

    def dependents(self, uid: str) -> list[Ref]:
        return list(self._dependents.get(uid, ()))

    def change(self, kind: Kind, old: Obj | None, new: Obj | None) -> list[Ref]:
        """Take in an event; the objects to look at because of it."""
        obj = new or old
        assert obj is not None
        ref = Ref(kind, meta.key(obj))
        if old is not None and new is not None and meta.uid(old) != meta.uid(new):
            return [*self.change(kind, old, None), *self.change(kind, None, new)]
        before, after = _owner_uids(old), _owner_uids(new)
        self._move(ref, before, after)
        if new is None:
            return self.dependents(meta.uid(obj))
        looks = [ref] if after and (before != after or _blocking(old) != _blocking(new)) else []
        if _stage(old) != _stage(new) and _stage(new):
            looks += [ref, *self.dependents(meta.uid(new))]
        return looks

    def _move(self, ref: Ref, before: Iterable[str], after: Iterable[str]) -> None:
        for uid in before:
            if uid not in after and uid in self._dependents:
                self._dependents[uid].pop(ref, None)
                if not self._dependents[uid]:
                    del self._dependents[uid]
        for uid in after:
            self._dependents.setdefault(uid, {})[ref] = None


def _owner_uids(obj: Obj | None) -> dict[str, None]:
    return {owner["uid"]: None for owner in meta.owners(obj)} if obj else {}


def _blocking(obj: Obj | None) -> list[str]:
    return [owner["uid"] for owner in meta.owners(obj) if owner.get("blockOwnerDeletion")] if obj else []


def _stage(obj: Obj | None) -> str:
    if obj is None:
        return ""
    return FOREGROUND if is_foreground(obj) else ORPHAN if is_orphaning(obj) else ""
