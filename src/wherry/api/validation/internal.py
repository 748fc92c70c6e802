"""Values as upstream's internal types print them: every field, by its Go name, in Go's order.

    shown("core.Taint", {"key": "a"}) -> {"Key": "a", "Value": "", "Effect": "", "TimeAdded": None}
    diff("core.PodSpec", old, new)    -> a unified diff of the two, as messages about immutable specs have it

The types stand in `goforms.txt` beside this file; its head explains the notation.
"""

import difflib
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from wherry.api import Obj
from wherry.api.validation import metadata
from wherry.api.validation.fields import Check

_ZERO: dict[str, Any] = {"": "", "#": 0, "?": False, "$": "0", "*": None, "{": None}
_OF_POD_SPEC = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")


class _Field(NamedTuple):
    name: str
    key: str
    kind: str
    type: str
    embedded: bool = False
    omitted: bool = False


@cache
def _types() -> dict[str, str]:
    lines = (resources.files("wherry.api.validation") / "goforms.txt").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines if line and not line.startswith("#") and " " in line)


@cache
def _fields(name: str) -> tuple[_Field, ...]:
    return tuple(_field(part) for part in _types()[name].split())


def _field(text: str) -> _Field:
    if text.startswith("^"):
        return _Field("", "", "", text[1:], embedded=True)
    names, _, form = text.partition(":")
    omitted = names.endswith("-")
    name, _, key = names.removesuffix("-").partition("=")
    kind, _, of = form.partition("@")
    return _Field(name, key or name[:1].lower() + name[1:], kind if of == "" else f"{kind}@", of, omitted=omitted)


def names(type: str) -> list[tuple[str, str]]:
    """The fields of a struct: the name in Go and the key in JSON."""
    return [(field.name, field.key) for field in _fields(type)]


def shown(type: str, value: Obj | None) -> dict[str, Any] | None:
    """A struct as Go's JSON encoder prints it."""
    if value is None:
        return None
    if type == "core.PodSpec":
        value = _pod_spec(value)
    found: dict[str, Any] = {}
    for name, content in _content(type, value):
        found[name] = content
    return found


def _content(type: str, value: Obj) -> Iterator[tuple[str, Any]]:
    if type == "meta.TypeMeta":
        return
    for field in _fields(type):
        if field.embedded:
            within = (value.get("metadata") or {}) if field.type == "meta.ObjectMeta" else value
            yield from _content(field.type, within)
            continue
        raw = value.get(field.key)
        if not (field.omitted and not raw):
            yield field.name, _value(field, raw)


def _value(field: _Field, raw: Any) -> Any:
    match field.kind:
        case "@":
            return shown(field.type, raw or {})
        case "*@":
            return shown(field.type, raw)
        case "[@":
            return None if raw is None else [shown(field.type, each) for each in raw]
        case "{@":
            return None if raw is None else {key: shown(field.type, raw[key]) for key in sorted(raw)}
        case "{":
            return dict(sorted(raw.items())) if isinstance(raw, dict) else raw
    return _ZERO[field.kind] if raw is None else raw


def _pod_spec(spec: Obj) -> Obj:
    """What the internal type keeps in the security context of a pod."""
    context = spec.get("securityContext")
    moved = {key: spec[key] for key in _OF_POD_SPEC if key in spec}
    return spec if context is None and not moved else {**spec, "securityContext": {**(context or {}), **moved}}


def immutable(type: str, new: Obj | None, old: Obj | None, path: str) -> Check:
    """A struct that never changes."""
    for error in metadata.immutable(new, old, path):
        yield replace(error, value=shown(type, new))


def diff(type: str, old: Obj, new: Obj) -> str:
    """What differs between two structs, with three lines around each difference."""
    before, after = (_lines(shown(type, each)) for each in (old, new))
    return "".join(list(difflib.unified_diff(before, after))[2:])


def _lines(value: Any) -> list[str]:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return [f"{line}\n" for line in text.split("\n")]
