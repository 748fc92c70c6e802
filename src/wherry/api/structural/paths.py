"""Paths to fields of a schema: `.spec.name`, `.metadata.labels['app']`.

Source: apiextensions-apiserver, pkg/apiserver/schema/cel (ValidFieldPath).
"""

import re

from wherry.api import Obj

_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|[.\[\]]|[^.\[\]']+[^.\[\]]*|'.*", re.DOTALL)
_ESCAPES = {"\\": "\\", "'": "'", "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NOWHERE = "does not refer to a valid field"


class PathError(ValueError):
    """A path that leads nowhere."""


def follow(path: str, schema: Obj, brackets: bool = True) -> tuple[str, Obj]:
    """The path in its normal form and the schema that it leads to. PathError, in upstream's words."""
    words, normal = _TOKEN.findall(path), ""
    words.reverse()
    while words:
        word = words.pop()
        if word == "[":
            if not brackets:
                raise PathError("array notation is not allowed")
            name = _quoted(words)
        elif word == ".":
            name = _next(words)
        else:
            raise PathError(f"expected [ or . but got: {word}")
        named, schema = _enter(name, schema)
        normal += f".{name}" if named else f"[{name}]"
    return normal.removeprefix("."), schema


def _next(words: list[str]) -> str:
    if not words:
        raise PathError("unexpected end of JSON path")
    return words.pop()


def _quoted(words: list[str]) -> str:
    word = _next(words)
    if len(word) < 2 or word[0] != "'" or word[-1] != "'":
        raise PathError(f"expected single quoted string but got {word}")
    name = re.sub(r"\\.", lambda found: _unescaped(found[0]), word[1:-1], flags=re.DOTALL)
    closing = _next(words)
    if closing != "]":
        raise PathError(f"expected ] but got {closing}")
    return name


def _unescaped(text: str) -> str:
    if text[1] not in _ESCAPES:
        raise PathError(f"invalid string literal: invalid escape char {text}")
    return _ESCAPES[text[1]]


def _enter(name: str, schema: Obj) -> tuple[bool, Obj]:
    """Whether the step is to a field with a name, and the schema there."""
    properties, more = schema.get("properties"), schema.get("additionalProperties")
    if properties:
        if name not in properties:
            raise PathError(_NOWHERE)
        return True, properties[name]
    if not isinstance(more, dict):
        raise PathError(_NOWHERE)
    return False, more
