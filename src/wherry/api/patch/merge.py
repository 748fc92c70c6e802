"""JSON merge patch, RFC 7386."""

from typing import Any

from wherry.api import Obj
from wherry.api.errors import bad_request
from wherry.api.patch.values import json_type


def apply(document: Obj, patch: Any) -> Obj:
    """The document with the patch's members in place; null removes. Neither argument changes."""
    if patch is None:
        raise bad_request("Invalid JSON Patch")
    if not isinstance(patch, dict):
        kind = json_type(patch)
        raise bad_request(
            f"error decoding patch: json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        )
    return _merge(document, patch)


def _merge(document: Obj, patch: Obj) -> Obj:
    merged = dict(document)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = _without_nulls(value)
    return merged


def _without_nulls(value: Any) -> Any:
    """What a patch adds where nothing was: null members mean absence at every depth."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
