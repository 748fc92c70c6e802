"""Types of expressions, and how one fits another.

`list(int)`, `map(string, dyn)`, `optional_type(A)`: a name and parameters. A single capital letter is a type
parameter of a declaration; `%3` one that the checker made up and may yet find.
"""

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Type:
    name: str
    parameters: "tuple[Type, ...]" = ()

    def __str__(self) -> str:
        if not self.parameters:
            return self.name
        return f"{self.name}({', '.join(map(str, self.parameters))})"

    @property
    def variable(self) -> bool:
        """Whether it stands for another type."""
        return self.name.startswith("%") or (len(self.name) == 1 and self.name.isupper())

    @property
    def is_struct(self) -> bool:
        return not self.parameters and not self.variable and self.name not in _PLAIN


_PLAIN = frozenset(
    [
        *("bool", "bytes", "double", "int", "string", "uint", "null_type", "dyn", "any", "error", "list"),
        *("map", "type", "optional_type", "google.protobuf.Timestamp", "google.protobuf.Duration"),
    ]
)
BOOL, BYTES, DOUBLE, INT, STRING, UINT = map(Type, ("bool", "bytes", "double", "int", "string", "uint"))
NULL, DYN, ERROR = Type("null_type"), Type("dyn"), Type("error")
ANY = Type("any")  # a value that a program brings: used like dyn, but told apart as a result
TIMESTAMP, DURATION = Type("google.protobuf.Timestamp"), Type("google.protobuf.Duration")
NAMES = {
    **{each.name: each for each in (BOOL, BYTES, DOUBLE, INT, STRING, UINT, NULL, DYN, TIMESTAMP, DURATION)},
    "timestamp": TIMESTAMP,
    "duration": DURATION,
    "optional": Type("optional_type"),
}
_WORD = re.compile(r"[\w.%]+|[(),]")


def list_of(element: Type) -> Type:
    return Type("list", (element,))


def map_of(key: Type, value: Type) -> Type:
    return Type("map", (key, value))


def type_of(kind: Type) -> Type:
    return Type("type", (kind,))


def optional_of(kind: Type) -> Type:
    return Type("optional_type", (kind,))


def struct(name: str) -> Type:
    """A type with named fields, or one that only functions know."""
    return Type(name)


@cache
def parse_type(text: str) -> Type:
    """`map(string, list(A))` -> Type; `timestamp`, `duration` and `optional` are short for the full names."""
    words = _WORD.findall(text)

    def read() -> Type:
        name, parameters = words.pop(0), list[Type]()
        if words and words[0] == "(":
            words.pop(0)
            while words[0] != ")":
                parameters.append(read())
                if words[0] == ",":
                    words.pop(0)
            words.pop(0)
        known = NAMES.get(name, Type(name))
        return Type(known.name, tuple(parameters))

    return read()


def is_dyn(kind: Type) -> bool:
    return kind in (DYN, ANY, ERROR)


_TOLD = {"null_type": "null", "error": "!error!", DURATION.name: "duration", TIMESTAMP.name: "timestamp"}


def told(kind: Type) -> str:
    """A type as the checker's messages name it."""
    name = _TOLD.get(kind.name, kind.name.replace("%", "_var"))
    return f"{name}({', '.join(map(told, kind.parameters))})" if kind.parameters else name


Mapping = dict[str, Type]


def substitute(mapping: Mapping, kind: Type, free_to_dyn: bool = False) -> Type:
    """A type with what is known of its variables."""
    if kind.variable:
        if kind.name in mapping:
            return substitute(mapping, mapping[kind.name], free_to_dyn)
        return DYN if free_to_dyn else kind
    if not kind.parameters:
        return kind
    return Type(kind.name, tuple(substitute(mapping, each, free_to_dyn) for each in kind.parameters))


def assignable(mapping: Mapping, given: list[Type], wanted: list[Type]) -> Mapping | None:
    """What is known of the variables when types fit others one by one; None when they do not."""
    trial = dict(mapping)
    if len(given) != len(wanted) or not all(_fits(trial, a, b) for a, b in zip(given, wanted, strict=True)):
        return None
    return trial


def _fits(mapping: Mapping, given: Type, wanted: Type) -> bool:
    if wanted.variable:
        fits, known = _stands_for(mapping, given, wanted)
        if fits or known:
            return fits
    if given.variable:
        return _stands_for(mapping, wanted, given)[0]
    if is_dyn(given) or is_dyn(wanted):
        return True
    if given == NULL or wanted == NULL:
        return _takes_null(wanted if given == NULL else given)
    if given.name != wanted.name:
        return False
    if given.name == "type":
        return True
    return len(given.parameters) == len(wanted.parameters) and all(
        _fits(mapping, a, b) for a, b in zip(given.parameters, wanted.parameters, strict=True)
    )


def _takes_null(kind: Type) -> bool:
    return kind in (NULL, TIMESTAMP, DURATION) or kind.is_struct or kind.name == "optional_type"


def _stands_for(mapping: Mapping, kind: Type, variable: Type) -> tuple[bool, bool]:
    """Whether a type can be what a variable stands for, and whether something was known of it."""
    if kind == variable:
        return True, True
    known = mapping.get(variable.name)
    if known is None:
        if _occurs(mapping, variable, kind):
            return False, False
        mapping[variable.name] = kind
        return True, False
    if known == kind:
        return True, True
    if not _fits(mapping, kind, known):
        return False, True
    general = most_general(kind, known)
    if not _occurs(mapping, variable, general):
        mapping[variable.name] = general
    return True, True


def _occurs(mapping: Mapping, variable: Type, kind: Type) -> bool:
    if kind == variable:
        return True
    if kind.variable:
        return kind.name in mapping and _occurs(mapping, variable, mapping[kind.name])
    return any(_occurs(mapping, variable, each) for each in kind.parameters)


def most_general(left: Type, right: Type) -> Type:
    return left if _no_more_specific(left, right) else right


def _no_more_specific(left: Type, right: Type) -> bool:
    if is_dyn(left) or left.variable:
        return True
    if is_dyn(right) or right.variable:
        return False
    if left == NULL or right == NULL:
        return left != NULL
    if left.name != right.name or len(left.parameters) != len(right.parameters):
        return False
    return all(_no_more_specific(a, b) for a, b in zip(left.parameters, right.parameters, strict=True))
