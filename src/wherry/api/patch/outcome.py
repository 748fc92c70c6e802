"""What a client is told about a patch that makes no object of its kind, or says things twice.

repeated(body, "merge")                       -> ['duplicate field "data.a"']
refusal("merge", patch, old, patched, why)    -> the StatusError, which shows the document as Go prints it
"""

import json
from collections.abc import Iterator
from typing import Any

from wherry.api import Obj
from wherry.api.decoding import syntax
from wherry.api.decoding.syntax import Pairs
from wherry.api.errors import StatusError, invalid, invalid_value
from wherry.api.kinds import Kind
from wherry.api.patch.values import go_format, same
from wherry.api.schema import Node

_NOTHING = Kind("", "", "", "")
_OPERATION = ("op", "path", "from", "value")


# Repetition


def repeated(body: bytes, patch_type: str) -> list[str]:
    """Fields that a patch has twice, and those that a JSON patch does not know. The body must be JSON."""
    if not syntax.may_have_duplicates(body) and patch_type != "json":
        return []
    document = syntax.parse(body)
    if patch_type != "json":
        return [f'duplicate field "{path}"' for path in _twice(document, "")]
    found = []
    for index, operation in enumerate(document if isinstance(document, list) else ()):
        if isinstance(operation, Pairs):
            found += [f'json patch duplicate field "[{index}].{key}"' for key in operation.duplicates]
            odd = [key for key in operation if key not in _OPERATION]
            found += [f'json patch unknown field "[{index}].{key}"' for key in odd]
    return found


def _twice(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Pairs):
        for key, item in value.items():
            where = f"{path}.{key}" if path else key
            if key in value.duplicates:
                yield where
            yield from _twice(item, where)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _twice(item, f"{path}[{index}]")


# Refusal


def refusal(patch_type: str, patch: Any, old: Obj, patched: Any, why: str) -> StatusError:
    """The answer to a patch whose outcome is not what it should be. A strategic patch is shown itself, of others the
    patched document."""
    text = go_format(patch) if patch_type == "strategic" else printed(patched, old)
    return invalid(_NOTHING, "", [invalid_value("patch", text, why)])


def printed(patched: Any, old: Any) -> str:
    """A patched document as Go prints it: what the patch changed has its keys sorted, the rest is as it was."""
    text = json.dumps(_ordered(patched, old), separators=(",", ":"), ensure_ascii=False)
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


_AS_IT_WAS = (
    "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers",
    "managedFields",
)  # fmt: skip


def _ordered(value: Any, old: Any, key: str = "") -> Any:
    if isinstance(value, list):
        return value if same(value, old) else [_ordered(item, None) for item in value]
    if not isinstance(value, dict):
        return value
    before = old if isinstance(old, dict) else {}
    if key == "metadata" and same(value, old):
        return {name: value[name] for name in sorted(value, key=_place)}
    return {name: _ordered(value[name], before.get(name), name) for name in sorted(value)}


def _place(name: str) -> int:
    return _AS_IT_WAS.index(name) if name in _AS_IT_WAS else len(_AS_IT_WAS)


# Types of a strategic patch

_KINDS: dict[type, str] = {dict: "map", list: "slice", str: "string", bool: "bool", int: "int64", float: "float64"}
_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def misfit(patched: Any, node: Node) -> str:
    """The first value of a strategically patched document that Go cannot put into its type, in the words of its
    converter; empty if only its decoder minds."""
    return next(_misfits(patched, node), "")


def _misfits(value: Any, node: Node) -> Iterator[str]:
    if value is None:
        return
    kind = _KINDS[type(value)]
    match node.type:
        case "object":
            if kind != "map":
                yield f"cannot restore struct from: {kind}"
                return
            for key, field in node.fields.items():
                yield from _misfits(value.get(key), field)
        case "map" | "list":
            wanted = "map" if node.type == "map" else "slice"
            if kind != wanted:
                yield f"cannot restore {wanted} from {kind}"
                return
            for item in value.values() if isinstance(value, dict) else value:
                yield from _misfits(item, node.items or Node("any"))
        case "bytes":
            if kind != "string":
                yield f"cannot restore slice from {kind}"
        case "string" | "boolean" | "integer" | "number":
            yield from _scalar(value, kind, node)


def _scalar(value: Any, kind: str, node: Node) -> Iterator[str]:
    wanted = _SCALARS[node.type]
    if isinstance(value, wanted) and not (kind == "bool" and node.type != "boolean"):
        return
    if kind == "float64" and node.type == "integer":
        if not float(value).is_integer():
            yield f"cannot convert float64 to {node.go}"
    elif kind == "int64" and node.type == "string":
        yield f"cannot convert int64 to {node.go}"
    else:
        base = {"boolean": "bool", "integer": node.format or "int64", "number": "float64"}
        yield f"unrecognized type: {base.get(node.type, 'string')}"
