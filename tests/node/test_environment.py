"""Environment variables of containers."""

import base64

import pytest
from nodetest import container, pod

from wherry.node import downward, environment
from wherry.node.environment import EnvironmentFailed, Sources


def config_map(**data):
    return {"kind": "ConfigMap", "data": data}


def secret(**data):
    return {"kind": "Secret", "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}}


def service(name, address, *ports, namespace="default"):
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"clusterIP": address, "ports": list(ports)}}


SOURCES = Sources(
    host_ip="192.0.2.1",
    pod_ips=("10.244.0.5",),
    config_maps={"settings": config_map(color="red", size="9")},
    secrets={"keys": secret(token="s3cret")},
    allocatable={"cpu": "2", "memory": "4Gi"},
)


def env_of(*variables, **fields):
    spec = container(env=list(variables), **fields)
    return environment.build(pod(spec, enableServiceLinks=False), spec, SOURCES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$(A)-$(B)", "1-2"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
        ("$()", "$()"),
    ],
)
def test_expansion(text, expected):
    assert environment.expand(text, {"A": "1", "B": "2"}) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"fieldRef": {"fieldPath": "metadata.name"}}, "web"),
        ({"fieldRef": {"fieldPath": "metadata.uid"}}, "u-1"),
        ({"fieldRef": {"fieldPath": "metadata.labels['app']"}}, "shop"),
        ({"fieldRef": {"fieldPath": "metadata.annotations['none']"}}, ""),
        ({"fieldRef": {"fieldPath": "spec.nodeName"}}, "node-1"),
        ({"fieldRef": {"fieldPath": "status.podIP"}}, "10.244.0.5"),
        ({"fieldRef": {"fieldPath": "status.hostIP"}}, "192.0.2.1"),
        ({"resourceFieldRef": {"resource": "limits.cpu"}}, "1"),
        ({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}, "500"),
        ({"resourceFieldRef": {"resource": "requests.memory", "divisor": "1Mi"}}, "64"),
        ({"resourceFieldRef": {"resource": "limits.memory"}}, str(4 * 2**30)),
        ({"configMapKeyRef": {"name": "settings", "key": "color"}}, "red"),
        ({"secretKeyRef": {"name": "keys", "key": "token"}}, "s3cret"),
    ],
)
def test_references(source, expected):
    resources = {"limits": {"cpu": "500m"}, "requests": {"memory": "64Mi"}}
    spec = container(env=[{"name": "X", "valueFrom": source}], resources=resources)
    of = pod(spec, metadata={"labels": {"app": "shop"}}, nodeName="node-1", enableServiceLinks=False)
    assert environment.build(of, spec, SOURCES) == {"X": expected}


def test_later_variables_see_earlier_ones_and_replace_them():
    assert env_of(
        {"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$(C)"}, {"name": "A", "value": "2"}
    ) == {"A": "2", "B": "1$(C)"}  # fmt: skip


def test_whole_config_maps_with_a_prefix_below_single_variables():
    sources = [{"prefix": "P_", "configMapRef": {"name": "settings"}}, {"secretRef": {"name": "keys"}}]
    assert env_of({"name": "P_size", "value": "10"}, envFrom=sources) == {
        "P_color": "red",
        "P_size": "10",
        "token": "s3cret",
    }


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMapKeyRef": {"name": "gone", "key": "a"}}, 'configmap "gone" not found'),
        ({"configMapKeyRef": {"name": "settings", "key": "a"}}, "couldn't find key a in ConfigMap default/settings"),
        ({"secretKeyRef": {"name": "keys", "key": "a"}}, "couldn't find key a in Secret default/keys"),
        ({"fieldRef": {"fieldPath": "spec.nothing"}}, "unsupported fieldPath: spec.nothing"),
    ],
)
def test_references_that_lead_nowhere(source, message):
    with pytest.raises(EnvironmentFailed) as failed:
        env_of({"name": "X", "valueFrom": source})
    assert str(failed.value) == message
    for key in ("configMapKeyRef", "secretKeyRef"):
        if key in source:
            assert env_of({"name": "X", "valueFrom": {key: source[key] | {"optional": True}}}) == {}


def test_what_a_container_refers_to():
    spec = container(
        envFrom=[{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}}],
        env=[{"name": "X", "valueFrom": {"secretKeyRef": {"name": "c", "key": "k"}}}, {"name": "Y", "value": "1"}],
    )
    assert environment.references(spec) == ({"a"}, {"b", "c"})


def test_service_variables():
    services = [
        service("my-db", "10.96.0.7", {"name": "sql", "port": 5432, "protocol": "TCP"}),
        service("kubernetes", "10.96.0.1", {"name": "https", "port": 443}),
        service("headless", "None", {"port": 1}),
        service("other", "10.96.0.9", {"port": 1}, namespace="elsewhere"),
    ]
    assert environment.service_variables(pod(), services[:1]) == {
        "MY_DB_SERVICE_HOST": "10.96.0.7",
        "MY_DB_SERVICE_PORT": "5432",
        "MY_DB_SERVICE_PORT_SQL": "5432",
        "MY_DB_PORT": "tcp://10.96.0.7:5432",
        "MY_DB_PORT_5432_TCP": "tcp://10.96.0.7:5432",
        "MY_DB_PORT_5432_TCP_PROTO": "tcp",
        "MY_DB_PORT_5432_TCP_PORT": "5432",
        "MY_DB_PORT_5432_TCP_ADDR": "10.96.0.7",
    }
    hosts = {
        name for name in environment.service_variables(pod(), services) if name.endswith("_SERVICE_HOST")
    }  # fmt: skip
    assert hosts == {"MY_DB_SERVICE_HOST", "KUBERNETES_SERVICE_HOST"}
    only = environment.service_variables(pod(enableServiceLinks=False), services)
    assert "KUBERNETES_SERVICE_HOST" in only
    assert "MY_DB_SERVICE_HOST" not in only


def test_labels_as_a_file():
    of = pod(metadata={"labels": {"b": 'say "hi"', "a": "1"}})
    assert downward.field(of, "metadata.labels") == 'a="1"\nb="say \\"hi\\""'
