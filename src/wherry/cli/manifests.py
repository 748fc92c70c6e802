"""Manifests on disk -> objects to apply, in an order that works."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wherry.api import Obj, kinds, meta
from wherry.api.kinds import Kind
from wherry.cli.errors import DATA, NO_INPUT, Failure

SUFFIXES = (".yaml", ".yml", ".json")
FIRST = ("Namespace", "CustomResourceDefinition", "PriorityClass", "ServiceAccount", "Secret", "ConfigMap")

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object and where it was written."""

    source: str
    kind: Kind
    obj: Obj


def read(names: Iterable[str]) -> list[Manifest]:
    """From files, from the manifests in folders, and from standard input ("-"). What others need comes first, else
    the order is that of the files. Raises Failure, naming file and line."""
    found = [manifest for name in names for source, text in _texts(name) for manifest in parse(source, text)]
    if not found:
        raise Failure("there is no object in these manifests", DATA)
    rank = {kind: position for position, kind in enumerate(FIRST)}
    return sorted(found, key=lambda manifest: rank.get(manifest.kind.kind, len(FIRST)))


def parse(source: str, text: str) -> Iterator[Manifest]:
    """The objects in a YAML or JSON text; a List is its items. Raises Failure."""
    try:
        documents = list(yaml.load_all(text, _Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source}:{mark.line + 1}" if mark else source
        raise Failure(f"{where}: not YAML: {getattr(error, 'problem', None) or error}", DATA) from error
    for number, document in enumerate(documents, 1):
        if document is not None:
            where = source if len(documents) == 1 else f"{source} (document {number})"
            yield from _objects(where, document)


def _objects(source: str, document: Any) -> Iterator[Manifest]:
    if not isinstance(document, dict):
        raise Failure(f"{source}: an object is expected, not {type(document).__name__}", DATA)
    if document.get("kind") == "List":
        for item in document.get("items") or []:
            yield from _objects(source, item)
        return
    for field in ("apiVersion", "kind"):
        if not isinstance(document.get(field), str):
            raise Failure(f"{source}: {field} is not set", DATA)
    kind = kinds.BUILTIN.by_kind(document["apiVersion"], document["kind"])
    if kind is None:
        raise Failure(f"{source}: there is no kind {document['kind']!r} in {document['apiVersion']!r}", DATA)
    if not isinstance(document.get("metadata"), dict) or not meta.name(document):
        raise Failure(f"{source}: {document['kind']} has no metadata.name", DATA)
    yield Manifest(source, kind, document)


def _texts(name: str) -> Iterator[tuple[str, str]]:
    if name == "-":
        yield "standard input", sys.stdin.read()
        return
    path = Path(name)
    if path.is_dir():
        files = sorted(entry for entry in path.iterdir() if entry.suffix in SUFFIXES)
    elif path.exists():
        files = [path]
    else:
        raise Failure(f"{name}: no such file or directory", NO_INPUT)
    for file in files:
        yield str(file), file.read_text()
