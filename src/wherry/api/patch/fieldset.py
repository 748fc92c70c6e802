"""Sets of field paths, in the very form in which managedFields store them (FieldsV1).

A set is a dict from path elements to what is in the set below them: `f:name` a field, `k:{"name":"c"}` an element of
a list map, `v:"x"` an element of a set. `{}` below an element means the element itself and nothing deeper; `"."`
means the element itself beside what is deeper. So {"f:spec": {"f:ports": {".": {}, "v:80": {}}}} holds .spec.ports
and .spec.ports[=80], not .spec. The empty set is {}. Sets share their parts: never change one in place."""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson

from wherry.api.errors import quote

FieldSet = dict[str, Any]

SELF = "."
LEAF: FieldSet = {}


def is_member(node: FieldSet) -> bool:
    """Whether the element above is itself in the set."""
    return not node or SELF in node


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    if not left or not right:
        return left or right
    out = dict(left)
    for key, value in right.items():
        out[key] = _union_below(out[key], value) if key in out else value
    return out


def _union_below(left: FieldSet, right: FieldSet) -> FieldSet:
    if not left:
        return {SELF: LEAF, **right} if right else LEAF
    if not right:
        return {SELF: LEAF, **left}
    return union(left, right)


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    out: FieldSet = {}
    if len(right) < len(left):
        left, right = right, left
    for key, value in left.items():
        if key in right and key != SELF:
            below = _build(intersection(value, right[key]), is_member(value) and is_member(right[key]))
            if below is not None:
                out[key] = below
    return out


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in the left set and not, at the same path, in the right one."""
    if not right:
        return left
    out: FieldSet = {}
    for key, value in left.items():
        if key == SELF:
            continue
        if key not in right:
            out[key] = value
            continue
        below = _build(difference(value, right[key]), is_member(value) and not is_member(right[key]))
        if below is not None:
            out[key] = below
    return out


def without(left: FieldSet, right: FieldSet) -> FieldSet:
    """The left set without the right one's members and all that is below them."""
    if not right:
        return left
    out: FieldSet = {}
    for key, value in left.items():
        if key == SELF:
            continue
        if key not in right:
            out[key] = value
        elif not is_member(right[key]):
            below = _build(without(value, right[key]), is_member(value))
            if below is not None:
                out[key] = below
    return out


def _build(children: FieldSet, member: bool) -> FieldSet | None:
    """What stands below an element: None when nothing is left."""
    if not children:
        return LEAF if member else None
    if member == (SELF in children):
        return children
    if member:
        return {SELF: LEAF, **children}
    return {key: value for key, value in children.items() if key != SELF}


def single(*path: str) -> FieldSet:
    """The set of one path of fields: single("metadata", "name")."""
    found: FieldSet = LEAF
    for name in reversed(path):
        found = {f"f:{name}": found}
    return found


def has(found: FieldSet, *path: str) -> bool:
    """Whether a path of path elements is a member."""
    for element in path:
        if element not in found:
            return False
        found = found[element]
    return is_member(found)


def paths(found: FieldSet, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every member, parents first, each level sorted as upstream sorts path elements."""
    for key in sorted((key for key in found if key != SELF), key=_order):
        path = (*above, key)
        if is_member(found[key]):
            yield path
        yield from paths(found[key], path)


def _order(element: str) -> tuple[int, Any]:
    """Fields come first, then keyed elements, then values."""
    return "fkvi".find(element[0]), element


def key_element(fields: dict[str, Any]) -> str:
    """The path element of a list map's element by its keys."""
    if len(fields) == 1:
        ((name, value),) = fields.items()
        return _text_key(name, value) if type(value) is str else "k:" + _json(fields)
    return "k:" + _json({name: fields[name] for name in sorted(fields)})


@lru_cache(4096)
def _text_key(name: str, value: str) -> str:
    """Most lists are told apart by a name, and the same names come again and again."""
    return "k:" + _json({name: value})


def value_element(value: Any) -> str:
    """The path element of a set's element."""
    return "v:" + _json(value)


def _json(value: Any) -> str:
    text = orjson.dumps(value).decode()
    for char in "&<>":
        if char in text:
            text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def show(path: tuple[str, ...]) -> str:
    """A path as messages print it: .spec.containers[name="c"].image."""
    return "".join(map(show_element, path))


def show_element(element: str) -> str:
    kind, content = element[0], element[2:]
    if kind == "f":
        return f".{content}"
    if kind == "k":
        return f"[{','.join(f'{name}={_shown(value)}' for name, value in sorted(json.loads(content).items()))}]"
    if kind == "v":
        return f"[={_shown(json.loads(content))}]"
    return f"[{content}]"


def _shown(value: Any) -> str:
    return quote(value) if isinstance(value, str) else json.dumps(value)
