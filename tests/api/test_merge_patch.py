"""JSON merge patches (RFC 7386)."""

import pytest

from wherry.api.errors import StatusError
from wherry.api.patch import merge

MERGED = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"a": "x"}, {"a": {"b": {"c": None}}}, {"a": {"b": {}}}),
    ({}, {"a": {"b": None}}, {"a": {}}),
]


@pytest.mark.parametrize(("document", "patch", "merged"), MERGED)
def test_members_are_set_and_null_removes(document, patch, merged):
    assert merge.apply(document, patch) == merged


@pytest.mark.parametrize("patch", [None, [], "x", 1, True])
def test_a_patch_is_an_object(patch):
    with pytest.raises(StatusError) as error:
        merge.apply({}, patch)
    assert error.value.code == 400
