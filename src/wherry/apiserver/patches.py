"""Patches as functions: from the current object to the new one, its defaults, and what the client is warned of."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from wherry.api import Obj, decoding, defaults, errors, schema
from wherry.api.decoding import DecodeError, syntax
from wherry.api.errors import StatusError
from wherry.api.kinds import Kind
from wherry.api.patch import apply, json_patch, merge, strategic
from wherry.api.patch.managed import Writer
from wherry.api.patch.values import go_format, json_type
from wherry.api.schema import Node
from wherry.apiserver import canonical
from wherry.apiserver.bodies import Decoded
from wherry.apiserver.options import WriteOptions

Patcher = Callable[[Obj | None], Decoded]

_NOTHING = Kind("", "", "", "")
_OPERATION = ("op", "path", "from", "value")


def patcher(kind: Kind, patch_type: str, body: bytes, options: WriteOptions, writer: Writer) -> Patcher:
    """How to patch an object of `kind` with `body`: a JSON, merge, strategic or apply patch. Only an apply may be
    given None (it makes the object). Raises StatusError; so does the function."""
    node = schema.definition(kind.api_version, kind.kind)
    if patch_type == "apply":
        return _applier(kind, node, body, options, writer)
    document = _parse(body, patch_type)
    strict = _strictness(body, document, patch_type) if options.field_validation != "Ignore" else []

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
            if patch_type == "strategic":
                raise _unfit(go_format(document), _conversion_error(str(error))) from None
            raise _unfit(orjson.dumps(patched, option=orjson.OPT_SORT_KEYS).decode(), str(error)) from None

    return patch


def _parse(body: bytes, patch_type: str) -> Any:
    try:
        return decoding.parse(body)
    except DecodeError as error:
        prefix = "" if patch_type == "strategic" else "error decoding patch: "
        raise errors.bad_request(f"{prefix}{error}") from None


def _strictness(body: bytes, document: Any, patch_type: str) -> list[str]:
    """What a strict reader says of the patch itself."""
    about = "json patch " if patch_type == "json" else ""
    found = []
    if syntax.may_have_duplicates(body):
        found = [f"{about}duplicate field {errors.quote(path)}" for path in _duplicates(syntax.parse(body), "")]
    if patch_type == "json" and isinstance(document, list):
        for index, operation in enumerate(document):
            unknown = [name for name in operation if name not in _OPERATION] if isinstance(operation, dict) else ()
            found += [f'{about}unknown field "[{index}].{name}"' for name in unknown]
    return found


def _duplicates(value: Any, path: str) -> Iterator[str]:
    """Paths of keys that an object has twice."""
    if isinstance(value, syntax.Pairs):
        for key, below in value.items():
            where = f"{path}.{key}" if path else key
            if key in value.duplicates:
                yield where
            yield from _duplicates(below, where)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _duplicates(each, f"{path}[{index}]")


_MISMATCH = re.compile(r"json: cannot unmarshal (\w+) into Go .* of type (.+)")
_GO_KINDS = {"object": "map", "array": "slice", "bool": "bool", "string": "string", "number": "int64"}


def _conversion_error(message: str) -> str:
    """A mismatch as the converter of unstructured objects tells it, which strategic merge patches go through."""
    match = _MISMATCH.fullmatch(message)
    if match is None:
        return message
    source, target = _GO_KINDS.get(match[1], match[1]), match[2]
    if target.startswith(("[]", "map[")):
        return f"cannot restore {'slice' if target.startswith('[]') else 'map'} from {source}"
    return f"cannot restore struct from: {source}" if "." in target else f"unrecognized type: {target}"


def _applier(kind: Kind, node: Node, body: bytes, options: WriteOptions, writer: Writer) -> Patcher:
    config = _configuration(body)
    repeated = _repeated(body, options.field_validation)

    def patch(old: Obj | None) -> Decoded:
        applied = apply.apply(old, config, node, writer, options.force)
        obj = decoding.normalize(applied, node).object
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


def _unfit(text: str, why: str) -> StatusError:
    """`text`: what the client gave, or made."""
    return errors.invalid(_NOTHING, "", [errors.invalid_value("patch", text, why)])
