"""The OpenAPI documents of the API, made from the kinds table and the schema when somebody asks, kept as bytes.

v3_index(kinds)           /openapi/v3: where each group version's document is, with a hash for caches
v3(kinds, "apis/apps/v1") one group version's document
v2(kinds)                 /openapi/v2: all of it in Swagger 2.0

operations   paths of resources and what can be done with them     components   schemas in the two dialects
others       paths that are no resource
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import orjson

from wherry.api.kinds import Kind
from wherry.api.openapi import components, operations, others

VERSION = "1.36"


def group_path(kind: Kind) -> str:
    """`api/v1`, `apis/apps/v1`: how the index calls a group version."""
    return kind.prefix.removeprefix("/")


@cache
def _hash(path: str) -> str:
    """Changes whenever the document of a group version could."""
    return hashlib.sha512(path.encode() + components.fingerprint()).hexdigest().upper()


def v3_index(kinds: Iterable[Kind]) -> bytes:
    """The index document."""
    found = {group_path(kind) for kind in kinds}
    paths = sorted({*others.PATHS, *found, *(others.group(path) for path in found)})
    entries = {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={_hash(path)}"} for path in paths}
    return orjson.dumps({"paths": entries})


def v3(kinds: Iterable[Kind], path: str) -> bytes | None:
    """The document of a group version by its path in the index; None when there is no such group version."""
    kinds = tuple(kinds)
    found = tuple(kind for kind in kinds if group_path(kind) == path)
    if found:
        return _v3(found)
    groups = {others.group(group_path(kind)) for kind in kinds}
    return _other(path) if path in others.PATHS or path in groups else None


@cache
def _v3(kinds: tuple[Kind, ...]) -> bytes:
    return _document(operations.paths(kinds, components.V3))


@cache
def _other(path: str) -> bytes:
    return _document(others.paths(path))


def _document(paths: dict[str, Any]) -> bytes:
    schemas = components.closure(_roots(paths), components.V3)
    document = {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION},
        "paths": paths,
        "components": {
            **({"schemas": schemas} if schemas else {}),
            "securitySchemes": {
                "BearerToken": {
                    "type": "apiKey",
                    "description": "Bearer Token authentication",
                    "name": "authorization",
                    "in": "header",
                }
            },
        },
    }
    return orjson.dumps(document)


def v2(kinds: Iterable[Kind]) -> bytes:
    """The Swagger 2.0 document of everything."""
    return _v2(tuple(kinds))


@cache
def _v2(kinds: tuple[Kind, ...]) -> bytes:
    dialect = components.V2
    paths = operations.paths(kinds, dialect)
    document = {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": VERSION},
        "paths": paths,
        "definitions": components.closure(_roots(paths), dialect),
        "securityDefinitions": {
            "BearerToken": {
                "description": "Bearer Token authentication",
                "type": "apiKey",
                "name": "authorization",
                "in": "header",
            }
        },
        "security": [{"BearerToken": []}],
    }
    return orjson.dumps(document)


def _roots(value: Any) -> Sequence[str]:
    """The definitions that a document's paths refer to."""
    found: dict[str, None] = {}
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "$ref" in item:
                found[item["$ref"].rpartition("/")[2]] = None
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return list(found)
