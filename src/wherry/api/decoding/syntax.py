"""JSON itself: parsing with duplicate keys seen, and Go's words for what is not JSON."""

import json
import re
from typing import Any

import orjson

from wherry.api.decoding.scalars import DecodeError, Literal
from wherry.api.errors import quote


class Pairs(dict[str, Any]):
    """A JSON object that remembers which keys came more than once, in order."""

    duplicates: tuple[str, ...] = ()


def may_have_duplicates(body: bytes) -> bool:
    """False only when it is certain that no object has a key twice: a parsed copy has as many quotation marks."""
    if b"\\" in body and b"\\u" in body:
        return True
    try:
        return body.count(b'"') != orjson.dumps(orjson.loads(body)).count(b'"')
    except orjson.JSONEncodeError:  # written less deeply than it is read
        raise DecodeError("exceeded max depth") from None


def _pairs(items: list[tuple[str, Any]]) -> Pairs:
    found = Pairs(items)
    if len(found) < len(items):
        seen: set[str] = set()
        twice = []
        for key, _ in items:
            if key in seen:
                twice.append(key)
            seen.add(key)
        found.duplicates = tuple(twice)
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=Literal, parse_constant=_no_constant)


# Any escape; of \\u escapes: a pair of surrogates, or half of one, which Go reads as the replacement character.
_ESCAPES = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)


def _paired(escape: "re.Match[str]") -> str:
    return "\\ufffd" if escape[1] else escape[0]


def parse(body: bytes) -> Any:
    """The value of a body, objects as Pairs, fractions as Literal. Raises DecodeError in Go's words."""
    text = _ESCAPES.sub(_paired, body.decode(errors="replace"))
    try:
        value, end = _DECODER.raw_decode(text, _blank(text, 0))
        rest = _blank(text, end)
        if rest == len(text):
            return value
    except (ValueError, RecursionError):
        pass
    raise DecodeError(_Scanner(text).error())


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


class _Scanner:
    """Finds where Go's scanner stops in text that is not JSON, and what it says there."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def error(self) -> str:
        try:
            self._value("looking for beginning of value")
            self._skip()
            self._expect("", "after top-level value")
        except DecodeError as error:
            return str(error)
        except RecursionError:
            return "exceeded max depth"
        return "invalid JSON"

    def _skip(self) -> None:
        self._at = _blank(self._text, self._at)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _fail(self, where: str) -> DecodeError:
        char = self._peek()
        if not char:
            return DecodeError("unexpected end of JSON input")
        shown = {"'": r"'\''", '"': "'\"'"}.get(char) or f"'{quote(char)[1:-1]}'"
        return DecodeError(f"invalid character {shown} {where}")

    def _expect(self, chars: str, where: str) -> str:
        """Take one of these characters; "" expects the end."""
        char = self._peek()
        if (not char and not chars) or (char and char in chars):
            self._at += 1
            return char
        raise self._fail(where)

    def _value(self, where: str) -> None:
        self._skip()
        match self._peek():
            case "{":
                self._members("}", "object key:value pair", self._member)
            case "[":
                self._members("]", "array element", lambda: self._value("looking for beginning of value"))
            case '"':
                self._string()
            case char if char and char in "-0123456789":
                self._number()
            case char if char and char in "tfn":
                self._word({"t": "true", "f": "false", "n": "null"}[char])
            case _:
                raise self._fail(where)

    def _members(self, close: str, what: str, member: Any) -> None:
        self._at += 1
        self._skip()
        if self._peek() == close:
            self._at += 1
            return
        while True:
            member()
            self._skip()
            if self._expect("," + close, f"after {what}") == close:
                return

    def _member(self) -> None:
        self._skip()
        if self._peek() != '"':
            raise self._fail("looking for beginning of object key string")
        self._string()
        self._skip()
        self._expect(":", "after object key")
        self._value("looking for beginning of value")

    def _string(self) -> None:
        self._at += 1
        while self._peek() != '"':
            char = self._peek()
            if not char or char < " ":
                raise self._fail("in string literal")
            self._at += 1
            if char == "\\":
                self._escape()
        self._at += 1

    def _escape(self) -> None:
        if self._expect('"\\/bfnrtu', "in string escape code") == "u":
            for _ in range(4):
                self._expect("0123456789abcdefABCDEF", "in \\u hexadecimal character escape")

    def _number(self) -> None:
        if self._peek() == "-":
            self._at += 1
            if not self._peek().isdigit():
                raise self._fail("in numeric literal")
        if self._peek() == "0":
            self._at += 1
        else:
            self._digits()
        if self._peek() == ".":
            self._at += 1
            self._some_digits("after decimal point in numeric literal")
        if self._peek() in ("e", "E"):
            self._at += 1
            if self._peek() in ("+", "-"):
                self._at += 1
            self._some_digits("in exponent of numeric literal")

    def _some_digits(self, where: str) -> None:
        self._expect("0123456789", where)
        self._digits()

    def _digits(self) -> None:
        while self._peek() and self._peek() in "0123456789":
            self._at += 1

    def _word(self, expected: str) -> None:
        self._at += 1
        for char in expected[1:]:
            self._expect(char, f"in literal {expected} (expecting {quote(char)[1:-1]!r})")
