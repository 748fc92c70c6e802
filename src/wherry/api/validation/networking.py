"""Ingress, IngressClass, NetworkPolicy, IPAddress, ServiceCIDR."""

from collections.abc import Iterator
from dataclasses import dataclass

from wherry.api import Obj, meta
from wherry.api.errors import forbidden_field, invalid_value, required, too_long, unsupported
from wherry.api.validation import addresses, fields, internal, metadata, services
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules
from wherry.lib import names

# Ingress

_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_NOT_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F")
_NOT_AT_THE_END = ("/..", "/.")


@dataclass(frozen=True, slots=True)
class _Kept:
    """What an Ingress may keep from the time before there was a rule."""

    secret_names: bool = False
    wildcard_rules: bool = False


def _ingress(obj: Obj) -> Check:
    yield from _ingress_spec(obj["spec"], _Kept())
    annotated, named = meta.annotations(obj).get(_CLASS_ANNOTATION), obj["spec"].get("ingressClassName")
    if annotated is not None and named is not None and annotated != named:
        message = "must match `ingressClassName` when both are specified"
        yield invalid_value(f"annotations.{_CLASS_ANNOTATION}", annotated, message)


def _ingress_update(new: Obj, old: Obj) -> Check:
    yield from metadata.check(new, True)
    yield from metadata.kube_finalizers(new["metadata"])
    before = old["spec"]
    secrets = (each.get("secretName", "") for each in before.get("tls") or ())
    kept = _Kept(
        secret_names=any(name and names.dns_subdomain_errors(name) for name in secrets),
        wildcard_rules=any(
            "*" in rule.get("host", "") and any(_http(rule.get("http"), ""))
            for rule in before.get("rules") or ()
        ),
    )  # fmt: skip
    yield from _ingress_spec(new["spec"], kept)


def _ingress_spec(spec: Obj, kept: _Kept) -> Check:
    rules, backend = spec.get("rules") or [], spec.get("defaultBackend")
    if not rules and backend is None:
        yield invalid_value("spec", spec.get("rules"), "either `defaultBackend` or `rules` must be specified")
    if backend is not None:
        yield from _backend(backend, "spec.defaultBackend")
    for index, rule in enumerate(rules):
        yield from _ingress_rule(rule, f"spec.rules[{index}]", kept)
    for index, tls in enumerate(spec.get("tls") or ()):
        path, secret = f"spec.tls[{index}]", tls.get("secretName")
        yield from fields.each(tls.get("hosts"), f"{path}.hosts", fields.host)
        if secret and not kept.secret_names:
            yield from fields.subdomain(secret, f"{path}.secretName")
    if spec.get("ingressClassName") is not None:
        yield from fields.subdomain(spec["ingressClassName"], "spec.ingressClassName")


def _ingress_rule(rule: Obj, path: str, kept: _Kept) -> Check:
    host = rule.get("host", "")
    if host:
        if addresses.parse(host) is not None:
            yield invalid_value(f"{path}.host", host, "must be a DNS name, not an IP address")
        yield from fields.host(host, f"{path}.host")
    if "*" not in host or not kept.wildcard_rules:
        yield from _http(rule.get("http"), f"{path}.http")


def _http(found: Obj | None, path: str) -> Check:
    if found is None:
        return
    if not found.get("paths"):
        yield required(f"{path}.paths")
    yield from fields.each(found.get("paths"), f"{path}.paths", _http_path)


def _http_path(found: Obj, path: str) -> Check:
    kind, text = found.get("pathType"), found.get("path", "")
    if kind is None:
        yield required(f"{path}.pathType", "pathType must be specified")
        return
    if kind not in _PATH_TYPES:
        yield unsupported(f"{path}.pathType", kind, _PATH_TYPES)
    elif not text.startswith("/") and (text or kind != "ImplementationSpecific"):
        yield invalid_value(f"{path}.path", text, "must be an absolute path")
    if kind in ("Exact", "Prefix"):
        for part in _NOT_IN_PATHS:
            if part in text:
                yield invalid_value(f"{path}.path", text, f"must not contain '{part}'")
        for part in _NOT_AT_THE_END:
            if text.endswith(part):
                yield invalid_value(f"{path}.path", text, f"cannot end with '{part}'")
    yield from _backend(found.get("backend") or {}, f"{path}.backend")


def _backend(backend: Obj, path: str) -> Check:
    resource, service = backend.get("resource"), backend.get("service")
    if resource is not None and service is not None:
        yield invalid_value(path, "", "cannot set both resource and service backends")
    elif resource is not None:
        yield from _reference(resource, f"{path}.resource")
    elif service is not None:
        yield from _service_backend(service, path)
    else:
        yield invalid_value(path, "", "resource or service backend is required")


def _service_backend(service: Obj, path: str) -> Check:
    if not service.get("name"):
        yield required(f"{path}.service.name")
    else:
        yield from fields.label(service["name"], f"{path}.service.name")
    port = service.get("port") or {}
    name, number = port.get("name"), port.get("number")
    if name and number:
        yield invalid_value(path, "", "cannot set both port name & port number")
    elif name:
        yield from fields.said(f"{path}.service.port.name", name, fields.port_name_errors(name))
    elif number:
        yield from fields.port_number(number, f"{path}.service.port.number")
    else:
        yield required(path, "port name or number is required")


def _reference(found: Obj, path: str) -> Check:
    if found.get("apiGroup") is not None:
        yield from fields.subdomain(found["apiGroup"], f"{path}.apiGroup")
    yield from fields.path_segment_or_needed(found.get("kind"), f"{path}.kind")
    yield from fields.path_segment_or_needed(found.get("name"), f"{path}.name")


def _ingress_status(new: Obj, old: Obj) -> Check:
    known = ((old.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    found = ((new.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    texts = [each["ip"] for each in known if each.get("ip")]
    for index, each in enumerate(found):
        yield from services.load_balancer_ingress(each, texts, f"status.loadBalancer.ingress[{index}]")


# IngressClass


def _ingress_class(obj: Obj) -> Check:
    controller = (obj.get("spec") or {}).get("controller", "")
    if len(controller.encode()) > 250:
        yield too_long("spec.controller", 250)
    yield from fields.domain_path(controller, "spec.controller")
    parameters = (obj.get("spec") or {}).get("parameters")
    if parameters is not None:
        yield from _reference(parameters, "spec.parameters")
        yield from _scope(parameters, "spec.parameters")


def _scope(parameters: Obj, path: str) -> Check:
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    if scope is None:
        yield required(f"{path}.scope")
        return
    yield from fields.one_of(scope, f"{path}.scope", ("Cluster", "Namespace"))
    if scope == "Namespace" and namespace is None:
        yield required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'")
    elif namespace is not None and scope == "Namespace":
        yield from fields.label(namespace, f"{path}.namespace")
    elif scope == "Cluster" and namespace is not None:
        yield forbidden_field(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'")


def _ingress_class_update(new: Obj, old: Obj) -> Check:
    now, before = ((obj.get("spec") or {}).get("controller", "") for obj in (new, old))
    yield from metadata.immutable(now, before, "spec.controller")
    yield from metadata.check(new, False)
    yield from metadata.kube_finalizers(new["metadata"])
    yield from _ingress_class(new)


# NetworkPolicy

_PROTOCOLS = ("TCP", "UDP", "SCTP")
_DIRECTIONS = (("ingress", "from"), ("egress", "to"))


def _network_policy(obj: Obj) -> Check:
    yield from _policy_spec(obj.get("spec") or {})


def _network_policy_update(new: Obj, old: Obj) -> Check:
    before = old.get("spec") or {}
    known = [text for block in _blocks(before) for text in (block.get("cidr", ""), *(block.get("except") or ()))]
    was_valid = not metadata.label_selector(before.get("podSelector"), "")
    yield from _policy_spec(new.get("spec") or {}, known, was_valid)


def _blocks(spec: Obj) -> Iterator[Obj]:
    for direction, side in _DIRECTIONS:
        for rule in spec.get(direction) or ():
            yield from (peer["ipBlock"] for peer in rule.get(side) or () if peer.get("ipBlock") is not None)


def _policy_spec(spec: Obj, known: list[str] | None = None, check_values: bool = True) -> Check:
    yield from metadata.label_selector(spec.get("podSelector"), "spec.podSelector", check_values)
    for direction, side in _DIRECTIONS:
        for index, rule in enumerate(spec.get(direction) or ()):
            path = f"spec.{direction}[{index}]"
            yield from fields.each(rule.get("ports"), f"{path}.ports", _port)
            for at, peer in enumerate(rule.get(side) or ()):
                yield from _peer(peer, f"{path}.{side}[{at}]", known or [], check_values)
    types = spec.get("policyTypes") or []
    if len(types) > 2:
        yield invalid_value("spec.policyTypes", types, "may not specify more than two policyTypes")
        return
    for index, kind in enumerate(types):
        yield from fields.one_of(kind, f"spec.policyTypes[{index}]", ("Ingress", "Egress"))


def _port(found: Obj, path: str) -> Check:
    port, end, protocol = found.get("port"), found.get("endPort"), found.get("protocol")
    if protocol is not None:
        yield from fields.one_of(protocol, f"{path}.protocol", _PROTOCOLS)
    if isinstance(port, int):
        yield from fields.port_number(port, f"{path}.port")
        if end is None:
            return
        if end < port:
            yield invalid_value(f"{path}.endPort", port, "must be greater than or equal to `port`")
        yield from fields.port_number(end, f"{path}.endPort")
        return
    if end is not None:
        why = "when `port` is not specified" if port is None else "when `port` is non-numeric"
        yield invalid_value(f"{path}.endPort", end, f"may not be specified {why}")
    if port is not None:
        yield from fields.said(f"{path}.port", port, fields.port_name_errors(port))


def _peer(peer: Obj, path: str, known: list[str], check_values: bool) -> Check:
    for key in ("podSelector", "namespaceSelector"):
        yield from metadata.label_selector(peer.get(key), f"{path}.{key}", check_values)
    block = peer.get("ipBlock")
    if block is not None:
        yield from _block(block, f"{path}.ipBlock", known)
    given = sum(peer.get(key) is not None for key in ("podSelector", "namespaceSelector", "ipBlock"))
    if not given:
        yield required(path, "must specify a peer")
    elif given > 1 and block is not None:
        yield forbidden_field(path, "may not specify both ipBlock and another peer")


def _block(block: Obj, path: str, known: list[str]) -> Check:
    text = block.get("cidr", "")
    if not text:
        yield required(f"{path}.cidr")
        return
    yield from addresses.legacy_range(text, f"{path}.cidr", known)
    whole = addresses.parse_range(text)
    if whole is None:
        return
    for index, part in enumerate(block.get("except") or ()):
        at = f"{path}.except[{index}]"
        yield from addresses.legacy_range(part, at, known)
        found = addresses.parse_range(part)
        if found is not None and not addresses.within(found[1], whole[1]):
            yield invalid_value(at, part, "must be a strict subset of `cidr`")


# IPAddress, ServiceCIDR


def _address_name(name: str) -> list[str]:
    return [error.detail for error in addresses.strict_ip(name, "")]


def _ip_address(obj: Obj) -> Check:
    parent, path = (obj.get("spec") or {}).get("parentRef"), "spec.parentRef"
    if parent is None:
        yield required(path)
        return
    if parent.get("group"):
        yield from fields.subdomain(parent["group"], f"{path}.group")
    yield from fields.path_segment_or_needed(parent.get("resource"), f"{path}.resource")
    yield from fields.path_segment_or_needed(parent.get("name"), f"{path}.name")
    if parent.get("namespace"):
        yield from fields.path_segment(parent["namespace"], f"{path}.namespace")


def _ip_address_update(new: Obj, old: Obj) -> Check:
    yield from _ip_address(new)
    now, before = ((obj.get("spec") or {}).get("parentRef") for obj in (new, old))
    yield from internal.immutable("networking.ParentReference", now, before, "spec.parentRef")


def _service_cidr(obj: Obj) -> Check:
    spec, path = obj.get("spec") or {}, "spec.cidrs"
    ranges = spec.get("cidrs") or []
    if not ranges:
        yield required(path, "at least one CIDR required")
        return
    if len(ranges) > 2:
        yield invalid_value(path, {"CIDRs": ranges}, "may only hold up to 2 values")
        return
    yield from fields.each(ranges, path, addresses.strict_range)
    found = [addresses.parse_range(text) for text in ranges]
    families = [each[1].version for each in found if each]
    if len(families) == 2 and len(set(families)) == 1:
        message = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
        yield invalid_value(path, ranges, message)


def _service_cidr_update(new: Obj, old: Obj) -> Check:
    now, before = ((obj.get("spec") or {}).get("cidrs") or [] for obj in (new, old))
    grown = len(before) == 1 and len(now) == 2
    if len(now) != len(before) and not grown:
        yield invalid_value("spec.cidrs", now or None, metadata.IMMUTABLE)
        return
    for index, (text, previous) in enumerate(zip(now, before, strict=False)):
        if text != previous:
            yield invalid_value(f"spec.cidrs[{index}]", text, metadata.IMMUTABLE)
    if grown:
        yield from _service_cidr(new)


RULES = {
    "networking.k8s.io/v1/Ingress": Rules(
        body=_ingress, change=_ingress_update, subresources={"status": _ingress_status}
    ),
    "networking.k8s.io/v1/IngressClass": Rules(body=_ingress_class, change=_ingress_class_update),
    "networking.k8s.io/v1/NetworkPolicy": Rules(body=_network_policy, change=_network_policy_update),
    "networking.k8s.io/v1/IPAddress": Rules(_address_name, _ip_address, _ip_address_update, recheck=True),
    "networking.k8s.io/v1/ServiceCIDR": Rules(body=_service_cidr, change=_service_cidr_update),
}
