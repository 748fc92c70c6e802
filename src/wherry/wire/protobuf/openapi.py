"""An OpenAPI v2 document as the message that Go clients ask for: kubectl validates lists of objects with it.

Source of the numbers: gnostic's openapi.v2 messages. A document has many places where one of several messages may
stand; those that a document of Kubernetes' API uses are here.
"""

import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import orjson

from wherry.wire.protobuf.fields import FIXED64, VARINT, delimited, tag, varint

_LIMITS = (  # of values: what schemas and parameters share, in this order
    "maximum:double exclusiveMaximum:flag minimum:double exclusiveMinimum:flag maxLength:int minLength:int "
    "pattern:text maxItems:int minItems:int uniqueItems:flag"
)


def _numbered(fields: str, first: int) -> str:
    return " ".join(f"{field}={number}" for number, field in enumerate(fields.split(), first))


# A message: its fields as name:type=number; * marks a list, x- what extensions go into.
_TABLE = {
    "Document": (
        "swagger:text=1 info:Info=2 host:text=3 basePath:text=4 schemes:text*=5 consumes:text*=6 produces:text*=7 "
        "paths:Paths=8 definitions:Named=9 security:Requirement*=12 securityDefinitions:Securities=13 x-=16"
    ),
    "Info": "title:text=1 version:text=2 description:text=3 x-=7",
    "Operation": (
        "tags:text*=1 summary:text=2 description:text=3 operationId:text=5 produces:text*=6 consumes:text*=7 "
        "parameters:Parameter*=8 responses:Responses=9 schemes:text*=10 deprecated:flag=11 x-=13"
    ),
    "PathItem": (
        "get:Operation=2 put:Operation=3 post:Operation=4 delete:Operation=5 options:Operation=6 head:Operation=7 "
        "patch:Operation=8 parameters:Parameter*=9 x-=10"
    ),
    "Body": "description:text=1 name:text=2 in:text=3 required:flag=4 schema:Schema=5 x-=6",
    "Query": (
        "required:flag=1 in:text=2 description:text=3 name:text=4 allowEmptyValue:flag=5 type:text=6 format:text=7 "
        f"default:any=10 {_numbered(_LIMITS, 11)} enum:any*=21 multipleOf:double=22 x-=23"
    ),
    "Path": (
        "required:flag=1 in:text=2 description:text=3 name:text=4 type:text=5 format:text=6 default:any=9 "
        f"{_numbered(_LIMITS, 10)} enum:any*=20 multipleOf:double=21 x-=22"
    ),
    "Response": "description:text=1 schema:SchemaItem=2 x-=5",
    "Schema": (
        "$ref:text=1 format:text=2 title:text=3 description:text=4 default:any=5 multipleOf:double=6 "
        f"{_numbered(_LIMITS, 7)} maxProperties:int=17 minProperties:int=18 required:text*=19 enum:any*=20 "
        "additionalProperties:Additional=21 type:Type=22 items:SchemaItem=23 allOf:Schema*=24 properties:Named=25 "
        "discriminator:text=26 readOnly:flag=27 example:any=30 x-=31"
    ),
    "ApiKey": "type:text=1 name:text=2 in:text=3 description:text=4 x-=5",
}

Writer = Callable[[int, Any], bytes]


def encode(document: dict[str, Any]) -> bytes:
    """The whole document. Raises KeyError for a field that no message has."""
    return _message("Document")(document)


@cache
def _message(name: str) -> Callable[[dict[str, Any]], bytes]:
    """What encodes a message of the table."""
    fields, extension = _fields(_TABLE[name])

    def encode(value: dict[str, Any]) -> bytes:
        parts = []
        for key, item in value.items():
            if key.startswith("x-"):
                parts.append(delimited(extension, _named(key, _any(item))))
            else:
                number, write = fields[key]
                parts.append(write(number, item))
        return b"".join(parts)

    return encode


def _fields(row: str) -> tuple[dict[str, tuple[int, Writer]], int]:
    """{field: (number, writer)}, and the number under which extensions go."""
    fields, extension = {}, 0
    for text in row.split():
        what, _, number = text.partition("=")
        name, _, kind = what.partition(":")
        if name == "x-":
            extension = int(number)
        else:
            fields[name] = int(number), _writer(kind)
    return fields, extension


def _writer(kind: str) -> Writer:
    if kind.endswith("*"):
        one = _writer(kind[:-1])
        return lambda number, items: b"".join([one(number, item) for item in items])
    if kind in _SCALARS:
        return _SCALARS[kind]
    content = _SPECIAL.get(kind) or (lambda value: _message(kind)(value))
    return lambda number, value: delimited(number, content(value))


def _named(name: str, content: bytes) -> bytes:
    """An entry of what is a map in JSON."""
    return delimited(1, name.encode()) + delimited(2, content)


def _any(value: Any) -> bytes:
    """A value of any kind, as YAML, which JSON is."""
    return delimited(2, orjson.dumps(value))


def _flag(number: int, value: bool) -> bytes:
    return tag(number, VARINT) + b"\1" if value else b""


_SCALARS: dict[str, Writer] = {
    "text": lambda number, value: delimited(number, value.encode()),
    "flag": _flag,
    "int": lambda number, value: tag(number, VARINT) + varint(value),
    "double": lambda number, value: tag(number, FIXED64) + struct.pack("<d", value),
    "any": lambda number, value: delimited(number, _any(value)),
}


def _schema(value: dict[str, Any]) -> bytes:
    return _message("Schema")(value)


def _schemas(value: dict[str, Any]) -> bytes:
    return b"".join([delimited(1, _named(name, _schema(item))) for name, item in value.items()])


def _additional(value: Any) -> bytes:
    return delimited(1, _schema(value)) if isinstance(value, dict) else tag(2, VARINT) + varint(value)


def _type(value: Any) -> bytes:
    return b"".join([delimited(1, each.encode()) for each in ([value] if isinstance(value, str) else value)])


def _paths(value: dict[str, Any]) -> bytes:
    return b"".join([delimited(2, _named(path, _message("PathItem")(item))) for path, item in value.items()])


def _parameter(value: dict[str, Any]) -> bytes:
    """One of the messages of a parameter, inside those that say which."""
    if value["in"] == "body":
        return delimited(1, delimited(1, _message("Body")(value)))
    number, name = (3, "Query") if value["in"] == "query" else (4, "Path")
    return delimited(1, delimited(2, delimited(number, _message(name)(value))))


def _responses(value: dict[str, Any]) -> bytes:
    encode = _message("Response")
    return b"".join([delimited(1, _named(code, delimited(1, encode(item)))) for code, item in value.items()])


def _securities(value: dict[str, Any]) -> bytes:
    encode = _message("ApiKey")
    return b"".join([delimited(1, _named(name, delimited(2, encode(item)))) for name, item in value.items()])


def _requirement(value: dict[str, Any]) -> bytes:
    return b"".join([delimited(1, _named(name, _type(scopes))) for name, scopes in value.items()])


_SPECIAL: dict[str, Callable[[Any], bytes]] = {
    "Named": _schemas,
    "SchemaItem": lambda value: delimited(1, _schema(value)),
    "Additional": _additional,
    "Type": _type,
    "Paths": _paths,
    "Parameter": _parameter,
    "Responses": _responses,
    "Securities": _securities,
    "Requirement": _requirement,
}
