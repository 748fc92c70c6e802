"""The v1.36 definitions as nodes that rules walk: what a field is, how it merges, how Go writes it back.

`definition("apps/v1", "Deployment")` is the root of a kind; `node.fields["spec"].fields["template"]` goes down. Nodes
are made when first asked for and then shared: treat them as read only. The file behind them, `schema.bin`, is made by
`scripts/build_schema.py`. Custom resources get nodes of the same shape from their own schema.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import orjson

Schema = dict[str, Any]

MAGIC = b"WHERRY01"
META = "io.k8s.apimachinery.pkg.apis.meta.v1."

GO_SCALARS = {"string": "string", "boolean": "bool", "number": "float64"}

LEAVES = {  # definitions that are one JSON value with rules of its own
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    META + "Time": "time",
    META + "MicroTime": "micro-time",
}


@dataclass(slots=True, eq=False)
class Node:
    """One place in a kind's schema.

    `type`: object (named fields), map, list, string, bytes, integer, number, boolean, time, micro-time, quantity,
    int-or-string, or any (whatever JSON). `items` is a list's element or a map's value.
    """

    type: str
    go: str = "interface {}"  # the Go type as error messages name it
    name: str = ""  # the definition's full name; "" for a node written in place
    format: str = ""
    items: "Node | None" = None
    load: Callable[[], "dict[str, Node]"] | None = None

    required: bool = False
    pointer: bool = False  # Go holds a pointer: the zero value stays apart from absence
    write: str = (
        ""  # "always": written even when empty; "nonzero": a struct left out when zero; "": left out when empty
    )
    embedded: str = ""  # the Go struct embedded in this one that declares the field
    default: Any = None

    list_type: str = ""  # atomic, set, map; "": atomic for apply
    list_keys: tuple[str, ...] = ()
    atomic: bool = False  # a map or object that apply treats as one value
    patch_strategy: tuple[str, ...] = ()  # merge, replace, retainKeys
    patch_key: str = ""
    enum: tuple[str, ...] = ()
    open: bool = False  # an object that also keeps fields it does not declare
    _fields: "dict[str, Node] | None" = field(default=None, repr=False)

    @property
    def fields(self) -> "dict[str, Node]":
        """The declared fields; empty for anything but an object."""
        if self._fields is None:
            self._fields = self.load() if self.load else {}
        return self._fields

    def at(self, *path: str) -> "Node | None":
        """The node below by field names; lists and maps are passed through: at("spec", "containers", "image")."""
        node: Node | None = self
        for name in path:
            while node is not None and node.type in ("list", "map") and node.items is not None:
                node = node.items
            node = node.fields.get(name) if node is not None else None
        return node


class Definitions:
    """The content of schema.bin: parts are decoded when they are asked for."""

    def __init__(self, content: bytes) -> None:
        if not content.startswith(MAGIC):
            raise ValueError("not a schema file of this version: run scripts/build_schema.py")
        start = len(MAGIC) + 12
        index, body, texts = struct.unpack_from("<III", content, len(MAGIC))
        head = orjson.loads(content[start : start + index])
        self.kinds: dict[str, str] = head["kinds"]
        self._offsets: dict[str, list[int]] = head["definitions"]
        self._body = content[start + index : start + index + body]
        self._texts = content[start + index + body : start + index + body + texts]
        self._nodes: dict[str, Node] = {}

    @property
    def names(self) -> list[str]:
        """Every definition's full name, sorted."""
        return sorted(self._offsets)

    def raw(self, name: str) -> Schema:
        """A definition as OpenAPI v2 says it, without descriptions; `x-go` holds what Go's type adds."""
        offset, length = self._offsets[name]
        return orjson.loads(self._body[offset : offset + length])

    def descriptions(self) -> dict[str, dict[str, str]]:
        """{definition: {"": its description, field: the field's}}; costs milliseconds, is not kept."""
        return orjson.loads(zlib.decompress(self._texts))

    def node(self, name: str) -> Node:
        """The node of a definition."""
        found = self._nodes.get(name)
        if found is None:
            found = self._nodes[name] = self._define(name)
        return found

    def _define(self, name: str) -> Node:
        go = ".".join(name.rsplit(".", 2)[-2:])
        if name in LEAVES:
            return Node(LEAVES[name], go, name)
        raw = self.raw(name)
        properties = raw.get("properties")
        if not properties:
            return Node("any", go, name, atomic=True)
        required = frozenset(raw.get("required", ()))

        def load() -> dict[str, Node]:
            return {key: self._field(value, key in required) for key, value in properties.items()}

        return Node("object", go, name, load=load, atomic=raw.get("x-kubernetes-map-type") == "atomic")

    def _field(self, raw: Schema, required: bool = False) -> Node:
        """The node of a field: a definition's, with what only this occurrence says."""
        node = self._shape(raw)
        node.required = required
        node.list_type = raw.get("x-kubernetes-list-type", "")
        node.list_keys = tuple(raw.get("x-kubernetes-list-map-keys", ()))
        node.atomic = raw.get("x-kubernetes-map-type", "atomic" if node.atomic else "") == "atomic"
        node.patch_strategy = tuple(filter(None, raw.get("x-kubernetes-patch-strategy", "").split(",")))
        node.patch_key = raw.get("x-kubernetes-patch-merge-key", "")
        node.enum = tuple(raw.get("enum", ()))
        go = raw.get("x-go", {})
        node.pointer = go.get("pointer", False)
        node.write = go.get("write", "")
        node.embedded = go.get("in", "")
        node.default = go.get("default")
        if "type" in go:
            _rename(node, go["type"])
        return node

    def _shape(self, raw: Schema) -> Node:
        if "$ref" in raw:
            base = self.node(raw["$ref"].rpartition("/")[2])
            return Node(base.type, base.go, base.name, base.format, load=lambda: base.fields, atomic=base.atomic)
        kind, form = raw.get("type", ""), raw.get("format", "")
        if kind == "array":
            items = self._field(raw["items"])
            return Node("list", "[]" + items.go, items=items)
        if kind == "object":
            values = self._field(raw.get("additionalProperties") or {})
            return Node("map", "map[string]" + values.go, items=values)
        if kind == "string" and form == "byte":
            return Node("bytes", "[]uint8", format=form)
        if kind == "integer":
            return Node("integer", form or "int64", format=form or "int64")
        if not kind:
            return Node("any")
        return Node(kind, GO_SCALARS[kind], format=form)


def _rename(node: Node, go: str) -> None:
    """Give a node its Go type's own name, and a list's elements theirs."""
    node.go = go
    if node.items is not None and go.startswith("[]"):
        node.items.go = go[2:]


@cache
def definitions() -> Definitions:
    """The definitions of this build."""
    path = Path(__file__).with_name("schema.bin")
    try:
        return Definitions(path.read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing: run scripts/build_schema.py") from None


@cache
def definition(api_version: str, kind: str) -> Node:
    """The root node of a built-in kind; KeyError for any other. definition("v1", "Pod")"""
    found = definitions()
    return found.node(found.kinds[f"{api_version}/{kind}"])


def shared(name: str) -> Node:
    """The node of a type that every group shares: shared("DeleteOptions")."""
    return definitions().node(META + name)


def go_name(node: Node) -> str:
    """`PodSpec` for v1.PodSpec."""
    return node.go.rpartition(".")[2]


def walk(node: Node, value: Any, visit: Callable[[Node, Any], None]) -> None:
    """Call `visit(node, value)` for an object's every declared place, parents first."""
    visit(node, value)
    if isinstance(value, Mapping):
        for key, child in value.items():
            below = node.items if node.type == "map" else node.fields.get(key)
            if below is not None:
                walk(below, child, visit)
    elif isinstance(value, list) and node.items is not None:
        for child in value:
            walk(node.items, child, visit)
