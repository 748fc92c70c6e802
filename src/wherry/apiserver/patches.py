"""Patches as functions: from the current object to the new one, its defaults, and what the client is warned of."""

from collections.abc import Callable
from typing import Any

import orjson

from wherry.api import Obj, decoding, defaults, errors, schema
from wherry.api.decoding import DecodeError
from wherry.api.errors import StatusError
from wherry.api.kinds import Kind
from wherry.api.patch import json_patch, merge, strategic
from wherry.api.schema import Node
from wherry.apiserver.bodies import Decoded
from wherry.apiserver.options import WriteOptions

Patcher = Callable[[Obj], Decoded]

_NOTHING = Kind("", "", "", "")


def patcher(kind: Kind, patch_type: str, body: bytes, options: WriteOptions, now: float) -> Patcher:
    """How to patch an object of `kind` with `body`: a JSON, merge or strategic patch. Raises StatusError; so does
    the function."""
    node = schema.definition(kind.api_version, kind.kind)
    document = _parse(body, patch_type)

    def patch(old: Obj) -> Decoded:
        if patch_type == "json":
            patched = json_patch.apply(old, document)
        elif patch_type == "merge":
            patched = merge.apply(old, document)
        else:
            patched = strategic.apply(old, document, node)
        return _typed(kind, node, patched, options.field_validation, now)

    return patch


def _parse(body: bytes, patch_type: str) -> Any:
    try:
        return decoding.parse(body)
    except DecodeError as error:
        prefix = "" if patch_type == "strategic" else "error decoding patch: "
        raise errors.bad_request(f"{prefix}{error}") from None


def _typed(kind: Kind, node: Node, patched: Any, validation: str, now: float) -> Decoded:
    """A patched document as an object of its kind."""
    try:
        decoded = decoding.normalize(patched, node)
    except DecodeError as error:
        raise _unfit(patched, str(error)) from None
    if decoded.strict and validation == "Strict":
        raise _unfit(patched, decoded.strict_error)
    obj = decoded.object
    if obj.get("kind") != kind.kind or obj.get("apiVersion") != kind.api_version:
        raise _unfit(patched, "the type of an object cannot be changed")
    defaults.apply(kind, obj, now)
    return Decoded(obj, tuple(decoded.strict) if validation == "Warn" else ())


def _unfit(patched: Any, why: str) -> StatusError:
    text = orjson.dumps(patched, option=orjson.OPT_SORT_KEYS).decode()
    return errors.invalid(_NOTHING, "", [errors.invalid_value("patch", text, why)])
