"""Values under a schema as server-side apply sees them: compared, merged, and taken apart into field sets.

Objects and maps are granular unless the schema says atomic; lists are atomic unless it says map (elements told apart
by keys) or set (by value). An atomic value is one field, whatever is inside. Where the schema says nothing (`any`),
the value decides: maps are granular, lists atomic. Source: the structured-merge-diff library.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from wherry.api.errors import quote
from wherry.api.patch.fieldset import (
    LEAF,
    SELF,
    FieldSet,
    _build,
    is_member,
    key_element,
    show_element,
    value_element,
)
from wherry.api.patch.values import go_format, same
from wherry.api.schema import Node

ABSENT: Any = object()
_ANY = Node("any")


class StructureError(ValueError):
    """A value that does not fit its schema; the message is the library's: path, then what is wrong."""


class Comparison(NamedTuple):
    """How one value differs from another."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet


def shape(node: Node, value: Any) -> str:
    """How a value at this place is treated: map, list (associative), leaf."""
    if isinstance(value, dict) and node.type in ("object", "map", "any"):
        return "leaf" if node.atomic else "map"
    if isinstance(value, list) and node.type == "list" and associative(node):
        return "list"
    return "leaf"


def associative(node: Node) -> bool:
    """Whether a list's elements are told apart. Without a list type, a merge patch strategy says so."""
    if node.list_type:
        return node.list_type in ("map", "set")
    return "merge" in node.patch_strategy


def keys_of(node: Node) -> tuple[str, ...]:
    """The keys that tell a list map's elements apart; none for a set."""
    if node.list_type:
        return node.list_keys if node.list_type == "map" else ()
    return (node.patch_key,) if node.patch_key else ()


def field_of(node: Node, key: str) -> Node:
    """The node below a map's key."""
    if node.type == "object":
        return node.fields.get(key) or node.items or _ANY
    return node.items or _ANY


def element(node: Node, child: Any) -> str:
    """The path element of an element of an associative list. Raises StructureError."""
    keys = keys_of(node)
    if not keys:
        if isinstance(child, dict):
            raise StructureError("associative list without keys has an element that's a map type")
        if isinstance(child, list):
            raise StructureError("not supported: associative list with lists as elements")
        if child is None:
            raise StructureError("associative list without keys has an element that's an explicit null")
        return value_element(child)
    if child is None:
        raise StructureError("associative list with keys may not have a null element")
    if not isinstance(child, dict):
        raise StructureError("associative list with keys may not have non-map elements")
    found = {}
    for key in keys:
        value = child[key] if key in child else field_of(node.items or _ANY, key).default
        if value is not None or key in child:
            found[key] = value
    if not found:
        listed = "[" + " ".join(map(quote, keys)) + "]"
        raise StructureError(
            f"associative list with keys has an element that omits all key fields {listed} (and doesn't have default "
            "values for any key fields)"
        )
    return key_element(found)


def elements(node: Node, items: list[Any] | None) -> dict[str, list[Any]]:
    """The elements by path element; more than one where there are duplicates."""
    found: dict[str, list[Any]] = {}
    for item in items or ():
        found.setdefault(element(node, item), []).append(item)
    return found


# Field sets


def field_set(value: Any, node: Node) -> FieldSet:
    """The fields that an applied configuration speaks of."""
    kind = shape(node, value)
    out: FieldSet = {}
    if kind == "map":
        for key, child in value.items():
            below = field_of(node, key)
            inside = field_set(child, below)
            leaf = not inside and shape(below, child) == "leaf"
            member = leaf or child is None or child == {} or key not in node.fields
            found = _build(inside, member)
            if found is not None:
                out[f"f:{key}"] = found
    elif kind == "list":
        for name, items in elements(node, value).items():
            inside = field_set(items[0], node.items or _ANY) if len(items) == 1 else {}
            out[name] = _build(inside, True)
    return out


def whole(value: Any, node: Node) -> FieldSet:
    """What is below a value that was added or removed as a whole: each of its fields, and itself."""
    if not value or shape(node, value) == "leaf":
        return LEAF
    out: FieldSet = {SELF: LEAF}
    if isinstance(value, dict):
        for key, child in value.items():
            nested = child and isinstance(child, _NESTED)  # most fields are scalars, of which nothing need be asked
            out["f:" + key] = whole(child, field_of(node, key)) if nested else LEAF
        return out
    items = node.items or _ANY
    for name, found in elements(node, value).items():
        out[name] = whole(found[0], items) if len(found) == 1 else LEAF
    return out


def compare(old: Any, new: Any, node: Node) -> Comparison:
    """What was added, modified and removed between two objects."""
    whole_maps = isinstance(old, dict) and isinstance(new, dict) and shape(node, new) == "map"
    found = _compare_maps(old, new, node) if whole_maps else _compare(old, new, node)
    return Comparison(*(part or {} for part in found))


_Parts = tuple[FieldSet | None, FieldSet | None, FieldSet | None]
_SAME: _Parts = (None, None, None)
_NESTED: tuple[type, ...] = (dict, list)


def _compare(old: Any, new: Any, node: Node) -> _Parts:
    if old is ABSENT:
        return whole(new, node), None, None
    if new is ABSENT:
        return None, None, whole(old, node)
    if same(old, new):
        return _SAME
    if isinstance(old, dict) and isinstance(new, dict):
        return _compare_maps(old, new, node) if shape(node, new) == "map" else (None, LEAF, None)
    kinds = {shape(node, value) for value in (old, new) if value is not None}
    if len(kinds) != 1 or not (old or new):
        return None, LEAF, None
    kind = kinds.pop()
    if kind == "leaf":
        return None, LEAF, None
    if kind == "map":
        return _compare_maps(old or {}, new or {}, node)
    return _compare_lists(old, new, node)


class _Gathered:
    """The parts of what is below one place."""

    __slots__ = ("added", "modified", "removed")

    def __init__(self) -> None:
        self.added: FieldSet = {}
        self.modified: FieldSet = {}
        self.removed: FieldSet = {}

    def add(self, name: str, parts: _Parts) -> None:
        added, modified, removed = parts
        if added is not None:
            self.added[name] = added
        if modified is not None:
            self.modified[name] = modified
        if removed is not None:
            self.removed[name] = removed

    def parts(self) -> _Parts:
        return self.added or None, self.modified or None, self.removed or None


def _compare_maps(old: dict[str, Any], new: dict[str, Any], node: Node) -> _Parts:
    found = _Gathered()
    for key, after in new.items():
        before = old.get(key, ABSENT)
        if before is after:
            continue
        if isinstance(after, _NESTED) or isinstance(before, _NESTED):
            found.add("f:" + key, _compare(before, after, field_of(node, key)))
        elif before is ABSENT:
            found.added["f:" + key] = LEAF
        elif not same(before, after):
            found.modified["f:" + key] = LEAF
    for key, before in old.items():
        if key not in new:
            found.removed["f:" + key] = whole(before, field_of(node, key))
    return found.parts()


def _compare_lists(old: list[Any] | None, new: list[Any] | None, node: Node) -> _Parts:
    before, after, items = elements(node, old), elements(node, new), node.items or _ANY
    found = _Gathered()
    for name, present in after.items():
        found.add(name, _compare_elements(before.get(name, []), present, items))
    for name, gone in before.items():
        if name not in after:
            found.add(name, _compare_elements(gone, [], items))
    return found.parts()


def _compare_elements(old: list[Any], new: list[Any], node: Node) -> _Parts:
    """The elements under one path element: usually one on each side, more when there are duplicates."""
    if len(old) <= 1 and len(new) <= 1:
        return _compare(old[0] if old else ABSENT, new[0] if new else ABSENT, node)
    if len(old) >= 2 and len(new) >= 2:
        return _SAME if same(old, new) else (None, LEAF, None)
    if len(old) >= 2:
        return (whole(new[0], node) if new else None), None, LEAF
    return LEAF, None, (whole(old[0], node) if old else None)


# Merging and removing


def merge(live: Any, config: Any, node: Node) -> Any:
    """The live value with a configuration laid over it."""
    if config is ABSENT:
        return live
    if live is ABSENT:
        return _overlay({}, config, node) if shape(node, config) == "map" and config else config
    if shape(node, config if config is not None else live) == "leaf" or not (live or config):
        return config
    if isinstance(live if live is not None else config, dict):
        return _overlay(live or {}, config or {}, node)
    if isinstance(live, list | None) and isinstance(config, list | None):
        return _merge_lists(live or [], config or [], node)
    return config


def _overlay(live: dict[str, Any], config: dict[str, Any], node: Node) -> dict[str, Any]:
    merged = dict(live)
    for key, value in config.items():
        merged[key] = merge(live.get(key, ABSENT), value, field_of(node, key))
    return merged


def _merge_lists(live: list[Any], config: list[Any], node: Node) -> list[Any]:
    """Elements of both: the configuration's in its order, the others where they were relative to the shared ones."""
    items = node.items or _ANY
    before, after = elements(node, live), elements(node, config)
    left = [element(node, item) for item in live]
    right = list(after)
    shared = [name for name in right if name in before]
    out: list[Any] = []
    done: set[str] = set()
    at_left = at_right = 0

    def take(name: str) -> None:
        found = before.get(name)
        base = ABSENT if not found else found[0] if len(found) == 1 else None
        out.append(merge(base, after[name][0], items))
        done.add(name)
        if shared and shared[0] == name:
            shared.pop(0)

    while at_left < len(left) or at_right < len(right):
        name = left[at_left] if at_left < len(left) else ""
        if name and at_right < len(right):
            if name == right[at_right]:
                take(name)
                at_left, at_right = at_left + 1, at_right + 1
                continue
            if name in after and shared and shared[0] != name:
                at_left += 1
                continue
        if name and name not in after:
            out.append(live[at_left])
            at_left += 1
            continue
        if name in done:
            at_left += 1
        if at_right < len(right):
            take(right[at_right])
            at_right += 1
    return out


def remove(value: Any, gone: FieldSet, node: Node) -> Any:
    """The value without the fields of a set; ABSENT when nothing is left of it."""
    kind = shape(node, value)
    if kind == "map":
        kept = _remove_fields(value, gone, node)
        return kept or ABSENT
    if kind == "list":
        left = _remove_elements(value, gone, node)
        return left or ABSENT
    return value if not isinstance(value, dict | list) else ABSENT


def _remove_fields(value: dict[str, Any], gone: FieldSet, node: Node) -> dict[str, Any]:
    kept = {}
    for key, child in value.items():
        below = gone.get(f"f:{key}")
        if below is None:
            kept[key] = child
        elif not is_member(below):
            left = remove(child, below, field_of(node, key))
            kept[key] = None if left is ABSENT else left
    return kept


def _remove_elements(value: list[Any], gone: FieldSet, node: Node) -> list[Any]:
    kept = []
    for child in value:
        below = gone.get(element(node, child))
        if below is None:
            kept.append(child)
        elif not is_member(below):
            left = remove(child, below, node.items or _ANY)
            kept.append(None if left is ABSENT else left)
    return kept


def with_named_fields(found: FieldSet, node: Node) -> FieldSet:
    """The set with every declared field that has members below it a member too."""
    out: FieldSet = {}
    for key, value in found.items():
        if key == SELF:
            continue
        child, member = _ANY, is_member(value)
        if key.startswith("f:"):
            child = field_of(node, key[2:])
            member = member or key[2:] in node.fields
        elif node.items is not None:
            child = node.items
        below = _build(with_named_fields(value, child), member)
        if below is not None:
            out[key] = below
    return out


# Checking


def check(value: Any, node: Node, duplicates: bool = False) -> list[str]:
    """What keeps a value from being a configuration of its schema, as `path: message`."""
    return list(_problems(value, node, "", duplicates))


_SCALARS = {"string": "string", "time": "string", "micro-time": "string", "bytes": "string"}
_NUMBERS = {"integer", "number"}


def _problems(value: Any, node: Node, path: str, duplicates: bool) -> Iterator[str]:
    if value is None or node.type == "any":
        return
    if node.type in ("object", "map"):
        if not isinstance(value, dict):
            yield _said(path, f"expected map, got {_shown(value)}")
            return
        for key, child in value.items():
            at = f"{path}.{key}"
            if node.type == "object" and key not in node.fields and not (node.open or node.items):
                yield _said(at, "field not declared in schema")
                return
            yield from _problems(child, field_of(node, key), at, duplicates)
    elif node.type == "list":
        yield from _list_problems(value, node, path, duplicates)
    else:
        problem = _scalar_problem(value, node)
        if problem:
            yield _said(path, problem)


def _list_problems(value: Any, node: Node, path: str, duplicates: bool) -> Iterator[str]:
    if not isinstance(value, list):
        yield _said(path, f"expected list, got {_shown(value)}")
        return
    seen: set[str] = set()
    for index, child in enumerate(value):
        name = f"i:{index}"
        if associative(node):
            try:
                name = element(node, child)
            except StructureError as error:
                yield _said(path, f"element {index}: {error}")
                return
            if name in seen and not duplicates:
                yield _said(path, f"duplicate entries for key {show_element(name)}")
            seen.add(name)
        yield from _problems(child, node.items or _ANY, path + show_element(name), duplicates)


def _said(path: str, message: str) -> str:
    return f"{path}: {message}" if path else message


def _shown(value: Any) -> str:
    """A value inside a message: Go's %v of the library's wrapper."""
    return f"&{{{go_format(value)}}}"


def _scalar_problem(value: Any, node: Node) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if node.type in _NUMBERS:
        names = {str: "string", bool: "bool", dict: "map[string]interface {}", list: "[]interface {}"}
        return "" if number else f"expected numeric (int or float), got {names.get(type(value), '<nil>')}"
    if node.type in _SCALARS:
        return "" if isinstance(value, str) else f"expected string, got {_go_value(value)}"
    if node.type == "boolean":
        return "" if isinstance(value, bool) else f"expected boolean, got {_shown(value)}"
    return f"expected any scalar, got {_shown(value)}" if isinstance(value, dict | list) else ""


def _go_value(value: Any) -> str:
    shown = go_format(value) if not isinstance(value, dict | list) else _go_syntax(value)
    return f"&value.valueUnstructured{{Value:{shown}}}"


def _go_syntax(value: Any) -> str:
    """A value as Go's %#v prints it."""
    if isinstance(value, dict):
        inner = ", ".join(f"{quote(key)}:{_go_syntax(item)}" for key, item in sorted(value.items()))
        return f"map[string]interface {{}}{{{inner}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(_go_syntax, value))}}}"
    return quote(value) if isinstance(value, str) else go_format(value)
