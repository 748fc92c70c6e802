"""Label and field selectors: parse, match, print.

Grammar and messages are those of apimachinery's labels.Parse and fields.ParseSelector.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wherry.lib.names import label_value_errors, qualified_name_errors


class SelectorError(ValueError):
    """The text is not a selector; the message is upstream's."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition. `operator`: in, notin, =, ==, !=, gt, lt, exists, !."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "in" | "=" | "==":
                return value is not None and value in self.values
            case "notin" | "!=":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
        try:
            number, limit = int(value or ""), int(self.values[0])
        except ValueError:
            return False
        return number > limit if self.operator == "gt" else number < limit

    def __str__(self) -> str:
        values = ",".join(sorted(self.values))
        match self.operator:
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case "in" | "notin":
                return f"{self.key} {self.operator} ({values})"
            case "gt" | "lt":
                return f"{self.key}{'>' if self.operator == 'gt' else '<'}{values}"
        return f"{self.key}{self.operator}{values}"


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements must hold. `nothing` selects no object at all."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    @property
    def empty(self) -> bool:
        """Whether everything matches."""
        return not self.requirements and not self.nothing

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        if self.nothing:
            return False
        labels = labels or {}
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


EVERYTHING = Selector()
NOTHING = Selector(nothing=True)

_OBJECT_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


def from_map(labels: Mapping[str, str] | None) -> Selector:
    """Equality with each pair (a Service's selector). Empty selects everything."""
    return Selector(tuple(Requirement(key, "=", (value,)) for key, value in sorted((labels or {}).items())))


def from_object(selector: Mapping[str, Any] | None) -> Selector:
    """A LabelSelector object (matchLabels, matchExpressions). None selects nothing, {} everything."""
    if selector is None:
        return NOTHING
    found = list(from_map(selector.get("matchLabels")).requirements)
    for expression in selector.get("matchExpressions") or ():
        operator = _OBJECT_OPERATORS.get(expression.get("operator", ""))
        if operator is None:
            raise SelectorError(f'"{expression.get("operator", "")}" is not a valid label selector operator')
        found.append(Requirement(expression.get("key", ""), operator, tuple(expression.get("values") or ())))
    return Selector(tuple(sorted(found, key=lambda requirement: requirement.key)))


def parse(text: str) -> Selector:
    """A label selector as clients write it: `a=b,c!=d,e in (f,g),h,!i`. Raises SelectorError."""
    return Selector(tuple(sorted(_Parser(text).requirements(), key=lambda requirement: requirement.key)))


_TOKEN = re.compile(r"\s*(?:(!=|==|=|!|<|>|,|\(|\))|([^\s!=<>,()]+))")
_OPERATORS = {"in": "in", "notin": "notin", "=": "=", "==": "==", "!=": "!=", ">": "gt", "<": "lt"}
_SYMBOLS = {"!", "!=", "==", "=", "<", ">", ",", "(", ")", ""}


class _Parser:
    """Recursive descent over the tokens; "" stands for the end of the string."""

    def __init__(self, text: str) -> None:
        self._tokens = [symbol or word for symbol, word in _TOKEN.findall(text.strip(" \t\r\n"))]
        self._at = 0

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def requirements(self) -> Iterable[Requirement]:
        while token := self._peek():
            if token in _SYMBOLS and token != "!":
                raise SelectorError(f"found '{token}', expected: !, identifier, or 'end of string'")
            try:
                yield self._requirement()
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            separator = self._take()
            if separator == ",":
                if self._peek() in _SYMBOLS and self._peek() != "!":
                    raise SelectorError(f"found '{self._peek()}', expected: identifier after ','")
            elif separator:
                raise SelectorError(f"found '{separator}', expected: ',' or 'end of string'")

    def _requirement(self) -> Requirement:
        key = self._take()
        negated = key == "!"
        if negated:
            key = self._take()
        if key in _SYMBOLS:
            raise SelectorError(f"found '{key}', expected: identifier")
        if errors := qualified_name_errors(key):
            raise SelectorError(f'<nil>: Invalid value: "{key}": {"; ".join(errors)}')
        if negated:
            return Requirement(key, "!")
        if self._peek() in ("", ","):
            return Requirement(key, "exists")
        word = self._take()
        operator = _OPERATORS.get(word)
        if operator is None:
            raise SelectorError(f"found '{word}', expected: in, notin, =, ==, !=, gt, lt")
        values = self._values() if operator in ("in", "notin") else (self._exact_value(),)
        return self._checked(Requirement(key, operator, values))

    def _checked(self, requirement: Requirement) -> Requirement:
        for index, value in enumerate(requirement.values):
            path = f"values[{index}][{requirement.key}]"
            if requirement.operator in ("gt", "lt"):
                if not re.fullmatch(r"[+-]?\d+", value):
                    raise SelectorError(
                        f"values[{index}]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, the value must be "
                        "an integer"
                    )
            elif errors := label_value_errors(value):
                raise SelectorError(f'{path}: Invalid value: "{value}": {"; ".join(errors)}')
        return requirement

    def _exact_value(self) -> str:
        if self._peek() in ("", ","):
            return ""
        value = self._take()
        if value in _SYMBOLS:
            raise SelectorError(f"found '{value}', expected: identifier")
        return value

    def _values(self) -> tuple[str, ...]:
        if (opening := self._take()) != "(":
            raise SelectorError(f"found '{opening}' expected: '('")
        first = self._peek()
        if first == ")":
            self._take()
            return ("",)
        if first in _SYMBOLS and first != ",":
            raise SelectorError(f"found '{first}', expected: ',', ')' or identifier")
        found: set[str] = set()
        expecting = True  # a value may come now; a comma instead means an empty value
        while (token := self._take()) != ")" or expecting:
            if token == ")":
                found.add("")
                break
            if token == ",":
                if expecting:
                    found.add("")
                expecting = True
            elif token in _SYMBOLS:
                raise SelectorError(f"found '{token}', expected: ',', or identifier")
            elif not expecting:
                raise SelectorError(f"found '{token}', expected: ',' or ')'")
            else:
                found.add(token)
                expecting = False
        return tuple(sorted(found))


def parse_fields(text: str) -> list[tuple[str, str, str]]:
    """A field selector: `metadata.name=a,status.phase!=Running` -> [(field, "=" or "!=", value)]."""
    found = []
    for part in re.split(r"(?<!\\),", text):
        if not part:
            continue
        match = re.match(r"((?:\\.|[^=!\\])*)(!=|==|=)(.*)", part, re.DOTALL)
        if not match:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{part}'")
        operator = "!=" if match[2] == "!=" else "="
        found.append((match[1], operator, _unescape(match[3])))
    return found


def _unescape(value: str) -> str:
    if bad := re.search(r"\\([^\\,=]|$)", value):
        raise SelectorError(f"invalid field selector: invalid escape sequence: {bad[0]}")
    if bad := re.search(r"(?<!\\)(?:\\\\)*([,=])", value):
        raise SelectorError(f"invalid field selector: unescaped character in value: {ord(bad[1])}")
    return re.sub(r"\\(.)", r"\1", value)
