"""Numbers, strings and bytes as they are written."""

import re

from wherry.lib.cel.tokens import Token

_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\"'\\?`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))"
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_WORDS = {"true": ("bool", True), "false": ("bool", False), "null": ("null_type", None)}


def read(word: Token, negative: bool = False) -> tuple[str, object]:
    """The name of a literal's type and its value. Raises ValueError."""
    if word.kind in _WORDS:
        return _WORDS[word.kind]
    if word.kind == "NUM_FLOAT":
        return "double", -float(word.text) if negative else float(word.text)
    if word.kind == "NUM_INT":
        return "int", _whole(word.text, negative)
    if word.kind == "NUM_UINT":
        return "uint", _unsigned(word.text[:-1])
    if word.kind == "BYTES":
        return "bytes", _text(word.text[1:], raw_bytes=True).encode("latin-1", "replace")
    return "string", _text(word.text)


def _number(text: str) -> int:
    return int(text, 16) if text.startswith("0x") else int(text)


def _whole(text: str, negative: bool) -> int:
    value = -_number(text) if negative else _number(text)
    if not -(2**63) <= value < 2**63:
        raise ValueError("invalid int literal")
    return value


def _unsigned(text: str) -> int:
    value = _number(text)
    if value >= 2**64:
        raise ValueError("invalid uint literal")
    return value


def _text(text: str, raw_bytes: bool = False) -> str:
    raw = text[0] in "rR"
    text = text[1:] if raw else text
    quotes = 3 if text[:3] in ('"""', "'''") and len(text) >= 6 else 1
    inner = text[quotes:-quotes]
    if raw_bytes:
        inner = inner.encode().decode("latin-1")
    return inner if raw else _ESCAPE.sub(_unescaped, inner)


def _unescaped(match: re.Match[str]) -> str:
    simple, hexadecimal, short, long, octal = match.groups()
    if simple:
        return _SIMPLE.get(simple, simple)
    if octal:
        return chr(int(octal, 8))
    code = int(hexadecimal or short or long, 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        return "�"
    return chr(code)
