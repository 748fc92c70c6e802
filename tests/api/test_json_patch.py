"""JSON patches (RFC 6902), as lenient as upstream's library."""

import pytest

from wherry.api.errors import StatusError
from wherry.api.patch import json_patch

DOCUMENT = {"a": {"b": 1}, "list": ["x", "y"], "t/~": 1}

DONE = [
    ([{"op": "add", "path": "/a/c", "value": 2}], {"a": {"b": 1, "c": 2}}),
    ([{"op": "add", "path": "/list/1", "value": "m"}], {"list": ["x", "m", "y"]}),
    ([{"op": "add", "path": "/list/-", "value": "z"}], {"list": ["x", "y", "z"]}),
    ([{"op": "remove", "path": "/list/0"}], {"list": ["y"]}),
    ([{"op": "remove", "path": "/list/-1"}], {"list": ["x"]}),
    ([{"op": "replace", "path": "/a", "value": None}], {"a": None}),
    ([{"op": "move", "from": "/a/b", "path": "/c"}], {"a": {}, "c": 1}),
    ([{"op": "copy", "from": "/list", "path": "/a/l"}], {"a": {"b": 1, "l": ["x", "y"]}}),
    ([{"op": "test", "path": "/t~1~0", "value": 1}], {}),
    ([{"op": "test", "path": "/absent", "value": None}], {}),
]


@pytest.mark.parametrize(("operations", "changed"), DONE)
def test_operations(operations, changed):
    before = {"a": {"b": 1}, "list": ["x", "y"], "t/~": 1}
    assert json_patch.apply(DOCUMENT, operations) == before | changed
    assert before == DOCUMENT


REFUSED = [
    [{"op": "test", "path": "/a/b", "value": 2}],
    [{"op": "remove", "path": "/absent"}],
    [{"op": "add", "path": "/no/where", "value": 1}],
    [{"op": "add", "path": "/list/7", "value": 1}],
    [{"op": "move", "from": "/absent", "path": "/b"}],
    [{"op": "odd", "path": "/a"}],
]


@pytest.mark.parametrize("operations", REFUSED)
def test_what_does_not_fit_is_refused_without_saying_why(operations):
    with pytest.raises(StatusError) as error:
        json_patch.apply(DOCUMENT, operations)
    assert (error.value.code, error.value.reason) == (422, "Invalid")
    assert error.value.message == "the server rejected our request due to an error in our request"


@pytest.mark.parametrize(("patch", "word"), [({}, "object"), ("x", "string"), (1, "number")])
def test_a_patch_is_a_list(patch, word):
    with pytest.raises(StatusError, match=f"cannot unmarshal {word} into Go value of type"):
        json_patch.apply(DOCUMENT, patch)


def test_too_many_operations_are_too_large():
    with pytest.raises(StatusError) as error:
        json_patch.apply({}, [{"op": "add", "path": "/a", "value": 1}] * 10_001)
    assert error.value.code == 413
