"""Go's regular expressions: read by Go's grammar, with its error messages, and run by `re`.

    compile(r"^[[:alpha:]]+\\z").search("abc")
    compile("(")   -> PatternError: error parsing regexp: missing closing ): `(`

Source: the syntax accepted by Go's regexp/syntax with its Perl flags.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

_MOST = 1000  # repetitions
_WORD, _DIGIT, _SPACE = "0-9A-Za-z_", "0-9", r"\t\n\f\r "
_PERL = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_BOUNDARY = f"(?:(?<![{_WORD}])(?=[{_WORD}])|(?<=[{_WORD}])(?![{_WORD}]))"
_INSIDE = f"(?:(?<![{_WORD}])(?![{_WORD}])|(?<=[{_WORD}])(?=[{_WORD}]))"
_SIMPLE = {"A": r"(?:\A)", "z": r"(?:\Z)", "b": _BOUNDARY, "B": _INSIDE}
_CONTROL = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_POSIX = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x00-\x7f", "blank": r"\t ", "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~", "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ", "upper": "A-Z", "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_REPEAT = re.compile(r"\{(0|[1-9]\d*)(?:(,)(0|[1-9]\d*)?)?\}")
_UNICODE = re.compile(r"\\[pP](\{\^?\w+\}|\w)")
_CODE = re.compile(r"\\(?:([1-7][0-7]{1,2}|0[0-7]{0,2})|x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]+)\})")
_NAMED = re.compile(r"\(\?P?<([^>]*)>")
_CATEGORY = re.compile("C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?")
_SCRIPTS = {  # how the names of their characters begin
    "Arabic": "ARABIC ", "Cyrillic": "CYRILLIC ", "Devanagari": "DEVANAGARI ", "Greek": "GREEK ",
    "Han": "CJK UNIFIED ", "Hangul": "HANGUL ", "Hebrew": "HEBREW ", "Hiragana": "HIRAGANA ",
    "Katakana": "KATAKANA ", "Latin": "LATIN ", "Thai": "THAI ",
}  # fmt: skip


class PatternError(ValueError):
    """A pattern that Go does not take, in Go's words."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"error parsing regexp: {what}: `{where}`")


@cache
def compile(pattern: str) -> re.Pattern[str]:
    """A pattern to search with. PatternError when it cannot be read."""
    return re.compile(_Reader(pattern).read())


@dataclass(slots=True)
class _Group:
    """A group that is open: its flags outside, and how many flag groups of Python it holds open."""

    flags: frozenset[str]
    folded: bool


@dataclass(slots=True)
class _Reader:
    """Goes through a pattern and writes the same one for `re`."""

    pattern: str
    at: int = 0
    out: list[str] = field(default_factory=list)
    flags: frozenset[str] = frozenset()
    open: list[_Group] = field(default_factory=list)
    folded: bool = False  # a group that ignores case was opened within the current one
    atom: bool = False  # there is something to repeat
    repeated: int = -1  # where the repetition before began

    def read(self) -> str:
        while self.at < len(self.pattern):
            self._step()
        if self.open:
            raise PatternError("missing closing )", self.pattern)
        self._unfold()
        return "".join(self.out)

    def _step(self) -> None:
        char, repeated = self.pattern[self.at], self.repeated
        self.repeated = -1
        match char:
            case "(":
                self._open()
            case ")":
                self._close()
            case "|":
                self._alternative()
            case "[":
                self._atom(self._class())
            case "^":
                self._atom("(?m:^)" if "m" in self.flags else r"(?:\A)", 1)
            case "$":
                self._atom("(?m:$)" if "m" in self.flags else r"(?:\Z)", 1)
            case ".":
                self._atom("(?s:.)" if "s" in self.flags else r"[^\n]", 1)
            case "*" | "+" | "?":
                self._repeat(char, self.at + 1, repeated)
            case "{" if found := _REPEAT.match(self.pattern, self.at):
                self._counted(found, repeated)
            case "\\":
                self._escape()
            case _:
                self._atom(re.escape(char), 1)

    def _atom(self, text: str, length: int = 0) -> None:
        self.out.append(text)
        self.at += length
        self.atom = True

    # Groups

    def _open(self) -> None:
        if self.pattern.startswith("(?", self.at):
            self._special()
        else:
            self._enter("(", 1)

    def _enter(self, text: str, length: int) -> None:
        self.open.append(_Group(self.flags, self.folded))
        self.out.append(text)
        self.at += length
        self.folded, self.atom = False, False

    def _close(self) -> None:
        if not self.open:
            raise PatternError("unexpected )", self.pattern)
        self._unfold()
        group = self.open.pop()
        self.flags, self.folded = group.flags, group.folded
        self._atom(")", 1)

    def _alternative(self) -> None:
        again = self.folded
        self._unfold()
        self.out.append("|")
        if again:
            self._fold("i" in self.flags)
        self.at += 1
        self.atom = False

    def _unfold(self) -> None:
        if self.folded:
            self.out.append(")")
        self.folded = False

    def _fold(self, on: bool) -> None:
        self.out.append("(?i:" if on else "(?-i:")
        self.folded = True

    def _special(self) -> None:
        """`(?P<name>`, `(?i)`, `(?i:`."""
        rest = self.pattern[self.at :]
        if re.match(r"\(\?P?<.", rest, re.DOTALL):
            self._named(rest)
            return
        found = re.match(r"\(\?([imsU]*)(?:-([imsU]+))?([:)])", rest)
        if found is None:
            read = re.match(r"\(\?[imsU]*(?:-[imsU]*)?", rest)
            raise PatternError("invalid or unsupported Perl syntax", rest[: (read.end() if read else 2) + 1])
        flags = (self.flags | frozenset(found[1])) - frozenset(found[2] or "")
        if found[3] == ":":
            self._enter("(?:", found.end())
        else:
            self.at += found.end()
        if ("i" in flags) != ("i" in self.flags):
            self._unfold()
            self._fold("i" in flags)
        self.flags = flags

    def _named(self, rest: str) -> None:
        found = _NAMED.match(rest)
        if found is None:
            raise PatternError("invalid named capture", rest)
        name = found[1]
        if not re.fullmatch(r"\w+", name, re.ASCII):
            raise PatternError("invalid named capture", found[0])
        self._enter("(", found.end())

    # Repetition

    def _repeat(self, operator: str, after: int, repeated: int) -> None:
        begin, lazy = self.at, self.pattern.startswith("?", after)
        after += lazy
        if repeated >= 0:
            raise PatternError("invalid nested repetition operator", self.pattern[repeated:after])
        if not self.atom:
            raise PatternError("missing argument to repetition operator", self.pattern[begin:after])
        self.out.append(operator + ("?" if lazy != ("U" in self.flags) else ""))
        self.at, self.repeated = after, begin

    def _counted(self, found: re.Match[str], repeated: int) -> None:
        low = int(found[1])
        high = (int(found[3]) if found[3] else -1) if found[2] else low
        if low > _MOST or high > _MOST or 0 <= high < low:
            raise PatternError("invalid repeat count", found[0])
        self._repeat(found[0], found.end(), repeated)

    # Escapes and classes

    def _escape(self) -> None:
        following = self.pattern[self.at + 1 : self.at + 2]
        if following in _SIMPLE and following:
            self._atom(_SIMPLE[following], 2)
        elif following == "Q":
            self._quoted()
        elif named := self._named_class():
            self._atom(f"[{named}]")
        else:
            code = self._character(self.at)
            self._atom(re.escape(chr(code)))

    def _quoted(self) -> None:
        end = self.pattern.find(r"\E", self.at)
        text = self.pattern[self.at + 2 : end if end >= 0 else None]
        for char in text:
            self._atom(re.escape(char))
        self.at = end + 2 if end >= 0 else len(self.pattern)

    def _named_class(self) -> str:
        r"""`\d`, `\W`, `\pL`, `\P{Lu}`: what stands between the brackets of a class."""
        kind = self.pattern[self.at + 1 : self.at + 2]
        if kind.lower() in _PERL and kind:
            self.at += 2
            text = _PERL[kind.lower()]
            return text if kind.islower() else _others(text)
        if kind not in ("p", "P") or not kind:
            return ""
        found = _UNICODE.match(self.pattern, self.at)
        name = found[1].strip("{}") if found else ""
        plain = name.removeprefix("^")
        if found is None or not (plain in _SCRIPTS or _CATEGORY.fullmatch(plain)):
            raise PatternError("invalid character class range", found[0] if found else self.pattern[self.at :])
        self.at = found.end()
        return _unicode(plain, (kind == "P") != name.startswith("^"))

    def _character(self, begin: int) -> int:
        """The character that an escape stands for."""
        text = self.pattern
        if begin + 1 >= len(text):
            raise PatternError("trailing backslash at end of expression", "")
        char = text[begin + 1]
        if found := _CODE.match(text, begin):
            code = int(found[1], 8) if found[1] else int(found[2] or found[3], 16)
            if code <= sys.maxunicode:
                self.at = found.end()
                return code
        if char in _CONTROL:
            self.at = begin + 2
            return _CONTROL[char]
        if char.isascii() and not char.isalnum():
            self.at = begin + 2
            return ord(char)
        raise PatternError("invalid escape sequence", text[begin : begin + 2])

    def _class(self) -> str:
        begin, parts = self.at, list[str]()
        self.at += 1
        negated = self._take("^")
        while not parts or not self._take("]"):
            parts.append(self._class_part(begin))
        return f"[{'^' if negated else ''}{''.join(parts)}]"

    def _take(self, text: str) -> bool:
        if self.pattern.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def _class_part(self, begin: int) -> str:
        if self.pattern.startswith("[:", self.at) and (end := self.pattern.find(":]", self.at + 2)) >= 0:
            return self._posix(end)
        if self.pattern.startswith("\\", self.at) and (named := self._named_class()):
            return named
        start = self.at
        low = high = self._class_character(begin)
        rest = self.pattern[self.at : self.at + 2]
        if len(rest) == 2 and rest[0] == "-" and rest[1] != "]":
            self.at += 1
            high = self._class_character(begin)
            if high < low:
                raise PatternError("invalid character class range", self.pattern[start : self.at])
        return f"{_in_class(low)}-{_in_class(high)}"

    def _posix(self, end: int) -> str:
        text = self.pattern[self.at : end + 2]
        name = text[2:-2]
        if name.removeprefix("^") not in _POSIX:
            raise PatternError("invalid character class range", text)
        self.at = end + 2
        found = _POSIX[name.removeprefix("^")]
        return _others(found) if name.startswith("^") else found

    def _class_character(self, begin: int) -> int:
        if self.at >= len(self.pattern):
            raise PatternError("missing closing ]", self.pattern[begin:])
        if self.pattern[self.at] == "\\":
            return self._character(self.at)
        self.at += 1
        return ord(self.pattern[self.at - 1])


def _in_class(code: int) -> str:
    return f"\\U{code:08x}"


@cache
def _others(text: str) -> str:
    """What a class of ASCII characters leaves out, as ranges."""
    outside = re.compile(f"[^{text}]")
    return _ranges(code for code in range(sys.maxunicode + 1) if code > 127 or outside.match(chr(code)))


@cache
def _unicode(name: str, negated: bool) -> str:
    """The characters of a category or script of Unicode, as ranges."""
    codes = range(sys.maxunicode + 1)
    if name in _SCRIPTS:
        begin = _SCRIPTS[name]
        return _ranges(code for code in codes if unicodedata.name(chr(code), "").startswith(begin) != negated)
    return _ranges(code for code in codes if unicodedata.category(chr(code)).startswith(name) != negated)


def _ranges(codes: Iterator[int] | range) -> str:
    found: list[list[int]] = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return "".join(f"{_in_class(low)}-{_in_class(high)}" for low, high in found)
