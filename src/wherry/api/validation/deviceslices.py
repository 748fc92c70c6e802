"""ResourceSlice: the devices that a driver has."""

import re
from functools import partial
from typing import Any

from wherry.api import Obj, podresources
from wherry.api.errors import (
    forbidden_field,
    invalid_value,
    not_found_field,
    required,
)
from wherry.api.validation import devicerules, fields, internal, metadata, resources, scheduling
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules
from wherry.lib import quantity

_MOST_DEVICES, _MOST_DEVICES_WITH_MORE = 128, 64
_MOST_COUNTER_SETS = 8
_MOST_COUNTERS = 32
_MOST_CONSUMED = 2
_MOST_NAMED, _MOST_VALUES = 32, 48
_MOST_TAINTS = 16
_MOST_OPTIONS = 10
_LONGEST_VALUE = 64
_WHERE = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
_LISTS = ("bools", "ints", "strings", "versions")


def _slice(obj: Obj) -> Check:
    yield from _spec(obj["spec"], None)


def _update(new: Obj, old: Obj) -> Check:
    yield from _spec(new["spec"], old["spec"])


def _named(found: Obj) -> str:
    return str(found.get("name", ""))


def _spec(spec: Obj, before: Obj | None) -> Check:
    yield from devicerules.driver(spec.get("driver", ""), "spec.driver")
    yield from _pool(spec.get("pool") or {}, "spec.pool")
    if before is not None:
        now, then = ((each.get("pool") or {}).get("name", "") for each in (spec, before))
        yield from metadata.immutable(now, then, "spec.pool.name")
        for key in ("driver", "nodeName"):
            yield from metadata.immutable(spec.get(key), before.get(key), f"spec.{key}")
    yield from _nodes(spec, "spec")
    if spec.get("sharedCounters") is not None and spec.get("devices") is not None:
        yield invalid_value("spec", "", "only one of `sharedCounters` or `devices` is allowed")
    devices = spec.get("devices") or []
    most = _MOST_DEVICES_WITH_MORE if any(map(_uses_more, devices)) else _MOST_DEVICES
    known = {_named(each): each.get("taints") for each in (before or {}).get("devices") or ()}
    check = partial(_device, known=known, placed=bool(spec.get("perDeviceNodeSelection")))
    yield from devicerules.distinct(devices, most, check, _named, "spec.devices")
    sets = spec.get("sharedCounters")
    yield from devicerules.distinct(sets, _MOST_COUNTER_SETS, _counter_set, _named, "spec.sharedCounters")


def _uses_more(device: Obj) -> bool:
    attributes = (device.get("attributes") or {}).values()
    lists = any(attribute.get(key) is not None for attribute in attributes for key in _LISTS)
    return bool(device.get("taints") or device.get("consumesCounters") or lists)


def _pool(pool: Obj, path: str) -> Check:
    yield from devicerules.pool(pool.get("name", ""), f"{path}.name")
    yield from fields.positive(pool.get("resourceSliceCount"), f"{path}.resourceSliceCount")
    if pool.get("generation", 0) < 0:
        yield invalid_value(f"{path}.generation", pool["generation"], "must be greater than or equal to zero")


def _nodes(spec: Obj, path: str) -> Check:
    """Which nodes the devices can be used from: said in exactly one way."""
    name, selector = spec.get("nodeName"), spec.get("nodeSelector")
    if name:
        yield from fields.subdomain(name, f"{path}.nodeName")
    elif name is not None:
        yield invalid_value(f"{path}.nodeName", name, "must be either unset or set to a non-empty string")
    if selector is not None:
        yield from scheduling.node_selector(selector, f"{path}.nodeSelector")
        terms = selector.get("nodeSelectorTerms")
        if len(terms or ()) != 1:
            shown = terms and [internal.shown("core.NodeSelectorTerm", each) for each in terms]
            message = "must have exactly one node selector term"
            yield invalid_value(f"{path}.nodeSelector.nodeSelectorTerms", shown, message)
    for key in ("allNodes", "perDeviceNodeSelection"):
        if spec.get(key) is False:
            yield invalid_value(f"{path}.{key}", False, "must be either unset or set to true")
    ways = [f"`{key}`" for key in _WHERE if spec.get(key) or (key == "nodeSelector" and selector is not None)]
    message = f"exactly one of {', '.join(f'`{key}`' for key in _WHERE)} is required"
    if not ways:
        yield required(path, message)
    elif len(ways) > 1:
        yield invalid_value(path, f"{{{', '.join(ways)}}}", f"{message}, but multiple fields are set")


def _counter_set(found: Obj, path: str) -> Check:
    yield from _counted(found, "name", path)


def _consumption(found: Obj, path: str) -> Check:
    yield from _counted(found, "counterSet", path)


def _counted(found: Obj, name: str, path: str) -> Check:
    """Counters of a set that `name` holds the name of."""
    if not found.get(name):
        yield required(f"{path}.{name}")
    else:
        yield from devicerules.label(found[name], f"{path}.{name}")
    if not found.get("counters"):
        yield required(f"{path}.counters")
    else:
        counters, at = found["counters"], f"{path}.counters"
        yield from devicerules.mapped(counters, _MOST_COUNTERS, devicerules.label, _anything, at)


def _anything(found: Any, path: str) -> Check:
    return iter(())


# Devices


def _device(device: Obj, path: str, known: dict[str, Any], placed: bool) -> Check:
    yield from devicerules.label(device.get("name", ""), f"{path}.name")
    attributes, capacity = device.get("attributes") or {}, device.get("capacity") or {}
    named, values = len(attributes) + len(capacity), sum(map(_values, attributes.values()))
    if named > _MOST_NAMED:
        message = f"the total number of attributes and capacities must not exceed {_MOST_NAMED}"
        yield invalid_value(path, named, message)
    if values > _MOST_VALUES:
        message = f"the total number of attribute values must not exceed {_MOST_VALUES}"
        yield invalid_value(path, values, message)
    yield from devicerules.mapped(attributes, -1, devicerules.qualified, _attribute, f"{path}.attributes")
    shared = _shared_capacity if device.get("allowMultipleAllocations") else _whole_capacity
    yield from devicerules.mapped(capacity, -1, devicerules.qualified, shared, f"{path}.capacity")
    if _named(device) not in known or known[_named(device)] != device.get("taints"):
        yield from devicerules.sliced(device.get("taints"), _MOST_TAINTS, devicerules.taint, f"{path}.taints")
    consumed, at = device.get("consumesCounters"), f"{path}.consumesCounters"
    yield from devicerules.distinct(
        consumed, _MOST_CONSUMED, _consumption, lambda each: each.get("counterSet", ""), at
    )
    yield from _place(device, path, placed)
    yield from devicerules.binding(device, path)
    yield from _mappings(device.get("nodeAllocatableResourceMappings") or {}, capacity, path)


def _values(attribute: Obj) -> int:
    return sum(len(attribute.get(key) or ()) for key in _LISTS) or 1


_PLACE = ("nodeName", "nodeSelector", "allNodes")
_PLACES = (
    "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to "
    "true in the ResourceSlice spec"
)
_NO_PLACE = (
    "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the "
    "ResourceSlice spec"
)


def _place(device: Obj, path: str, placed: bool) -> Check:
    """Where one device can be used from, if each says so itself."""
    if not placed:
        if any(device.get(key) is not None for key in _PLACE):
            yield invalid_value(path, None, _NO_PLACE)
        return
    name, selector = device.get("nodeName"), device.get("nodeSelector")
    if name:
        yield from fields.subdomain(name, f"{path}.nodeName")
    elif name is not None:
        yield invalid_value(f"{path}.nodeName", name, "must not be empty")
    if selector is not None:
        yield from scheduling.node_selector(selector, f"{path}.nodeSelector")
    if device.get("allNodes") is False:
        yield invalid_value(f"{path}.allNodes", False, "must be either unset or set to true")
    ways = [f"`{key}`" for key in _PLACE if device.get(key) or (key == "nodeSelector" and selector is not None)]
    if not ways:
        yield required(path, _PLACES)
    elif len(ways) > 1:
        yield invalid_value(path, f"{{{', '.join(ways)}}}", _PLACES)


_NUMBER = r"(0|[1-9]\d*)"
_PRE_RELEASE = r"(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_BUILD = "[0-9a-zA-Z-]+"
_SEMVER = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_PRE_RELEASE}(\.{_PRE_RELEASE})*)?(\+{_BUILD}(\.{_BUILD})*)?"
)


def _text(value: str, path: str) -> Check:
    yield from fields.at_most(value, _LONGEST_VALUE, path)


def _version(value: str, path: str) -> Check:
    if not _SEMVER.fullmatch(value):
        yield invalid_value(path, value, "must be a string compatible with semver.org spec 2.0.0")
    yield from _text(value, path)


_SINGLE = {"bool": _anything, "int": _anything, "string": _text, "version": _version}


def _attribute(found: Obj, path: str) -> Check:
    """One value of one type, or one list."""
    for key, check in _SINGLE.items():
        if found.get(key) is not None:
            yield from check(found[key], f"{path}.{key}")
    for key, check in _SINGLE.items():
        values, at = found.get(f"{key}s"), f"{path}.{key}s"
        if values is not None:
            if not values:
                yield invalid_value(at, values, "must not be empty if specified")
            yield from fields.each(values, at, check)
    given = [key for key in (*_SINGLE, *_LISTS) if found.get(key) is not None]
    if len(given) != 1:
        shown = internal.shown("resource.DeviceAttribute", found) if given else ""
        yield invalid_value(path, shown, "exactly one value must be specified")


# Capacity


def _whole_capacity(found: Obj, path: str) -> Check:
    if found.get("requestPolicy") is not None:
        yield forbidden_field(f"{path}.requestPolicy", "allowMultipleAllocations must be true")


def _shared_capacity(found: Obj, path: str) -> Check:
    policy, at = found.get("requestPolicy"), f"{path}.requestPolicy"
    if policy is None:
        return
    values, between, default = policy.get("validValues"), policy.get("validRange"), policy.get("default")
    if values and between is not None:
        message = (
            'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time'
        )
        yield forbidden_field(at, message)
        return
    key = "validValues" if values else "validRange" if between is not None else ""
    if key and default is None:
        yield required(f"{at}.default", f"required when {key} is defined")
    elif values:
        yield from _options(values, default, found.get("value", "0"), f"{at}.validValues")
    elif between is not None:
        yield from _range(between, default, found.get("value", "0"), f"{at}.validRange")


def _options(values: list[str], default: str, capacity: str, path: str) -> Check:
    amounts = [fields.amount(value) for value in values]
    for index, amount in enumerate(amounts[1:], 1):
        if amounts[index - 1] > amount:
            message = "values must be sorted in ascending order"
            yield invalid_value(f"{path}[{index}]", values[index], message)

    def fits(value: str, at: str) -> Check:
        if fields.amount(value) > fields.amount(capacity):
            yield invalid_value(at, value, f"option is larger than capacity value: {capacity}")

    yield from devicerules.distinct(values, _MOST_OPTIONS, fits, lambda each: str(quantity.value(each)), path)
    if len(values) > _MOST_OPTIONS or fields.amount(default) not in amounts:
        yield invalid_value(path, default, "default value is not valid according to the requestPolicy")


def _range(found: Obj, default: str, capacity: str, path: str) -> Check:
    least, most, step = found.get("min"), found.get("max"), found.get("step")
    if least is None:
        yield required(f"{path}.min", "required when validRange is defined")
        return
    pairs = [
        # smaller, larger, what is told of, its field, the words
        (least, capacity, least, "min", f"min is larger than capacity value: {capacity}"),
        (least, default, default, "min", f"default is less than min: {least}"),
    ]
    if most is not None:
        pairs += [
            (least, most, least, "max", f"min is larger than max: {most}"),
            (most, capacity, most, "max", f"max is larger than capacity value: {capacity}"),
            (default, most, default, "max", f"default is more than max: {most}"),
        ]
    for smaller, larger, shown, key, message in pairs:
        if fields.amount(smaller) > fields.amount(larger):
            yield invalid_value(f"{path}.{key}", shown, message)
    if step is not None:
        yield from _step(found, default, capacity, f"{path}.step")


def _step(found: Obj, default: str, capacity: str, path: str) -> Check:
    least, step = found["min"], found["step"]
    first = fields.amount(least) + fields.amount(step)
    if first > fields.amount(capacity):
        shown = podresources.shown(first, least)
        yield invalid_value(path, step, f"one step {shown} is larger than capacity value: {capacity}")
    size = quantity.value(step)
    for value in (default, found.get("max")):
        if value is not None and (not size or (quantity.value(value) - quantity.value(least)) % size):
            message = f"value is not a multiple of a given step ({step}) from ({least})"
            yield invalid_value(path, value, message)


def _mappings(found: Obj, capacity: Obj, path: str) -> Check:
    """Which of a node's own resources a device takes."""
    for name, mapping in sorted(found.items()):
        at = f"{path}.nodeAllocatableResourceMappings[{name}]"
        multiplier, key = mapping.get("allocationMultiplier"), mapping.get("capacityKey")
        if not resources.is_native(name):
            yield invalid_value(at, name, "must be a node allocatable resource name")
        if multiplier is None and key is None:
            yield invalid_value(at, "", "at least one of allocationMultiplier or capacityKey must be set")
        if multiplier is not None and fields.amount(multiplier) <= 0:
            yield invalid_value(f"{at}.allocationMultiplier", multiplier, "must be positive")
        if key == "":
            yield invalid_value(f"{at}.capacityKey", "", "capacityKey must not be an empty string")
        elif key is not None and key not in capacity:
            yield not_found_field(f"{at}.capacityKey", key)


RULES = {"resource.k8s.io/v1/ResourceSlice": Rules(body=_slice, change=_update)}
