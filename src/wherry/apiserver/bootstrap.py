"""What every cluster has from its first moment: namespaces, the `kubernetes` Service, priority classes."""

import uuid

from wherry.api import Obj, decoding, defaults, kinds, schema
from wherry.api.kinds import Kind
from wherry.api.patch import managed
from wherry.api.patch.managed import Writer
from wherry.apiserver import encoding
from wherry.apiserver.authz.policy import Policy
from wherry.apiserver.core import Api
from wherry.apiserver.registry import storage
from wherry.apiserver.strategies.base import empty_status
from wherry.lib.timestamps import rfc3339
from wherry.store import Delete, Mismatch, Put

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
MANAGER = "kube-apiserver"
_NAMESPACE: Obj = {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
KUBERNETES = "kubernetes"
PRIORITIES = (
    (
        "system-node-critical",
        2000001000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    (
        "system-cluster-critical",
        2000000000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
)


async def bootstrap(api: Api, policy: Policy) -> None:
    """Make what is missing; what is there stays as it is."""
    for name in NAMESPACES:
        await ensure(api, kinds.NAMESPACE, {"metadata": {"name": name}}, _NAMESPACE)
    for name, value, description in PRIORITIES:
        await ensure(api, kinds.PRIORITY_CLASS, _priority_class(name, value, description))
    await ensure(api, kinds.SERVICE_CIDR, _service_cidr(api))
    await _access(api, policy)
    await _kubernetes_service(api)


async def _access(api: Api, policy: Policy) -> None:
    """Roles and bindings, all in one commit."""
    missing = []
    for kind, obj in policy.objects:
        metadata = obj["metadata"]
        namespace = metadata.get("namespace", "")
        if api.mirror.get(kind, metadata["name"], namespace) is None:
            key = storage.key(kind, namespace, metadata["name"])
            missing.append(Put(key, encoding.encode(complete(api, kind, obj)), 0))
    if missing:
        try:
            await storage.put_all(api, missing)
        except Mismatch:
            pass  # another server was faster


def complete(api: Api, kind: Kind, obj: Obj, manager: str = MANAGER) -> Obj:
    """An object as a create would store it, made by the server itself."""
    now = api.clock.now()
    obj = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
    node = schema.definition(kind.api_version, kind.kind)
    obj = decoding.normalize(obj, node).object
    defaults.apply(kind, obj, now)
    obj = managed.update(None, obj, node, _writer(kind, now, manager))
    obj["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": rfc3339(now)}
    return obj


def _writer(kind: Kind, now: float, manager: str) -> Writer:
    return Writer(manager, kind.api_version, kind.kind, now=now, reset=managed.reset_fields(kind, ""))


async def ensure(api: Api, kind: Kind, obj: Obj, own: Obj | None = None) -> None:
    """Make the object unless one of its name is there. `own`: fields that nobody manages."""
    metadata = obj["metadata"]
    key = storage.key(kind, metadata.get("namespace", ""), metadata["name"])
    if await api.store.get(key) is None:
        await _create(api, key, complete(api, kind, obj) | (own or {}))


async def _create(api: Api, key: str, obj: Obj, also: list[Put | Delete] | None = None) -> None:
    try:
        await storage.put(api, Put(key, encoding.encode(obj), 0), also or ())
    except Mismatch:
        pass  # another server was faster


def _priority_class(name: str, value: int, description: str) -> Obj:
    return {"metadata": {"name": name, "generation": 1}, "value": value, "description": description}


def _service_cidr(api: Api) -> Obj:
    condition = {
        "type": "Ready",
        "status": "True",
        "lastTransitionTime": rfc3339(api.clock.now()),
        "message": "Kubernetes default Service CIDR is ready",
        "reason": "",
    }
    cidrs = [str(addresses.network) for addresses in api.services.addresses]
    return {"metadata": {"name": KUBERNETES}, "spec": {"cidrs": cidrs}, "status": {"conditions": [condition]}}


async def _kubernetes_service(api: Api) -> None:
    """The Service by which pods find this server, and where it leads."""
    key = storage.key(kinds.SERVICE, "default", KUBERNETES)
    port = {"name": "https", "protocol": "TCP", "port": 443, "targetPort": api.settings.port}
    if await api.store.get(key) is None:
        spec = {
            "clusterIP": api.services.addresses[0].first,
            "ports": [port],
            "sessionAffinity": "None",
            "type": "ClusterIP",
        }
        labels = {"provider": KUBERNETES, "component": "apiserver"}
        service = complete(
            api,
            kinds.SERVICE,
            {"metadata": {"name": KUBERNETES, "namespace": "default", "labels": labels}, "spec": spec},
        )
        service["status"] = empty_status("v1", "Service")
        claim = api.services.claim(service, None, dry_run=False)
        await _create(api, key, service, claim.operations(service, api.clock.now()))
        claim.keep()
    await _advertise(api)


async def _advertise(api: Api) -> None:
    """Point the Service at this server's address, which may have changed since the last start."""
    address, port = api.settings.advertise_address, api.settings.port
    labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    endpoints = {
        "metadata": {"name": KUBERNETES, "namespace": "default", "labels": labels},
        "subsets": [{"addresses": [{"ip": address}], "ports": [{"name": "https", "port": port, "protocol": "TCP"}]}],
    }
    slice_ = {
        "metadata": {
            "name": KUBERNETES,
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": KUBERNETES},
        },
        "addressType": "IPv6" if ":" in address else "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }
    await _replace(api, kinds.ENDPOINTS, endpoints, "subsets")
    await _replace(api, kinds.ENDPOINT_SLICE, slice_, "endpoints", "ports", "addressType")


async def _replace(api: Api, kind: Kind, obj: Obj, *fields: str) -> None:
    """Make the object, or bring these fields of it up to date."""
    key = storage.key(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
    record = await api.store.get(key)
    wanted = complete(api, kind, obj)
    if record is None:
        await _create(api, key, wanted)
        return
    current = encoding.decode(kind, record)
    if any(current.get(name) != wanted.get(name) for name in fields):
        changed = current | {name: wanted[name] for name in fields}
        try:
            await storage.put(api, Put(key, encoding.encode(changed), record.revision))
        except Mismatch:
            pass  # another server was faster
