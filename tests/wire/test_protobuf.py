import pytest

from wherry.wire import protobuf
from wherry.wire.protobuf.fields import delimited, read, signed, varint

POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {
        "name": "web",
        "labels": {"app": "web", "empty": ""},
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "managedFields": [{"manager": "m", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}],
    },
    "spec": {
        "volumes": [{"name": "data", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "c", "configMap": {"name": "cm"}}],
        "containers": [
            {
                "name": "main",
                "image": "busybox",
                "resources": {"limits": {"memory": "64Mi", "cpu": "100m"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 3},
                "readinessProbe": {"tcpSocket": {"port": 80}},
                "env": [{"name": "A", "value": "1"}],
            }
        ],
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"supplementalGroups": [1, 2000000]},
        "tolerations": [{"key": "k", "tolerationSeconds": -1}],
    },
    "status": {"startTime": "2026-01-02T03:04:05Z"},
}
SECRET = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}, "data": {"a": "AAEC/w=="}}
LEASE = {
    "kind": "Lease",
    "apiVersion": "coordination.k8s.io/v1",
    "metadata": {"name": "n"},
    "spec": {"renewTime": "2026-01-02T03:04:05.678901Z"},
}
ROLE_RULES = {
    "kind": "ValidatingWebhookConfiguration",
    "apiVersion": "admissionregistration.k8s.io/v1",
    "metadata": {"name": "w"},
    "webhooks": [{"name": "a.b.c", "rules": [{"operations": ["CREATE"], "apiGroups": [""], "resources": ["pods"]}]}],
}
CRD = {
    "kind": "CustomResourceDefinition",
    "apiVersion": "apiextensions.k8s.io/v1",
    "metadata": {"name": "things.example.com"},
    "spec": {
        "group": "example.com",
        "versions": [
            {
                "name": "v1",
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                        "properties": {
                            "n": {"type": "number", "minimum": 0.5, "default": 7},
                            "l": {"type": "array", "items": {"type": "string"}},
                            "m": {"type": "object", "additionalProperties": {"type": "string"}},
                        },
                    }
                },
            }
        ],
    },
}
REVIEW = {
    "kind": "SubjectAccessReview",
    "apiVersion": "authorization.k8s.io/v1",
    "spec": {"user": "u", "extra": {"scopes": ["a", "b"]}},
}
DELETE = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0, "preconditions": {"uid": "x"}}


@pytest.mark.parametrize("obj", [POD, SECRET, LEASE, ROLE_RULES, CRD, REVIEW, DELETE], ids=lambda obj: obj["kind"])
def test_objects_come_back_as_they_went(obj):
    assert protobuf.decode(protobuf.encode(obj)) == obj


def test_fields_have_the_published_numbers():
    data = protobuf.encode({"kind": "Pod", "apiVersion": "v1", "spec": {"nodeName": "n"}})
    parts = {number: value for number, _, value in read(data[4:])}
    assert {n: v for n, _, v in read(parts[1])} == {1: b"v1", 2: b"Pod"}
    assert parts[2] == delimited(2, delimited(10, b"n"))  # Pod.spec is 2, PodSpec.nodeName is 10


def test_embedded_structs_are_one_level_down():
    probe = {
        "kind": "Pod",
        "apiVersion": "v1",
        "spec": {"containers": [{"livenessProbe": {"exec": {"command": ["a"]}}}]},
    }
    handler = delimited(1, delimited(1, delimited(1, b"a")))  # Probe.handler.exec.command
    assert handler in protobuf.encode(probe)


def test_a_kind_without_a_protobuf_form_says_so():
    assert protobuf.encode({"kind": "Thing", "apiVersion": "example.com/v1"}) is None
    with pytest.raises(KeyError, match='no kind "Thing" is registered'):
        envelope = delimited(1, delimited(1, b"example.com/v1") + delimited(2, b"Thing"))
        protobuf.decode(b"k8s\x00" + envelope)


@pytest.mark.parametrize("data", [b"", b"{}", b"k8s\x00\x0a\xff", b"k8s\x00\xff", b"k8s\x00\x12\x05ab"])
def test_malformed_bytes_are_refused(data):
    with pytest.raises((protobuf.Malformed, KeyError)):
        protobuf.decode(data)


def test_watch_events_are_framed_and_wrapped():
    event = protobuf.watch_event("ADDED", SECRET)
    assert int.from_bytes(event[:4], "big") == len(event) - 4
    parts = {number: value for number, _, value in read(event[4:])}
    assert parts[1] == b"ADDED"
    ((_, _, wrapped),) = read(parts[2])
    assert protobuf.decode(wrapped) == SECRET


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**31, 2**63 - 1, -1, -(2**63)])
def test_integers_keep_their_sign(value):
    ((_, _, read_back),) = read(b"\x08" + varint(value))
    assert signed(read_back) == value
