"""What makes a schema structural: each place says its type once, and what validates a value adds nothing to it.

Source: apiextensions-apiserver, pkg/apiserver/schema (convert, validation, complete).
"""

from collections.abc import Iterator
from typing import Any

from wherry.api import Obj
from wherry.api.errors import FieldError, forbidden_field, invalid_value, required
from wherry.api.structural import schemas
from wherry.lib import regexp
from wherry.lib.regexp import PatternError

Check = Iterator[FieldError]

ROOT, ITEM, FIELD = "at the root", "for specified array items", "for specified object fields"
_PRESERVE, _EMBEDDED, _INT_OR_STRING = (
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
)
_EITHER = [{"type": "integer"}, {"type": "string"}]
_UNSUPPORTED = {  # the key: its name in messages
    "id": "id", "$schema": "schema", "$ref": "$ref", "patternProperties": "patternProperties",
    "dependencies": "dependencies", "additionalItems": "additionalItems", "definitions": "definitions",
}  # fmt: skip
_FORBIDDEN_WITHIN = {  # what only the structure says: what alternatives are told
    "type": "must be empty",
    "default": "must be undefined",
    "title": "must be empty",
    "description": "must be empty",
    "nullable": "must be false",
    _PRESERVE: "must be false",
    _EMBEDDED: "must be false",
    _INT_OR_STRING: "must be false",
    "x-kubernetes-list-map-keys": "must be empty",
    "x-kubernetes-list-type": "must be undefined",
    "x-kubernetes-map-type": "must be undefined",
    "x-kubernetes-validations": "must be empty",
}


# What a schema may not say anywhere


def obstacle(schema: Obj | None) -> str:
    """Why a schema cannot even be read as a structural one; empty when it can."""
    if schema is None:
        return ""
    for key, name in _UNSUPPORTED.items():
        if schema.get(key):
            return f"OpenAPIV3Schema '{name}' is not supported"
    if schema.get(_PRESERVE) is False:
        return f"internal error: '{_PRESERVE}' must be true or undefined"
    if isinstance(schema.get("items"), list):
        return "OpenAPIV3Schema 'items' must be a schema, but is an array"
    return next((found for each in schemas.below(schema) if (found := obstacle(each))), "")


def problems(schema: Obj, path: str) -> list[FieldError]:
    """What keeps a schema from being structural, in the order of what is said."""
    return sorted([*_structure(schema, ROOT, path), *_complete(schema, schema, path, path)], key=str)


# The structure itself


def _structure(schema: Obj, level: str, path: str) -> Check:
    if schema.get("type") == "array" and schema.get("items") is None:
        yield required(f"{path}.items", "must be specified")
    if schema.get("items") is not None:
        yield from _structure(schema["items"], ITEM, f"{path}.items")
    properties = schema.get("properties") or {}
    for key, below in properties.items():
        yield from _structure(below, FIELD, f"{path}.properties[{key}]")
    yield from _additional(schema, level, path)
    yield from _extensions(schema, path)
    first = [each.get("anyOf") for each in schema.get("allOf") or ()][:1]
    yield from _values(schema, path, schema.get("anyOf") == _EITHER, first == [_EITHER])
    yield from _type(schema, level, path)
    if level is ROOT or schema.get(_EMBEDDED):
        for key in ("kind", "apiVersion"):
            if key in properties and properties[key].get("type") != "string":
                yield invalid_value(
                    f"{path}.properties[{key}].type", properties[key].get("type", ""), "must be string"
                )
    if "metadata" in properties:
        yield from _metadata(properties["metadata"], schema, level, f"{path}.properties[metadata]")
    if schema.get(_EMBEDDED) and not schema.get(_PRESERVE) and not properties:
        message = f"must not be empty if {_EMBEDDED} is true without {_PRESERVE}"
        yield required(f"{path}.properties", message)


def _additional(schema: Obj, level: str, path: str) -> Check:
    more, at = schema.get("additionalProperties"), f"{path}.additionalProperties"
    if more is None:
        return
    if level is ROOT:
        yield forbidden_field(at, "must not be used at the root")
    if isinstance(more, dict):
        yield from _structure(more, FIELD, at)
    if schema.get(_EMBEDDED):
        yield forbidden_field(at, f"must not be used if {_EMBEDDED} is set")


def _extensions(schema: Obj, path: str) -> Check:
    if schema.get(_INT_OR_STRING):
        for key in (_PRESERVE, _EMBEDDED):
            if schema.get(key):
                yield invalid_value(f"{path}.{key}", True, f"must be false if {_INT_OR_STRING} is true")


def _type(schema: Obj, level: str, path: str) -> Check:
    kind, at = schema.get("type", ""), f"{path}.type"
    if schema.get(_EMBEDDED) and kind != "object":
        message = f"must be object if {_EMBEDDED} is true"
        yield invalid_value(at, kind, message) if kind else required(at, message)
    elif not kind and not schema.get(_INT_OR_STRING) and not schema.get(_PRESERVE):
        yield required(at, f"must not be empty {level}")
    if level is ROOT and kind not in ("", "object"):
        yield invalid_value(at, kind, "must be object at the root")


def _metadata(found: Obj, owner: Obj, level: str, path: str) -> Check:
    """Metadata has its own structure: only what its name may be can be said of it."""
    if (level is ROOT or owner.get(_EMBEDDED)) and found.get("type") != "object":
        yield invalid_value(f"{path}.type", found.get("type", ""), "must be object")
    allowed = {"type", "default"}
    if found.get("properties") and found["properties"].keys() <= {"name", "generateName"}:
        allowed.add("properties")
    if level is ROOT and any(_is_set(value) for key, value in found.items() if key not in allowed):
        message = "must not specify anything other than name and generateName, but metadata is implicitly specified"
        yield forbidden_field(path, message)


def _is_set(value: Any) -> bool:
    return value is not False and (value == 0 or bool(value))


# What validates values


def _values(schema: Obj, path: str, skip_any: bool, skip_first: bool = False) -> Check:
    """Alternatives and patterns. `skip_any`, `skip_first`: int or string is spelled out, by anyOf or in the first of
    allOf, where types are allowed."""
    if not skip_any:
        yield from _alternatives(schema, "anyOf", path)
    yield from _alternatives(schema, "allOf", path, skip_first)
    yield from _alternatives(schema, "oneOf", path)
    if schema.get("not") is not None:
        yield from _alternative(schema["not"], f"{path}.not")
    if pattern := schema.get("pattern"):
        try:
            regexp.compile(pattern)
        except PatternError as error:
            message = f"must be a valid regular expression, but isn't: {error}"
            yield invalid_value(f"{path}.pattern", pattern, message)


def _alternatives(schema: Obj, key: str, path: str, skip_first: bool = False) -> Check:
    for index, each in enumerate(schema.get(key) or ()):
        yield from _alternative(each, f"{path}.{key}[{index}]", skip_first and index == 0)


def _alternative(found: Obj, path: str, skip_any: bool = False) -> Check:
    """A schema that only validates."""
    yield from _values(found, path, skip_any)
    if found.get("items") is not None:
        yield from _alternative(found["items"], f"{path}.items")
    for key, below in (found.get("properties") or {}).items():
        yield from _alternative(below, f"{path}.properties[{key}]")
    for key, message in _FORBIDDEN_WITHIN.items():
        if _is_set(found.get(key)):
            yield forbidden_field(f"{path}.{key}", f"{message} to be structural")
    if found.get("additionalProperties") not in (None, False):
        yield forbidden_field(f"{path}.additionalProperties", "must be undefined to be structural")
    if "metadata" in (found.get("properties") or {}):
        yield forbidden_field(f"{path}.properties[metadata]", "must not be specified in a nested context")


# Everything that is validated has a structure


def _complete(values: Obj, schema: Obj, path: str, of: str) -> Check:
    """`of`: where the schema that validates is."""
    if values.get("not") is not None:
        yield from _complete_within(values["not"], schema, path, f"{of}.not")
    for key in ("allOf", "anyOf", "oneOf"):
        for index, each in enumerate(values.get(key) or ()):
            yield from _complete_within(each, schema, path, f"{of}.{key}[{index}]")


def _complete_within(values: Obj, schema: Obj | None, path: str, of: str) -> Check:
    if schema is None:
        yield required(path, f"because it is defined in {of}")
        return
    yield from _complete(values, schema, path, of)
    if values.get("items") is not None:
        yield from _complete_within(values["items"], schema.get("items"), f"{path}.items", f"{of}.items")
    properties = schema.get("properties") or {}
    for key, below in (values.get("properties") or {}).items():
        at = f"properties[{key}]"
        yield from _complete_within(below, properties.get(key), f"{path}.{at}", f"{of}.{at}")
