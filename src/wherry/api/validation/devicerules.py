"""Rules that the kinds of resource.k8s.io share: names, selectors, configuration, taints, lists with a limit."""

import re
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import orjson

from wherry.api import Obj
from wherry.api.errors import duplicate, invalid_value, required, too_long, too_many
from wherry.api.validation import expressions, fields, metadata, volumes
from wherry.api.validation.fields import Check
from wherry.lib import cel, names

Item = Callable[[Any, str], Check]

MOST_CONDITIONS = 8
_LONGEST_EXPRESSION = 10 * 1024
_LONGEST_PARAMETERS = 10 * 1024
_LONGEST_ID = 32
_MOST_SELECTORS = 32
_EFFECTS = ("NoExecute", "NoSchedule", "None")

driver = volumes.csi_driver_name
label = fields.label

# Lists and maps


def sliced(items: list[Any] | None, most: int, check: Item, path: str) -> Check:
    """A list of at most so many items."""
    if len(items or ()) > most >= 0:
        yield too_many(path, len(items or ()), most)
    else:
        yield from fields.each(items, path, check)


def distinct(items: list[Any] | None, most: int, check: Item, key: Callable[[Any], Hashable], path: str) -> Check:
    """A list of at most so many items with a key each. A key that is a tuple is shown as its mapping."""
    yield from sliced(items, most, check, path)
    if len(items or ()) > most >= 0:
        return
    seen: set[Hashable] = set()
    for index, item in enumerate(items or ()):
        found = key(item)
        if found in seen:
            yield duplicate(f"{path}[{index}]", dict(found) if isinstance(found, tuple) else found)
        seen.add(found)


def mapped(items: Mapping[str, Any] | None, most: int, key: Item, check: Item, path: str) -> Check:
    """A map of at most so many entries, by rules of keys and values."""
    found = items or {}
    if len(found) > most >= 0:
        yield too_many(path, len(found), most)
        return
    for name, item in sorted(found.items()):
        yield from key(name, path)
        yield from check(item, f"{path}[{_shortened(name)}]")


def _shortened(name: str, most: int = 63 + 1 + _LONGEST_ID) -> str:
    if len(name) <= most:
        return name
    left = most - 3
    return f"{name[: (left + 1) // 2]}...{name[-(left // 2) :]}"


# Names


def pool(name: str, path: str) -> Check:
    """A pool's name: one or more subdomains."""
    if not name:
        yield required(path)
        return
    if len(name) > 253:
        yield too_long(path, 253)
    for part in name.split("/"):
        yield from fields.subdomain(part, path)


_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"
_NOT_IDENTIFIER = names.pattern_error(
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric "
    "characters or '_'",
    _IDENTIFIER,
    "my_name",
    "MY_NAME",
    "MyName",
)


def _identifier(text: str, path: str) -> Check:
    if len(text) > _LONGEST_ID:
        yield too_long(path, _LONGEST_ID)
    if not re.fullmatch(_IDENTIFIER, text):
        yield invalid_value(path, text, _NOT_IDENTIFIER)


def qualified(name: str, path: str) -> Check:
    """An attribute's or a capacity's name: an identifier, with a domain or without."""
    parts = name.split("/")
    if len(parts) == 1:
        yield from _identifier(name, path)
    elif len(parts) == 2:
        domain, identifier = parts
        if not domain:
            yield invalid_value(path, "", "the domain must not be empty")
        else:
            yield from driver(domain, path)
        if not identifier:
            yield invalid_value(path, "", "the name must not be empty")
        else:
            yield from _identifier(identifier, path)


def fully_qualified(name: str, path: str) -> Check:
    yield from qualified(name, path)
    if "/" not in name:
        message = "a fully qualified name must be a domain and a name separated by a slash"
        yield invalid_value(path, name, message)


_HEX = "[0-9a-fA-F]"
_UUID = re.compile(f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}")
_NORMAL_UUID = (
    "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal "
    "characters"
)


def uid(text: str, path: str) -> Check:
    if len(text) != 36:
        yield invalid_value(path, text, f"error validating uid: invalid UUID length: {len(text)}")
    elif not _UUID.fullmatch(text):
        yield invalid_value(path, text, "error validating uid: invalid UUID format")
    elif text != text.lower():
        yield invalid_value(path, text, _NORMAL_UUID)


# Selectors and configuration

_DEVICE = (
    cel.base()
    .with_structs(
        expressions.structs(
            {
                "kubernetes.DRADevice": {
                    "driver": "string",
                    "allowMultipleAllocations": "bool",
                    "attributes": "map(string, map(string, any))",
                    "capacity": "map(string, map(string, kubernetes.Quantity))",
                }
            }
        )
    )
    .with_variables(device=cel.struct("kubernetes.DRADevice"))
)


def selectors(found: list[Obj] | None, path: str) -> Check:
    yield from sliced(found, _MOST_SELECTORS, _selector, path)


def _selector(found: Obj, path: str) -> Check:
    if found.get("cel") is None:
        yield required(f"{path}.cel")
        return
    text, at = found["cel"].get("expression", ""), f"{path}.cel.expression"
    if len(text.encode()) > _LONGEST_EXPRESSION:
        yield too_long(at, _LONGEST_EXPRESSION)
        return
    try:
        kind = cel.check(text, _DEVICE)
    except cel.CelError as error:
        yield invalid_value(at, text, f"compilation failed: {error}")
        return
    if str(kind) not in ("bool", "any"):
        yield invalid_value(at, text, f"must evaluate to bool or the unknown type, not {kind}")


def configuration(found: Obj, path: str) -> Check:
    """Parameters for a driver."""
    opaque, at = found.get("opaque"), f"{path}.opaque"
    if opaque is None:
        yield required(at)
        return
    yield from driver(opaque.get("driver", ""), f"{at}.driver")
    yield from raw(opaque.get("parameters"), f"{at}.parameters", _LONGEST_PARAMETERS)


def raw(found: Any, path: str, most: int) -> Check:
    """Any JSON object."""
    if found is None:
        yield required(path)
    elif len(orjson.dumps(found)) > most:
        yield too_long(path, most)
    elif not isinstance(found, dict):
        yield invalid_value(path, "<value omitted>", "must be a valid JSON object")


# Taints and tolerations


def taint(found: Obj, path: str) -> Check:
    yield from metadata.label_name(found.get("key", ""), f"{path}.key")
    if found.get("value"):
        yield from _label_value(found["value"], f"{path}.value")
    yield from fields.one_of_or_needed(found.get("effect"), f"{path}.effect", _EFFECTS)


def toleration(found: Obj, path: str) -> Check:
    key, operator, value = (found.get(name, "") for name in ("key", "operator", "value"))
    if key:
        yield from metadata.label_name(key, f"{path}.key")
    if operator == "Exists" and value:
        yield invalid_value(f"{path}.value", value, "must be empty for operator `Exists`")
    elif operator == "Equal":
        yield from _label_value(value, f"{path}.value")
    elif operator != "Exists":
        yield from fields.one_of_or_needed(operator, f"{path}.operator", ("Equal", "Exists"))
    if found.get("effect"):
        yield from fields.one_of(found["effect"], f"{path}.effect", _EFFECTS)


def _label_value(value: str, path: str) -> Check:
    yield from fields.said(path, value, names.label_value_errors(value))


# Conditions that a device needs to be bound

_MOST_BINDING = 4


def binding(found: Obj, path: str) -> Check:
    """bindingConditions and bindingFailureConditions: both or none, each once, apart."""
    wanted, failed = found.get("bindingConditions") or [], found.get("bindingFailureConditions") or []
    for key, listed in (("bindingConditions", wanted), ("bindingFailureConditions", failed)):
        yield from sliced(listed, _MOST_BINDING, _condition, f"{path}.{key}")
    for index, condition in enumerate(wanted):
        if condition in wanted[:index]:
            yield duplicate(f"{path}.bindingConditions[{index}]", condition)
    for index, condition in enumerate(failed):
        at = f"{path}.bindingFailureConditions[{index}]"
        if condition in failed[:index]:
            yield duplicate(at, condition)
        if condition in wanted:
            message = "bindingFailureConditions must not overlap with bindingConditions"
            yield invalid_value(at, condition, message)
    if failed and not wanted:
        message = "bindingConditions are required to use bindingFailureConditions"
        yield invalid_value(f"{path}.bindingConditions", found.get("bindingConditions"), message)
    if wanted and not failed:
        message = "bindingFailureConditions are required to use bindingConditions"
        yield invalid_value(f"{path}.bindingFailureConditions", found.get("bindingFailureConditions"), message)


def _condition(name: str, path: str) -> Check:
    yield from metadata.label_name(name, path)
