"""From the bytes a client sent to an object as Go would hold and write it back.

Go drops fields it does not know, leaves out what is empty, writes zero values where a type says so, and brings
quantities and times into one form; a stored object must look as if it had gone through that. Most bodies take the
fast path: msgspec structs made from the schema decode and check in microseconds. Whatever they refuse goes through
the full pass, which knows Go's words.

    decoded = decode(body, schema.definition("v1", "Pod"))
    decoded.object    the object
    decoded.strict    what fieldValidation=Strict refuses and Warn warns of: unknown and duplicate fields

    structs   the fast path           shape     the full pass
    scalars   one value at a time     syntax    JSON itself: Go's parse errors, duplicate keys
    stored    what storing does to an object
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson

from wherry.api import Obj
from wherry.api.decoding import shape, structs, syntax
from wherry.api.decoding.scalars import DecodeError
from wherry.api.schema import Node

__all__ = ["DecodeError", "Decoded", "decode", "normalize", "parse"]


@dataclass(slots=True)
class Decoded:
    """An object, and the strict decoding errors that did not stop it, in the order of the document."""

    object: Obj
    strict: list[str] = field(default_factory=list)

    @property
    def strict_error(self) -> str:
        """The message with which fieldValidation=Strict refuses the object; empty if it does not."""
        return f"strict decoding error: {', '.join(self.strict)}" if self.strict else ""


def parse(body: bytes) -> Any:
    """The JSON value of a body. Raises DecodeError in the words of Go's parser."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return syntax.parse(body)


def decode(body: bytes, node: Node) -> Decoded:
    """The object in a JSON body, by the node of its kind. Raises DecodeError."""
    decoder = structs.decoder(node)
    if decoder is not None:
        try:
            struct = decoder.decode(body)
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError):
            pass
        else:
            if not syntax.may_have_duplicates(body):
                return Decoded(msgspec.to_builtins(struct))
    return Decoded(*shape.full_pass(syntax.parse(body), node))


def normalize(value: Obj, node: Node) -> Decoded:
    """The same for an object that is already a dict (the outcome of a patch). `value` stays as it was."""
    struct_type = structs.struct_type(node)
    if struct_type is not None:
        try:
            return Decoded(msgspec.to_builtins(msgspec.convert(value, struct_type)))
        except (msgspec.ValidationError, TypeError):
            pass
    return Decoded(*shape.full_pass(value, node))
