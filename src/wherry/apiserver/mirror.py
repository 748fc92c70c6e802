"""Decoded copies of the few kinds that requests are judged by: namespaces, roles, quotas, priority classes.

A rule (admission, authorisation) asks for them without waiting. What this server commits is here before the client
has its answer; what else happens in the store arrives with the hub. Objects are shared: nobody may change one.
"""

from collections.abc import Callable, Iterable, Sequence

from wherry.api import Obj
from wherry.api.kinds import Kind
from wherry.apiserver import encoding
from wherry.store import Change, Record, Store

Watch = Callable[[Kind, str, Obj | None], None]


class Mirror:
    """Current objects of some kinds, by key."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = {kind.resource: kind for kind in kinds}
        self._objects: dict[str, dict[str, Obj]] = {resource: {} for resource in self._kinds}
        self._revisions: dict[str, int] = {}
        self.versions: dict[str, int] = dict.fromkeys(self._kinds, 0)  # grows with every change of a kind
        self._watches: dict[str, list[Watch]] = {}

    async def load(self, store: Store) -> None:
        """Start from what is stored."""
        for resource in self._kinds:
            for record in (await store.range(resource + "/")).records:
                self.put(record)

    def on_change(self, kind: Kind, watch: Watch) -> None:
        """Call `watch(kind, key, object or None)` for every later change."""
        self._watches.setdefault(kind.resource, []).append(watch)

    def put(self, record: Record) -> None:
        """Take over a record unless something newer is known."""
        resource, _, key = record.key.partition("/")
        kind = self._kinds.get(resource)
        if kind and self._revisions.get(record.key, 0) < record.revision:
            self._revisions[record.key] = record.revision
            obj = self._objects[resource][key] = encoding.decode(kind, record)
            self._changed(kind, key, obj)

    def remove(self, full_key: str, revision: int) -> None:
        resource, _, key = full_key.partition("/")
        kind = self._kinds.get(resource)
        if kind and self._revisions.get(full_key, 0) < revision:
            self._revisions[full_key] = revision
            self._objects[resource].pop(key, None)
            self._changed(kind, key, None)

    def _changed(self, kind: Kind, key: str, obj: Obj | None) -> None:
        self.versions[kind.resource] += 1
        for watch in self._watches.get(kind.resource, ()):
            watch(kind, key, obj)

    def follow(self, batch: Sequence[Change]) -> None:
        """A hub listener."""
        for change in batch:
            if change.key[: change.key.index("/")] not in self._kinds:
                continue
            if change.record:
                self.put(change.record)
            else:
                self.remove(change.key, change.revision)
                if self._revisions.get(change.key) == change.revision:
                    del self._revisions[change.key]  # nothing older can arrive any more

    def get(self, kind: Kind, name: str, namespace: str = "") -> Obj | None:
        return self._objects[kind.resource].get(f"{namespace}/{name}" if namespace else name)

    def list(self, kind: Kind, namespace: str = "") -> list[Obj]:
        """All objects, or those of one namespace, in no order."""
        objects = self._objects[kind.resource]
        if not namespace:
            return list(objects.values())
        start = namespace + "/"
        return [obj for key, obj in objects.items() if key.startswith(start)]
