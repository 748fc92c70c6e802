"""Protobuf's own encoding. Source: the protocol buffers encoding guide (wire types 0, 1, 2 and 5)."""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_SIZES = {FIXED64: 8, FIXED32: 4}


class Malformed(ValueError):
    """The bytes are not a message."""


def varint(value: int) -> bytes:
    """An integer; negative ones as 64-bit two's complement, which takes ten bytes."""
    if 0 <= value < 0x80:
        return _ONE_BYTE[value]
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_ONE_BYTE = [bytes([value]) for value in range(0x80)]


def signed(value: int) -> int:
    """A varint as the signed 64-bit number it stands for."""
    return value - (1 << 64) if value >> 63 else value


def tag(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def delimited(number: int, data: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return b"%b%b%b" % (tag(number, BYTES), varint(len(data)), data)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """(value, where the next thing starts)."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed("a number is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                raise Malformed("a number has more than 64 bits")
            return value, at
        shift += 7


def read(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """The fields of a message in order: (number, wire type, value)."""
    at, end = 0, len(data)
    while at < end:
        key, at = read_varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = read_varint(data, at)
            yield number, wire, value
            continue
        if wire == BYTES:
            size, at = read_varint(data, at)
        else:
            size = _SIZES.get(wire, -1)
        if number == 0 or size < 0 or at + size > end:
            raise Malformed("a field is cut off or of no known form")
        yield number, wire, data[at : at + size]
        at += size


def as_bytes(value: int | bytes) -> bytes:
    """The value of a field that holds bytes. Raises Malformed."""
    if isinstance(value, int):
        raise Malformed("a number where a message should be")
    return value


def as_text(value: int | bytes) -> str:
    """The value of a field that holds text. Raises Malformed."""
    try:
        return as_bytes(value).decode()
    except UnicodeDecodeError:
        raise Malformed("a text is not UTF-8") from None


def as_integer(value: int | bytes) -> int:
    """The value of a field that holds a number. Raises Malformed."""
    if not isinstance(value, int):
        raise Malformed("a message where a number should be")
    return signed(value)


def read_packed(data: bytes) -> Iterator[int]:
    """Varints one behind the other, without tags."""
    at = 0
    while at < len(data):
        value, at = read_varint(data, at)
        yield value
