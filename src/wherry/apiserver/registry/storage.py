"""The store as the verbs see it: keys, current records, and commits that everyone here knows of at once."""

from collections.abc import Sequence

from wherry.api import Obj, kinds
from wherry.api.kinds import Kind
from wherry.apiserver import encoding
from wherry.apiserver.core import Api
from wherry.store import Delete, Put, Record


def stored_kind(kind: Kind) -> Kind:
    """The kind whose objects these are."""
    return kind.stored or kind


def prefix(kind: Kind, namespace: str = "") -> str:
    """Where a kind's keys begin, those of one namespace or all."""
    resource = stored_kind(kind).resource
    return f"{resource}/{namespace}/" if namespace else f"{resource}/"


def key(kind: Kind, namespace: str, name: str) -> str:
    return f"{prefix(kind, namespace)}{name}"


# Kinds that upstream stores under another name than their resource's.
_REGISTRY = {
    kinds.REPLICATION_CONTROLLER: "controllers",
    kinds.ENDPOINTS: "services/endpoints",
    kinds.NODE: "minions",
    kinds.SERVICE: "services/specs",
    kinds.INGRESS: "ingress",
}


def registry_path(kind: Kind, obj: Obj) -> str:
    """Where upstream keeps an object in etcd; messages name it."""
    metadata = obj["metadata"]
    namespace = f"{metadata['namespace']}/" if kind.namespaced else ""
    return f"/registry/{_REGISTRY.get(kind, kind.plural)}/{namespace}{metadata['name']}"


async def current(api: Api, kind: Kind, namespace: str, name: str) -> Record | None:
    return await api.store.get(key(kind, namespace, name))


async def put_all(api: Api, puts: Sequence[Put]) -> None:
    """Make new objects in one commit. Raises Mismatch, Unavailable."""
    revision = await api.store.commit(*puts)
    for put in puts:
        api.mirror.put(Record(put.key, put.value, revision, revision))


def put_of(kind: Kind, obj: Obj) -> Put:
    """The write of a changed object, as long as nobody else has changed it."""
    metadata = obj["metadata"]
    where = key(kind, metadata.get("namespace", ""), metadata["name"])
    return Put(where, encoding.encode(obj), int(metadata["resourceVersion"]))


async def put(api: Api, put: Put, also: Sequence[Put | Delete] = ()) -> Record:
    """Write, and tell the mirror before anyone hears of success. `also` happens in the same commit.
    Raises Mismatch, Unavailable."""
    key, value, expect = put.key, put.value, put.expect
    revision = await api.store.commit(put, *also)
    record = Record(key, value, revision, 0 if expect else revision)
    api.mirror.put(record)
    for other in also:
        if isinstance(other, Put):
            api.mirror.put(Record(other.key, other.value, revision, 0))
    return record


async def delete(api: Api, key: str, expect: int | None, also: Sequence[Put | Delete] = ()) -> int:
    """Remove; the revision of the removal. Raises Mismatch, Unavailable."""
    revision = await api.store.commit(Delete(key, expect), *also)
    api.mirror.remove(key, revision)
    return revision
