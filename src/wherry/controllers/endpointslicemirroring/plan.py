"""The slices of one Endpoints object: one for each address family and set of ports.

Source: upstream's pkg/controller/endpointslicemirroring.
"""

import ipaddress
from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import ENDPOINT_SLICE, ENDPOINTS
from wherry.controllers.actions import Action, Actions, Create, Delete, Event, Update
from wherry.controllers.endpointslice.plan import MANAGED_BY, SERVICE_NAME, ports_key

MANAGER = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
MOST = 1000
_LEADER = "control-plane.alpha.kubernetes.io/leader"
_NOT_COPIED = {
    "endpoints.kubernetes.io/last-change-trigger-time",
    "kubectl.kubernetes.io/last-applied-configuration",
}

_Key = tuple[str, tuple[object, ...]]


def reconcile(endpoints: Obj | None, service: Obj | None, slices: Sequence[Obj], most: int = MOST) -> Actions:
    """`slices`: those that this controller made for the name."""
    if endpoints is None or service is None or not _is_mirrored(endpoints) or service["spec"].get("selector"):
        return [Delete(ENDPOINT_SLICE, each) for each in slices]
    wanted, troubles = _wanted(endpoints, most)
    existing: dict[_Key, list[Obj]] = {}
    for each in slices:
        existing.setdefault((each["addressType"], ports_key(each.get("ports") or ())), []).append(each)
    actions: list[Action] = list(troubles)
    for key, new in wanted.items():
        known = existing.pop(key, [])
        actions += _written(new, known[0]) if known else [Create(ENDPOINT_SLICE, new)]
        actions += [Delete(ENDPOINT_SLICE, each) for each in known[1:]]
    return actions + [Delete(ENDPOINT_SLICE, each) for unused in existing.values() for each in unused]


def _is_mirrored(endpoints: Obj) -> bool:
    return meta.labels(endpoints).get(SKIP) != "true" and _LEADER not in meta.annotations(endpoints)


def _wanted(endpoints: Obj, most: int) -> tuple[dict[_Key, Obj], list[Event]]:
    """Slices by family and ports; events about addresses that cannot be shown."""
    found: dict[_Key, Obj] = {}
    invalid = skipped = 0
    for subset in endpoints.get("subsets") or ():
        ports = [_port(each) for each in subset.get("ports") or ()]
        shown = 0
        for address, ready in _addresses(subset):
            family = _family(address["ip"])
            if not family:
                invalid += 1
            elif shown >= most:
                skipped += 1
            else:
                shown += 1
                made = found.setdefault((family, ports_key(ports)), _new(endpoints, ports, family))
                made["endpoints"].append(_endpoint(address, ready))
    return found, _troubles(endpoints, invalid, skipped, most)


def _addresses(subset: Obj) -> Iterable[tuple[Obj, bool]]:
    yield from ((each, True) for each in subset.get("addresses") or ())
    yield from ((each, False) for each in subset.get("notReadyAddresses") or ())


def _family(ip: str) -> str:
    """Empty for what is no address."""
    try:
        return f"IPv{ipaddress.ip_address(ip).version}"
    except ValueError:
        return ""


def _troubles(endpoints: Obj, invalid: int, skipped: int, most: int) -> list[Event]:
    events = []
    if invalid:
        message = f"Skipped {invalid} invalid IP addresses when mirroring to EndpointSlices"
        events.append(Event(ENDPOINTS, endpoints, "Warning", "InvalidIPAddress", message))
    if skipped:
        message = (
            f"A max of {most} addresses can be mirrored to EndpointSlices per Endpoints subset. "
            f"{skipped + invalid} addresses were skipped"
        )
        events.append(Event(ENDPOINTS, endpoints, "Warning", "TooManyAddressesToMirror", message))
    return events


def _port(port: Obj) -> Obj:
    made: Obj = {"name": port.get("name", ""), "port": port["port"], "protocol": port.get("protocol", "TCP")}
    return made | ({"appProtocol": port["appProtocol"]} if port.get("appProtocol") else {})


def _endpoint(address: Obj, ready: bool) -> Obj:
    made: Obj = {"addresses": [str(ipaddress.ip_address(address["ip"]))], "conditions": {"ready": ready}}
    return made | {key: address[key] for key in ("hostname", "targetRef", "nodeName") if address.get(key)}


def _new(endpoints: Obj, ports: list[Obj], family: str) -> Obj:
    annotations = {key: value for key, value in meta.annotations(endpoints).items() if key not in _NOT_COPIED}
    metadata = {
        "generateName": f"{meta.name(endpoints)}-",
        "namespace": meta.namespace(endpoints),
        "labels": {**meta.labels(endpoints), SERVICE_NAME: meta.name(endpoints), MANAGED_BY: MANAGER},
        "ownerReferences": [meta.owner_reference(ENDPOINTS, endpoints)],
    }
    if annotations:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "addressType": family, "ports": ports, "endpoints": []}


def _written(new: Obj, known: Obj) -> list[Action]:
    told = {key: new["metadata"].get(key) for key in ("labels", "annotations", "ownerReferences")}
    before = {key: known["metadata"].get(key) for key in told}
    if told == before and new["endpoints"] == (known.get("endpoints") or []):
        return []
    metadata = {**known["metadata"], **{key: value for key, value in told.items() if value is not None}}
    return [Update(ENDPOINT_SLICE, {**new, "metadata": metadata})]
