"""The wrapper around an object: four magic bytes and a message that names its apiVersion and kind.

Source: apimachinery's runtime.Unknown and the protobuf serializer; watch frames are length-delimited (four bytes,
big endian) WatchEvent messages whose object is wrapped itself.
"""

import struct
from typing import Any

from wherry.api.schema import META, definitions
from wherry.wire.protobuf.fields import Malformed, as_bytes, as_text, delimited, read
from wherry.wire.protobuf.messages import message, message_name
from wherry.wire.protobuf.numbers import has_message

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"


def _definition(api_version: str, kind: str) -> str | None:
    """The definition of a kind; Status, DeleteOptions and the like belong to every group."""
    known = definitions()
    found = known.kinds.get(f"{api_version}/{kind}")
    if found is None and META + kind in known.names:
        found = META + kind
    return found if found and has_message(message_name(found)) else None


def encode(obj: dict[str, Any]) -> bytes | None:
    """An object that names its kind; None if that kind has no protobuf form (tables, custom ones). The lists of
    discovery's first version are without an apiVersion."""
    api_version = obj.get("apiVersion", "v1")
    definition = _definition(api_version, obj["kind"])
    if definition is None:
        return None
    type_meta = delimited(1, api_version.encode()) + delimited(2, obj["kind"].encode())
    raw = message(definition).encode(obj)
    return b"%b%b%b%b" % (MAGIC, delimited(1, type_meta), delimited(2, raw), delimited(3, b"") + delimited(4, b""))


def decode(data: bytes) -> dict[str, Any]:
    """The object as JSON has it. Raises Malformed, KeyError for a kind that is not known."""
    if not data.startswith(MAGIC):
        raise Malformed("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    parts = {number: value for number, _, value in read(data[len(MAGIC) :])}
    names = {number: as_text(value) for number, _, value in read(as_bytes(parts.get(1, b"")))}
    api_version, kind = names.get(1, ""), names.get(2, "")
    definition = _definition(api_version, kind)
    if definition is None:
        raise KeyError(f'no kind "{kind}" is registered for version "{api_version}"')
    try:
        obj = message(definition).decode(as_bytes(parts.get(2, b"")))
    except RecursionError:
        raise Malformed("messages are nested too deeply") from None
    return {"kind": kind, "apiVersion": api_version, **obj}


def watch_event(type: str, obj: dict[str, Any]) -> bytes:
    """One framed event of a watch."""
    wrapped = encode(obj)
    if wrapped is None:
        raise KeyError(f"{obj['apiVersion']} {obj['kind']} has no protobuf form")
    return frame(delimited(1, type.encode()) + delimited(2, delimited(1, wrapped)))


def frame(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
