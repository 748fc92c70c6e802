"""Which EndpointSlices to create, update and delete for one Service.

As few writes as can be: an endpoint stays in the slice that has it; new ones first fill slices that change anyway,
then the fullest slice with room for all of them, then new slices.

Source: upstream's staging/src/k8s.io/endpointslice.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from wherry.api import Obj, meta
from wherry.api.kinds import ENDPOINT_SLICE, SERVICE
from wherry.controllers import services
from wherry.controllers.actions import Action, Actions, Create, Delete, Update
from wherry.controllers.pods import is_ready, node_name

MANAGER = "endpointslice-controller.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
ZONE = "topology.kubernetes.io/zone"
MOST = 100
_RESERVED = {SERVICE_NAME, MANAGED_BY, services.HEADLESS_LABEL}


@dataclass(slots=True)
class _Slices:
    """Slices of one address type and one set of ports, in the making. A slice without a name is new."""

    update: list[Obj] = field(default_factory=list)
    create: list[Obj] = field(default_factory=list)
    delete: list[Obj] = field(default_factory=list)
    keep: list[Obj] = field(default_factory=list)

    def __iadd__(self, other: "_Slices") -> "_Slices":
        for each in ("update", "create", "delete", "keep"):
            getattr(self, each).extend(getattr(other, each))
        return self


def reconcile(
    service: Obj, pods: Iterable[Obj], slices: Sequence[Obj], node: Callable[[str], Obj | None], most: int = MOST
) -> Actions:
    """`pods`: those that the Service selects. `slices`: those of the Service that this controller manages. `node`: by
    name. A pod on a node that is not known yet is left out until it is."""
    slices = [each for each in slices if not meta.deleting(each)]
    types = address_types(service)
    pods = [pod for pod in pods if services.belongs(pod, terminating_too=True)]
    actions: list[Action] = []
    for type in types:
        of_type = [each for each in slices if each.get("addressType") == type]
        changes = _of_type(service, pods, of_type, type, node, most)
        actions += _requests(service, changes)
    return actions + [Delete(ENDPOINT_SLICE, each) for each in slices if each.get("addressType") not in types]


def address_types(service: Obj) -> list[str]:
    """The families in which the Service has endpoints."""
    if families := service["spec"].get("ipFamilies"):
        return list(dict.fromkeys(families))
    if services.has_cluster_ip(service):
        return ["IPv6" if services.is_ipv6(service["spec"]["clusterIP"]) else "IPv4"]
    return ["IPv4", "IPv6"]


def _of_type(
    service: Obj, pods: Sequence[Obj], slices: Sequence[Obj], type: str, node: Callable[[str], Obj | None], most: int
) -> _Slices:
    desired: dict[tuple[Any, ...], dict[Any, Obj]] = {}
    ports: dict[tuple[Any, ...], list[Obj]] = {}
    for pod in pods:
        pod_ports = services.endpoint_ports(pod, service)
        key = ports_key(pod_ports)
        endpoints = desired.setdefault(key, {})
        ports.setdefault(key, pod_ports)
        on = node(node_name(pod))
        if on is None and not services.publishes_not_ready(service):
            continue
        endpoint = make_endpoint(pod, on, service, type)
        if endpoint["addresses"]:
            endpoints[_identity(endpoint)] = endpoint
    existing: dict[tuple[Any, ...], list[Obj]] = {}
    changes = _Slices()
    for each in slices:
        if _owned_by(each, service):
            existing.setdefault(ports_key(each.get("ports") or ()), []).append(each)
        else:
            changes.delete.append(each)
    for key, endpoints in desired.items():
        changes += _of_ports(service, existing.pop(key, []), endpoints, ports[key], type, most)
    changes.delete += [each for unused in existing.values() for each in unused]
    if len(changes.delete) == len(slices) and not changes.create:
        _keep_one(service, changes, type)
    return changes


def _keep_one(service: Obj, changes: _Slices, type: str) -> None:
    """A Service without endpoints has one empty slice, so that its readers know that it was looked at."""
    placeholder = _new_slice(service, [], type)
    if len(changes.delete) == 1 and _is_placeholder(changes.delete[0], placeholder):
        changes.keep.append(changes.delete.pop())
    else:
        changes.create.append(placeholder)


def _is_placeholder(existing: Obj, placeholder: Obj) -> bool:
    empty = not existing.get("endpoints") and not existing.get("ports")
    labels = dict(meta.labels(existing)) == dict(meta.labels(placeholder))
    return empty and labels and meta.owners(existing) == meta.owners(placeholder)


def _of_ports(
    service: Obj, slices: Sequence[Obj], desired: dict[Any, Obj], ports: list[Obj], type: str, most: int
) -> _Slices:
    changes = _Slices()
    left = dict(desired)
    labels = slice_labels(service)
    for each in slices:
        stay, changed = [], False
        for endpoint in each.get("endpoints") or ():
            wanted = left.pop(_identity(endpoint), None)
            if wanted is None:
                changed = True
                continue
            stay.append(wanted)
            changed = changed or not _same_endpoint(endpoint, wanted)
        relabelled = dict(meta.labels(each)) != labels
        if changed and not stay:
            changes.delete.append(each)
        elif changed or relabelled:
            metadata = {**each["metadata"], "labels": labels}
            changes.update.append({**each, "metadata": metadata, "endpoints": stay})
        else:
            changes.keep.append(each)
    _place(changes, list(left.values()), lambda: _new_slice(service, ports, type), most)
    return changes


def _place(changes: _Slices, new: list[Obj], make: Callable[[], Obj], most: int) -> None:
    for each in sorted(changes.update, key=lambda each: -len(each["endpoints"])):
        room = most - len(each["endpoints"])
        if room > 0:
            each["endpoints"] = [*each["endpoints"], *new[:room]]
            new = new[room:]
    while new:
        fitting = [each for each in changes.keep if len(each.get("endpoints") or ()) + len(new) <= most]
        if fitting:
            fullest = max(fitting, key=lambda each: len(each.get("endpoints") or ()))
            changes.keep.remove(fullest)
            changes.update.append({**fullest, "endpoints": [*(fullest.get("endpoints") or ()), *new]})
            return
        changes.create.append({**make(), "endpoints": new[:most]})
        new = new[most:]


def _requests(service: Obj, changes: _Slices) -> list[Action]:
    """A slice that would be deleted is rather reused for one that would be created."""
    create, update, delete = list(changes.create), list(changes.update), list(changes.delete)
    for old in changes.delete:
        if create and _owned_by(old, service):
            new = create.pop()
            metadata = {**old["metadata"], "labels": new["metadata"]["labels"]}
            update.append({**new, "metadata": metadata})
            delete.remove(old)
    actions: list[Action] = []
    if not meta.deleting(service):
        actions += [Create(ENDPOINT_SLICE, each) for each in create]
    actions += [Update(ENDPOINT_SLICE, each) for each in update]
    return actions + [Delete(ENDPOINT_SLICE, each) for each in delete]


def make_endpoint(pod: Obj, node: Obj | None, service: Obj, type: str) -> Obj:
    serving, terminating = is_ready(pod), meta.deleting(pod)
    ips = [services.canonical(ip) for ip in services.pod_ips(pod) if services.is_ipv6(ip) == (type == "IPv6")]
    endpoint: Obj = {
        "addresses": ips,
        "conditions": {
            "ready": services.publishes_not_ready(service) or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
    }
    if hostname := services.hostname_of(pod, service):
        endpoint["hostname"] = hostname
    endpoint["targetRef"] = services.target_reference(pod)
    if name := node_name(pod):
        endpoint["nodeName"] = name
    if node and (zone := meta.labels(node).get(ZONE)):
        endpoint["zone"] = zone
    if endpoint["conditions"]["ready"] and (hints := _hints(service, endpoint)):
        endpoint["hints"] = hints
    return endpoint


def _hints(service: Obj, endpoint: Obj) -> Obj:
    """For whom the proxies should keep this endpoint (spec.trafficDistribution)."""
    wish = service["spec"].get("trafficDistribution")
    if wish not in ("PreferClose", "PreferSameZone", "PreferSameNode"):
        return {}
    hints: Obj = {}
    if "zone" in endpoint:
        hints["forZones"] = [{"name": endpoint["zone"]}]
    if wish == "PreferSameNode" and "nodeName" in endpoint:
        hints["forNodes"] = [{"name": endpoint["nodeName"]}]
    return hints


def slice_labels(service: Obj) -> dict[str, str]:
    """The Service's own labels, and whose slice it is."""
    labels = {key: value for key, value in meta.labels(service).items() if key not in _RESERVED}
    if not services.has_cluster_ip(service):
        labels[services.HEADLESS_LABEL] = ""
    return labels | {SERVICE_NAME: meta.name(service), MANAGED_BY: MANAGER}


def _new_slice(service: Obj, ports: list[Obj], type: str) -> Obj:
    metadata = {
        "generateName": f"{meta.name(service)}-",
        "namespace": meta.namespace(service),
        "labels": slice_labels(service),
        "ownerReferences": [meta.owner_reference(SERVICE, service)],
    }
    return {"addressType": type, "metadata": metadata, "ports": ports, "endpoints": []}


def _owned_by(endpoint_slice: Obj, service: Obj) -> bool:
    return any(each.get("uid") == meta.uid(service) for each in meta.owners(endpoint_slice))


def _identity(endpoint: Obj) -> tuple[Any, ...]:
    """Endpoints that share this are the same one, whatever its conditions."""
    target = endpoint.get("targetRef") or {}
    return (
        tuple(sorted(endpoint.get("addresses") or ())), endpoint.get("hostname", ""),
        target.get("namespace", ""), target.get("name", ""), target.get("uid", ""),
    )  # fmt: skip


def _same_endpoint(one: Obj, other: Obj) -> bool:
    return all(one.get(each) == other.get(each) for each in ("conditions", "nodeName", "zone", "targetRef", "hints"))


def ports_key(ports: Iterable[Obj]) -> tuple[Any, ...]:
    """The same for the same ports in any order."""
    return tuple(
        sorted(
            (p.get("name", ""), p.get("port", 0), p.get("protocol", "TCP"), p.get("appProtocol", "")) for p in ports
        )
    )
