"""Node."""

import re
from itertools import pairwise

from wherry.api import Obj
from wherry.api.errors import duplicate, forbidden_field, invalid_value, required
from wherry.api.validation import addresses, fields, internal, metadata, resources, scheduling
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules
from wherry.lib import names

_FEATURE = re.compile(r"[A-Z][a-zA-Z0-9]*(/[a-zA-Z][a-zA-Z0-9]*)*")
_FEATURE_FORM = (
    "must start with an UpperCamelCase segment, with subsequent segments separated by '/' "
    "(e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes"
)


def _node(obj: Obj) -> Check:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    yield from scheduling.taints(spec.get("taints"), "metadata.taints")
    yield from _resources(status)
    swap = ((status.get("nodeInfo") or {}).get("swap") or {}).get("capacity")
    if swap is not None:
        yield from fields.positive(swap, "metadata.nodeSwapStatus.capacity")
    yield from _features(status.get("declaredFeatures") or [])
    ranges = spec.get("podCIDRs") or []
    yield from fields.each(ranges, "spec.podCIDRs", addresses.legacy_range)
    if len(ranges) > 1:
        hosts = [text.partition("/")[0] for text in ranges]
        if len(ranges) > 2 or not addresses.dual_stack(hosts):
            yield invalid_value("spec.podCIDRs", ranges, "may specify no more than one CIDR for each IP family")


def _resources(status: Obj) -> Check:
    for key in ("capacity", "allocatable"):
        for name, value in sorted((status.get(key) or {}).items()):
            yield from resources.amount(name, value, f"status.{key}.{name}")


def _features(found: list[str]) -> Check:
    path = "status.declaredFeatures"
    for index, feature in enumerate(found):
        if len(feature) > 253:
            message = f'invalid feature name "{feature}": {names.too_long(253)}'
            yield invalid_value(f"{path}[{index}]", feature, message)
        elif not _FEATURE.fullmatch(feature):
            message = f'invalid feature name "{feature}": {_FEATURE_FORM}'
            yield invalid_value(f"{path}[{index}]", feature, message)
    for index, (feature, following) in enumerate(pairwise(found)):
        if feature == following:
            yield duplicate(f"{path}[{index + 1}]", following)
        elif feature > following:
            yield invalid_value(f"{path}[{index + 1}]", following, "list must be sorted alphabetically")


def _update(new: Obj, old: Obj) -> Check:
    spec, before, status = new.get("spec") or {}, old.get("spec") or {}, new.get("status") or {}
    yield from _resources(status)
    yield from _features(status.get("declaredFeatures") or [])
    seen: set[tuple[str, str]] = set()
    for index, each in enumerate(status.get("addresses") or ()):
        address = (each.get("type", ""), each.get("address", ""))
        if address in seen:
            yield duplicate(f"status.addresses[{index}]", internal.shown("core.NodeAddress", each))
        seen.add(address)
    yield from _fixed(spec, before)
    if spec.get("configSource") is not None:
        yield from _config_source(spec["configSource"], "spec.configSource", in_spec=True)
    for key in ("assigned", "active", "lastKnownGood"):
        source = (status.get("config") or {}).get(key)
        if source is not None:
            yield from _config_source(source, f"status.config.{key}", in_spec=False)
    yield from scheduling.taints(spec.get("taints"), "metadata.taints")
    if spec.get("externalID", "") != before.get("externalID", ""):
        yield forbidden_field("spec.externalID", "may not be updated")


def _fixed(spec: Obj, before: Obj) -> Check:
    now, then = spec.get("podCIDRs") or [], before.get("podCIDRs") or []
    message = 'node updates may not change {} except from "" to valid'
    if then and len(now) != len(then):
        yield forbidden_field("spec.podCIDRs", message.format("podCIDR"))
    elif then:
        for text, previous in zip(now, then, strict=True):
            if text != previous:
                yield forbidden_field("spec.podCIDRs", message.format("podCIDR"))
    if before.get("providerID") and before["providerID"] != spec.get("providerID"):
        yield forbidden_field("spec.providerID", message.format("providerID"))


def _config_source(source: Obj, path: str, in_spec: bool) -> Check:
    found, at = source.get("configMap"), f"{path}.configMap"
    if found is None:
        shown = internal.shown("core.NodeConfigSource", source)
        yield invalid_value(path, shown, "exactly one reference subfield must be non-nil")
        return
    for key in ("uid", "resourceVersion"):
        if in_spec and found.get(key):
            yield forbidden_field(f"{at}.{key}", f"{key} must not be set in spec")
        elif not in_spec and not found.get(key):
            yield required(f"{at}.{key}")
    rules = {
        "namespace": names.dns_label_errors,
        "name": names.dns_subdomain_errors,
        "kubeletConfigKey": fields.config_key_errors,
    }
    for key, rule in rules.items():
        if not found.get(key):
            yield required(f"{at}.{key}")
        else:
            yield from fields.said(f"{at}.{key}", found[key], rule(found[key]))


def _whole_update(new: Obj, old: Obj) -> Check:
    yield from _node(new)
    yield from metadata.check_update(new, old)
    yield from metadata.kube_finalizers(new["metadata"])
    yield from _update(new, old)


RULES = {"v1/Node": Rules(body=_node, change=_whole_update, subresources={"status": _update}, only_whole=True)}
