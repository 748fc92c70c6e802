"""An object's JSON form <-> its message.

A `Message` is made once a type, from the API's schema and the field numbers. What the schema calls an embedded
struct is a message of its own here: its fields stand in the parent in JSON and one level down in protobuf.
"""

import base64
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from wherry.api.schema import Node, definitions
from wherry.lib import timestamps
from wherry.wire.protobuf.fields import (
    BYTES,
    FIXED64,
    VARINT,
    Malformed,
    as_bytes,
    as_integer,
    as_text,
    delimited,
    read,
    read_packed,
    signed,
    tag,
    varint,
)
from wherry.wire.protobuf.numbers import of_message

Writer = Callable[[int, Any], bytes]
Reader = Callable[[Any], Any]


@dataclass(slots=True)
class Field:
    """One field: how a value is written behind its tag, how it is read, and how it joins what was read before."""

    number: int
    name: str  # in JSON
    write: Writer
    read: Reader
    join: str = "one"  # one, list, map
    packed: bool = False  # numbers that may come several in one field


@dataclass(slots=True)
class Message:
    """A type's fields and its embedded messages, by number."""

    fields: dict[int, Field]
    embedded: dict[int, "Message"]

    def encode(self, obj: dict[str, Any]) -> bytes:
        parts = []
        for number, inner in self.embedded.items():
            if data := inner.encode(obj):
                parts.append(delimited(number, data))
        for number, field in self.fields.items():
            value = obj.get(field.name)
            if value is not None:
                parts.append(field.write(number, value))
        return b"".join(parts)

    def decode(self, data: bytes, into: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fields that the type does not have are passed over, as protobuf readers do. Raises Malformed."""
        obj: dict[str, Any] = {} if into is None else into
        for number, wire, value in read(data):
            if number in self.embedded:
                self.embedded[number].decode(as_bytes(value), obj)
            elif number in self.fields:
                _store(obj, self.fields[number], wire, value)
        return obj


def _store(obj: dict[str, Any], field: Field, wire: int, value: int | bytes) -> None:
    if field.join == "one":
        read_value = field.read(value)
        if read_value is not None:
            obj[field.name] = read_value
    elif field.join == "list":
        found = obj.setdefault(field.name, [])
        if field.packed and wire == BYTES:
            found += [field.read(number) for number in read_packed(as_bytes(value))]
        else:
            found.append(field.read(value))
    else:
        obj.setdefault(field.name, {}).update(field.read(value))


def message_name(definition: str) -> str:
    """`io.k8s.api.core.v1.Pod` -> `core.v1.Pod`."""
    return ".".join(definition.rsplit(".", 3)[-3:])


@cache
def message(definition: str) -> Message:
    """The message of a definition by its full name. Raises KeyError if it has none."""
    node = definitions().node(definition)
    return _build(message_name(definition), [(name, field, field.embedded) for name, field in node.fields.items()])


def _build(name: str, entries: list[tuple[str, Node, str]]) -> Message:
    """A message whose JSON fields are `entries`: (name, node, path of embedded structs)."""
    numbers = of_message(name)
    group = name.rpartition(".")[0]
    built = Message({}, {})
    inside: dict[str, list[tuple[str, Node, str]]] = {}
    for json_name, node, path in entries:
        if path:
            struct_name, _, rest = path.partition("/")
            inside.setdefault(struct_name, []).append((json_name, node, rest))
        elif json_name in numbers:
            text = numbers[json_name]
            number = int(text.rstrip("w"))
            built.fields[number] = _field(number, json_name, node, text.endswith("w"))
    for struct_name, below in inside.items():
        built.embedded[int(numbers["^" + struct_name])] = _build(f"{group}.{struct_name}", below)
    return built


def _field(number: int, name: str, node: Node, wrapped: bool) -> Field:
    if node.type == "map" and node.items is not None:
        write, read_value = _map_codec(node.items, wrapped)
        return Field(number, name, write, read_value, "map")
    if node.type == "list" and node.items is not None and not wrapped:
        write_one, read_one = _codec(node.items)

        def write_all(number: int, values: list[Any]) -> bytes:
            return b"".join([write_one(number, value) for value in values])

        return Field(number, name, write_all, read_one, "list", packed=node.items.type in ("integer", "boolean"))
    write, read_value = _wrapped_codec(node) if wrapped else _codec(node)
    return Field(number, name, write, read_value)


def _map_codec(items: Node, wrapped: bool) -> tuple[Writer, Reader]:
    """A map is a list of entries: key in field 1, value in field 2."""
    write_value, read_value = _wrapped_codec(items) if wrapped else _codec(items)

    def write(number: int, values: dict[str, Any]) -> bytes:
        entries = (delimited(1, key.encode()) + write_value(2, value) for key, value in values.items())
        return b"".join([delimited(number, entry) for entry in entries])

    def read_entry(data: bytes) -> dict[str, Any]:
        key, value = "", None
        for number, _, content in read(as_bytes(data)):
            if number == 1:
                key = as_text(content)
            elif number == 2:
                value = read_value(content)
        return {key: read_value(b"") if value is None else value}

    return write, read_entry


def _wrapped_codec(node: Node) -> tuple[Writer, Reader]:
    """A list inside a message of its own, as field 1."""
    assert node.items is not None
    write_one, read_one = _codec(node.items)

    def write(number: int, values: list[Any]) -> bytes:
        return delimited(number, b"".join([write_one(1, value) for value in values]))

    def read_list(data: bytes) -> list[Any]:
        return [read_one(value) for number, _, value in read(as_bytes(data)) if number == 1]

    return write, read_list


def _codec(node: Node) -> tuple[Writer, Reader]:
    """Of one value."""
    if node.type == "object":
        return _object_codec(node.name)
    if node.type == "any":
        return _ANY.get(node.name.rpartition(".")[2], (_write_raw, _read_raw))
    return _CODECS[node.type]


def _object_codec(definition: str) -> tuple[Writer, Reader]:
    # The message is looked up when it is used: types refer to each other in circles.
    def write(number: int, value: dict[str, Any]) -> bytes:
        return delimited(number, message(definition).encode(value))

    def read_object(data: bytes) -> dict[str, Any]:
        return message(definition).decode(as_bytes(data))

    return write, read_object


def _write_string(number: int, value: str) -> bytes:
    return delimited(number, value.encode())


def _write_bytes(number: int, value: str) -> bytes:
    return delimited(number, base64.b64decode(value))


def _read_bytes(value: bytes) -> str:
    return base64.b64encode(as_bytes(value)).decode()


def _write_integer(number: int, value: int) -> bytes:
    return tag(number, VARINT) + varint(value)


def _write_double(number: int, value: float) -> bytes:
    return tag(number, FIXED64) + struct.pack("<d", value)


def _read_boolean(value: int | bytes) -> bool:
    return bool(as_integer(value))


def _read_double(value: bytes) -> float:
    try:
        return float(struct.unpack("<d", as_bytes(value))[0])
    except struct.error:
        raise Malformed("a fraction is not of 64 bits") from None


def _write_time(number: int, value: str) -> bytes:
    seconds = timestamps.parse(value)
    whole = int(seconds // 1)
    nanos = round((seconds - whole) * 1_000_000) * 1000
    return delimited(number, _write_integer(1, whole) + (_write_integer(2, nanos) if nanos else b""))


_LAST_SECOND = 253_402_300_799  # of the year 9999


def _time_parts(value: bytes) -> tuple[int, int] | None:
    parts = {number: signed(content) for number, _, content in read(as_bytes(value)) if isinstance(content, int)}
    seconds = parts.get(1)
    if seconds is None or seconds < -62_000_000_000:
        return None
    if seconds > _LAST_SECOND:
        raise Malformed("a time is after the year 9999")
    return seconds, parts.get(2, 0)


def _read_time(value: bytes) -> str | None:
    parts = _time_parts(value)
    return timestamps.rfc3339(parts[0]) if parts else None


def _read_micro_time(value: bytes) -> str | None:
    parts = _time_parts(value)
    return timestamps.rfc3339_micro(parts[0] + parts[1] / 1_000_000_000) if parts else None


def _write_quantity(number: int, value: Any) -> bytes:
    return delimited(number, _write_string(1, str(value)))


def _read_quantity(value: bytes) -> str:
    return next((as_text(text) for number, _, text in read(as_bytes(value)) if number == 1), "0")


def _write_int_or_string(number: int, value: int | str) -> bytes:
    if isinstance(value, str):
        return delimited(number, _write_integer(1, 1) + _write_string(3, value))
    return delimited(number, _write_integer(1, 0) + _write_integer(2, value))


def _read_int_or_string(value: bytes) -> int | str:
    parts: dict[int, Any] = {number: content for number, _, content in read(as_bytes(value))}
    return as_text(parts.get(3, b"")) if parts.get(1) else as_integer(parts.get(2, 0))


def _write_raw(number: int, value: Any) -> bytes:
    return delimited(number, delimited(1, orjson.dumps(value)))


def _read_raw(value: bytes) -> Any:
    raw = next((as_bytes(content) for number, _, content in read(as_bytes(value)) if number == 1), b"")
    if not raw:
        return {}
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Malformed("an embedded object is not JSON") from None


_PROPS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"


def _write_props_or(number: int, value: Any) -> bytes:
    """JSONSchemaPropsOrArray, -OrStringArray and -OrBool: one schema, or the other thing."""
    if isinstance(value, bool):
        return delimited(number, _write_integer(1, int(value)))
    if isinstance(value, dict):
        return delimited(number, delimited(1, message(_PROPS).encode(value)))
    parts = [delimited(2, each.encode() if isinstance(each, str) else message(_PROPS).encode(each)) for each in value]
    return delimited(number, b"".join(parts))


def _read_props_or_array(value: bytes) -> Any:
    found: list[Any] = []
    for number, _, content in read(as_bytes(value)):
        props = message(_PROPS).decode(as_bytes(content))
        if number == 1:
            return props
        found.append(props)
    return found


def _read_props_or_strings(value: bytes) -> Any:
    found: list[Any] = []
    for number, _, content in read(as_bytes(value)):
        if number == 1:
            return message(_PROPS).decode(as_bytes(content))
        found.append(as_text(content))
    return found


def _write_props_or_bool(number: int, value: Any) -> bytes:
    if isinstance(value, bool):
        return delimited(number, _write_integer(1, int(value)))
    return delimited(number, _write_integer(1, 1) + delimited(2, message(_PROPS).encode(value)))


def _read_props_or_bool(value: bytes) -> Any:
    parts: dict[int, Any] = {number: content for number, _, content in read(as_bytes(value))}
    return message(_PROPS).decode(as_bytes(parts[2])) if 2 in parts else bool(parts.get(1))


_CODECS: dict[str, tuple[Writer, Reader]] = {
    "string": (_write_string, as_text),
    "bytes": (_write_bytes, _read_bytes),
    "integer": (_write_integer, as_integer),
    "boolean": (lambda number, value: _write_integer(number, int(value)), _read_boolean),
    "number": (_write_double, _read_double),
    "time": (_write_time, _read_time),
    "micro-time": (_write_time, _read_micro_time),
    "quantity": (_write_quantity, _read_quantity),
    "int-or-string": (_write_int_or_string, _read_int_or_string),
}
_ANY: dict[str, tuple[Writer, Reader]] = {
    "JSONSchemaPropsOrArray": (_write_props_or, _read_props_or_array),
    "JSONSchemaPropsOrStringArray": (_write_props_or, _read_props_or_strings),
    "JSONSchemaPropsOrBool": (_write_props_or_bool, _read_props_or_bool),
}
