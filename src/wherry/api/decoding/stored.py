"""What storing does to an object: protobuf does not tell an empty list from none.

A list or map that Go always writes reads back as null when it was empty. The two kinds that upstream stores as JSON
keep theirs.
"""

from functools import cache
from typing import Any

from wherry.api import Obj
from wherry.api.schema import Node

_STORED_AS_JSON = ("io.k8s.apiextensions", "io.k8s.kube-aggregator")

# Where such lists are: a field's name -> what is below it; None for a list that is always written.
_Places = dict[str, Any]


@cache
def _places(node: Node) -> _Places:
    if node.name.startswith(_STORED_AS_JSON):
        return {}
    found: _Places = {}
    for key, field in node.fields.items():
        always = field.write == "always" and field.type in ("list", "map")
        inner = field
        while inner.type in ("list", "map") and inner.items is not None:
            inner = inner.items
        below = _places(inner) if inner.fields else {}
        if always or below:
            found[key] = (always, below)
    return found


def as_stored(obj: Obj, node: Node) -> Obj:
    """The object as it reads back; the same one when nothing changes."""
    changed: Obj = _run(obj, _places(node))
    return changed


def _run(value: Any, places: _Places) -> Any:
    if isinstance(value, list):
        made = [_run(each, places) for each in value]
        return made if any(new is not old for new, old in zip(made, value, strict=True)) else value
    if not isinstance(value, dict):
        return value
    changes: Obj = {}
    for key, (always, below) in places.items():
        child = value.get(key)
        if child is None:
            continue
        if not child:
            if always:
                changes[key] = None
        elif below:
            new = _run(child, below)
            if new is not child:
                changes[key] = new
    return {**value, **changes} if changes else value
