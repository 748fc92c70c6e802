"""Patches as functions: from the current object to the new one, its defaults, and what the client is warned of."""

import json
from collections.abc import Callable
from typing import Any

import orjson

from wherry.api import Obj, decoding, defaults, errors, schema
from wherry.api.decoding import DecodeError
from wherry.api.kinds import Kind
from wherry.api.patch import apply, json_patch, merge, outcome, strategic
from wherry.api.patch.managed import Writer
from wherry.api.patch.values import json_type
from wherry.api.schema import Node
from wherry.apiserver import canonical
from wherry.apiserver.bodies import Decoded
from wherry.apiserver.options import WriteOptions

Patcher = Callable[[Obj | None], Decoded]


def patcher(kind: Kind, patch_type: str, body: bytes, options: WriteOptions, writer: Writer) -> Patcher:
    """How to patch an object of `kind` with `body`: a JSON, merge, strategic or apply patch. Only an apply may be
    given None (it makes the object). Raises StatusError; so does the function."""
    node = schema.definition(kind.api_version, kind.kind)
    if patch_type == "apply":
        return _applier(kind, node, body, options, writer)
    document = _parse(body, patch_type)
    strict = outcome.repeated(body, patch_type) if options.field_validation != "Ignore" else []

    def patch(old: Obj | None) -> Decoded:
        assert old is not None
        if patch_type == "json":
            patched = json_patch.apply(old, document)
        elif patch_type == "merge":
            patched = merge.apply(old, document)
        else:
            patched = strategic.apply(old, document, node)
        try:
            return _typed(kind, node, patched, options.field_validation, writer.now, strict)
        except DecodeError as error:
            why = outcome.misfit(patched, node) if patch_type == "strategic" else ""
            raise outcome.refusal(patch_type, document, old, patched, why or str(error)) from None

    return patch


def _parse(body: bytes, patch_type: str) -> Any:
    try:
        return decoding.parse(body)
    except DecodeError as error:
        prefix = "" if patch_type == "strategic" else "error decoding patch: "
        raise errors.bad_request(f"{prefix}{error}") from None


def _applier(kind: Kind, node: Node, body: bytes, options: WriteOptions, writer: Writer) -> Patcher:
    config = _configuration(body)
    repeated = _repeated(body, options.field_validation)

    def patch(old: Obj | None) -> Decoded:
        applied = apply.apply(old, config, node, writer, options.force)
        try:
            obj = decoding.normalize(applied, node).object
        except DecodeError as error:
            raise apply.unconvertible(config, str(error)) from None
        defaults.apply(kind, obj, writer.now)
        canonical.apply(kind, obj)
        return Decoded(obj, repeated)

    return patch


def _repeated(body: bytes, validation: str) -> tuple[str, ...]:
    """Warnings of keys that a configuration has twice, or a refusal."""
    if validation == "Ignore" or not _may_repeat(body):
        return ()
    from wherry.apiserver import yamltext

    found = yamltext.duplicates(body)
    if found and validation == "Strict":
        listed = "\n  ".join(found)
        why = f"error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  {listed}"
        raise errors.bad_request(why)
    return tuple(found)


def _may_repeat(body: bytes) -> bool:
    """Whether a closer look is worth its time: YAML always, JSON if it has a key twice."""
    repeated = False

    def check(pairs: list[tuple[str, Any]]) -> None:
        nonlocal repeated
        repeated = repeated or len({key for key, _ in pairs}) < len(pairs)

    try:
        json.loads(body, object_pairs_hook=check)
    except ValueError:
        return True
    return repeated


def _configuration(body: bytes) -> Obj:
    """What is to be applied: JSON or YAML."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = _from_yaml(body)
    if value is None:
        raise errors.bad_request("invalid object type: /, Kind=")
    if not isinstance(value, dict):
        why = f"json: cannot unmarshal {json_type(value)} into Go value of type map[string]interface {{}}"
        raise errors.bad_request(f"error decoding YAML: error unmarshaling JSON: while decoding JSON: {why}")
    return value


def _from_yaml(body: bytes) -> Any:
    from wherry.apiserver import yamltext

    try:
        return yamltext.load(body)
    except yamltext.YamlError as error:
        raise errors.bad_request(f"error decoding YAML: error converting YAML to JSON: {error}") from None


def _typed(kind: Kind, node: Node, patched: Any, validation: str, now: float, strict: list[str]) -> Decoded:
    """A patched document as an object of its kind. Raises DecodeError."""
    decoded = decoding.normalize(patched, node)
    strict = [*strict, *sorted(decoded.strict)]
    if strict and validation == "Strict":
        raise DecodeError(f"strict decoding error: {', '.join(strict)}")
    obj = decoded.object
    _keep_reset(patched, obj)
    if obj.get("kind") != kind.kind or obj.get("apiVersion") != kind.api_version:
        raise DecodeError("the type of an object cannot be changed")
    defaults.apply(kind, obj, now)
    canonical.apply(kind, obj)
    return Decoded(obj, tuple(strict) if validation == "Warn" else ())


def _keep_reset(given: Any, obj: Obj) -> None:
    """An empty list of managers asks for a new beginning; decoding takes empty lists away."""
    if isinstance(given, dict) and (given.get("metadata") or {}).get("managedFields") == []:
        obj["metadata"]["managedFields"] = []
