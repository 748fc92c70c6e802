"""From a body to an object: Go's words, unknown and duplicate fields, what is written back."""

import json

import pytest

from wherry.api import decoding, schema

POD = ("v1", "Pod")
CONFIG_MAP = ("v1", "ConfigMap")
DEPLOYMENT = ("apps/v1", "Deployment")


def decode(kind, body):
    text = body if isinstance(body, str) else json.dumps(body)
    return decoding.decode(text.encode(), schema.definition(*kind))


WRONG = [
    (POD, '{"spec":{"containers":{}}}',
     "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container"),
    (POD, '{"spec":{"containers":[{"name":1}]}}',
     "json: cannot unmarshal number into Go struct field Container.spec.containers.name of type string"),
    (DEPLOYMENT, '{"spec":{"replicas":"3"}}',
     "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"),
    (DEPLOYMENT, '{"spec":{"paused":"yes"}}',
     "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool"),
    (DEPLOYMENT, '{"spec":{"replicas":99999999999}}',
     "json: cannot unmarshal number 99999999999 into Go struct field DeploymentSpec.spec.replicas of type int32"),
    (CONFIG_MAP, '{"data":[]}',
     "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string"),
    (CONFIG_MAP, '{"metadata":{"creationTimestamp":"x"}}',
     'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"'),
    (CONFIG_MAP, '{"metadata":{"creationTimestamp":"2026-02-30T00:00:00Z"}}',
     'parsing time "2026-02-30T00:00:00Z": day out of range'),
    (CONFIG_MAP, '{"data":{"a":"b"}', "unexpected end of JSON input"),
    (CONFIG_MAP, "{data:1}", "invalid character 'd' looking for beginning of object key string"),
    (POD, '{"spec":{"containers":[{"resources":{"limits":{"cpu":"1x"}}}]}}',
     "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "message"), WRONG, ids=[each[2][:40] for each in WRONG])
def test_a_wrong_body_is_refused_in_gos_words(kind, body, message):
    with pytest.raises(decoding.DecodeError) as error:
        decode(kind, body)
    assert str(error.value) == message


STRICT = [
    (CONFIG_MAP, '{"foo":1}', ['unknown field "foo"']),
    (POD, '{"spec":{"foo":1}}', ['unknown field "spec.foo"']),
    (POD, '{"spec":{"containers":[{"name":"c"},{"bar":1}]}}', ['unknown field "spec.containers[1].bar"']),
    (CONFIG_MAP, '{"data":{"a":"1","a":"2"}}', ['duplicate field "data.a"']),
    (CONFIG_MAP, '{"kind":"ConfigMap","kind":"ConfigMap","x":1}', ['duplicate field "kind"', 'unknown field "x"']),
]


@pytest.mark.parametrize(("kind", "body", "found"), STRICT, ids=[each[2][0] for each in STRICT])
def test_unknown_and_duplicate_fields_are_told_and_dropped(kind, body, found):
    decoded = decode(kind, body)
    assert decoded.strict == found
    assert decoded.strict_error == f"strict decoding error: {', '.join(found)}"
    assert "foo" not in json.dumps(decoded.object)


WRITTEN = [
    (CONFIG_MAP, {"data": {}, "binaryData": None}, {"metadata": {}}),
    (CONFIG_MAP, {"immutable": False}, {"metadata": {}, "immutable": False}),
    (DEPLOYMENT, {"spec": {"replicas": 0, "paused": False}}, {"spec.replicas": 0, "spec.paused": None}),
    (POD, {"spec": {"containers": None}}, {"spec.containers": None}),
    (POD, {"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": 1, "memory": "1024Mi"}}}]}},
     {"spec.containers.0.resources.limits": {"cpu": "1", "memory": "1Gi"}}),
    (POD, {"metadata": {"deletionTimestamp": "2026-01-01T12:00:00+02:00"}},
     {"metadata.deletionTimestamp": "2026-01-01T10:00:00Z"}),
]  # fmt: skip


def at(obj, path):
    for part in path.split("."):
        obj = obj[int(part)] if part.isdigit() else obj.get(part)
    return obj


@pytest.mark.parametrize(("kind", "body", "expected"), WRITTEN)
def test_an_object_reads_back_as_go_writes_it(kind, body, expected):
    found = decode(kind, body).object
    if "metadata" in expected:
        assert found == expected
    else:
        assert {path: at(found, path) for path in expected} == expected


def test_both_ways_through_the_decoder_agree():
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "labels": {"a": "b"}},
        "spec": {
            "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}], "command": ["x"]}],
            "nodeSelector": {},
            "tolerations": [{"key": "k", "tolerationSeconds": 5}],
        },
    }
    fast = decode(("v1", "Pod"), body)
    slow = decoding.decode(json.dumps(body | {"unknown": 1}).encode(), schema.definition("v1", "Pod"))
    again = decoding.normalize(fast.object, schema.definition("v1", "Pod"))
    assert slow.strict == ['unknown field "unknown"']
    assert fast.object == slow.object == again.object


def test_half_a_surrogate_pair_is_replaced():
    assert decode(CONFIG_MAP, '{"data":{"a":"\\ud800","b":"\\ud83d\\ude00"}}').object["data"] == {
        "a": "�",
        "b": "😀",
    }


def test_a_number_in_a_free_form_value_is_plain():
    body = '{"revision":1,"data":{"a":0.5,"b":[1.5,{"c":2}]},"x":1}'
    found = decode(("apps/v1", "ControllerRevision"), body).object["data"]
    assert found == {"a": 0.5, "b": [1.5, {"c": 2}]}
    assert type(found["a"]) is float and type(found["b"][1]) is dict


@pytest.mark.parametrize(("text", "read"), [("1.5", 1.5), ("2.0", 2), ("3", 3), ("1e2", 100)])
def test_a_number_is_written_as_go_writes_it(text, read):
    schemas = '{"spec":{"versions":[{"name":"v1","schema":{"openAPIV3Schema":{"maximum":' + text + "}}}]}}"
    kind = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    found = decode(kind, schemas).object["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["maximum"]
    assert (found, type(found)) == (read, float if text == "1.5" else int)


SCHEMAS = [
    ({"items": {"type": "string", "x": 1, "required": []}}, {"items": {"type": "string"}}),
    ({"items": [{"type": "string"}]}, {"items": [{"type": "string"}]}),
    ({"items": "a"}, {"items": None}),
    ({"additionalProperties": False}, {"additionalProperties": False}),
    ({"additionalProperties": {"y": 1}}, {"additionalProperties": {}}),
    ({"dependencies": {"a": ["b"]}}, {"dependencies": {"a": ["b"]}}),
]  # fmt: skip


@pytest.mark.parametrize(("schema_of", "read"), SCHEMAS)
def test_a_schema_or_something_else(schema_of, read):
    body = {"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema_of}}]}}
    found = decode(("apiextensions.k8s.io/v1", "CustomResourceDefinition"), body)
    assert found.object["spec"]["versions"][0]["schema"]["openAPIV3Schema"] == read
    assert found.strict == []


def test_a_wrong_schema_within_a_schema():
    within = {"properties": {"a": {"additionalProperties": 1}, "b": {"items": {"type": 1}}}}
    body = {"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": within}}]}}
    with pytest.raises(decoding.DecodeError, match="boolean or JSON schema expected"):
        decode(("apiextensions.k8s.io/v1", "CustomResourceDefinition"), body)
