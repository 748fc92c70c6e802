"""Services and endpoint slices as tests write them."""

from typing import Any


def service(name: str = "web", ip: str = "10.96.0.5", *, ports: list[dict] | None = None, **spec: Any) -> dict:
    status = {"loadBalancer": {"ingress": spec.pop("ingress", [])}}
    labels = spec.pop("labels", {})
    return {
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"clusterIP": ip, "clusterIPs": [ip], "type": "ClusterIP", "ports": ports or [port()], **spec},
        "status": status,
    }


def port(number: int = 80, *, name: str = "", protocol: str = "TCP", node_port: int = 0) -> dict:
    found = {"port": number, "protocol": protocol}
    return found | ({"name": name} if name else {}) | ({"nodePort": node_port} if node_port else {})


def endpoint(ip: str, node: str = "other", **conditions: Any) -> dict:
    hints = {}
    if zones := conditions.pop("zones", None):
        hints["forZones"] = [{"name": zone} for zone in zones]
    if nodes := conditions.pop("nodes", None):
        hints["forNodes"] = [{"name": name} for name in nodes]
    found = {"addresses": [ip], "nodeName": node, "conditions": {"ready": True} | conditions}
    return found | ({"hints": hints} if hints else {})


def ending(ip: str, node: str = "other", *, serving: bool = True) -> dict:
    """A pod that is terminating."""
    return endpoint(ip, node, ready=False, serving=serving, terminating=True)


def slice_of(
    *endpoints: dict,
    service: str = "web",
    number: int = 8080,
    name: str = "",
    protocol: str = "TCP",
    suffix: str = "a",
) -> dict:
    return {
        "metadata": {
            "name": f"{service}-{suffix}",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "ports": [{"name": name, "port": number, "protocol": protocol}],
        "endpoints": list(endpoints),
    }
