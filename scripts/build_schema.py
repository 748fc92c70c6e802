"""Makes `src/wherry/api/schema.bin` from the PyPI package kubernetes-validate: a hatchling build hook and a script.

The package carries the OpenAPI definitions of Kubernetes rewritten for JSON Schema validation; the rewriting is
undone here, so that the definitions are those that a real API server publishes. What Go's types know and OpenAPI does
not say (`src/wherry/api/gotypes.txt`) is merged in. The package is read, never imported: that would cost 160 ms.

    python scripts/build_schema.py      for a checkout without an install

Layout of schema.bin (little endian): magic, then the lengths of three parts, then the parts:

    index          JSON: {"definitions": {name: [offset, length]}, "kinds": {"apps/v1/Deployment": name}}
    definitions    JSON objects without descriptions, one after the other: each is decoded alone when it is needed
    descriptions   zlib of JSON {name: {"": the definition's, field: its own}}
"""

import importlib.util
import json
import re
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a script where only the package is installed
    BuildHookInterface = object

Schema = dict[str, Any]

MAGIC = b"WHERRY01"
ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "src" / "wherry" / "api" / "schema.bin"
FACTS = ROOT / "src" / "wherry" / "api" / "gotypes.txt"
SOURCE = Path("kubernetes-json-schema", "v1.36.0-local", "_definitions.json")

UNSERVED = re.compile(r"\.v\d+(alpha|beta)\d+\.")  # a default server offers stable versions only
FACT = re.compile(r"([$\w-]+)([*.!?%]*)(?:=([^\^~]+))?(?:\^([\w/]+))?(?:~(.*))?")
PREFIXES = {
    "meta.": "io.k8s.apimachinery.pkg.apis.",
    "version.": "io.k8s.apimachinery.pkg.",
    "apiextensions.": "io.k8s.apiextensions-apiserver.pkg.apis.",
    "apiregistration.": "io.k8s.kube-aggregator.pkg.apis.",
}
REWRITTEN = {  # two types whose original form the package dropped
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "string"},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": "string", "format": "int-or-string"},
}
VALUES = {"metadata", "spec", "status"}  # optional fields of these names are values, not pointers


def source() -> Path:
    """The definitions file inside the installed kubernetes-validate."""
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        raise SystemExit("kubernetes-validate is not installed: pip install 'kubernetes-validate>=1.37,<1.38'")
    return Path(spec.origin).parent / SOURCE


def restore(node: Any) -> Any:
    """A schema node as the API server publishes it."""
    if isinstance(node, list):
        return [restore(item) for item in node]
    if not isinstance(node, dict):
        return node
    restored = {}
    for key, value in node.items():
        if key == "$ref":
            restored[key] = value.replace("#/$defs/", "#/definitions/")
        elif key == "type" and isinstance(value, list):
            restored[key] = next(name for name in value if name != "null")
        elif key == "properties":
            restored[key] = {name: restore(field) for name, field in value.items()}
        elif key != "enum" and not (key == "additionalProperties" and value is False):
            restored[key] = restore(value)
    return restored


def facts(text: str) -> tuple[dict[str, dict[str, Schema]], dict[str, list[str]]]:
    """What gotypes.txt says: definition -> field -> facts, and Go type -> enumeration."""
    found: dict[str, dict[str, Schema]] = {}
    enums: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("enum "):
            _, name, values = line.split(" ", 2)
            enums[name] = values.split("|")
            continue
        name, *fields = line.split(" ")
        prefix = next((full for short, full in PREFIXES.items() if name.startswith(short)), "io.k8s.api.")
        found[prefix + name] = dict(map(fact, fields))
    return found, enums


def fact(token: str) -> tuple[str, Schema]:
    match = FACT.fullmatch(token)
    if not match:
        raise SystemExit(f"{FACTS.name}: not understood: {token}")
    name, marks, go, embedded, default = match.groups()
    said: Schema = {"marks": marks}
    if go:
        said["type"] = go
    if embedded:
        said["in"] = embedded
    if default is not None:
        said["default"] = json.loads(default)
    return name, said


def annotate(definition: Schema, said: dict[str, Schema], enums: dict[str, list[str]]) -> None:
    """Write `x-go` into each field that is not an ordinary value left out when empty, and enumerations."""
    required = set(definition.get("required", ()))
    for name, field in definition.get("properties", {}).items():
        known = dict(said.get(name, {}))
        marks = known.pop("marks", "")
        pointer = "*" in marks or ("$ref" in field and name not in required | VALUES and "." not in marks)
        if pointer:
            known["pointer"] = True
        if "!" in marks or (name in required and "?" not in marks):
            known["write"] = "always"
        elif "%" in marks:
            known["write"] = "nonzero"
        if known:
            field["x-go"] = known
        go = known.get("type", "")
        if (values := enums.get(go.removeprefix("[]"))) is not None:
            (field["items"] if go.startswith("[]") else field)["enum"] = values


def split_descriptions(definition: Schema) -> dict[str, str]:
    """Take the descriptions out of a definition: {"": its own, field: the field's}."""
    texts = {"": definition.pop("description", "")}
    for name, field in definition.get("properties", {}).items():
        texts[name] = field.pop("description", "")
    return {name: text for name, text in texts.items() if text}


def kind_names(name: str, definition: Schema) -> dict[str, str]:
    """{"apps/v1/Deployment": definition} for a definition that is one kind; those shared by all groups are not."""
    kinds = definition.get("x-kubernetes-group-version-kind", [])
    if len(kinds) != 1:
        return {}
    gvk = kinds[0]
    return {"/".join(filter(None, (gvk["group"], gvk["version"], gvk["kind"]))): name}


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def pack(definitions: dict[str, Schema], text: str) -> bytes:
    """The content of schema.bin, from the package's definitions and the text of gotypes.txt."""
    said, enums = facts(text)
    offsets: dict[str, list[int]] = {}
    kinds: dict[str, str] = {}
    descriptions: dict[str, dict[str, str]] = {}
    parts: list[bytes] = []
    end = 0
    for name in sorted(definitions):
        if UNSERVED.search(name):
            continue
        definition = restore(definitions[name]) | REWRITTEN.get(name, {})
        definition.pop("oneOf", None)
        annotate(definition, said.pop(name, {}), enums)
        descriptions[name] = split_descriptions(definition)
        kinds |= kind_names(name, definition)
        parts.append(compact(definition))
        offsets[name] = [end, len(parts[-1])]
        end += len(parts[-1])
    if said:
        raise SystemExit(f"{FACTS.name} names unknown types: {', '.join(said)}")
    index, texts = compact({"definitions": offsets, "kinds": kinds}), zlib.compress(compact(descriptions), 9)
    return b"".join([MAGIC, struct.pack("<III", len(index), end, len(texts)), index, *parts, texts])


def build() -> Path:
    """Write schema.bin and return its path."""
    definitions = json.loads(source().read_bytes())["$defs"]
    TARGET.write_bytes(pack(definitions, FACTS.read_text()))
    return TARGET


class SchemaHook(BuildHookInterface):  # type: ignore[misc]
    """Runs before a wheel or an editable install is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build()
        build_data["artifacts"].append(str(TARGET.relative_to(ROOT)))


if __name__ == "__main__":
    path = build()
    sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes\n")
