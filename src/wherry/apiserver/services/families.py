"""The linked fields of a Service's addresses: clusterIP and clusterIPs, IP families and their policy (pure).

Source: pkg/registry/core/service/storage, alloc.go and storage.go.
"""

import ipaddress

from wherry.api import Obj, errors, kinds
from wherry.api.errors import FieldError
from wherry.api.validation.services import cluster_addresses

NONE = "None"
SINGLE, REQUIRE, PREFER = "SingleStack", "RequireDualStack", "PreferDualStack"
EXTERNAL_NAME = "ExternalName"
_OTHER = {"IPv4": "IPv6", "IPv6": "IPv4"}


def needs_cluster_ip(spec: Obj) -> bool:
    return spec.get("type") != EXTERNAL_NAME


def needs_node_ports(spec: Obj) -> bool:
    return spec.get("type") in ("NodePort", "LoadBalancer")


def needs_health_check_port(spec: Obj) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def headless(spec: Obj) -> bool:
    return (spec.get("clusterIPs") or [""])[0] == NONE


def keep_allocated(new: Obj, old: Obj) -> None:
    """Fill in what the client left out and the old Service has."""
    if needs_cluster_ip(old) and needs_cluster_ip(new):
        if not new.get("clusterIP") and old.get("clusterIP"):
            new["clusterIP"] = old["clusterIP"]
        if not new.get("clusterIPs") and old.get("clusterIPs"):
            new["clusterIPs"] = list(old["clusterIPs"])
    if needs_node_ports(old) and needs_node_ports(new):
        _keep_node_ports(new.get("ports") or [], old.get("ports") or [])
    if needs_health_check_port(old) and needs_health_check_port(new) and not new.get("healthCheckNodePort"):
        _set(new, "healthCheckNodePort", old.get("healthCheckNodePort"))


def _keep_node_ports(new: list[Obj], old: list[Obj]) -> None:
    """Ports keep their node ports by name, unless another port of the new Service claims it."""
    used = {port.get("nodePort") for port in old} & {port.get("nodePort") for port in new} - {None}
    by_name = {port.get("name", ""): port.get("nodePort") for port in old}
    for port in new:
        known = by_name.get(port.get("name", ""))
        if not port.get("nodePort") and known and known not in used:
            port["nodePort"] = known


def link_cluster_ips(new: Obj, old: Obj | None) -> None:
    """Old clients know only the singular field; guess what they mean for the plural one."""
    if old is None:
        if new.get("clusterIP") and not new.get("clusterIPs"):
            new["clusterIPs"] = [new["clusterIP"]]
        return
    mine, theirs = new.get("clusterIP") or "", old.get("clusterIP") or ""
    if old.get("clusterIPs") and not new.get("clusterIPs") and mine == theirs:
        new["clusterIPs"] = list(old["clusterIPs"])
    if mine != theirs and (new.get("clusterIPs") or []) == (old.get("clusterIPs") or []):
        _set(new, "clusterIPs", [mine] if mine else None)


def drop_by_type(new: Obj, old: Obj) -> None:
    """A change of type takes away what the new type does not have, unless the client set it too."""
    if needs_cluster_ip(old) and not needs_cluster_ip(new):
        if _same(new, old, "clusterIP") and _same(new, old, "clusterIPs"):
            _drop(new, "clusterIP", "clusterIPs")
        for field in ("ipFamilies", "ipFamilyPolicy"):
            if _same(new, old, field):
                _drop(new, field)
    if needs_node_ports(old) and not needs_node_ports(new) and _same_node_ports(new, old):
        for port in new.get("ports") or ():
            port.pop("nodePort", None)
    if needs_health_check_port(old) and not needs_health_check_port(new) and _same(new, old, "healthCheckNodePort"):
        _drop(new, "healthCheckNodePort")
    if old.get("type") == "LoadBalancer" and new.get("type") != "LoadBalancer":
        for field in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
            if _same(new, old, field):
                _drop(new, field)
    if _externally_accessible(old) and not _externally_accessible(new) and _same(new, old, "externalTrafficPolicy"):
        _drop(new, "externalTrafficPolicy")
    if not needs_cluster_ip(new):
        _drop(new, "internalTrafficPolicy")


def _externally_accessible(spec: Obj) -> bool:
    return needs_node_ports(spec) or (spec.get("type") == "ClusterIP" and bool(spec.get("externalIPs")))


def _same_node_ports(new: Obj, old: Obj) -> bool:
    def numbers(spec: Obj) -> set[int]:
        return {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}

    return numbers(new) == numbers(old)


def _same(new: Obj, old: Obj, field: str) -> bool:
    return (new.get(field) or None) == (old.get(field) or None)


def _drop(spec: Obj, *fields: str) -> None:
    for field in fields:
        spec.pop(field, None)


def _set(spec: Obj, field: str, value: object) -> None:
    if value:
        spec[field] = value
    else:
        spec.pop(field, None)


def family_of(address: str) -> str:
    try:
        return f"IPv{ipaddress.ip_address(address).version}"
    except ValueError:
        return ""


def complete(name: str, new: Obj, old: Obj | None, configured: list[str]) -> None:
    """Fill in the families and their policy. `configured`: the families of this cluster, the default first.
    Raises StatusError."""
    if not needs_cluster_ip(new) or _stays_dual(new, old):
        return
    selectorless = new.get("clusterIP") == NONE and not new.get("selector")
    if not new.get("ipFamilyPolicy"):
        inherited = (old or {}).get("ipFamilyPolicy")
        new["ipFamilyPolicy"] = inherited or (REQUIRE if selectorless else SINGLE)
    policy = new["ipFamilyPolicy"]
    _refuse(name, list(cluster_addresses(new, old or {})))
    found = _reductions(new, old, policy) if old is not None else []
    found += _too_many(new, policy)
    found += _infer(new, configured)
    _refuse(name, found)
    families = new.get("ipFamilies") or []
    if not selectorless:
        _refuse(name, _unavailable(policy, families, configured))
    families = list(families) or [configured[0]]
    if policy != SINGLE and len(families) == 1 and (selectorless or len(configured) == 2):
        families.append(_OTHER[families[0]])
    new["ipFamilies"] = families


def _refuse(name: str, found: list[FieldError]) -> None:
    if found:
        raise errors.invalid(kinds.SERVICE, name, found)


def _stays_dual(new: Obj, old: Obj | None) -> bool:
    """Whether a Service that prefers dual stack says nothing new: it is then neither upgraded nor downgraded."""
    if old is None or new.get("type") != old.get("type"):
        return False
    if new.get("ipFamilyPolicy") != PREFER or old.get("ipFamilyPolicy") not in (None, PREFER):
        return False
    return all(_same(new, old, field) for field in ("clusterIP", "clusterIPs", "ipFamilies"))


def _reductions(new: Obj, old: Obj, policy: str) -> list[FieldError]:
    found = []
    for field, what in (("clusterIPs", "cluster IP"), ("ipFamilies", "IP family")):
        mine, theirs = new.get(field) or [], old.get(field) or []
        if policy == SINGLE:
            if mine == theirs and len(mine) > 1:
                new[field] = mine[:1]
        elif len(mine) == 1 and len(theirs) == 2:
            why = f"must be 'SingleStack' to release the secondary {what}"
            found.append(errors.invalid_value("spec.ipFamilyPolicy", policy, why))
    return found


def _too_many(new: Obj, policy: str) -> list[FieldError]:
    if policy != SINGLE:
        return []
    found = []
    for field, what in (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families")):
        if len(new.get(field) or ()) == 2:
            why = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"
            found.append(errors.invalid_value("spec.ipFamilyPolicy", policy, why))
    return found


def _infer(new: Obj, configured: list[str]) -> list[FieldError]:
    """Families from the addresses that the client chose."""
    found = []
    for index, address in enumerate(new.get("clusterIPs") or ()):
        if address == NONE:
            break
        family = family_of(address)
        if index < len(new.get("ipFamilies") or ()) or not family:
            continue
        if family in configured:
            new.setdefault("ipFamilies", []).append(family)
        else:
            why = f"{family} is not configured on this cluster"
            found.append(errors.invalid_value(f"spec.clusterIPs[{index}]", new["clusterIPs"], why))
    return found


def _unavailable(policy: str, families: list[str], configured: list[str]) -> list[FieldError]:
    found = []
    if policy == REQUIRE and len(configured) < 2:
        why = "this cluster is not configured for dual-stack services"
        found.append(errors.invalid_value("spec.ipFamilyPolicy", policy, why))
    for index, family in enumerate(families):
        if family not in configured:
            where = f"spec.ipFamilies[{index}]"
            found.append(errors.invalid_value(where, family, "not configured on this cluster"))
    return found
