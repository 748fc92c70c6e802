"""The words of the language."""

import re
from typing import NamedTuple

from wherry.lib.cel.errors import Issue

END = "<EOF>"
_SYMBOLS = ("==", "!=", "<=", ">=", "&&", "||", *"<>[]{}().,-!?:+*/%")
_WORDS = ("in", "true", "false", "null")

# How the grammar calls the kinds, in the order in which messages list them.
ORDER = (
    "==", "!=", "in", "<", "<=", ">=", ">", "&&", "||", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":",
    "+", "*", "/", "%", "true", "false", "null", "NUM_FLOAT", "NUM_INT", "NUM_UINT", "STRING", "BYTES", "IDENTIFIER",
    "ESC_IDENTIFIER", END,
)  # fmt: skip

_ESCAPE = r"\\(?:[abfnrtv\"'\\?`]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7][0-7])"
_STRINGS = "|".join(
    [
        r'[rR]"""(?s:.*?)"""|[rR]\'\'\'(?s:.*?)\'\'\'|[rR]"[^"\n\r]*"|[rR]\'[^\'\n\r]*\'',
        rf'"""(?:{_ESCAPE}|[^\\])*?"""|\'\'\'(?:{_ESCAPE}|[^\\])*?\'\'\'',
        rf'"(?:{_ESCAPE}|[^\\"\n\r])*"|\'(?:{_ESCAPE}|[^\\\'\n\r])*\'',
    ]
)
_TOKEN = re.compile(
    "|".join(
        [
            r"(?P<SKIP>[\t \r\n\f]+|//[^\n]*)",
            rf"(?P<BYTES>[bB](?:{_STRINGS}))",
            rf"(?P<STRING>{_STRINGS})",
            r"(?P<NUM_FLOAT>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)",
            r"(?P<NUM_UINT>(?:0x[0-9a-fA-F]+|\d+)[uU])",
            r"(?P<NUM_INT>0x[0-9a-fA-F]+|\d+)",
            r"(?P<IDENTIFIER>[A-Za-z_][A-Za-z0-9_]*)",
            r"(?P<ESC_IDENTIFIER>`[A-Za-z0-9_.\-/ ]+`)",
            f"(?P<SYMBOL>{'|'.join(map(re.escape, _SYMBOLS))})",
        ]
    )
)
_PARTIAL_STRING = re.compile(
    rf"[bB]?(?:[rR]\"[^\"\n\r]*|[rR]'[^'\n\r]*|\"(?:{_ESCAPE}|[^\\\"\n\r])*|'(?:{_ESCAPE}|[^\\'\n\r])*)\\?"
)


class Token(NamedTuple):
    kind: str
    text: str
    offset: int


def tokens(text: str) -> tuple[list[Token], list[Issue]]:
    """The tokens of a text with the end as the last, and what could not be read."""
    found, issues, at = list[Token](), list[Issue](), 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            end = _unread(text, at)
            shown = text[at:end].replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
            issues.append(Issue(at, f"Syntax error: token recognition error at: '{shown}'"))
            at = end
            continue
        kind, word = match.lastgroup or "", match[0]
        if kind == "SYMBOL" or word in _WORDS:
            kind = word
        if kind != "SKIP":
            found.append(Token(kind, word, at))
        at = match.end()
    return [*found, Token(END, END, len(text))], issues


def _unread(text: str, at: int) -> int:
    """Where what begins like a token and is none ends: after the first character that does not fit."""
    partial = _PARTIAL_STRING.match(text, at)
    if partial:
        return min(partial.end() + 1, len(text))
    return min(at + (2 if text[at] in "=&|" else 1), len(text))
