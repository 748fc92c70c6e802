"""What every cluster has from its first moment: namespaces, the `kubernetes` Service, priority classes."""

import uuid

from wherry.api import Obj, kinds
from wherry.api.kinds import Kind
from wherry.apiserver import encoding
from wherry.apiserver.core import Api
from wherry.apiserver.registry import storage
from wherry.lib.timestamps import rfc3339
from wherry.store import Mismatch

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


def _namespace(name: str) -> Obj:
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


async def ensure(api: Api, kind: Kind, obj: Obj) -> None:
    """Make the object unless one of its name is there."""
    metadata = obj["metadata"]
    key = storage.key(kind, metadata.get("namespace", ""), metadata["name"])
    if await api.store.get(key) is not None:
        return
    system = {"uid": str(uuid.uuid4()), "creationTimestamp": rfc3339(api.clock.now())}
    obj = {**obj, "metadata": {**metadata, **system}}
    try:
        await storage.put(api, key, encoding.encode(obj), 0)
    except Mismatch:
        return  # another server was faster


async def bootstrap(api: Api) -> None:
    for name in NAMESPACES:
        await ensure(api, kinds.NAMESPACE, _namespace(name))
