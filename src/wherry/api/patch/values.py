"""Small helpers over JSON values that all patches need."""

from typing import Any

import orjson


def clone(value: Any) -> Any:
    """A deep copy of a JSON value."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values: unlike Python's, true is not 1."""
    if left is right:
        return True
    if left != right:
        return False
    if isinstance(left, dict | list):
        return _written_alike(left, right) or _same_inside(left, right)
    return isinstance(left, bool) == isinstance(right, bool)


def _written_alike(left: Any, right: Any) -> bool:
    """Whether two equal values have the same text; almost always, and far cheaper to see than going inside."""
    try:
        return orjson.dumps(left, option=orjson.OPT_SORT_KEYS) == orjson.dumps(right, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a number that keeps its text
        return False


def _same_inside(left: Any, right: Any) -> bool:
    """`same` for equal dicts or lists."""
    if isinstance(left, dict):
        return all(same(item, right[key]) for key, item in left.items())
    return all(map(same, left, right))


def go_format(value: Any) -> str:
    """A value as Go's %v prints it: map[a:1 b:[x y]]."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{go_format(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_format, value))}]"
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


_GO_TYPES = {str: "string", bool: "bool", int: "int64", float: "float64"}


def go_type(value: Any) -> str:
    """The Go type that holds a decoded JSON value."""
    if isinstance(value, dict):
        return "map[string]interface {}"
    if isinstance(value, list):
        return "[]interface {}"
    return _GO_TYPES.get(type(value), "<nil>")


_JSON_TYPES = {str: "string", bool: "bool", int: "number", float: "number", dict: "object", list: "array"}


def json_type(value: Any) -> str:
    """What Go's decoder calls a value: string, number, bool, object, array, null."""
    return _JSON_TYPES.get(type(value), "null")
