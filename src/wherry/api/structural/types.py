"""The types that rules in CEL see, by a schema.

Source: apiserver, pkg/cel (common/schemas, escaping).
"""

import re
from dataclasses import dataclass, field

from wherry.api import Obj
from wherry.lib import cel
from wherry.lib.cel import Type

_FORMATS = {
    "byte": cel.BYTES,
    "duration": cel.DURATION,
    "date": cel.TIMESTAMP,
    "date-time": cel.TIMESTAMP,
}
_SCALARS = {"boolean": cel.BOOL, "number": cel.DOUBLE, "integer": cel.INT}
_TEXT: Obj = {"type": "string"}
_META: Obj = {
    **dict.fromkeys(("kind", "apiVersion"), _TEXT),
    "metadata": {"type": "object", "properties": dict.fromkeys(("name", "generateName"), _TEXT)},
}
_RESERVED = frozenset(
    [
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"),
        *("import", "let", "loop", "package", "namespace", "return", "var", "void", "while"),
    ]
)
_ESCAPED = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}


@dataclass(slots=True)
class Declared:
    """A schema's type, None when it has none, and the fields of the structs that it is made of."""

    type: Type | None = None
    structs: dict[str, dict[str, Type]] = field(default_factory=dict)


def declared(schema: Obj, root: bool, name: str = "selfType") -> Declared:
    """`root`: the schema is of an object with a kind and metadata of its own. `name`: what structs are called."""
    found = Declared()
    found.type = _type(schema, root, name, found)
    return found


def _type(schema: Obj, root: bool, name: str, known: Declared) -> Type | None:
    if schema.get("x-kubernetes-int-or-string"):
        return cel.DYN
    match schema.get("type"):
        case "array":
            element = _below(schema.get("items"), f"{name}.@idx", known)
            return cel.list_of(element) if element else None
        case "object":
            return _object(schema, root, name, known)
        case "string":
            return _FORMATS.get(schema.get("format", ""), cel.STRING)
    return _SCALARS.get(schema.get("type", ""))


def _below(schema: Obj | None, name: str, known: Declared) -> Type | None:
    if schema is None:
        return None
    return _type(schema, bool(schema.get("x-kubernetes-embedded-resource")), name, known)


def _object(schema: Obj, root: bool, name: str, known: Declared) -> Type | None:
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        value = _below(more, f"{name}.@elem", known)
        return cel.map_of(cel.STRING, value) if value else None
    fields: dict[str, Type] = {}
    properties = schema.get("properties") or {}
    for key, below in (_with_metadata(properties) if root else properties).items():
        escaped = escape(key)
        kind = _below(below, f"{name}.{escaped}", known)
        if escaped and kind:
            fields[escaped] = kind
    known.structs[name] = fields
    return cel.struct(name)


def _with_metadata(properties: Obj) -> Obj:
    """The fields that every object has, unless the schema itself has them all."""
    said = (properties.get("metadata") or {}).get("properties") or {}
    texts = [*(properties.get(key) for key in ("kind", "apiVersion")), said.get("name"), said.get("generateName")]
    whole = all((each or {}).get("type") == "string" for each in texts)
    return properties if whole else {**properties, **_META}


def escape(name: str) -> str:
    """A field's name in expressions; empty when it cannot be named there."""
    if name in _RESERVED:
        return f"__{name}__"
    if not re.fullmatch(r"[a-zA-Z_./-][\w./-]*", name, re.ASCII):
        return ""
    return re.sub(r"__|[-./]", lambda found: _ESCAPED[found[0]], name)
