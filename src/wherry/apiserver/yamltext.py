"""YAML as Kubernetes reads it (YAML 1.1, sigs.k8s.io/yaml) and writes it."""

import re
from typing import Any, ClassVar

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.scanner import ScannerError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


MAX_DEPTH = 250  # of collections in each other: what JSON libraries write
MAX_NODES = 1_000_000  # with everything in its place that aliases name


class YamlError(ValueError):
    """Text that is not YAML; the message is go-yaml's where it is known."""


class _JsonLoader(_Loader):  # type: ignore[misc, valid-type]
    """Makes only what JSON has: keys are text, times stay as they are written. `y` and `n` are truth values."""

    bool_values: ClassVar[dict[str, bool]] = {**_Loader.bool_values, "y": True, "n": False}

    def construct_mapping(self, node: Node, deep: bool = False) -> dict[str, Any]:
        if isinstance(node, MappingNode):
            self.flatten_mapping(node)
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            made[_key(self.construct_object(key_node, deep=True))] = self.construct_object(value_node, deep=deep)
        return made


def _map(loader: Any, node: Node) -> Any:
    made: dict[str, Any] = {}
    yield made
    made.update(loader.construct_mapping(node))


def _text(loader: Any, node: ScalarNode) -> str:
    return str(node.value)


_JsonLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("[yYnN]$"), list("yYnN"))
_JsonLoader.add_constructor("tag:yaml.org,2002:map", _map)
_JsonLoader.add_constructor("tag:yaml.org,2002:timestamp", _text)
_JsonLoader.add_constructor("tag:yaml.org,2002:binary", _text)


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return "null" if key is None else str(key)


def _check(text: bytes) -> None:
    """Refuse what would take the reader's stack or the machine's memory. Raises YamlError, yaml.YAMLError."""
    sizes: dict[str | None, int] = {}  # of what anchors name; 0 while it is still open
    open_: list[tuple[str | None, int]] = []  # anchors of the collections around, and the nodes before each
    nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, AliasEvent):
            if sizes.get(event.anchor) == 0:
                raise YamlError(f"yaml: anchor '{event.anchor}' value contains itself")
            nodes += sizes.get(event.anchor, 1)
        elif isinstance(event, CollectionStartEvent):
            open_.append((event.anchor, nodes))
            sizes |= {event.anchor: 0} if event.anchor else {}
            nodes += 1
        elif isinstance(event, CollectionEndEvent):
            anchor, before = open_.pop()
            sizes |= {anchor: nodes - before} if anchor else {}
        elif isinstance(event, NodeEvent):
            nodes += 1
        if len(open_) > MAX_DEPTH:
            raise YamlError(f"yaml: exceeded max depth of {MAX_DEPTH}")
        if nodes > MAX_NODES:
            raise YamlError("yaml: document contains excessive aliasing")


def load(text: bytes) -> Any:
    """The first document of a YAML text. Raises YamlError."""
    try:
        _check(text)
        loader = _JsonLoader(text)
        try:
            return loader.get_data() if loader.check_data() else None
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise YamlError(_message(error)) from None


def duplicates(text: bytes) -> list[str]:
    """What a strict reader says of keys that a map has twice."""
    found: list[str] = []
    try:
        _check(text)
        root = yaml.compose(text, Loader=_Loader)
    except (YamlError, yaml.YAMLError):
        return found
    if root is not None:
        _find_duplicates(root, found)
    return found


def _find_duplicates(node: Node, found: list[str]) -> None:
    if isinstance(node, SequenceNode):
        for each in node.value:
            _find_duplicates(each, found)
    if isinstance(node, MappingNode):
        seen = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                found.append(f'line {key.start_mark.line + 1}: key "{name}" already set in map')
            seen.add(name)
            _find_duplicates(value, found)


def _message(error: yaml.YAMLError) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:
        return f"yaml: {error}"
    context = getattr(error, "context_mark", None)
    line = mark.line or (context.line if context else 0)
    if mark.line and isinstance(error, ScannerError):  # go-yaml has not counted the line yet
        line += 1
    return f"yaml: line {line}: {problem}" if line else f"yaml: {problem}"


class _GoDumper(_Dumper):  # type: ignore[misc, valid-type]
    """Chooses quotes as go-yaml does: double ones for text that would be read as something else, blocks for lines."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


# What YAML 1.1 readers make of plain text beyond PyYAML's own rules: numbers as JSON and Go write them.
_NUMBER = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|0[bo][0-7_]+|\d[\d_]*|[yYnN]")


def _represent_text(dumper: Any, text: str) -> Any:
    tag = "tag:yaml.org,2002:str"
    if "\n" in text:
        return dumper.represent_scalar(tag, text, style="|")
    if dumper.resolve(ScalarNode, text, (True, False)) != tag or _NUMBER.fullmatch(text):
        return dumper.represent_scalar(tag, text, style='"')
    return dumper.represent_scalar(tag, text)


_GoDumper.add_representer(str, _represent_text)


def dump(document: Any) -> bytes:
    """As upstream writes it: keys sorted, lists not indented, long lines folded at blanks."""
    text: str = yaml.dump(document, Dumper=_GoDumper, default_flow_style=False, allow_unicode=True)
    return text.encode()
