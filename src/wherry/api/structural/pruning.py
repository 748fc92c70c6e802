"""Values without the fields that their schema does not name."""

from typing import Any

from wherry.api import Obj

_META = ("apiVersion", "kind", "metadata")


def pruned(value: Any, schema: Obj | None, embedded: bool = False) -> Any:
    """A copy of a value without unknown fields. `embedded`: it is an object of its own, with a kind and metadata."""
    if schema is not None and schema.get("x-kubernetes-preserve-unknown-fields"):
        return _kept(value, schema, embedded)
    if isinstance(value, list):
        items = (schema or {}).get("items")
        return [pruned(each, items, _embedded(items)) for each in value]
    if not isinstance(value, dict):
        return value
    found: Obj = {}
    for key, each in value.items():
        known, below = _field(schema or {}, key)
        if embedded and key in _META:
            found[key] = each
        elif known:
            found[key] = pruned(each, below, _embedded(below))
    return found


def _kept(value: Any, schema: Obj, embedded: bool) -> Any:
    """A value whose unknown fields stay; what is known of is pruned by its own schema."""
    if isinstance(value, list):
        items = schema.get("items")
        return [each if items is None else _kept(each, items, _embedded(items)) for each in value]
    if not isinstance(value, dict):
        return value
    found: Obj = {}
    for key, each in value.items():
        known, below = _field(schema, key)
        own = embedded and key in _META
        found[key] = pruned(each, below, _embedded(below)) if known and not own else each
    return found


def _field(schema: Obj, key: str) -> tuple[bool, Obj | None]:
    """Whether a field is known, and its schema."""
    if key in (schema.get("properties") or {}):
        return True, schema["properties"][key]
    more = schema.get("additionalProperties")
    return more is not None, more if isinstance(more, dict) else None


def _embedded(schema: Obj | None) -> bool:
    return bool((schema or {}).get("x-kubernetes-embedded-resource"))
