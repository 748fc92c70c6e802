"""One JSON value into one Go value: zero values, quantities, times, and the errors of Go's decoder."""

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any

from wherry.api.errors import quote
from wherry.lib import quantity

RFC3339 = "2006-01-02T15:04:05Z07:00"
RFC3339_MICRO = "2006-01-02T15:04:05.000000Z07:00"

_LIMITS = {"int32": 2**31, "int64": 2**63}


class DecodeError(ValueError):
    """A body that is not what it should be; the message is Go's."""


class Literal(float):
    """A JSON number that is not written as an integer; keeps its text."""

    text: str

    def __new__(cls, text: str) -> "Literal":
        made = super().__new__(cls, text)
        made.text = text
        return made


def word(value: Any) -> str:
    """What Go's decoder calls a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def number(value: Any) -> str:
    """A JSON number as the client wrote it."""
    return value.text if isinstance(value, Literal) else str(value)


class Mismatch(Exception):
    """A value of the wrong JSON type; the caller knows where it stands. `said`: Go's word for the value."""

    def __init__(self, said: str, go: str = "") -> None:
        super().__init__(said)
        self.said, self.go = said, go


def integer(value: Any, form: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Mismatch(word(value))
    limit = _LIMITS[form]
    if not isinstance(value, int) or not -limit <= value < limit:
        raise Mismatch(f"number {number(value)}")
    return value


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Mismatch(word(value))
    return value


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Mismatch(word(value))
    return value


def real(value: Any) -> float:
    """A number; Go writes whole ones without a fraction."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Mismatch(word(value))
    whole = isinstance(value, int) or (value.is_integer() and abs(value) < 1e21)
    return int(value) if whole else float(value)


def encoded_bytes(value: Any) -> str:
    """Standard base64, re-encoded."""
    if not isinstance(value, str):
        raise Mismatch(word(value))
    stripped = value.replace("\r", "").replace("\n", "")
    bad = re.search(r"[^A-Za-z0-9+/]", stripped)
    padded = re.fullmatch(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", stripped)
    if not padded:
        raise DecodeError(f"illegal base64 data at input byte {_bad_byte(stripped, bad.start() if bad else None)}")
    try:
        return base64.b64encode(base64.b64decode(stripped)).decode()
    except binascii.Error as error:
        raise DecodeError(str(error)) from None


def _bad_byte(data: str, first: int | None) -> int:
    """Where Go's decoder stops: at the first character outside the alphabet, or at the end of what is incomplete."""
    if first is None:
        return len(data) - len(data) % 4 if len(data) % 4 == 1 else len(data)
    if data[first] != "=" or first % 4 < 2:
        return first
    end = first + 1
    if first % 4 == 2 and data[end : end + 1] == "=":
        end += 1
    elif first % 4 == 2:
        return end if end < len(data) else len(data)
    return end


def canonical_quantity(value: Any) -> str:
    if value is None:
        return "0"
    if isinstance(value, dict | list | bool):
        raise DecodeError(quantity.WRONG_FORMAT)
    try:
        return quantity.canonical((value if isinstance(value, str) else number(value)).strip())
    except ValueError as error:
        raise DecodeError(str(error)) from None


def int_or_string(value: Any) -> int | str:
    if isinstance(value, str):
        return value
    if value is None:
        return 0
    try:
        return integer(value, "int32")
    except Mismatch as error:
        raise DecodeError(f"json: cannot unmarshal {error.said} into Go value of type int32") from None


def time(value: Any, micro: bool = False) -> str:
    """RFC 3339 in UTC, whole seconds or microseconds."""
    if not isinstance(value, str):
        raise DecodeError(f"json: cannot unmarshal {word(value)} into Go value of type string")
    try:
        when = datetime.fromisoformat(_checked_time(value, RFC3339_MICRO if micro else RFC3339)).astimezone(UTC)
    except DecodeError:
        raise
    except (ValueError, OverflowError):
        raise DecodeError(f"parsing time {quote(value)}: day out of range") from None
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


_PARTS = (
    ("2006", r"\d{4}"), ("-", "-"), ("01", r"\d{2}"), ("-", "-"), ("02", r"\d{2}"), ("T", "T"), ("15", r"\d{1,2}"),
    (":", ":"), ("04", r"\d{2}"), (":", ":"), ("05", r"\d{2}"),
)  # fmt: skip
_RANGES = {"01": (1, 12, "month"), "15": (0, 23, "hour"), "04": (0, 59, "minute"), "05": (0, 59, "second")}


def _checked_time(value: str, layout: str) -> str:
    """The time in a form that Python parses. Raises DecodeError in the words of Go's time.Parse."""
    rest = value
    for element, pattern in _PARTS:
        match = re.match(pattern, rest)
        if not match:
            raise _unparsed(value, layout, rest, element)
        if element in _RANGES:
            low, high, name = _RANGES[element]
            if not low <= int(match[0]) <= high:
                raise DecodeError(f"parsing time {quote(value)}: {name} out of range")
        rest = rest[match.end() :]
    fraction = re.match(r"[.,](\d+)", rest)
    if layout == RFC3339_MICRO and not (fraction and len(fraction[1]) == 6):
        raise _unparsed(value, layout, rest, ".000000")
    rest = rest[fraction.end() :] if fraction else rest
    if not re.match(r"Z|[+-]\d{2}:\d{2}", rest):
        raise _unparsed(value, layout, rest, "Z07:00")
    zone = rest[:1] if rest.startswith("Z") else rest[:6]
    if len(rest) > len(zone):
        raise DecodeError(f"parsing time {quote(value)}: extra text: {quote(rest[len(zone) :])}")
    digits = (fraction[1][:6].ljust(6, "0")) if fraction else "000000"
    head = re.sub(r"T(\d):", r"T0\1:", value[: value.index("T") + 9])
    return f"{head[:19]}.{digits}{'+00:00' if zone == 'Z' else zone}"


def _unparsed(value: str, layout: str, rest: str, element: str) -> DecodeError:
    return DecodeError(
        f"parsing time {quote(value)} as {quote(layout)}: cannot parse {quote(rest)} as {quote(element)}"
    )
