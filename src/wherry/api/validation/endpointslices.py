"""EndpointSlice."""

from wherry.api import Obj
from wherry.api.errors import duplicate, invalid_value, required, too_many
from wherry.api.patch.values import same
from wherry.api.validation import addresses, fields, metadata
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules
from wherry.lib import names

_MOST_ENDPOINTS, _MOST_ADDRESSES, _MOST_PORTS, _MOST_HINTS, _MOST_LABELS = 1000, 100, 20000, 8, 16


def _slice(obj: Obj) -> Check:
    yield from _types_and_ports(obj)
    yield from _endpoints(obj)


def _types_and_ports(obj: Obj) -> Check:
    yield from fields.one_of_or_needed(obj.get("addressType"), "addressType", ("FQDN", "IPv4", "IPv6"))
    ports = obj.get("ports") or []
    if len(ports) > _MOST_PORTS:
        yield too_many("ports", len(ports), _MOST_PORTS)
        return
    seen: set[str] = set()
    for index, port in enumerate(ports):
        name, path = port.get("name") or "", f"ports[{index}]"
        if name:
            yield from fields.label(name, f"{path}.name")
        if name in seen:
            yield duplicate(f"{path}.name", name)
        seen.add(name)
        if port.get("protocol") is None:
            yield required(f"{path}.protocol")
        else:
            yield from fields.one_of(port["protocol"], f"{path}.protocol", ("SCTP", "TCP", "UDP"))
        if port.get("appProtocol") is not None:
            yield from fields.qualified_name(port["appProtocol"], f"{path}.appProtocol")


def _endpoints(obj: Obj) -> Check:
    endpoints = obj.get("endpoints") or []
    if len(endpoints) > _MOST_ENDPOINTS:
        yield too_many("endpoints", len(endpoints), _MOST_ENDPOINTS)
        return
    for index, endpoint in enumerate(endpoints):
        yield from _endpoint(endpoint, obj.get("addressType", ""), f"endpoints[{index}]")


def _endpoint(endpoint: Obj, family: str, path: str) -> Check:
    found, at = endpoint.get("addresses") or [], f"{path}.addresses"
    if not found:
        yield required(at, "must contain at least 1 address")
    elif len(found) > _MOST_ADDRESSES:
        yield too_many(at, len(found), _MOST_ADDRESSES)
    for index, address in enumerate(found):
        yield from _address(address, family, at, f"{at}[{index}]")
    if endpoint.get("nodeName") is not None:
        yield from fields.subdomain(endpoint["nodeName"], f"{path}.nodeName")
    topology = endpoint.get("deprecatedTopology") or {}
    if len(topology) > _MOST_LABELS:
        yield too_many(f"{path}.deprecatedTopology", len(topology), _MOST_LABELS)
    yield from metadata.labels(topology, f"{path}.deprecatedTopology")
    if endpoint.get("hostname") is not None:
        yield from fields.label(endpoint["hostname"], f"{path}.hostname")
    yield from _hints(endpoint.get("hints") or {}, f"{path}.hints")


def _address(text: str, family: str, path: str, at: str) -> Check:
    if family == "FQDN":
        yield from full_domain(text, at)
        return
    if family not in ("IPv4", "IPv6"):
        return
    wrong = list((addresses.legacy_ip if family == "IPv4" else addresses.strict_ip)(text, at))
    yield from wrong
    if wrong:
        return
    if addresses.is_v6(text) != (family == "IPv6"):
        yield invalid_value(path, text, f"must be an {family} address")
    yield from addresses.endpoint(text, at)


def full_domain(name: str, path: str) -> Check:
    """A domain name of at least two labels; a last dot does not count."""
    if not name:
        yield required(path)
        return
    name = name.removesuffix(".")
    wrong = names.dns_subdomain_errors(name)
    if wrong:
        yield invalid_value(path, name, ",".join(wrong))
        return
    if "." not in name:
        yield invalid_value(path, name, "should be a domain with at least two segments separated by dots")
        return
    for label in name.split("."):
        wrong = names.dns_label_errors(label)
        if wrong:
            yield invalid_value(path, label, ",".join(wrong))


def _hints(hints: Obj, path: str) -> Check:
    for key, rule in (("forZones", names.label_value_errors), ("forNodes", names.dns_subdomain_errors)):
        listed = hints.get(key) or []
        if len(listed) > _MOST_HINTS:
            yield too_many(f"{path}.{key}", len(listed), _MOST_HINTS)
            return
        seen: set[str] = set()
        for index, each in enumerate(listed):
            name, at = each.get("name", ""), f"{path}.{key}[{index}].name"
            if name in seen:
                yield duplicate(at, name)
            seen.add(name)
            yield from fields.said(at, name, rule(name))


def _update(new: Obj, old: Obj) -> Check:
    yield from _types_and_ports(new)
    if not same(new.get("endpoints") or [], old.get("endpoints") or []):
        yield from _endpoints(new)
    yield from metadata.immutable(new.get("addressType", ""), old.get("addressType", ""), "addressType")


RULES = {"discovery.k8s.io/v1/EndpointSlice": Rules(body=_slice, change=_update, only_whole=True)}
