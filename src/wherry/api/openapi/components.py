"""Definitions as OpenAPI documents print them, in the two dialects: Swagger 2.0 and OpenAPI 3.0."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from wherry.api import schema

Json = dict[str, Any]

META_PREFIX = "io.k8s.apimachinery.pkg.apis.meta.v1."

_UNIONS = {  # two scalars that may be written in two ways
    "io.k8s.apimachinery.pkg.api.resource.Quantity": [{"type": "string"}, {"type": "number"}],
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": [{"type": "integer"}, {"type": "string"}],
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a document refers to its definitions, and whether a reference may have siblings and defaults."""

    prefix: str
    modern: bool

    def ref(self, name: str) -> Json:
        return {"$ref": f"{self.prefix}{name}"}


V2 = Dialect("#/definitions/", False)
V3 = Dialect("#/components/schemas/", True)


@cache
def fingerprint() -> bytes:
    """Of all definitions of this build."""
    found = schema.definitions()
    return hashlib.sha512(repr([(name, found.raw(name)) for name in found.names]).encode()).digest()


def closure(roots: Iterable[str], dialect: Dialect) -> dict[str, Json]:
    """The definitions named and all that these refer to, sorted by name."""
    definitions, texts = schema.definitions(), schema.definitions().descriptions()
    done: dict[str, Json] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        done[name] = definition(name, definitions.raw(name), texts.get(name, {}), dialect, waiting)
    return dict(sorted(done.items()))


def definition(name: str, raw: Json, texts: Mapping[str, str], dialect: Dialect, refs: list[str]) -> Json:
    """One definition with its descriptions; the definitions that it refers to are added to `refs`."""
    out: Json = {"description": texts[""]} if "" in texts else {}
    if dialect.modern and name in _UNIONS:
        return out | {key: raw[key] for key in ("format",) if key in raw} | {"oneOf": _UNIONS[name]}
    for key, value in raw.items():
        if key == "properties":
            out[key] = {
                field: _field(child, texts.get(field, ""), dialect, refs, field in raw.get("required", ()))
                for field, child in value.items()
            }
        else:
            out[key] = value
    return out


def _field(raw: Json, text: str, dialect: Dialect, refs: list[str], required: bool) -> Json:
    """A property: its description, its default, and what it is."""
    go = raw.get("x-go", {})
    out: Json = {"description": text} if text else {}
    if "default" in go:
        out["default"] = go["default"]
    elif dialect.modern and not go.get("pointer"):
        out |= _zero(raw, go)
    kind = _kind({key: value for key, value in raw.items() if key != "x-go"}, dialect, refs)
    if dialect.modern and "$ref" in kind and (out or len(kind) > 1):
        reference = {"$ref": kind.pop("$ref")}
        return out | kind | {"allOf": [reference]}
    return out | kind


_ZEROS = {"string": "", "integer": 0, "number": 0, "boolean": False}


def _zero(raw: Json, go: Json) -> Json:
    """The default of what Go holds as a value: an empty object; a scalar's zero where it is always written."""
    if "$ref" in raw:
        return {"default": {}} if _is_object(raw["$ref"]) else {}
    if go.get("write") == "always" and raw.get("type") in _ZEROS and raw.get("format") != "byte":
        return {"default": _ZEROS[raw["type"]]}
    return {}


def _is_object(reference: str) -> bool:
    name = reference.rpartition("/")[2]
    return name not in schema.LEAVES and schema.definitions().node(name).type == "object"


def _kind(raw: Json, dialect: Dialect, refs: list[str]) -> Json:
    out = dict(raw)
    if "$ref" in raw:
        name = raw["$ref"].rpartition("/")[2]
        refs.append(name)
        out["$ref"] = dialect.prefix + name
    for key in ("items", "additionalProperties"):
        if isinstance(raw.get(key), dict):
            out[key] = _kind(raw[key], dialect, refs)
    return out
