"""The full pass: any JSON value against a schema, in Go's way and with Go's words.

Go decodes a document to its end and reports the first mismatch; unknown and duplicate fields are collected beside.
"""

from typing import Any

from wherry.api import Obj
from wherry.api.decoding import scalars
from wherry.api.decoding.scalars import DecodeError, Mismatch
from wherry.api.decoding.syntax import Pairs
from wherry.api.schema import Node, definitions, go_name

_ABSENT = object()
_STRICT_LIMIT = 100

_ZEROS: dict[str, Any] = {"string": "", "integer": 0, "number": 0.0, "boolean": False, "bytes": ""}
_SCHEMA = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
_EITHER = f"{_SCHEMA}Or"  # ...Bool, ...Array, ...StringArray
_NULLS = ("time", "micro-time", "any")


def full_pass(value: Any, node: Node) -> tuple[Obj, list[str]]:
    """The object as Go writes it, and its unknown and duplicate fields. Raises DecodeError."""
    run = _Pass()
    shaped = run.shape(value, node)
    if run.first is not None:
        raise run.first
    return shaped, list(dict.fromkeys(run.strict))[:_STRICT_LIMIT]


class _Pass:
    """One document. `path` is where strict messages point, `stack` what Go's errors print, `struct` the Go struct."""

    def __init__(self) -> None:
        self.first: DecodeError | None = None
        self.strict: list[str] = []
        self.path = ""
        self.stack: tuple[str, ...] = ()
        self.struct = ""

    def fail(self, error: DecodeError) -> None:
        self.first = self.first or error

    def mismatch(self, said: str, go: str) -> None:
        if self.stack:
            where = f"Go struct field {self.struct}.{'.'.join(self.stack)} of type {go}"
        else:
            where = f"Go value of type {go}"
        self.fail(DecodeError(f"json: cannot unmarshal {said} into {where}"))

    def shape(self, value: Any, node: Node) -> Any:
        """A value that is present and not null."""
        match node.type:
            case "object":
                return self.object(value, node)
            case "map":
                return self.map(value, node)
            case "list":
                return self.list(value, node)
            case "any":
                return self.either(value, node) if node.name.startswith(_EITHER) else plain(value)
        try:
            return self.scalar(value, node)
        except Mismatch as error:
            self.mismatch(error.said, node.go)
        except DecodeError as error:
            self.fail(error)
        return zero(node)

    def scalar(self, value: Any, node: Node) -> Any:
        match node.type:
            case "string":
                return scalars.text(value)
            case "integer":
                return scalars.integer(value, node.format)
            case "boolean":
                return scalars.boolean(value)
            case "quantity":
                return scalars.canonical_quantity(value)
            case "int-or-string":
                return scalars.int_or_string(value)
            case "time" | "micro-time":
                return scalars.time(value, node.type == "micro-time")
            case "bytes":
                return scalars.encoded_bytes(value)
        return scalars.real(value)

    def duplicates(self, value: Any) -> None:
        if isinstance(value, Pairs):
            self.strict += [f'duplicate field "{self._below(key)}"' for key in value.duplicates]

    def _below(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def object(self, value: Any, node: Node) -> Any:
        if not isinstance(value, dict):
            self.mismatch(scalars.word(value), node.go)
            return {}
        self.duplicates(value)
        path, stack, struct = self.path, self.stack, self.struct
        present: Obj = {}
        for key, item in value.items():
            field = node.fields.get(key)
            self.path = f"{path}.{key}" if path else key
            if field is None:
                self.strict.append(f'unknown field "{self.path}"')
                continue
            embedded = tuple(field.embedded.split("/")) if field.embedded else ()
            self.stack, self.struct = (*stack, *embedded, key), go_name(node)
            if item is not None:
                present[key] = self.shape(item, field)
        self.path, self.stack, self.struct = path, stack, struct
        return written(present, node)

    def map(self, value: Any, node: Node) -> Any:
        if not isinstance(value, dict):
            self.mismatch(scalars.word(value), node.go)
            return {}
        self.duplicates(value)
        path, items = self.path, node.items or Node("any")
        shaped = {}
        for key, item in value.items():
            self.path = f"{path}.{key}" if path else key
            shaped[key] = zero(items) if item is None else self.shape(item, items)
        self.path = path
        return shaped

    def either(self, value: Any, node: Node) -> Any:
        """A schema or something else, which Go decodes on its own: what is unknown in it goes unsaid."""
        if isinstance(value, dict):
            return self._apart(value, definitions().node(_SCHEMA))
        if node.name.endswith("OrBool"):
            if not isinstance(value, bool):
                self.fail(DecodeError("boolean or JSON schema expected"))
            return value
        if not isinstance(value, list):
            return None
        texts = node.name.endswith("OrStringArray")
        return [
            self._apart(each, Node("string", "string") if texts else definitions().node(_SCHEMA)) for each in value
        ]

    def _apart(self, value: Any, node: Node) -> Any:
        run = _Pass()
        shaped = zero(node) if value is None else run.shape(value, node)
        if run.first is not None:
            self.fail(run.first)
        return shaped

    def list(self, value: Any, node: Node) -> Any:
        if not isinstance(value, list):
            self.mismatch(scalars.word(value), node.go)
            return []
        path, items = self.path, node.items or Node("any")
        shaped = []
        for index, item in enumerate(value):
            self.path = f"{path}[{index}]"
            shaped.append(zero(items) if item is None else self.shape(item, items))
        self.path = path
        return shaped


def plain(value: Any) -> Any:
    """A value without what parsing noted about it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return float(value) if isinstance(value, scalars.Literal) else value


def zero(node: Node) -> Any:
    """Go's zero value of a type, as JSON."""
    match node.type:
        case "object":
            return written({}, node)
        case "quantity":
            return "0"
        case "int-or-string":
            return 0
    return _ZEROS.get(node.type)


def written(present: Obj, node: Node) -> Obj:
    """The fields that Go writes, of an object's values that are not null."""
    out: Obj = {}
    for key, field in node.fields.items():
        value = _field(present.get(key, _ABSENT), field)
        if value is not _ABSENT:
            out[key] = value
    return out


def _field(value: Any, field: Node) -> Any:
    """A field's value as written, or _ABSENT."""
    always = field.write == "always"
    if field.pointer:
        return None if value is _ABSENT and always else value
    if value is _ABSENT:
        if always or field.type in ("object", "quantity", "int-or-string"):
            return zero(field)
        return None if field.type in _NULLS and field.write != "nonzero" else _ABSENT
    if not always and field.type in ("list", "map", *_ZEROS) and not value:
        return _ABSENT
    return value
