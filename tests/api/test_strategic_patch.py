"""Strategic merge patches: merge keys of the schema, and every directive."""

import pytest

from wherry.api import schema
from wherry.api.errors import StatusError
from wherry.api.patch import strategic

POD = schema.definition("v1", "Pod")
DEPLOYMENT = schema.definition("apps/v1", "Deployment")


def containers(*found):
    return {"spec": {"containers": list(found)}}


C, D = {"name": "c", "image": "1"}, {"name": "d", "image": "1"}

PATCHED = [
    ("by key", containers(C, D), containers({"name": "d", "image": "2"}), containers(C, {"name": "d", "image": "2"})),
    ("a new one comes first", containers(C), containers(D), containers(D, C)),
    ("deleted", containers(C, D), containers({"name": "c", "$patch": "delete"}), containers(D)),
    ("a list replaced", containers(C, D), containers({"$patch": "replace"}, {"name": "e"}),
     containers({"name": "e"})),
    ("in a given order", containers(C, D), {"spec": {"$setElementOrder/containers": [{"name": "d"}, {"name": "c"}]}},
     containers(D, C)),
    ("atomic", containers(C | {"args": ["a", "b"]}), containers({"name": "c", "args": ["z"]}),
     containers(C | {"args": ["z"]})),
    ("a primitive list merges", {"metadata": {"finalizers": ["a"]}}, {"metadata": {"finalizers": ["b", "a"]}},
     {"metadata": {"finalizers": ["b", "a"]}}),
    ("primitives deleted", {"metadata": {"finalizers": ["a", "b"]}},
     {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}, {"metadata": {"finalizers": ["b"]}}),
    ("a map replaced", {"metadata": {"labels": {"a": "1"}}},
     {"metadata": {"labels": {"$patch": "replace", "b": "2"}}},
     {"metadata": {"labels": {"b": "2"}}}),
    ("a map deleted", {"metadata": {"labels": {"a": "1"}}}, {"metadata": {"labels": {"$patch": "delete"}}},
     {"metadata": {"labels": {}}}),
    ("null removes", {"metadata": {"labels": {"a": "1", "b": "2"}}}, {"metadata": {"labels": {"a": None}}},
     {"metadata": {"labels": {"b": "2"}}}),
]  # fmt: skip


@pytest.mark.parametrize(("original", "patch", "patched"), [row[1:] for row in PATCHED], ids=[r[0] for r in PATCHED])
def test_a_pod(original, patch, patched):
    assert strategic.apply(original, patch, POD) == patched


def test_retained_keys_alone_stay():
    before = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic.apply(before, patch, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_ports_are_told_apart_by_their_number():
    ports = [{"containerPort": 80, "name": "a"}, {"containerPort": 81}]
    patch = containers({"name": "c", "ports": [{"containerPort": 81, "name": "b"}]})
    patched = strategic.apply(containers(C | {"ports": ports}), patch, POD)
    assert patched["spec"]["containers"][0]["ports"] == [ports[0], {"containerPort": 81, "name": "b"}]


@pytest.mark.parametrize(
    "patch",
    [
        containers({"image": "no name"}),
        {"spec": {"$setElementOrder/containers": [{"name": "c"}], "containers": [{"name": "d"}]}},
        containers({"name": "c", "$patch": "odd"}),
    ],
)
def test_a_directive_that_makes_no_sense_is_refused(patch):
    with pytest.raises(StatusError):
        strategic.apply(containers(C), patch, POD)


def test_the_arguments_stay_as_they_were():
    before, patch = containers(C), containers({"name": "c", "image": "2"})
    strategic.apply(before, patch, POD)
    assert (before, patch) == (containers(C), containers({"name": "c", "image": "2"}))
