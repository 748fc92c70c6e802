"""Schemas of CustomResourceDefinitions: what each key may say, and defaults.

What a schema's structure must be stands in `wherry.api.structural`. Defaults are not checked by rules in CEL. Source:
apiextensions-apiserver, pkg/apis/apiextensions/validation and pkg/apiserver/schema/defaulting.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from wherry.api import Obj
from wherry.api.errors import FieldError, forbidden_field, invalid_value, required, unsupported
from wherry.api.structural import pruning, rules, values
from wherry.api.validation import definition_rules, internal
from wherry.api.validation.fields import Check

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_META = ("metadata", "kind", "apiVersion")
_AT_ROOT = (
    "Description", "Type", "Format", "Title", "Maximum", "ExclusiveMaximum", "Minimum", "ExclusiveMinimum",
    "MaxLength", "MinLength", "Pattern", "MaxItems", "MinItems", "UniqueItems", "MultipleOf", "Required", "Items",
    "Properties", "ExternalDocs", "Example", "XPreserveUnknownFields", "XValidations",
)  # fmt: skip
_UNSUPPORTED = ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref")
_EMBEDDED, _PRESERVE = "x-kubernetes-embedded-resource", "x-kubernetes-preserve-unknown-fields"
_LIST_TYPE, _LIST_KEYS, _MAP_TYPE = "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"
_RULES = "x-kubernetes-validations"


def check(validation: Obj, path: str, has_status: bool) -> Check:
    """`spec.validation` or a version's `schema`. `has_status`: the status is written apart."""
    schema = validation.get("openAPIV3Schema")
    if schema is None:
        return
    at = f"{path}.openAPIV3Schema"
    found = list(_root(schema, at, has_status))
    unreadable, wrong = rules.obstacle(schema), list[FieldError]()
    if not unreadable:
        wrong = rules.problems(schema, at) or list(_defaults({**schema, _EMBEDDED: True}, at, False))
    walk = _Walk(typed=not unreadable and not wrong)
    walk.schema(schema, at, _Sight(root=True))
    found += [*wrong, *walk.errors, *walk.of_rules]
    if unreadable and not found:
        found.append(invalid_value(at, "", unreadable))
    yield from found


# The root


def _root(schema: Obj, path: str, has_status: bool) -> Check:
    if has_status:
        yield from _root_beside_status(schema, path)
    if schema.get("nullable"):
        yield forbidden_field(f"{path}.nullable", "nullable cannot be true at the root")


def _root_beside_status(schema: Obj, path: str) -> Check:
    enabled = "at the root of the schema if the status subresource is enabled"
    for name, key in internal.names("apiextensions.JSONSchemaProps"):
        if schema.get(key) in (None, False, ""):
            continue
        if key == "type" and schema[key] != "object":
            message = f'only "object" is allowed as the type {enabled}'
            yield invalid_value(f"{path}.type", schema[key], message)
            return
        if name not in _AT_ROOT:
            message = f"only [{' '.join(_AT_ROOT)}] fields are allowed {enabled}"
            yield invalid_value(path, _shown(schema), message)
            return


def shown(validation: Obj | None) -> Obj | None:
    """A version's schema for `internal.shown`."""
    if validation is None or "openAPIV3Schema" not in validation:
        return validation
    return {"openAPIV3Schema": _formed(validation["openAPIV3Schema"])}


def _shown(schema: Obj) -> Any:
    return internal.shown("apiextensions.JSONSchemaProps", _formed(schema))


def _formed(schema: Obj) -> Obj:
    """A schema with Go's structs where JSON has one of two things."""
    found = dict(schema)
    for key in ("allOf", "anyOf", "oneOf"):
        if key in found:
            found[key] = [_formed(each) for each in found[key]]
    for key in ("properties", "patternProperties", "definitions"):
        if key in found:
            found[key] = {name: _formed(each) for name, each in found[key].items()}
    if "not" in found:
        found["not"] = _formed(found["not"])
    if "items" in found:
        items = found["items"]
        many = isinstance(items, list)
        found["items"] = {"jSONSchemas": [_formed(each) for each in items]} if many else {"schema": _formed(items)}
    for key in ("additionalProperties", "additionalItems"):
        if key in found:
            more = found[key]
            found[key] = {"allows": True, "schema": _formed(more)} if isinstance(more, dict) else {"allows": more}
    return found


# Defaults


def _defaults(schema: Obj, path: str, in_meta: bool) -> Check:
    """Defaults follow the schema that they stand in. `in_meta`: of the kind or metadata of an object."""
    embedded = bool(schema.get(_EMBEDDED))
    in_meta = in_meta and not embedded
    default = schema.get("default")
    if default is not None:
        at = f"{path}.default"
        if not in_meta and pruning.pruned(default, schema, embedded) != default:
            yield invalid_value(at, default, "must not have unknown fields")
        yield from values.check(default, schema, at)
    if isinstance(schema.get("items"), dict):
        yield from _defaults(schema["items"], f"{path}.items", in_meta)
    for key, below in (schema.get("properties") or {}).items():
        yield from _defaults(below, f"{path}.properties[{key}]", in_meta or (embedded and key in _META))


# Every place


@dataclass(frozen=True, slots=True)
class _Sight:
    """What a place inherits. `no_defaults`: why there is no default here. `uncorrelated`: the list or map within
    which an old value cannot be found. `typed`: rules can be checked here."""

    root: bool = False
    in_meta: bool = False
    no_defaults: str = ""
    uncorrelated: str = ""
    typed: bool = True

    def without_old(self, path: str) -> "_Sight":
        return replace(self, uncorrelated=self.uncorrelated or path)


@dataclass(slots=True)
class _Walk:
    """Goes through a schema; errors of rules come after all others."""

    typed: bool
    errors: list[FieldError] = field(default_factory=list)
    of_rules: list[FieldError] = field(default_factory=list)

    def schema(self, schema: Obj, path: str, sight: _Sight) -> None:
        before = len(self.errors)
        self.errors += _standard(schema, path, sight)
        if schema.get("uniqueItems"):
            message = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
            self.errors.append(forbidden_field(f"{path}.uniqueItems", message))
        self._within(schema, path, replace(sight, root=False), sight.root)
        self.errors += [*_extensions(schema, path), *_map_keys(schema, path)]
        for index, rule in enumerate(schema.get(_RULES) or ()):
            self.errors += definition_rules.form(rule, schema, f"{path}.{_RULES}[{index}]")
        if len(self.errors) == before and self.typed and sight.typed and schema.get(_RULES):
            root = sight.root or bool(schema.get(_EMBEDDED))
            self.of_rules += definition_rules.compiled(schema, f"{path}.{_RULES}", root, sight.uncorrelated)

    def _within(self, schema: Obj, path: str, sight: _Sight, root: bool) -> None:
        self._additional(schema, path, sight)
        for key, below in (schema.get("properties") or {}).items():
            self.schema(below, f"{path}.properties[{key}]", _of_property(key, schema, path, sight, root))
        untyped = replace(sight, typed=False)
        if schema.get("not") is not None:
            self.schema(schema["not"], f"{path}.not", untyped)
        for key in ("allOf", "oneOf", "anyOf"):
            for index, each in enumerate(schema.get(key) or ()):
                self.schema(each, f"{path}.{key}[{index}]", untyped)
        items = schema.get("items")
        if items is None:
            return
        of_items = sight if schema.get(_LIST_TYPE) == "map" else sight.without_old(path)
        if isinstance(items, dict):
            self.schema(items, f"{path}.items", of_items)
        else:
            for index, each in enumerate(items):
                self.schema(each, f"{path}.items[{index}]", of_items)

    def _additional(self, schema: Obj, path: str, sight: _Sight) -> None:
        more, at = schema.get("additionalProperties"), f"{path}.additionalProperties"
        if more is None:
            return
        if schema.get("properties") and more is not True:
            message = "additionalProperties and properties are mutual exclusive"
            self.errors.append(forbidden_field(at, message))
        if isinstance(more, dict):
            reason = "inside additionalProperties applying to object metadata"
            self.schema(more, at, replace(sight, no_defaults=reason) if sight.in_meta else sight)


def _of_property(key: str, schema: Obj, path: str, sight: _Sight, root: bool) -> _Sight:
    if schema.get(_MAP_TYPE) not in (None, "granular"):
        sight = sight.without_old(path)
    if (root or schema.get(_EMBEDDED)) and key in _META:
        sight = replace(sight, in_meta=True, no_defaults=f"in top-level {key}" if root else sight.no_defaults)
    return sight


def _standard(schema: Obj, path: str, sight: _Sight) -> Check:
    kind = schema.get("type", "")
    if kind and kind not in _TYPES:
        yield unsupported(f"{path}.type", kind, _TYPES)
    if schema.get("default") is not None and sight.no_defaults:
        yield forbidden_field(f"{path}.default", f"must not be set {sight.no_defaults}")
    for key in _UNSUPPORTED:
        if schema.get(key) is not None:
            yield forbidden_field(f"{path}.{key}", f"{key} is not supported")
    if kind == "null":
        yield forbidden_field(f"{path}.type", "type cannot be set to null, use nullable as an alternative")
    if isinstance(schema.get("items"), list):
        yield forbidden_field(f"{path}.items", "items must be a schema object and not an array")
    if sight.in_meta and schema.get(_EMBEDDED):
        yield forbidden_field(f"{path}.x-kubernetes-embedded-resource", "must not be used inside of resource meta")


# Lists, maps and sets


def _extensions(schema: Obj, path: str) -> Check:
    kind, list_type, map_type = schema.get("type", ""), schema.get(_LIST_TYPE), schema.get(_MAP_TYPE)
    items = schema.get("items")
    if schema.get(_PRESERVE) is False:
        yield invalid_value(f"{path}.{_PRESERVE}", False, "must be true or undefined")
    if map_type is not None:
        yield from _needs_type(kind, "object", _MAP_TYPE, path)
        if map_type not in ("atomic", "granular"):
            yield unsupported(f"{path}.{_MAP_TYPE}", map_type, ("atomic", "granular"))
    if list_type is not None and kind != "array":
        yield from _needs_type(kind, "array", _LIST_TYPE, path)
    elif list_type == "set" and isinstance(items, dict):
        yield from _set_items(items, f"{path}.items")
    if list_type not in (None, "atomic", "set", "map"):
        yield unsupported(f"{path}.{_LIST_TYPE}", list_type, ("atomic", "set", "map"))
    if schema.get(_LIST_KEYS) and list_type != "map":
        message = f"must be map if {_LIST_KEYS} is non-empty"
        at = f"{path}.{_LIST_TYPE}"
        yield required(at, message) if list_type is None else invalid_value(at, list_type, message)
    if list_type == "map":
        yield from _map_list(schema, path)


def _needs_type(kind: str, wanted: str, of: str, path: str) -> Check:
    message = f"must be {wanted} if {of} is specified"
    if not kind:
        yield required(f"{path}.type", message)
    elif kind != wanted:
        yield invalid_value(f"{path}.type", kind, message)


def _set_items(items: Obj, path: str) -> Check:
    """Elements of a set are compared whole. Upstream shows the list type in both messages."""
    message = f"must be atomic as item of a list with {_LIST_TYPE}=set"
    list_type = items.get(_LIST_TYPE)
    if items.get("type") == "array" and list_type not in (None, "atomic"):
        yield invalid_value(f"{path}.{_LIST_TYPE}", list_type, message)
    if items.get("type") == "object" and items.get(_MAP_TYPE) != "atomic":
        yield invalid_value(f"{path}.{_MAP_TYPE}", list_type, message)


def _map_list(schema: Obj, path: str) -> Check:
    keys, items = schema.get(_LIST_KEYS) or [], schema.get("items")
    if not keys:
        yield required(f"{path}.{_LIST_KEYS}", f"must not be empty if {_LIST_TYPE} is map")
    if items is None:
        yield required(f"{path}.items", f"must have a schema if {_LIST_TYPE} is map")
        return
    if isinstance(items, list):
        value = {"Schema": None, "JSONSchemas": [_shown(each) for each in items]}
        yield invalid_value(f"{path}.items", value, f"must only have a single schema if {_LIST_TYPE} is map")
        return
    kind, properties = items.get("type", ""), items.get("properties") or {}
    if kind != "object":
        yield invalid_value(f"{path}.items.type", kind, f"must be object if parent array's {_LIST_TYPE} is map")
        return
    for index, key in enumerate(keys):
        if key not in properties:
            yield invalid_value(f"{path}.{_LIST_KEYS}", keys, "entries must all be names of item properties")
        elif properties[key].get("type") in ("array", "object"):
            message = f"must be a scalar type if parent array's {_LIST_TYPE} is map"
            yield invalid_value(f"{path}.items.properties[{key}].type", kind, message)
        if key in keys[:index]:
            yield invalid_value(f"{path}.{_LIST_KEYS}", keys, "must not contain duplicate entries")


def _map_keys(schema: Obj, path: str) -> Check:
    """Elements of maps and sets, and the keys of maps, are never null and never missing."""
    items, list_type = schema.get("items"), schema.get(_LIST_TYPE)
    if not isinstance(items, dict) or list_type not in ("set", "map"):
        return
    if items.get("nullable"):
        yield forbidden_field(f"{path}.items.nullable", f"cannot be nullable when {_LIST_TYPE} is {list_type}")
    if list_type == "set":
        return
    for key in schema.get(_LIST_KEYS) or ():
        found, at = (items.get("properties") or {}).get(key), f"{path}.items.properties[{key}]"
        if found is None:
            continue
        so = f"this property is in {_LIST_KEYS}, so it"
        if key not in (items.get("required") or ()) and found.get("default") is None:
            yield required(f"{at}.default", f"{so} must have a default or be a required property")
        if found.get("nullable"):
            yield forbidden_field(f"{at}.nullable", f"{so} cannot be nullable")
