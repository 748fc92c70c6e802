"""The Endpoints object of one Service.

Source: upstream's pkg/controller/endpoint and pkg/api/v1/endpoints (RepackSubsets).
"""

from collections.abc import Iterable
from math import ceil
from typing import Any

from wherry.api import Obj, meta
from wherry.api.kinds import ENDPOINTS
from wherry.controllers import services
from wherry.controllers.actions import Actions, Create, Delete, Event, Update
from wherry.controllers.pods import is_ready

MANAGED_BY = "endpoints.kubernetes.io/managed-by"
MANAGER = "endpoint-controller"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
MOST = 1000
_LEADER = "control-plane.alpha.kubernetes.io/leader"


def reconcile(service: Obj | None, name: str, pods: Iterable[Obj], current: Obj | None, most: int = MOST) -> Actions:
    """`current`: the Endpoints object of that name. Without a Service of that name it goes too."""
    if service is None:
        return [Delete(ENDPOINTS, current)] if current and _LEADER not in meta.annotations(current) else []
    if service["spec"].get("type") == "ExternalName" or not service["spec"].get("selector"):
        return []
    wanted, truncated = _truncate(subsets(service, pods), most)
    labels = dict(meta.labels(service)) | {MANAGED_BY: MANAGER}
    labels.pop(services.HEADLESS_LABEL, None)
    if not services.has_cluster_ip(service):
        labels[services.HEADLESS_LABEL] = ""
    annotations = dict(meta.annotations(current)) if current else {}
    annotations.pop(OVER_CAPACITY, None)
    if truncated:
        annotations[OVER_CAPACITY] = "truncated"
    if current is None:
        return [_create(service, name, labels, annotations, wanted)]
    same = (current.get("subsets") or []) == wanted
    if same and dict(meta.labels(current)) == labels and dict(meta.annotations(current)) == annotations:
        return []
    metadata = {**current["metadata"], "labels": labels, "annotations": annotations}
    changed = {**current, "metadata": metadata, "subsets": wanted}
    message = f"Failed to update endpoint {meta.key(service)}: {{error}}"
    return [
        Update(ENDPOINTS, changed, failed=Event(ENDPOINTS, changed, "Warning", "FailedToUpdateEndpoint", message))
    ]


def _create(service: Obj, name: str, labels: Obj, annotations: Obj, wanted: list[Obj]) -> Create:
    metadata: Obj = {"name": name, "namespace": meta.namespace(service), "labels": labels}
    if annotations:
        metadata["annotations"] = annotations
    made: Obj = {"metadata": metadata} | ({"subsets": wanted} if wanted else {})
    message = f"Failed to create endpoint for service {meta.key(service)}: {{error}}"
    return Create(ENDPOINTS, made, failed=Event(ENDPOINTS, made, "Warning", "FailedToCreateEndpoint", message))


def subsets(service: Obj, pods: Iterable[Obj]) -> list[Obj]:
    """Addresses grouped by the ports that they serve, in a fixed order."""
    tolerant = services.publishes_not_ready(service)
    headless = not service["spec"].get("ports") and service["spec"].get("clusterIP") == "None"
    ports_of: dict[tuple[str, str], tuple[Obj, bool, list[Obj]]] = {}
    for pod in pods:
        if not services.belongs(pod, terminating_too=tolerant):
            continue
        ip = _address(service, pod)
        ports = services.endpoint_ports(pod, service)
        if ip and (ports or headless):
            ports_of[ip, meta.uid(pod)] = _endpoint(ip, pod, service), tolerant or is_ready(pod), ports
    groups: dict[tuple[Any, ...], Obj] = {}
    for _, (address, ready, ports) in sorted(ports_of.items()):
        ports = sorted(ports, key=_port_order)
        subset = groups.setdefault(tuple(map(_port_order, ports)), {"ports": ports})
        subset.setdefault("addresses" if ready else "notReadyAddresses", []).append(address)
    return [_printed(subset) for _, subset in sorted(groups.items())]


def _printed(subset: Obj) -> Obj:
    return {key: subset[key] for key in ("addresses", "notReadyAddresses", "ports") if subset.get(key)}


def _port_order(port: Obj) -> tuple[Any, ...]:
    return port["name"], port["port"], port["protocol"], port.get("appProtocol", "")


def _address(service: Obj, pod: Obj) -> str:
    """The pod's address in the Service's first family; empty if it has none."""
    spec = service["spec"]
    ips = services.pod_ips(pod)
    if families := spec.get("ipFamilies"):
        wants_v6 = families[0] == "IPv6"
    elif services.has_cluster_ip(service):
        wants_v6 = services.is_ipv6(spec["clusterIP"])
    else:
        wants_v6 = services.is_ipv6(ips[0])
    return next((services.canonical(ip) for ip in ips if services.is_ipv6(ip) == wants_v6), "")


def _endpoint(ip: str, pod: Obj, service: Obj) -> Obj:
    address: Obj = {"ip": ip}
    if hostname := services.hostname_of(pod, service):
        address["hostname"] = hostname
    address["nodeName"] = str(pod["spec"].get("nodeName", ""))
    address["targetRef"] = services.target_reference(pod)
    return address


def _truncate(found: list[Obj], most: int) -> tuple[list[Obj], bool]:
    """At most so many addresses: ready ones first, each subset in proportion."""
    ready = sum(len(each.get("addresses", ())) for each in found)
    rest = sum(len(each.get("notReadyAddresses", ())) for each in found)
    if ready + rest <= most:
        return found, False
    field, room, total = ("addresses", most, ready) if ready > most else ("notReadyAddresses", most - ready, rest)
    left = room
    cut = []
    for each in found:
        kept = each.get(field, [])[: min(left, ceil(len(each.get(field, ())) / total * room))]
        left -= len(kept)
        dropped = {**each, field: kept} | ({"notReadyAddresses": []} if field == "addresses" else {})
        cut.append(_printed(dropped))
    return cut, True
