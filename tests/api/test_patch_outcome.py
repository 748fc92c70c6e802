"""What a client is told about a patch that leads nowhere."""

import json

import pytest

from wherry.api import schema
from wherry.api.patch import outcome

DEPLOYMENT = schema.definition("apps/v1", "Deployment")


@pytest.mark.parametrize(
    ("body", "kind", "found"),
    [
        ('{"data":{"a":"1","a":"2"},"foo":1,"foo":2}', "merge",
         ['duplicate field "foo"', 'duplicate field "data.a"']),
        ('{"spec":{"replicas":1,"replicas":2}}', "strategic", ['duplicate field "spec.replicas"']),
        ('{"a":[{"b":1,"b":2}]}', "merge", ['duplicate field "a[0].b"']),
        ('{"a":1}', "merge", []),
        ('[{"op":"add","path":"/q","path":"/r","value":1,"bogus":1}]', "json",
         ['json patch duplicate field "[0].path"', 'json patch unknown field "[0].bogus"']),
    ],
)  # fmt: skip
def test_what_is_said_twice_is_told(body, kind, found):
    assert sorted(outcome.repeated(body.encode(), kind)) == sorted(found)


@pytest.mark.parametrize(
    ("patched", "why"),
    [
        ({"spec": {"template": {"spec": {"containers": {"name": "a"}}}}}, "cannot restore slice from map"),
        ({"metadata": {"labels": ["a"]}}, "cannot restore map from slice"),
        ({"metadata": "x"}, "cannot restore struct from: string"),
        ({"spec": {"replicas": "x"}}, "unrecognized type: int32"),
        ({"spec": {"paused": 1}}, "unrecognized type: bool"),
        ({"metadata": {"labels": {"a": 1}}}, "cannot convert int64 to string"),
        ({"spec": {"replicas": 1.5}}, "cannot convert float64 to int32"),
        ({"spec": {"replicas": 2}}, ""),
    ],
)
def test_a_value_that_go_cannot_convert_is_named(patched, why):
    assert outcome.misfit(patched, DEPLOYMENT) == why


METADATA = {"uid": "u", "name": "m", "namespace": "n"}


def test_what_was_not_touched_keeps_its_order():
    old = {"metadata": METADATA, "kind": "ConfigMap", "data": {"a": "1"}}
    text = outcome.printed(old | {"data": {"b": 1, "a": "<"}}, old)
    assert (
        text == '{"data":{"a":"\\u003c","b":1},"kind":"ConfigMap","metadata":{"name":"m","namespace":"n","uid":"u"}}'
    )


def test_what_was_touched_is_sorted():
    text = outcome.printed({"metadata": METADATA | {"labels": []}}, {"metadata": METADATA})
    assert list(json.loads(text)["metadata"]) == ["labels", "name", "namespace", "uid"]


def test_a_strategic_patch_is_shown_itself():
    error = outcome.refusal("strategic", {"spec": {"replicas": "x"}}, {}, {}, "unrecognized type: int32")
    assert error.status()["details"] == {
        "causes": [
            {
                "reason": "FieldValueInvalid",
                "message": 'Invalid value: "map[spec:map[replicas:x]]": unrecognized type: int32',
                "field": "patch",
            }
        ]
    }
