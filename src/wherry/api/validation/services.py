"""Service and Endpoints."""

from wherry.api import Obj, meta
from wherry.api.errors import duplicate, forbidden_field, invalid_value, required, unsupported
from wherry.api.patch.values import same
from wherry.api.validation import addresses, fields, internal, metadata
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_FAMILIES = ("IPv4", "IPv6")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_POLICIES = ("Cluster", "Local")
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_HINTS = "service.kubernetes.io/topology-aware-hints"
_MODE = "service.kubernetes.io/topology-mode"
_SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'"
_ONCE = "may not change once set"
_LONGEST_AFFINITY = 86400


def _headless(spec: Obj) -> bool:
    return spec.get("clusterIPs") == ["None"]


def _service(service: Obj) -> Check:
    yield from _checked(service, {})


def _checked(service: Obj, old: Obj) -> Check:
    """A service. `old`: what it was; what it had stays allowed."""
    spec, before = service["spec"], old.get("spec") or {}
    found = meta.annotations(service)
    if _MODE in found and _HINTS in found and found[_MODE] != found[_HINTS]:
        message = f"must match annotations[{_HINTS}] when both are specified"
        yield invalid_value(f"metadata.annotations[{_MODE}]", found[_MODE], message)
    if not spec.get("ports") and not _headless(spec) and spec.get("type") != "ExternalName":
        yield required("spec.ports")
    yield from _by_type(spec)
    yield from _ports(spec)
    yield from metadata.labels(spec.get("selector"), "spec.selector")
    yield from _affinity(spec)
    if spec.get("type") != "ExternalName":
        yield from cluster_addresses(spec, before)
    for index, text in enumerate(spec.get("externalIPs") or ()):
        path = f"spec.externalIPs[{index}]"
        yield from list(addresses.legacy_ip(text, path, before.get("externalIPs") or ())) or addresses.endpoint(
            text, path
        )
    yield from fields.one_of_or_needed(spec.get("type"), "spec.type", _TYPES)
    yield from _node_ports(spec)
    yield from _load_balancer(service, old)
    yield from _load_balancer_class(spec)
    yield from _external_traffic(spec)
    yield from _internal_traffic(spec)


def _by_type(spec: Obj) -> Check:
    kind = spec.get("type")
    if kind in ("LoadBalancer", "NodePort") and _headless(spec):
        yield invalid_value("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services")
    if kind != "ExternalName":
        return
    for key in ("clusterIPs", "ipFamilies"):
        if spec.get(key):
            yield forbidden_field(f"spec.{key}", "may not be set for ExternalName services")
    if spec.get("ipFamilyPolicy") is not None:
        yield forbidden_field("spec.ipFamilyPolicy", "may not be set for ExternalName services")
    name = spec.get("externalName", "").removesuffix(".")
    if name:
        yield from fields.subdomain(name, "spec.externalName")
    else:
        yield required("spec.externalName")


# Ports


def _ports(spec: Obj) -> Check:
    ports = spec.get("ports") or []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        yield from _port(port, len(ports) > 1, seen, f"spec.ports[{index}]")


def _port(port: Obj, name_needed: bool, seen: set[str], path: str) -> Check:
    name = port.get("name", "")
    if name:
        yield from fields.label(name, f"{path}.name")
        if name in seen:
            yield duplicate(f"{path}.name", name)
        seen.add(name)
    elif name_needed:
        yield required(f"{path}.name")
    yield from fields.port_number(port.get("port", 0), f"{path}.port")
    yield from fields.one_of_or_needed(port.get("protocol"), f"{path}.protocol", _PROTOCOLS)
    if "targetPort" in port:
        yield from fields.port_number_or_name(port["targetPort"], f"{path}.targetPort")
    if port.get("appProtocol") is not None:
        yield from fields.qualified_name(port["appProtocol"], f"{path}.appProtocol")


def _node_ports(spec: Obj) -> Check:
    ports = spec.get("ports") or []
    if spec.get("type") == "ClusterIP":
        for index, port in enumerate(ports):
            if port.get("nodePort"):
                message = "may not be used when `type` is 'ClusterIP'"
                yield forbidden_field(f"spec.ports[{index}].nodePort", message)
    taken: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        place = (port.get("protocol", ""), port.get("nodePort", 0))
        if place[1] and place in taken:
            yield duplicate(f"spec.ports[{index}].nodePort", place[1])
        taken.add(place)
    numbers: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        protocol, number = port.get("protocol", ""), port.get("port", 0)
        if (protocol, number) in numbers:
            shown = internal.shown("core.ServicePort", {"protocol": protocol, "port": number})
            yield duplicate(f"spec.ports[{index}]", shown)
        numbers.add((protocol, number))


# Addresses


def cluster_addresses(spec: Obj, before: Obj) -> Check:
    first, texts = spec.get("clusterIP", ""), spec.get("clusterIPs") or []
    if first and not texts:
        yield required("spec.clusterIPs")
    elif first and texts[0] != first:
        yield invalid_value("spec.clusterIPs", texts, "first value must match `clusterIP`")
    elif texts and not first:
        yield invalid_value("spec.clusterIPs", texts, "must be empty when `clusterIP` is not specified")
    yield from _families(spec)
    errors = list(_address_texts(texts, before.get("clusterIPs") or []))
    yield from errors
    if len(texts) > 2:
        yield invalid_value("spec.clusterIPs", texts, "may only hold up to 2 values")
    if errors:
        return
    if len(texts) > 1 and not addresses.dual_stack(texts):
        yield invalid_value("spec.clusterIPs", texts, "may specify no more than one IP for each IP family")
    if _headless(spec):
        return
    for index, (text, family) in enumerate(zip(texts, spec.get("ipFamilies") or (), strict=False)):
        if family in _FAMILIES and (family == "IPv6") != addresses.is_v6(text):
            message = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            yield invalid_value(f"spec.clusterIPs[{index}]", text, message)


def _families(spec: Obj) -> Check:
    seen: set[str] = set()
    for index, family in enumerate(spec.get("ipFamilies") or ()):
        yield from fields.one_of(family, f"spec.ipFamilies[{index}]", _FAMILIES)
        if family in seen:
            yield duplicate(f"spec.ipFamilies[{index}]", family)
        seen.add(family)
    if spec.get("ipFamilyPolicy") is not None:
        yield from fields.one_of(spec["ipFamilyPolicy"], "spec.ipFamilyPolicy", _FAMILY_POLICIES)


def _address_texts(texts: list[str], known: list[str]) -> Check:
    for index, text in enumerate(texts):
        if index or text != "None":
            yield from addresses.legacy_ip(text, f"spec.clusterIPs[{index}]", known)
        elif len(texts) > 1:
            yield invalid_value("spec.clusterIPs", texts, "'None' must be the first and only value")


# Affinity and traffic


def _affinity(spec: Obj) -> Check:
    kind, config = spec.get("sessionAffinity"), spec.get("sessionAffinityConfig")
    path = "spec.sessionAffinityConfig"
    yield from fields.one_of_or_needed(kind, "spec.sessionAffinity", ("ClientIP", "None"))
    if kind == "None" and config is not None:
        yield forbidden_field(path, "must not be set when session affinity is None")
    if kind != "ClientIP":
        return
    missing = "when session affinity type is ClientIP"
    if config is None:
        yield required(path, missing)
    elif config.get("clientIP") is None:
        yield required(f"{path}.clientIP", missing)
    elif (seconds := config["clientIP"].get("timeoutSeconds")) is None:
        yield required(f"{path}.clientIP.timeoutSeconds", missing)
    elif not 0 < seconds <= _LONGEST_AFFINITY:
        message = f"must be greater than 0 and less than {_LONGEST_AFFINITY}"
        yield invalid_value(f"{path}.clientIP.timeoutSeconds", seconds, message)


def _load_balancer(service: Obj, old: Obj) -> Check:
    spec = service["spec"]
    balanced = spec.get("type") == "LoadBalancer"
    ranges, annotated = spec.get("loadBalancerSourceRanges"), meta.annotations(service).get(_SOURCE_RANGES)
    if ranges:
        path = "spec.LoadBalancerSourceRanges"
        if not balanced:
            yield forbidden_field(path, _ONLY_LOAD_BALANCER)
        known = [each.strip() for each in (old.get("spec") or {}).get("loadBalancerSourceRanges") or ()]
        for index, text in enumerate(ranges):
            yield from addresses.legacy_range(text.strip(), f"{path}[{index}]", known)
    elif annotated is not None:
        path = f"metadata.annotations[{_SOURCE_RANGES}]"
        if not balanced:
            yield forbidden_field(path, _ONLY_LOAD_BALANCER)
        changed = not old or meta.annotations(old).get(_SOURCE_RANGES) != annotated
        for text in annotated.strip().split(",") if changed and annotated.strip() else ():
            yield from addresses.legacy_range(text.strip(), path)
    allocate = spec.get("allocateLoadBalancerNodePorts")
    if allocate is not None and not balanced:
        yield forbidden_field("spec.allocateLoadBalancerNodePorts", _ONLY_LOAD_BALANCER)
    if balanced and allocate is None:
        yield required("allocateLoadBalancerNodePorts")


def _load_balancer_class(spec: Obj) -> Check:
    found, path = spec.get("loadBalancerClass"), "spec.loadBalancerClass"
    if found is None:
        return
    if spec.get("type") == "LoadBalancer":
        yield from fields.qualified_name(found, path)
    else:
        yield forbidden_field(path, _ONLY_LOAD_BALANCER)


def _needs_health_check(spec: Obj) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _external_traffic(spec: Obj) -> Check:
    kind, policy, path = spec.get("type"), spec.get("externalTrafficPolicy", ""), "spec.externalTrafficPolicy"
    if kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and spec.get("externalIPs")):
        yield from fields.one_of_or_needed(policy, path, _POLICIES)
    elif policy:
        yield invalid_value(path, policy, "may only be set for externally-accessible services")
    port, path = spec.get("healthCheckNodePort", 0), "spec.healthCheckNodePort"
    if not _needs_health_check(spec):
        if port:
            message = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
            yield invalid_value(path, port, message)
    elif not port:
        yield required(path)
    else:
        yield from fields.port_number(port, path)


def _internal_traffic(spec: Obj) -> Check:
    policy, path = spec.get("internalTrafficPolicy"), "spec.internalTrafficPolicy"
    if policy is not None:
        yield from fields.one_of(policy, path, _POLICIES)
    elif spec.get("type") in ("NodePort", "LoadBalancer", "ClusterIP"):
        yield required(path)
    if spec.get("trafficDistribution") is not None:
        yield from fields.one_of(spec["trafficDistribution"], "spec.trafficDistribution", _DISTRIBUTIONS)


# Updates


def _update(new: Obj, old: Obj) -> Check:
    spec, before = new["spec"], old["spec"]
    if "ExternalName" not in (spec.get("type"), before.get("type")):
        yield from _changed_addresses(spec, before)
        yield from _changed_families(spec, before)
    if spec.get("type") == before.get("type") == "LoadBalancer":
        found = spec.get("loadBalancerClass")
        if found != before.get("loadBalancerClass"):
            yield invalid_value("spec.loadBalancerClass", found, _ONCE)
    yield from _load_balancer_class(spec)
    moved = spec.get("healthCheckNodePort") != before.get("healthCheckNodePort")
    if moved and _needs_health_check(spec) and _needs_health_check(before):
        yield forbidden_field("spec.healthCheckNodePort", metadata.IMMUTABLE)
    yield from _checked(new, old)


def _changed_addresses(spec: Obj, before: Obj) -> Check:
    if _headless(spec) and _headless(before):
        return
    now, then, path = spec.get("clusterIPs") or [], before.get("clusterIPs") or [], "spec.clusterIPs"
    if len(now) == len(then):
        for index, (text, previous) in enumerate(zip(now, then, strict=True)):
            if text != previous:
                yield invalid_value(f"{path}[{index}]", now, _ONCE)
        return
    if not now:
        yield invalid_value(f"{path}[0]", now, "primary clusterIP can not be unset")
    if now and then and now[0] != then[0]:
        yield invalid_value(f"{path}[0]", now, _ONCE)
    if len(now) == 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        message = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        if len(then) > 1:
            yield invalid_value("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), message)


def _changed_families(spec: Obj, before: Obj) -> Check:
    if _headless(spec) or _headless(before):
        return
    now, then, path = spec.get("ipFamilies") or [], before.get("ipFamilies") or [], "spec.ipFamilies[0]"
    if len(now) == len(then):
        for family, previous in zip(now, then, strict=True):
            if family != previous:
                yield invalid_value(path, now, _ONCE)
        return
    released = len(then) > len(now)
    if released and not spec.get("clusterIPs"):
        yield invalid_value(path, now, "primary ipFamily can not be unset")
    if now and then and now[0] != then[0]:
        yield invalid_value(path, spec.get("clusterIPs") or [], _ONCE)
    if released and len(now) == 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        message = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        yield invalid_value("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), message)


def _status(new: Obj, old: Obj) -> Check:
    known = (old.get("status") or {}).get("loadBalancer") or {}
    found = (new.get("status") or {}).get("loadBalancer") or {}
    ingress, path = found.get("ingress") or [], "status.loadBalancer.ingress"
    if ingress and new["spec"].get("type") != "LoadBalancer":
        yield forbidden_field(path, "may only be used when `spec.type` is 'LoadBalancer'")
        return
    texts = [each["ip"] for each in known.get("ingress") or () if each.get("ip")]
    for index, each in enumerate(ingress):
        yield from load_balancer_ingress(each, texts, f"{path}[{index}]", modes=True)


def load_balancer_ingress(found: Obj, known: list[str], path: str, modes: bool = False) -> Check:
    """Where a load balancer is reached: of a Service, or (without modes) of an Ingress."""
    text, mode, host = found.get("ip", ""), found.get("ipMode"), found.get("hostname", "")
    if text:
        yield from addresses.legacy_ip(text, f"{path}.ip", known)
    if modes and mode is None and text:
        yield required(f"{path}.ipMode", "must be specified when `ip` is set")
    elif modes and mode is not None and not text:
        yield forbidden_field(f"{path}.ipMode", "may not be specified when `ip` is not set")
    elif modes and mode is not None and mode not in ("Proxy", "VIP"):
        yield unsupported(f"{path}.ipMode", mode, ("Proxy", "VIP"))
    if host:
        yield from fields.subdomain(host, f"{path}.hostname")
        if addresses.parse(host) is not None:
            yield invalid_value(f"{path}.hostname", host, "must be a DNS name, not an IP address")


# Endpoints


def _endpoints(found: Obj) -> Check:
    for index, subset in enumerate(found.get("subsets") or ()):
        yield from _subset(subset, f"subsets[{index}]")


def _subset(subset: Obj, path: str) -> Check:
    if not subset.get("addresses") and not subset.get("notReadyAddresses"):
        yield required(path, "must specify `addresses` or `notReadyAddresses`")
    for key in ("addresses", "notReadyAddresses"):
        yield from fields.each(subset.get(key), f"{path}.{key}", _endpoint_address)
    ports = subset.get("ports") or []
    for index, port in enumerate(ports):
        at = f"{path}.ports[{index}]"
        if port.get("name"):
            yield from fields.label(port["name"], f"{at}.name")
        elif len(ports) > 1:
            yield required(f"{at}.name")
        yield from fields.port_number(port.get("port", 0), f"{at}.port")
        yield from fields.one_of_or_needed(port.get("protocol"), f"{at}.protocol", _PROTOCOLS)
        if port.get("appProtocol") is not None:
            yield from fields.qualified_name(port["appProtocol"], f"{at}.appProtocol")


def _endpoint_address(found: Obj, path: str) -> Check:
    yield from addresses.legacy_ip(found.get("ip", ""), f"{path}.ip")
    if found.get("hostname"):
        yield from fields.label(found["hostname"], f"{path}.hostname")
    if found.get("nodeName") is not None:
        yield from fields.subdomain(found["nodeName"], f"{path}.nodeName")
    yield from addresses.endpoint(found.get("ip", ""), f"{path}.ip")


def _endpoints_update(new: Obj, old: Obj) -> Check:
    if not same(new.get("subsets") or [], old.get("subsets") or []):
        yield from _endpoints(new)


RULES = {
    "v1/Service": Rules(name=metadata.label, body=_service, change=_update, subresources={"status": _status}),
    "v1/Endpoints": Rules(body=_endpoints, change=_endpoints_update, recheck=True),
}
