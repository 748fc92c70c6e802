"""Strategic merge patch: like a merge patch, but lists merge element by element where the schema names a merge key.

Directives: `$patch` (replace, delete) in a map or a list element, `$retainKeys`, `$setElementOrder/<list>`,
`$deleteFromPrimitiveList/<list>`. Source: apimachinery, util/strategicpatch.
"""

from collections.abc import Callable
from typing import Any

from wherry.api import Obj
from wherry.api.errors import StatusError, bad_request
from wherry.api.patch.values import go_format, go_type, json_type
from wherry.api.schema import Node

DIRECTIVE = "$patch"
RETAIN = "$retainKeys"
DELETE_FROM = "$deleteFromPrimitiveList"
ORDER = "$setElementOrder"

_ANY = Node("any")


def apply(original: Obj, patch: Any, node: Node) -> Obj:
    """The original with the patch merged in, by the node of the object's kind. Neither argument changes; the result
    shares with both what the patch does not reach. Raises StatusError."""
    if patch is not None and not isinstance(patch, dict):
        raise bad_request(
            f"json: cannot unmarshal {json_type(patch)} into Go value of type map[string]interface {{}}"
        )
    return _merge_map(original, patch or {}, node)


def _failed(message: str) -> StatusError:
    """Upstream answers most malformed patches with an error that has no reason."""
    return StatusError(500, "", message)


def _merge_map(original: Obj, patch: Obj, node: Node) -> Obj:
    if DIRECTIVE in patch:
        return _whole_map(patch)
    original, patch = dict(original), dict(patch)
    _retain_keys(original, patch)
    _ordered_lists(original, patch, node)
    for key, value in patch.items():
        if key.startswith(DELETE_FROM):
            _delete_from(original, _after_slash(key, DELETE_FROM), value)
        elif value is None:
            original.pop(key, None)
        else:
            _merge_field(original, key, value, node)
    return original


def _whole_map(patch: Obj) -> Obj:
    directive = patch[DIRECTIVE]
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != DIRECTIVE}
    if directive == "delete":
        return {}
    raise _unknown_directive(patch)


def _unknown_directive(patch: Obj) -> StatusError:
    return _failed(f"unknown patch type: {go_format(patch[DIRECTIVE])} in map: {go_format(patch)}")


def _after_slash(key: str, prefix: str) -> str:
    head, slash, field = key.partition("/")
    if head != prefix or not slash:
        raise bad_request(
            "invalid patch format of primitive list"
            if prefix == DELETE_FROM
            else "invalid patch format of setElementOrder list"
        )
    return field


def _retain_keys(original: Obj, patch: Obj) -> None:
    """Drop from the original whatever `$retainKeys` does not list."""
    if RETAIN not in patch:
        return
    keep = patch.pop(RETAIN)
    written = [key for key, value in patch.items() if value is not None and not key.startswith((DELETE_FROM, ORDER))]
    if not isinstance(keep, list) or any(key not in keep for key in written):
        raise bad_request("invalid patch format of retainKeys")
    for key in [key for key in original if key not in keep]:
        del original[key]


def _delete_from(original: Obj, field: str, values: Any) -> None:
    current = original.get(field)
    if isinstance(current, list) and isinstance(values, list) and current:
        original[field] = [item for item in current if item not in values]


def _merge_field(original: Obj, key: str, value: Any, node: Node) -> None:
    current, field = original.get(key), _field(node, key)
    replaced = "replace" in field.patch_strategy
    if isinstance(current, dict) and isinstance(value, dict):
        original[key] = value if replaced else _merge_map(current, value, field)
    elif isinstance(current, list) and isinstance(value, list):
        original[key] = _merge_list(current, value, field)
    else:
        _set(original, key, value)


def _field(node: Node, key: str) -> Node:
    """The node of a field or a map's value; unknown fields merge as plain JSON."""
    if node.type == "map":
        return node.items or _ANY
    return node.fields.get(key, _ANY)


def _set(original: Obj, key: str, value: Any) -> None:
    """Put a value of the patch where there was none of its type."""
    kept = _plain(value)
    if kept is _DROPPED:
        original.pop(key, None)
    else:
        original[key] = kept


_DROPPED = object()


def _plain(value: Any) -> Any:
    """A patch's value without nulls in its maps and without maps that hold a directive."""
    if isinstance(value, dict):
        if DIRECTIVE in value:
            return _DROPPED
        kept = {key: _plain(item) for key, item in value.items() if item is not None}
        return {key: item for key, item in kept.items() if item is not _DROPPED}
    if isinstance(value, list):
        return [item for item in map(_plain, value) if item is not _DROPPED]
    return value


# Lists


def _merge_list(original: list[Any], patch: list[Any], node: Node) -> list[Any]:
    """The list after the patch's elements; replaced as a whole unless the schema says merge."""
    if "merge" not in node.patch_strategy:
        return patch
    if not original and not patch:
        return original
    if not _holds_maps(original, patch):
        merged = list(dict.fromkeys([*original, *patch]))
        return _in_order(merged, patch, original, lambda item: item)
    key = node.patch_key
    original, patch = _special_elements(original, patch, key)
    merged = _merge_elements(original, patch, key, node.items or _ANY)
    return _in_order(merged, patch, original, lambda item: item.get(key))


def _holds_maps(*lists: list[Any]) -> bool:
    """Whether the elements are maps; they must all be of one type."""
    kinds = {go_type(item) for items in lists for item in items}
    if len(kinds) > 1:
        raise _failed("list element types are not identical: " + " ".join(sorted(kinds)))
    return kinds == {"map[string]interface {}"}


def _key_of(element: Obj, key: str) -> Any:
    if key not in element:
        raise _failed(f"map: {go_format(element)} does not contain declared merge key: {key}")
    return element[key]


def _identity(key: str) -> Callable[[Any], Any]:
    """What tells elements apart: the merge key's value, or the element itself."""
    return (lambda item: _key_of(item, key)) if key else (lambda item: item)


def _special_elements(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Carry out the elements that are directives; what is left of both lists."""
    ordinary, replace = [], False
    for element in patch:
        match element.get(DIRECTIVE):
            case None if DIRECTIVE not in element:
                ordinary.append(element)
            case "delete":
                gone = _key_of(element, key)
                original = [item for item in original if item.get(key) != gone]
            case "replace":
                replace = True
            case "merge":
                raise _failed("merging lists cannot yet be specified in the patch")
            case _:
                raise _unknown_directive(element)
    return (ordinary, []) if replace else (original, ordinary)


def _merge_elements(original: list[Any], patch: list[Any], key: str, node: Node) -> list[Any]:
    merged = list(original)
    for element in patch:
        wanted = _key_of(element, key)
        index = next((i for i, item in enumerate(merged) if _key_of(item, key) == wanted), None)
        if index is None:
            merged.append(element)
        else:
            merged[index] = _merge_map(merged[index], element, node)
    return merged


def _in_order(merged: list[Any], wanted: list[Any], server: list[Any], key: Callable[[Any], Any]) -> list[Any]:
    """Elements that the patch names in the patch's order, the others where the server had them relative to these."""

    def name(item: Any) -> str:  # what tells elements apart can be of any type
        return str(key(item))

    order = {name(item): index for index, item in reversed(list(enumerate(wanted)))}
    before = {name(item): index for index, item in reversed(list(enumerate(server)))}
    named = sorted((item for item in merged if name(item) in order), key=lambda item: order[name(item)])
    others = [item for item in merged if name(item) not in order]
    others.sort(key=lambda item: before.get(name(item), len(before)))
    result: list[Any] = []
    for item in named:
        while others and before.get(name(others[0]), len(before)) < before.get(name(item), -1):
            result.append(others.pop(0))
        result.append(item)
    return result + others


def _ordered_lists(original: Obj, patch: Obj, node: Node) -> None:
    """Merge the lists that a `$setElementOrder` directive speaks of, and take both out of the patch."""
    for directive in [key for key in patch if key.startswith(ORDER)]:
        order = patch.pop(directive)
        name = _after_slash(directive, ORDER)
        lists = [order, original.get(name, []), patch.get(name, [])]
        for found in lists:
            if not isinstance(found, list):
                raise _failed(f"expected a []interface {{}}, but received a {go_type(found)}")
        field = _field(node, name)
        _check_order(lists[2], order, field.patch_key)
        if name not in original and name not in patch:
            continue
        current, change = original.get(name), patch.pop(name, None)
        if current is None:
            merged = _plain(change)
        else:
            merged = current if change is None else _merge_list(current, change, field)
        original[name] = _in_order(merged, order, current or [], _identity(field.patch_key))


def _check_order(patch: list[Any], order: list[Any], key: str) -> None:
    """The patch's elements must come in the order that the directive gives."""
    if not patch or not order:
        return
    elements = [item for item in patch if not (isinstance(item, dict) and DIRECTIVE in item)]
    identity = _identity(key)
    remaining = iter([identity(item) for item in order])
    if not all(identity(item) in remaining for item in elements):
        raise _failed(
            f"The order in patch list:\n{go_format(patch)}\n doesn't match {ORDER} list:\n{go_format(order)}\n"
        )
