"""msgspec structs made from the schema: decoding, checking and leaving out what is empty, in one step of C code.

A struct accepts only what needs no further thought: no unknown field, no null where Go has a value, quantities and
times in their canonical form. Anything else raises, and the full pass decides.
"""

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from wherry.api.schema import Node

# Every day but the 29th of February, which the full pass knows.
_DATE = r"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_MOMENT = rf"\d{{4}}-{_DATE}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"

_SCALARS: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "number": float,
    "bytes": Annotated[str, Meta(pattern=r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")],
    "time": Annotated[str, Meta(pattern=rf"^{_MOMENT}Z$")],
    "micro-time": Annotated[str, Meta(pattern=rf"^{_MOMENT}\.\d{{6}}Z$")],
    "quantity": Annotated[str, Meta(pattern=r"^(?:0|[1-9]\d{0,2}(?:m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)$")],
    "int-or-string": Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | str,
    "any": Any,
}
_INTEGERS: dict[str, Any] = {
    "int32": Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)],
    "int64": Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)],
}
_ZEROS: dict[str, Any] = {"string": "", "integer": 0, "number": 0.0, "boolean": False, "bytes": ""}
_WRITTEN_ZEROS: dict[str, Any] = {"quantity": "0", "int-or-string": 0}


class _Recursive(Exception):
    """A type that contains itself has no struct."""


@cache
def decoder(node: Node) -> "msgspec.json.Decoder[Any] | None":
    """The decoder of a kind; None when its type contains itself."""
    found = struct_type(node)
    return None if found is None else msgspec.json.Decoder(found)


@cache
def struct_type(node: Node) -> type[msgspec.Struct] | None:
    """The struct of a kind's root; None when its type contains itself."""
    try:
        return _object(node, ())
    except _Recursive:
        return None


_made: dict[str, type[msgspec.Struct]] = {}


def _object(node: Node, above: tuple[str, ...]) -> type[msgspec.Struct]:
    found = _made.get(node.name) if node.name else None
    if found is not None:
        return found
    if node.name in above:
        raise _Recursive(node.name)
    inside = (*above, node.name)
    fields = [(f"f{i}", *_field(child, inside)) for i, child in enumerate(node.fields.values())]
    renamed = {f"f{i}": name for i, name in enumerate(node.fields)}
    made = msgspec.defstruct(
        node.name.rpartition(".")[2] or "Object",
        fields,
        rename=renamed,
        kw_only=True,
        omit_defaults=True,
        forbid_unknown_fields=True,
        gc=False,
    )
    if node.name:
        _made[node.name] = made
    return made


def _type(node: Node, above: tuple[str, ...]) -> Any:
    match node.type:
        case "object":
            return _object(node, above)
        case "list":
            return list[_type(node.items, above)]  # type: ignore[misc, arg-type]
        case "map":
            return dict[str, _type(node.items, above)]  # type: ignore[misc, arg-type]
        case "integer":
            return _INTEGERS[node.format]
    return _SCALARS[node.type]


def _written(value: Any) -> Any:
    """A default that is written out: msgspec leaves out plain defaults only."""
    made: Callable[[], Any] = lambda: value  # noqa: E731
    return msgspec.field(default_factory=made)


def _field(node: Node, above: tuple[str, ...]) -> tuple[Any, Any]:
    """A field's type and its default."""
    kind = _type(node, above)
    always = node.write == "always"
    if node.pointer or (node.type in ("time", "micro-time", "any") and not node.required):
        absent_is_null = always or (not node.pointer and node.write != "nonzero")
        return kind | None if kind is not Any else Any, _written(None) if absent_is_null else None
    if node.type == "object":
        return kind, msgspec.field(default_factory=kind)
    if node.type in ("list", "map"):
        return (kind | None, _written(None)) if always else (kind, [] if node.type == "list" else {})
    if node.type in ("time", "micro-time", "any"):
        return kind | None if kind is not Any else Any, _written(None)
    if node.type in _WRITTEN_ZEROS:
        return kind, _written(_WRITTEN_ZEROS[node.type])
    zero = _ZEROS[node.type]
    return kind, _written(zero) if always else zero
