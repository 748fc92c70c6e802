"""JSON patch, RFC 6902.

As lenient as the library that upstream uses (evanphx/json-patch v4): `replace` creates a missing key, `copy` of a
missing one copies null, an index may be negative or have leading zeros, `test` against null passes for a missing key.
"""

from collections.abc import Sequence
from typing import Any

from wherry.api.errors import StatusError, bad_request
from wherry.api.patch.values import clone, json_type, same

MAX_OPERATIONS = 10_000

_MISSING = object()


class _Refused(Exception):
    """An operation that cannot be done; the client learns no more than that."""


def apply(document: Any, operations: Any) -> Any:
    """The document after all operations, or a StatusError; the document itself stays as it was."""
    if not isinstance(operations, list):
        raise _undecodable(operations, "[]handlers.jsonPatchOp")
    for operation in operations:
        if not isinstance(operation, dict):
            raise _undecodable(operation, "handlers.jsonPatchOp")
    if len(operations) > MAX_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        raise StatusError(413, "RequestEntityTooLarge", f"Request entity too large: {message}")
    result = clone(document)
    try:
        for operation in operations:
            result = _one(result, operation)
    except _Refused as error:
        raise rejected() from error
    return result


def rejected() -> StatusError:
    """Upstream's answer to a JSON patch that does not fit the object."""
    return StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def _undecodable(value: Any, go: str) -> StatusError:
    kind = json_type(value)
    return bad_request(f"error decoding patch: json: cannot unmarshal {kind} into Go value of type {go}")


def _one(document: Any, operation: dict[str, Any]) -> Any:
    path, value = _text(operation, "path"), clone(operation.get("value"))
    match operation.get("op"):
        case "add":
            _add(document, path, value)
        case "remove":
            _remove(document, path)
        case "replace":
            return _replace(document, path, value)
        case "move":
            moved = _get(document, _text(operation, "from"))
            _remove(document, operation["from"])
            _add(document, path, moved)
        case "copy":
            found = _get(document, _text(operation, "from"))
            _add(document, path, None if found is _MISSING else clone(found))
        case "test":
            _test(document, path, value)
        case _:
            raise _Refused("unexpected operation")
    return document


def _text(operation: dict[str, Any], key: str) -> str:
    found = operation.get(key)
    if not isinstance(found, str):
        raise _Refused(f"{key} is missing")
    return found


def _parent(document: Any, path: str) -> tuple[Any, str]:
    """The container that a path points into, and the last part of the path."""
    parts = path.split("/")
    if len(parts) < 2:
        raise _Refused("the path does not start with a slash")
    *above, last = [part.replace("~1", "/").replace("~0", "~") for part in parts[1:]]
    for part in above:
        document = _child(document, part)
        if not isinstance(document, dict | list):
            raise _Refused(f"missing path {path}")
    return document, last


def _child(holder: Any, key: str) -> Any:
    if isinstance(holder, dict):
        return holder.get(key, _MISSING)
    return holder[_index(key, holder, len(holder) - 1)]


def _index(key: str, holder: Sequence[Any], largest: int) -> int:
    """A list index as text; negative ones count from the end. `largest`: the greatest that is allowed."""
    try:
        index = int(key)
    except ValueError:
        raise _Refused(f"{key} is not an index") from None
    if index < 0:
        index += largest + 1
    if not 0 <= index <= largest:
        raise _Refused(f"index {key} is out of bounds")
    return index


def _get(document: Any, path: str) -> Any:
    holder, key = _parent(document, path)
    return _child(holder, key)


def _add(document: Any, path: str, value: Any) -> None:
    holder, key = _parent(document, path)
    if isinstance(holder, dict):
        holder[key] = value
    elif key == "-":
        holder.append(value)
    else:
        holder.insert(_index(key, holder, len(holder)), value)


def _remove(document: Any, path: str) -> None:
    holder, key = _parent(document, path)
    if isinstance(holder, dict):
        if key not in holder:
            raise _Refused("unable to remove a key that does not exist")
        del holder[key]
    else:
        del holder[_index(key, holder, len(holder) - 1)]


def _replace(document: Any, path: str, value: Any) -> Any:
    if not path:
        if not isinstance(value, dict | list):
            raise _Refused("a document must be an object or an array")
        return value
    holder, key = _parent(document, path)
    if isinstance(holder, dict):
        holder[key] = value
    else:
        holder[_index(key, holder, len(holder) - 1)] = value
    return document


def _test(document: Any, path: str, value: Any) -> None:
    found = document if not path else _get(document, path)
    if found is _MISSING:
        found = None
    if not same(found, value):
        raise _Refused("the test failed")
