"""Watches the metadata of everything; a key is `resource|object key`. Absent owners are asked for live."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import Kind
from wherry.client.interface import NotFound
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.garbagecollector import plan
from wherry.controllers.garbagecollector.graph import Graph, Ref, is_foreground
from wherry.controllers.loop import WatchEverything

# Owners known to be gone: a uid never comes back. Enough for a wave of dependents of a few owners.
REMEMBERED = 500


class UnknownOwner(Exception):
    """An owner reference of a kind that the server does not serve: nobody can tell whether it is gone."""


class GarbageCollector:
    name = "garbagecollector"
    component = "garbage-collector-controller"

    def __init__(self, context: Context) -> None:
        self._client, self._caches = context.client, context.caches
        self._graph = Graph()
        self._absent: dict[tuple[str, str, str], None] = {}
        self.watches: Sequence[WatchEverything] = (WatchEverything(self._keys),)

    def _keys(self, kind: Kind, old: Obj | None, new: Obj | None) -> Iterable[str]:
        """Keys to look at after a change of any object."""
        looks = self._graph.change(kind, old, new)
        if old is not None and (new is None or meta.owners(old) != meta.owners(new)):
            looks += self._waiting_owners(kind, old)
        return [_key(ref) for ref in looks if not self._is_settled(ref)]

    def _waiting_owners(self, kind: Kind, dependent: Obj) -> list[Ref]:
        """Owners for which this may have been the last dependent."""
        found = []
        for owner in meta.owners(dependent):
            ref = self._owner_ref(kind, dependent, owner)
            obj = self._cached(ref) if ref else None
            if ref and obj is not None and is_foreground(obj):
                found.append(ref)
        return found

    def _is_settled(self, ref: Ref) -> bool:
        """The quick look that spares a pass: nothing is happening to the object and all its owners are there."""
        obj = self._cached(ref)
        if obj is None or meta.deleting(obj):
            return False
        return all(self._state_in_cache(ref.kind, obj, owner) == plan.Owner.SOLID for owner in meta.owners(obj))

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        resource, _, name = key.partition("|")
        kind = self._caches.by_resource(resource)
        obj = self._cached(Ref(kind, name)) if kind else None
        if kind is None or obj is None:
            return []
        owners = {}
        if not meta.deleting(obj):
            owners = {owner["uid"]: await self._state(kind, obj, owner) for owner in meta.owners(obj)}
        return plan.reconcile(kind, obj, owners, self._dependents(obj))

    def _dependents(self, obj: Obj) -> list[tuple[Kind, Obj]]:
        refs = self._graph.dependents(meta.uid(obj))
        return [(ref.kind, found) for ref in refs if (found := self._cached(ref)) is not None]

    def _cached(self, ref: Ref) -> Obj | None:
        informer = self._caches.watched(ref.kind)
        return informer.get(ref.key) if informer else None

    def _owner_ref(self, kind: Kind, dependent: Obj, owner: Obj) -> Ref | None:
        """None if the owner's kind is unknown, or if it lives in a namespace and the dependent in none."""
        owner_kind = self._caches.kind(owner["apiVersion"], owner["kind"])
        if owner_kind is None or (owner_kind.namespaced and not kind.namespaced):
            return None
        return Ref(
            owner_kind, f"{meta.namespace(dependent)}/{owner['name']}" if owner_kind.namespaced else owner["name"]
        )

    def _state_in_cache(self, kind: Kind, dependent: Obj, owner: Obj) -> plan.Owner | None:
        ref = self._owner_ref(kind, dependent, owner)
        obj = self._cached(ref) if ref else None
        if obj is None or meta.uid(obj) != owner["uid"]:
            return None
        return plan.Owner.WAITING if is_foreground(obj) else plan.Owner.SOLID

    async def _state(self, kind: Kind, dependent: Obj, owner: Obj) -> plan.Owner:
        """Absence is believed only after a live look."""
        if (cached := self._state_in_cache(kind, dependent, owner)) is not None:
            return cached
        ref = self._owner_ref(kind, dependent, owner)
        if ref is None:
            raise UnknownOwner(f"owner {owner['apiVersion']} {owner['kind']} {owner['name']} cannot be looked up")
        memory = (owner["uid"], ref.kind.resource, ref.key)
        if memory in self._absent:
            return plan.Owner.ABSENT
        live = await self._live(ref)
        if live is not None and meta.uid(live) == owner["uid"]:
            return plan.Owner.WAITING if is_foreground(live) else plan.Owner.SOLID
        self._absent[memory] = None
        if len(self._absent) > REMEMBERED:
            del self._absent[next(iter(self._absent))]
        return plan.Owner.ABSENT

    async def _live(self, ref: Ref) -> Obj | None:
        namespace, _, name = ref.key.rpartition("/")
        try:
            return await self._client.get(ref.kind, name, namespace or None)
        except NotFound:
            return None


def _key(ref: Ref) -> str:
    return f"{ref.kind.resource}|{ref.key}"
