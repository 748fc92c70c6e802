"""From events to keys, and the indexes for it: what most controllers need in the same way."""

from collections.abc import Callable, Iterable

from wherry.api import Obj, meta
from wherry.api.kinds import Kind
from wherry.client.informer import Informer
from wherry.lib.selectors import Selector, SelectorError

OWNER = "owner"
NODE_NAME = "node"
NAMESPACE = "namespace"


def by_owner(obj: Obj) -> list[str]:
    """Index: the uid of the controller; for an object without one, its namespace's orphans."""
    manager = meta.controller_of(obj)
    return [manager["uid"] if manager else orphans(meta.namespace(obj))]


def orphans(namespace: str) -> str:
    return f"orphans of {namespace}"


def by_namespace(obj: Obj) -> list[str]:
    return [meta.namespace(obj)]


def by_node(pod: Obj) -> list[str]:
    name = pod["spec"].get("nodeName")
    return [name] if name else []


def candidates(cache: Informer, owner: Obj) -> list[Obj]:
    """What `owner` controls and what it might adopt. The cache has the index OWNER."""
    return [*cache.by(OWNER, meta.uid(owner)), *cache.by(OWNER, orphans(meta.namespace(owner)))]


def own_key(old: Obj | None, new: Obj | None) -> Iterable[str]:
    """The object itself is what the key names."""
    obj = new or old
    return [meta.key(obj)] if obj else []


def owner_key(kind: Kind, owners: Informer) -> Callable[[Obj | None, Obj | None], Iterable[str]]:
    """The key of the controlling object of that kind, as it was and as it is."""

    def keys(old: Obj | None, new: Obj | None) -> Iterable[str]:
        return {key for each in (old, new) if each is not None and (key := controller_key(kind, owners, each))}

    return keys


def controller_key(kind: Kind, owners: Informer, obj: Obj) -> str:
    """Empty if another kind, or nobody that the cache knows, controls it."""
    manager = meta.controller_of(obj)
    if manager is None or manager.get("kind") != kind.kind:
        return ""
    key = f"{meta.namespace(obj)}/{manager['name']}"
    owner = owners.get(key)
    return key if owner is not None and meta.uid(owner) == manager["uid"] else ""


def owner_or_adopter(
    kind: Kind, owners: Informer, selector_of: Callable[[Obj], Selector]
) -> Callable[[Obj | None, Obj | None], Iterable[str]]:
    """The controlling object's key; for an orphan that is new or changed its labels or owner, whoever selects it.
    `owners` has the index NAMESPACE."""
    controlled = owner_key(kind, owners)

    def keys(old: Obj | None, new: Obj | None) -> Iterable[str]:
        yield from controlled(old, new)
        if new is None or meta.deleting(new) or meta.controller_of(new) is not None:
            return
        if old is None or meta.labels(old) != meta.labels(new) or meta.owners(old) != meta.owners(new):
            yield from (
                meta.key(owner)
                for owner in owners.by(NAMESPACE, meta.namespace(new))
                if _selects(selector_of, owner, new)
            )

    return keys


def _selects(selector_of: Callable[[Obj], Selector], owner: Obj, obj: Obj) -> bool:
    try:
        selector = selector_of(owner)
    except SelectorError:
        return False
    return not selector.empty and selector.matches(meta.labels(obj))
