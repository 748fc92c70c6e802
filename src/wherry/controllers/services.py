"""The pods behind a Service: which count, at which addresses and ports.

Source: upstream's staging/src/k8s.io/endpointslice and its util package.
"""

import ipaddress
from collections.abc import Iterable

from wherry.api import Obj, meta
from wherry.controllers.pods import is_ready, is_terminal
from wherry.lib import selectors

HEADLESS_LABEL = "service.kubernetes.io/headless"


def has_cluster_ip(service: Obj) -> bool:
    return service["spec"].get("clusterIP") not in (None, "", "None")


def publishes_not_ready(service: Obj) -> bool:
    return bool(service["spec"].get("publishNotReadyAddresses"))


def pod_ips(pod: Obj) -> list[str]:
    status = pod.get("status") or {}
    ips = [each["ip"] for each in status.get("podIPs") or () if each.get("ip")]
    return ips or ([status["podIP"]] if status.get("podIP") else [])


def belongs(pod: Obj, terminating_too: bool) -> bool:
    """Whether the pod is among a Service's endpoints at all, ready or not."""
    return not is_terminal(pod) and bool(pod_ips(pod)) and (terminating_too or not meta.deleting(pod))


def is_ipv6(address: str) -> bool:
    return ":" in address


def canonical(address: str) -> str:
    return str(ipaddress.ip_address(address)) if is_ipv6(address) else address


def hostname_of(pod: Obj, service: Obj) -> str:
    """The name under which a headless Service's DNS shows this pod; empty if it has none of its own."""
    spec = pod["spec"]
    return str(spec.get("hostname") or "") if spec.get("subdomain") == meta.name(service) else ""


def find_port(pod: Obj, service_port: Obj) -> int | None:
    """The pod's port that a Service port leads to: a number, or the container port of that name and protocol."""
    target = service_port.get("targetPort")
    if isinstance(target, int):
        return target
    protocol = service_port.get("protocol", "TCP")
    for container in _port_owners(pod):
        for port in container.get("ports") or ():
            if port.get("name") == target and port.get("protocol", "TCP") == protocol:
                return int(port["containerPort"])
    return None


def _port_owners(pod: Obj) -> Iterable[Obj]:
    yield from pod["spec"].get("containers") or ()
    yield from (each for each in pod["spec"].get("initContainers") or () if each.get("restartPolicy") == "Always")


def endpoint_ports(pod: Obj, service: Obj) -> list[Obj]:
    """Name, number, protocol of each Service port on this pod; ports that the pod lacks are left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        number = find_port(pod, port)
        if number is not None:
            made = {"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")}
            if port.get("appProtocol"):
                made["appProtocol"] = port["appProtocol"]
            found.append(made)
    return found


def target_reference(pod: Obj) -> Obj:
    return {"kind": "Pod", "namespace": meta.namespace(pod), "name": meta.name(pod), "uid": meta.uid(pod)}


def concern(pod: Obj | None) -> tuple[object, ...] | None:
    """What of a pod matters to Services: two states of a pod with the same concern need no look. None: nothing."""
    if pod is None or not belongs(pod, terminating_too=True):
        return None
    spec = pod["spec"]
    return (
        dict(meta.labels(pod)), is_ready(pod), meta.deleting(pod), pod_ips(pod),
        spec.get("hostname"), spec.get("subdomain"), spec.get("nodeName"),
    )  # fmt: skip


def selects(service: Obj, pod: Obj) -> bool:
    selector = service["spec"].get("selector")
    return bool(selector) and selectors.from_map(selector).matches(meta.labels(pod))


def selector_index(service: Obj) -> list[str]:
    """For finding a pod's Services quickly: one pair of the selector, with the namespace."""
    selector = service["spec"].get("selector")
    if not selector:
        return []
    label, value = min(selector.items())
    return [f"{meta.namespace(service)}/{label}={value}"]


def label_keys(pod: Obj) -> list[str]:
    """Where `selector_index` may have put the Services of a pod."""
    return [f"{meta.namespace(pod)}/{label}={value}" for label, value in meta.labels(pod).items()]
