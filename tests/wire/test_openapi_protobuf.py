"""The OpenAPI v2 document as a message: what a Go client finds in it, read by number."""

import orjson

from wherry.api import openapi
from wherry.api.kinds import KINDS
from wherry.wire.protobuf.fields import read
from wherry.wire.protobuf.openapi import encode

DOCUMENT, SCHEMA, OPERATION = {"paths": 8, "definitions": 9}, {"properties": 25, "type": 22}, {"parameters": 8}


def inner(data: bytes, *numbers: int) -> bytes:
    """The first field of each number, one inside the other."""
    for number in numbers:
        data = next(value for found, _, value in read(data) if found == number and isinstance(value, bytes))
    return data


def named(data: bytes, name: str) -> bytes:
    """The value of an entry in a map."""
    for _, _, entry in read(data):
        assert isinstance(entry, bytes)
        if inner(entry, 1).decode() == name:
            return inner(entry, 2)
    raise KeyError(name)


def small(**schema: object) -> bytes:
    """The schema as it comes out of a document that has only it."""
    return named(inner(encode({"swagger": "2.0", "definitions": {"T": schema}}), DOCUMENT["definitions"]), "T")


def test_the_whole_document_has_its_fields() -> None:
    data = encode(orjson.loads(openapi.v2(KINDS)))
    pod = named(inner(data, DOCUMENT["definitions"]), "io.k8s.api.core.v1.Pod")
    assert inner(named(inner(pod, SCHEMA["properties"]), "spec"), 1) == b"#/definitions/io.k8s.api.core.v1.PodSpec"
    extensions = {inner(value, 1).decode(): inner(value, 2, 2) for number, _, value in read(pod) if number == 31}
    assert orjson.loads(extensions["x-kubernetes-group-version-kind"])[0]["kind"] == "Pod"


def test_types_are_lists_and_items_are_wrapped() -> None:
    data = small(type="array", items={"type": "string"}, maxItems=300)
    assert inner(data, SCHEMA["type"], 1) == b"array"
    assert inner(data, 23, 1, SCHEMA["type"], 1) == b"string"
    assert (14, 0, 300) in list(read(data))


def test_additional_properties_are_a_schema_or_a_truth() -> None:
    assert inner(small(additionalProperties={"type": "string"}), 21, 1, SCHEMA["type"], 1) == b"string"
    assert list(read(inner(small(additionalProperties=False), 21))) == [(2, 0, 0)]


def test_values_of_any_kind_are_yaml() -> None:
    assert inner(small(default={"a": 1}), 5, 2) == b'{"a":1}'


def test_parameters_by_their_place() -> None:
    parameters = [
        {"name": "body", "in": "body", "schema": {"$ref": "#/definitions/T"}, "required": True},
        {"name": "limit", "in": "query", "type": "integer", "uniqueItems": True},
        {"name": "name", "in": "path", "type": "string", "required": True},
    ]
    data = encode({"paths": {"/p": {"get": {"operationId": "x", "parameters": parameters}}}})
    item = inner(data, DOCUMENT["paths"], 2)
    assert inner(item, 1) == b"/p"
    got = [value for number, _, value in read(inner(item, 2, 2)) if number == OPERATION["parameters"]]
    body, query, path = (bytes(value) for value in got if isinstance(value, bytes))
    assert inner(body, 1, 1, 5, 1) == b"#/definitions/T"
    assert inner(query, 1, 2, 3, 4) == b"limit"
    assert inner(path, 1, 2, 4, 4) == b"name"
