"""Whatever a client sends, the server has an answer of its own and never fails inside."""

import base64
import json
import logging

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wherry.apiserver.registry import pages
from wherry.testing.cluster import ApiServer
from wherry.wire import protobuf

JSON = "application/json"
KINDS = (
    "/api/v1/namespaces/default/{}/x",
    "/apis/apps/v1/namespaces/default/{}/x",
    "/apis/batch/v1/namespaces/default/{}/x",
    "/apis/networking.k8s.io/v1/namespaces/default/{}/x",
)
RESOURCES = ("configmaps", "pods", "services", "deployments", "statefulsets", "jobs", "cronjobs", "ingresses")
FIELDS = (
    "metadata", "name", "labels", "annotations", "finalizers", "ownerReferences", "managedFields", "spec", "status",
    "template", "containers", "ports", "port", "selector", "matchLabels", "data", "replicas", "env", "$patch",
    "$setElementOrder/containers", "$retainKeys", "x",
)  # fmt: skip

MADE = {
    "configmaps": {"data": {"x": "1"}},
    "services": {"spec": {"ports": [{"port": 80}, {"port": 81, "name": "x"}]}},
    "podtemplates": {
        "template": {"spec": {"containers": [{"name": "x", "image": "i", "ports": [{"containerPort": 1}]}]}}
    },
}

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8),
    st.sampled_from(["x", "1", "delete", "merge", "80%", "1Gi", "2026-01-02T03:04:05Z"]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=12,
)
pointers = st.lists(st.sampled_from([*FIELDS, "0", "-", ""]), max_size=4).map(
    lambda parts: "".join("/" + p for p in parts)
)
operations = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "x"]), "path": pointers},
    optional={"from": pointers, "value": values},
)
patches = st.one_of(
    st.tuples(st.just("application/json-patch+json"), st.lists(operations, max_size=3)),
    st.tuples(st.sampled_from(["application/merge-patch+json", "application/strategic-merge-patch+json"]), values),
    st.tuples(st.just("application/apply-patch+yaml"), values),
)
paths = st.builds(
    lambda pattern, resource: pattern.format(resource), st.sampled_from(KINDS), st.sampled_from(RESOURCES)
)


async def ask(api: ApiServer, method: str, target: str, body: bytes = b"", kind: str = JSON) -> int:
    """The status of an answer; what failed inside is in the log."""
    answer = await api.client.transport.request(method, target, [("Content-Type", kind)], body)
    return answer.status


@pytest.fixture
def failures(caplog: pytest.LogCaptureFixture):
    """What failed inside."""
    caplog.set_level(logging.ERROR, "wherry.apiserver")
    yield lambda: [record.getMessage() for record in caplog.records]


relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@relaxed
@given(path=paths, body=values)
async def test_bodies_of_any_shape(api: ApiServer, failures, path: str, body: object) -> None:
    collection, _, name = path.rpartition("/")
    if isinstance(body, dict):
        body = {**body, "metadata": {"name": name}} if not isinstance(body.get("metadata"), dict) else body
    text = orjson.dumps(body) if _fits(body) else json.dumps(body).encode()
    await ask(api, "POST", collection, text)
    await ask(api, "PUT", path, text)
    assert failures() == []


def _fits(value: object) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


@relaxed
@given(resource=st.sampled_from([*MADE]), patch=patches)
async def test_patches_of_any_shape(api: ApiServer, failures, resource: str, patch: tuple[str, object]) -> None:
    path = f"/api/v1/namespaces/default/{resource}"
    await ask(api, "POST", path, orjson.dumps({"metadata": {"name": "x", "labels": {"x": "1"}}, **MADE[resource]}))
    kind, body = patch
    await ask(api, "PATCH", f"{path}/x?fieldManager=m", json.dumps(body).encode(), kind)
    assert failures() == []


@relaxed
@given(
    content=st.one_of(values, st.fixed_dictionaries({"v": st.just(pages.VERSION), "rv": scalars, "start": scalars}))
)
async def test_continue_tokens_of_any_content(api: ApiServer, failures, content: object) -> None:
    token = base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
    await ask(api, "GET", f"/api/v1/pods?continue={token}")
    assert failures() == []


@relaxed
@given(data=st.data())
async def test_damaged_protobuf(api: ApiServer, failures, data: st.DataObject) -> None:
    body = {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {"name": "x", "creationTimestamp": "2026-01-02T03:04:05Z"},
    }
    encoded = protobuf.encode({**body, "spec": {"ports": [{"port": 80, "targetPort": "http"}], "type": "ClusterIP"}})
    assert encoded is not None
    damaged = bytearray(encoded)
    for at in data.draw(st.lists(st.integers(4, len(damaged) - 1), max_size=4)):
        damaged[at] = data.draw(st.integers(0, 255))
    await ask(api, "POST", "/api/v1/namespaces/default/services", bytes(damaged), protobuf.CONTENT_TYPE)
    assert failures() == []


BOMB = b"x0: &x0 {k: v}\n" + b"".join(b"x%d: &x%d %%b\n" % (n, n) for n in range(1, 9))


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (JSON, b"[" * 100_000, 400),
        (JSON, b"[" * 2000 + b"]" * 2000, 400),
        (JSON, b'{"data":{"a":' * 2000, 400),
        (JSON, b'{"metadata":{"name":"\xff\xfe"}}', 422),
        (JSON, b'{"metadata":{"name":"x","generation":100000000000000000000}}', 400),
        ("application/yaml", b"metadata: {name: x, generation: 100000000000000000000}", 400),
        ("application/yaml", b"a: &a [*a]", 400),
        ("application/yaml", b"[" * 100_000, 400),
        ("application/yaml", b"- " * 100_000 + b"x", 400),
        ("application/yaml", BOMB % tuple(b"[%b]" % b",".join([b"*x%d" % n] * 10) for n in range(8)), 400),
        ("application/yaml", BOMB % tuple(b"{<<: [%b]}" % b",".join([b"*x%d" % n] * 10) for n in range(8)), 400),
        (protobuf.CONTENT_TYPE, b"k8s\0\x0a\x02\x0a\x01\xff", 400),
    ],
)
async def test_bodies_that_are_odd(api: ApiServer, failures, kind: str, body: bytes, status: int) -> None:
    assert await ask(api, "POST", "/api/v1/namespaces/default/configmaps", body, kind) == status
    assert failures() == []


async def test_objects_nested_too_deeply_to_be_written(api: ApiServer, failures) -> None:
    body = b'{"metadata":{"name":"x"},"revision":1,"data":' + b'{"a":' * 600 + b"1" + b"}" * 600 + b"}"
    path = "/apis/apps/v1/namespaces/default/controllerrevisions"
    assert await ask(api, "POST", path, body) == 400
    assert failures() == []


@pytest.mark.parametrize("token", ["", "x", "a.b", "..", "a.!.c"])
async def test_reviews_of_what_is_no_token(api: ApiServer, failures, token: str) -> None:
    body = orjson.dumps({"spec": {"token": token}})
    status = await ask(api, "POST", "/apis/authentication.k8s.io/v1/tokenreviews", body)
    assert status == (201 if token else 400)
    assert failures() == []
