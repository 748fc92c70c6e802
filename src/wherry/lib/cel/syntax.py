"""The tree of an expression. Every node knows where in the text it stands: `at`, as messages point to it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, eq=False)
class Node:
    """`at`: offset of the sign that makes the node: an operator, an opening bracket, the beginning of a word."""

    at: int


@dataclass(slots=True, eq=False)
class Literal(Node):
    """`kind`: the type's name: int, uint, double, string, bytes, bool, null_type."""

    kind: str
    value: Any


@dataclass(slots=True, eq=False)
class Identifier(Node):
    name: str


@dataclass(slots=True, eq=False)
class Select(Node):
    """`operand.name`; `tested`: inside has(); `optional`: `operand.?name`."""

    operand: Node
    name: str
    tested: bool = False
    optional: bool = False


@dataclass(slots=True, eq=False)
class Call(Node):
    """A function, method or operator (`_+_`, `_[_]`, `@in`, ...). `target`: what a method belongs to."""

    function: str
    arguments: list[Node]
    target: Node | None = None


@dataclass(slots=True, eq=False)
class ListOf(Node):
    """`optional`: the places of elements written `?x`."""

    elements: list[Node]
    optional: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class MapOf(Node):
    """Pairs of nodes and whether the key is written `?key`."""

    entries: list[tuple[Node, Node, bool]]


@dataclass(slots=True, eq=False)
class StructOf(Node):
    """`Type{field: value}`: names, where they stand, values, and whether the name is written `?name`."""

    name: str
    entries: list[tuple[str, int, Node, bool]]


@dataclass(slots=True, eq=False)
class Comprehension(Node):
    """A macro over a list or map: all, exists, existsOne, map, filter, transformList, ... or an optional's optMap.

    `names`: the variables it introduces; `arguments`: expressions that see them."""

    macro: str
    over: Node
    names: list[str]
    arguments: list[Node]


def qualified(node: Node) -> str | None:
    """`a.b.c` for a chain of plain selections of an identifier."""
    if isinstance(node, Identifier):
        return node.name
    if isinstance(node, Select) and not node.tested and not node.optional:
        prefix = qualified(node.operand)
        return f"{prefix}.{node.name}" if prefix else None
    return None


def children(node: Node) -> list[Node]:
    """The nodes directly below."""
    match node:
        case Call():
            return [*([node.target] if node.target else []), *node.arguments]
        case Select():
            return [node.operand]
        case ListOf():
            return node.elements
        case MapOf():
            return [each for key, value, _ in node.entries for each in (key, value)]
        case StructOf():
            return [value for _, _, value, _ in node.entries]
        case Comprehension():
            return [node.over, *node.arguments]
    return []


def mentions(node: Node, name: str) -> bool:
    """Whether a name stands anywhere in a tree."""
    if isinstance(node, Identifier) and node.name == name:
        return True
    return any(mentions(child, name) for child in children(node))
