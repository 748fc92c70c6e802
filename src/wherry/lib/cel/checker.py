"""The type of every part of an expression, or why it has none."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import singledispatchmethod

from wherry.lib import regexp
from wherry.lib.cel import types
from wherry.lib.cel.environment import Environment
from wherry.lib.cel.errors import CelError, Issue
from wherry.lib.cel.parser import parse
from wherry.lib.cel.syntax import (
    Call,
    Comprehension,
    Identifier,
    ListOf,
    Literal,
    MapOf,
    Node,
    Select,
    StructOf,
    children,
    qualified,
)
from wherry.lib.cel.types import BOOL, DYN, ERROR, INT, Type, is_dyn, list_of, map_of, optional_of, told


def check(text: str, environment: Environment) -> Type:
    """The type of an expression's value. Raises CelError."""
    node = parse(text)
    checker = _Checker(environment)
    found = checker.type(node)
    if not checker.issues:
        _literals(node, checker.issues)
    if checker.issues:
        raise CelError(text, checker.issues)
    return types.substitute(checker.known, found, free_to_dyn=True)


class _Checker:
    """Walks a tree from the leaves; `known` grows with what is learnt of type variables."""

    def __init__(self, environment: Environment) -> None:
        self.issues = list[Issue]()
        self.known: types.Mapping = {}
        self._environment = environment
        self._scopes = list[dict[str, Type]]()
        self._fresh = 0

    def _issue(self, node: Node, message: str) -> Type:
        self.issues.append(Issue(node.at, message))
        return ERROR

    def _variable(self) -> Type:
        self._fresh += 1
        return Type(f"%{self._fresh - 1}")

    def _now(self, kind: Type) -> Type:
        return types.substitute(self.known, kind)

    def _fits(self, given: Type, wanted: Type) -> bool:
        found = types.assignable(self.known, [given], [wanted])
        if found is not None:
            self.known = found
        return found is not None

    # Nodes

    @singledispatchmethod
    def type(self, node: Node) -> Type:
        return DYN

    @type.register
    def _(self, node: Literal) -> Type:
        return types.NAMES[node.kind]

    @type.register
    def _(self, node: Identifier) -> Type:
        found = self._lookup(node.name)
        return found or self._issue(node, f"undeclared reference to '{node.name}' (in container '')")

    def _lookup(self, name: str) -> Type | None:
        local = next((scope[name] for scope in reversed(self._scopes) if name in scope), None)
        return local or self._environment.identifier(name)

    @type.register
    def _(self, node: Select) -> Type:
        name = qualified(node)
        if name and not node.tested and (found := self._environment.identifier(name)):
            return found
        operand = self._now(self.type(node.operand))
        wrapped = operand.name == "optional_type"
        target = self._now(operand.parameters[0]) if wrapped else operand
        found = self._field(node, target)
        if node.tested:
            return BOOL
        return optional_of(found) if wrapped or node.optional else found

    def _field(self, node: Select, target: Type) -> Type:
        if target.name == "map":
            return target.parameters[1]
        if target.variable:
            self.known[target.name] = DYN
            return DYN
        if is_dyn(target):
            return DYN
        if not target.is_struct:
            return self._issue(node, f"type '{told(target)}' does not support field selection")
        if not self._environment.is_struct(target.name):
            return self._issue(node, f"unexpected failed resolution of '{target}'")
        found = self._environment.field(target.name, node.name)
        return found or self._issue(node, f"undefined field '{node.name}'")

    @type.register
    def _(self, node: Call) -> Type:
        given = [self.type(argument) for argument in node.arguments]
        if node.target is None and node.function in ("_&&_", "_||_"):
            return self._logic(list(zip(node.arguments, given, strict=True)))
        if node.target is None:
            return self._called(node, node.function, given, method=False)
        prefix = qualified(node.target)
        if prefix and self._environment.function(f"{prefix}.{node.function}"):
            return self._called(node, f"{prefix}.{node.function}", given, method=False)
        return self._called(node, node.function, [self.type(node.target), *given], method=True)

    def _called(self, node: Node, name: str, given: list[Type], method: bool) -> Type:
        overloads = self._environment.function(name)
        if overloads is None:
            return self._issue(node, f"undeclared reference to '{name}' (in container '')")
        result: Type | None = None
        for overload in overloads:
            if overload.method is not method:
                continue
            *wanted, gives = self._instance([*overload.takes, overload.gives])
            known = types.assignable(self.known, given, wanted)
            if known is None:
                continue
            self.known = known
            gives = self._now(gives)
            if result is None:
                result = gives
            elif not is_dyn(result) and gives != result:
                result = DYN
        return result or self._no_overload(node, name, given, method)

    def _logic(self, operands: list[tuple[Node, Type]]) -> Type:
        """Operands of and and or."""
        wrong = [(node, kind) for node, kind in operands if not self._fits(kind, BOOL)]
        for node, kind in wrong:
            self._mismatch(node, BOOL, kind)
        return ERROR if wrong else BOOL

    def _mismatch(self, node: Node, wanted: Type, given: Type) -> Type:
        return self._issue(node, f"expected type '{told(wanted)}' but found '{told(given)}'")

    def _instance(self, kinds: list[Type]) -> list[Type]:
        """A declaration's types with variables of their own."""
        fresh: types.Mapping = {}

        def renew(kind: Type) -> Type:
            if kind.variable:
                return fresh.setdefault(kind.name, self._variable())
            return Type(kind.name, tuple(map(renew, kind.parameters)))

        return [renew(kind) for kind in kinds]

    def _no_overload(self, node: Node, name: str, given: Iterable[Type], method: bool) -> Type:
        shown = list(map(told, given))
        taken = f"{shown[0]}.({', '.join(shown[1:])})" if method else f"({', '.join(shown)})"
        return self._issue(node, f"found no matching overload for '{name}' applied to '{taken}'")

    # Aggregates

    @type.register
    def _(self, node: ListOf) -> Type:
        found: Type | None = None
        for index, element in enumerate(node.elements):
            kind = self.type(element)
            if index in node.optional:
                kind = self._unwrapped(element, kind)
            found = self._joined(element, found, kind)
        return list_of(found or self._variable())

    def _unwrapped(self, node: Node, kind: Type) -> Type:
        """What an optional holds, where one is written with a question mark."""
        kind = self._now(kind)
        if kind.name == "optional_type":
            return kind.parameters[0]
        if not is_dyn(kind):
            self._mismatch(node, optional_of(kind), kind)
        return kind

    def _joined(self, node: Node, before: Type | None, kind: Type) -> Type:
        """The type of elements so far: all must be of one."""
        if before is None:
            return kind
        if self._fits(before, kind):
            return types.most_general(before, kind)
        return self._mismatch(node, before, kind)

    @type.register
    def _(self, node: MapOf) -> Type:
        keys: Type | None = None
        values: Type | None = None
        for key, value, optional in node.entries:
            keys = self._joined(key, keys, self.type(key))
            kind = self.type(value)
            values = self._joined(value, values, self._unwrapped(value, kind) if optional else kind)
        return map_of(keys or self._variable(), values or self._variable())

    @type.register
    def _(self, node: StructOf) -> Type:
        name = node.name.removeprefix(".")
        if not self._environment.is_struct(name):
            return self._issue(node, self._not_a_struct(name))
        for key, at, value, optional in node.entries:
            kind = self.type(value)
            kind = self._unwrapped(value, kind) if optional else kind
            wanted = self._environment.field(name, key)
            if wanted is None:
                self._issue(Node(at), f"undefined field '{key}'")
            elif not self._fits(kind, wanted):
                given = told(kind)
                message = f"expected type of field '{key}' is '{told(wanted)}' but provided type is '{given}'"
                self._issue(Node(at), message)
        return Type(name)

    def _not_a_struct(self, name: str) -> str:
        known = self._lookup(name)
        if known is None:
            return f"undeclared reference to '{name}' (in container '')"
        return f"'{name}' is not a message type" if known.name == "type" else f"'{known.name}' is not a type"

    # Macros

    @type.register
    def _(self, node: Comprehension) -> Type:
        over = self._now(self.type(node.over))
        if node.macro in ("optMap", "optFlatMap"):
            return self._of_optional(node, over)
        if node.macro == "bind":
            return self._within({node.names[0]: over}, node.arguments)[0]
        names = dict(zip(node.names, self._items(node, over), strict=True))
        return self._rule(node, over, self._within(names, node.arguments))

    def _within(self, names: dict[str, Type], arguments: list[Node]) -> list[Type]:
        """The types of expressions that see more names."""
        self._scopes.append(names)
        found = [self._now(self.type(argument)) for argument in arguments]
        self._scopes.pop()
        return found

    def _items(self, node: Comprehension, over: Type) -> list[Type]:
        """The types of the variables that walk over a list or a map."""
        two = len(node.names) == 2
        if over.name == "list":
            return [INT, over.parameters[0]] if two else [over.parameters[0]]
        if over.name == "map":
            return list(over.parameters) if two else [over.parameters[0]]
        if over.variable:
            self.known[over.name] = DYN
        elif not is_dyn(over):
            message = "cannot be range of a comprehension (must be list, map, or dynamic)"
            self._issue(node.over, f"expression of type '{told(over)}' {message}")
        return [DYN] * len(node.names)

    def _rule(self, node: Comprehension, over: Type, given: list[Type]) -> Type:
        """The type of a macro by those of its expressions."""
        match node.macro:
            case "all" | "exists":
                return self._logic([(node.arguments[0], given[0])])
            case "exists_one" | "existsOne":
                self._called(node, "_?_:_", [given[0], INT, INT], method=False)
                return BOOL
            case "filter":
                kept = list_of(over.parameters[0] if over.parameters else DYN)
                return self._called(node, "_?_:_", [given[0], kept, kept], method=False)
            case "sortBy":
                return over if over.name == "list" else list_of(DYN)
        made = self._made(node, over, given[-1])
        if len(given) == 2:
            return self._called(node, "_?_:_", [given[0], made, made], method=False)
        return made

    def _made(self, node: Comprehension, over: Type, value: Type) -> Type:
        if node.macro == "transformMap":
            key = over.parameters[0] if over.name == "map" else INT if over.name == "list" else DYN
            return map_of(key, value)
        if node.macro == "transformMapEntry":
            return value if value.name == "map" else map_of(DYN, DYN)
        return list_of(value)

    def _of_optional(self, node: Comprehension, over: Type) -> Type:
        inner = over.parameters[0] if over.name == "optional_type" else DYN
        if over.name != "optional_type" and not is_dyn(over):
            return self._no_overload(node, "hasValue", [over], method=True)
        found = self._within({node.names[0]: inner}, node.arguments)[0]
        return optional_of(found) if node.macro == "optMap" else found


# Literals in calls that must be well formed


def _literals(node: Node, issues: list[Issue]) -> None:
    """Constant durations, times and patterns that cannot be read."""
    if isinstance(node, Call):
        rule = _CONSTANTS.get(node.function)
        constant = node.arguments[-1] if node.arguments else None
        if rule and isinstance(constant, Literal) and constant.kind == "string" and not rule(constant.value):
            issues.append(Issue(constant.at, f"invalid {node.function} argument"))
    for child in children(node):
        _literals(child, issues)


_DURATION = re.compile(r"[-+]?(0|(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))*)")


def _is_duration(text: str) -> bool:
    return _DURATION.fullmatch(text) is not None


def _is_timestamp(text: str) -> bool:
    try:
        datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return False
    return "T" in text and len(text) > 10


def _is_pattern(text: str) -> bool:
    try:
        regexp.compile(text)
    except regexp.PatternError:
        return False
    return True


_CONSTANTS: dict[str, Callable[[str], bool]] = {
    "duration": _is_duration,
    "timestamp": _is_timestamp,
    "matches": _is_pattern,
}
