"""Services, ingresses, endpoint slices and network policies."""

from wherry.api import Obj
from wherry.apiserver.warnings.addresses import of_cidr, of_ip

HINTS = "service.kubernetes.io/topology-aware-hints"
INGRESS_CLASS = "kubernetes.io/ingress.class"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_OURS = ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io")


def of_service(new: Obj, old: Obj | None) -> list[str]:
    found, spec = [], new["spec"]
    if HINTS in (new["metadata"].get("annotations") or {}):
        found.append(f"annotation {HINTS} is deprecated, please use service.kubernetes.io/topology-mode instead")
    kind, address = spec.get("type"), spec.get("clusterIP", "")
    headless = kind == "ClusterIP" and address == "None"
    external = spec.get("externalIPs") or ()
    if address not in ("", "None"):
        found += _each(spec.get("clusterIPs") or (), "spec.clusterIPs")
    if headless:
        found += _ignored(spec)
    found += _each(external, "spec.externalIPs")
    if external and not headless and kind != "ExternalName":
        found.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    if spec.get("loadBalancerIP"):
        found += of_ip("spec.loadBalancerIP", spec["loadBalancerIP"])
    for index, cidr in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        found += of_cidr(f"spec.loadBalancerSourceRanges[{index}]", cidr)
    if kind == "ExternalName" and external:
        found.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if kind != "ExternalName" and spec.get("externalName"):
        found.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    if spec.get("trafficDistribution") == "PreferClose":
        found.append('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
    return found


def _ignored(spec: Obj) -> list[str]:
    """What means nothing without a cluster IP."""
    fields = [name for name in ("loadBalancerIP", "externalIPs") if spec.get(name)]
    if spec.get("sessionAffinity", "None") != "None":
        fields.append("SessionAffinity")
    return [f"spec.{name} is ignored for headless services" for name in fields]


def _each(addresses: list[str] | tuple[str, ...], at: str) -> list[str]:
    return [text for index, address in enumerate(addresses) for text in of_ip(f"{at}[{index}]", address)]


def of_load_balancer(new: Obj, old: Obj | None) -> list[str]:
    """The status of a Service or Ingress."""
    ingress = ((new.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return _each([each.get("ip", "") for each in ingress], "status.loadBalancer.ingress")


def of_ingress(new: Obj, old: Obj | None) -> list[str]:
    annotated = INGRESS_CLASS in (new["metadata"].get("annotations") or {})
    if old is not None or not annotated or new["spec"].get("ingressClassName") is not None:
        return []
    return [f"annotation \"{INGRESS_CLASS}\" is deprecated, please use 'spec.ingressClassName' instead"]


def of_endpoint_slice(new: Obj, old: Obj | None) -> list[str]:
    found = []
    if old is None and new.get("addressType") == "FQDN":
        found.append("spec.addressType: FQDN endpoints are deprecated")
    if (new["metadata"].get("labels") or {}).get(MANAGED_BY) not in _OURS:
        for index, endpoint in enumerate(new.get("endpoints") or ()):
            found += _each(endpoint.get("addresses") or (), f"endpoints[{index}].addresses")
    return found


def of_network_policy(new: Obj, old: Obj | None) -> list[str]:
    found = []
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate((new.get("spec") or {}).get(direction) or ()):
            for position, peer in enumerate(rule.get(side) or ()):
                block, at = peer.get("ipBlock"), f"spec.{direction}[{index}].{side}[{position}].ipBlock"
                if block:
                    found += of_cidr(f"{at}.cidr", block.get("cidr", ""))
                    for number, cidr in enumerate(block.get("except") or ()):
                        found += of_cidr(f"{at}.except[{number}]", cidr)
    return found
