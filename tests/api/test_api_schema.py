"""The schema: what the file is built from, and what it tells."""

import importlib.util
import time
from pathlib import Path

import pytest

from wherry.api import kinds, schema

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def builder():
    spec = importlib.util.spec_from_file_location("build_schema", ROOT / "scripts" / "build_schema.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REWRITTEN = [
    ({"type": ["string", "null"]}, {"type": "string"}),
    ({"type": ["array", "null"], "items": {"type": "string"}}, {"type": "array", "items": {"type": "string"}}),
    ({"$ref": "#/$defs/io.k8s.api.core.v1.Pod"}, {"$ref": "#/definitions/io.k8s.api.core.v1.Pod"}),
    ({"type": ["string", "null"], "enum": ["v1"]}, {"type": "string"}),
    ({"type": "object", "additionalProperties": False}, {"type": "object"}),
    ({"x-kubernetes-list-type": "atomic"}, {"x-kubernetes-list-type": "atomic"}),
]


@pytest.mark.parametrize(("rewritten", "published"), REWRITTEN)
def test_the_packages_rewriting_is_undone(builder, rewritten, published):
    assert builder.restore({"properties": {"x": rewritten}}) == {"properties": {"x": published}}


def test_a_packed_file_gives_back_its_definitions(builder):
    name = "io.k8s.api.core.v1.Thing"
    definition = {
        "description": "A thing.",
        "type": "object",
        "properties": {"a": {"type": "string", "description": "An a."}},
        "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Thing"}],
    }
    made = schema.Definitions(builder.pack({name: definition}, ""))
    assert made.names == [name]
    assert made.kinds == {"v1/Thing": name}
    assert made.node(name).fields["a"].type == "string"
    assert made.descriptions() == {name: {"": "A thing.", "a": "An a."}}


def test_a_built_file_is_loaded_within_a_moment():
    content = Path(schema.__file__).with_name("schema.bin").read_bytes()
    start = time.perf_counter()
    fresh = schema.Definitions(content)
    node = fresh.node(fresh.kinds["v1/ConfigMap"])
    taken = time.perf_counter() - start
    assert node.fields["data"].type == "map"
    assert taken < 0.05


def test_a_list_map_knows_its_keys():
    pod = schema.definition("v1", "Pod").fields["spec"]
    ports = pod.fields["containers"].items.fields["ports"]
    assert (ports.list_type, ports.list_keys) == ("map", ("containerPort", "protocol"))
    assert (pod.fields["containers"].patch_strategy, pod.fields["containers"].patch_key) == (("merge",), "name")


def test_an_atomic_list_is_atomic():
    container = schema.definition("v1", "Pod").fields["spec"].fields["containers"].items
    assert container.fields["args"].list_type == "atomic"


@pytest.mark.parametrize(
    ("path", "type", "pointer", "write"),
    [
        (("spec", "replicas"), "integer", True, ""),
        (("spec", "paused"), "boolean", False, ""),
        (("spec", "template", "spec", "containers"), "list", False, "always"),
        (("metadata", "labels"), "map", False, ""),
        (("metadata", "creationTimestamp"), "time", False, ""),
    ],
)
def test_a_field_is_written_back_as_go_does(path, type, pointer, write):
    node = schema.definition("apps/v1", "Deployment")
    for name in path:
        node = node.fields[name]
    assert (node.type, node.pointer, node.write == "always") == (type, pointer, write == "always")


def test_every_kind_that_is_served_has_a_definition():
    for kind in kinds.KINDS:
        assert schema.definition(kind.api_version, kind.kind).fields["metadata"]
