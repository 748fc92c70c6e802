"""What is wrong with objects, by kind: one row a rule, in upstream's words."""

from pathlib import Path

import pytest
from apitools import change_problems, container, kinds, named, pod, problems, workload

from wherry.api import validation

LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
PORT_RANGE = "must be between 1 and 65535, inclusive"
PROBE = {"periodSeconds": 1}

NEW = [
    # metadata
    (kinds.CONFIG_MAP, {"metadata": {"namespace": "n"}},
     ["metadata.name: Required value: name or generateName is required"]),
    (kinds.CONFIG_MAP, named(data={"a b": "x"}),
     ['data[a b]: Invalid value: "a b": a valid config key must consist '
     "of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for "
     "validation is '[-._a-zA-Z0-9]+')"]),
    (kinds.CONFIG_MAP, named(data={"a": "x"}, binaryData={"a": "aGk="}),
     ['data[a]: Invalid value: "a": duplicate of key present in binaryData']),
    (kinds.CONFIG_MAP, named(data={"a": "x" * (1 << 20) + "x"}),
     ["[]: Too long: may not be more than 1048576 bytes"]),
    (kinds.SECRET, named(type="kubernetes.io/tls"),
     ["data[tls.crt]: Required value", "data[tls.key]: Required value"]),
    (kinds.SECRET, named(type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": "x"}),
     ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": '
      "invalid character 'x' looking for beginning of value"]),
    (kinds.NAMESPACE, {"metadata": {"name": "a.b"}}, ['metadata.name: Invalid value: "a.b": must not contain dots']),
    # pods
    (kinds.POD, pod(containers=[]), ["spec.containers: Required value"]),
    (kinds.POD, container(name="C"), [f'spec.containers[0].name: Invalid value: "C": {LABEL}']),
    (kinds.POD, container(image=""), ["spec.containers[0].image: Required value"]),
    (kinds.POD, pod(containers=[{"name": "c", "image": "i"}] * 2),
     ['spec.containers[1].name: Duplicate value: "c"']),
    (kinds.POD, pod(restartPolicy="Often"),
     ['spec.restartPolicy: Unsupported value: "Often": supported values: "Always", "OnFailure", "Never"']),
    (kinds.POD, container(ports=[{"containerPort": 0}]),
     ["spec.containers[0].ports[0].containerPort: Required value"]),
    (kinds.POD, container(ports=[{"containerPort": 70000}]),
     [f"spec.containers[0].ports[0].containerPort: Invalid value: 70000: {PORT_RANGE}"]),
    (kinds.POD, container(env=[{"name": ""}]), ["spec.containers[0].env[0].name: Required value"]),
    (kinds.POD, container(livenessProbe=PROBE),
     ["spec.containers[0].livenessProbe: Required value: must specify a handler type"]),
    (kinds.POD, container(volumeMounts=[{"name": "v", "mountPath": "/v"}]),
     ['spec.containers[0].volumeMounts[0].name: Not found: "v"']),
    (kinds.POD, container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
     ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1']),
    (kinds.POD, container(resources={"limits": {"gpu": "1"}}),
     ['spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully '
      "qualified",
      'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers',
      'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully '
      "qualified",
      'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for '
      "containers"]),
    (kinds.POD, pod(volumes=[{"name": "v", "emptyDir": {}, "configMap": {"name": "m"}}]),
     ["spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type"]),
    (kinds.POD, pod(volumes=[{"name": "v", "hostPath": {"path": "/a/../b"}}]),
     ['spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain \'..\'']),
    (kinds.POD, pod(tolerations=[{"operator": "Equal"}]),
     ['spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which '
      'means "match all values and all keys"']),
    (kinds.POD, pod(hostAliases=[{"ip": "x"}]),
     ['spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']),
    # workloads
    (kinds.DEPLOYMENT, workload(replicas=-1),
     ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
    (kinds.DEPLOYMENT, workload(selector={"matchLabels": {"app": "b"}}),
     ['spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`']),
    (kinds.DEPLOYMENT, workload(strategy={"type": "X"}),
     ['spec.strategy: Unsupported value: {"Type":"X","RollingUpdate":null}: supported values: "Recreate", '
      '"RollingUpdate"']),
    (kinds.DEPLOYMENT, workload(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
     ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"]),
    # services
    (kinds.SERVICE, named(spec={}), ["spec.ports: Required value"]),
    (kinds.SERVICE, named(spec={"ports": [{"port": 0}]}), [
        f"spec.ports[0].port: Invalid value: 0: {PORT_RANGE}",
        f"spec.ports[0].targetPort: Invalid value: 0: {PORT_RANGE}",
    ]),
    (kinds.SERVICE, named(spec={"ports": [{"port": 1}, {"port": 2}]}),
     ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"]),
    (kinds.SERVICE, named(spec={"type": "ExternalName"}), ["spec.externalName: Required value"]),
    (kinds.SERVICE, named(spec={"ports": [{"port": 1, "nodePort": 30000}]}),
     ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]),
    (kinds.SERVICE, named(spec={"ports": [{"port": 1}], "externalIPs": ["127.0.0.1"]}),
     ['spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)']),
    (kinds.SERVICE, named(spec={"ports": [{"port": 1}], "clusterIP": "10.096.0.1", "clusterIPs": ["10.096.0.1"]}),
     ['spec.clusterIPs[0]: Invalid value: "10.096.0.1": must not have leading 0s']),
    (kinds.ENDPOINTS, named(subsets=[{"addresses": [{"ip": "0.0.0.0"}]}]),
     ['subsets[0].addresses[0].ip: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)']),
    (kinds.ENDPOINT_SLICE, named(addressType="IPv4", endpoints=[{"addresses": []}]),
     ["endpoints[0].addresses: Required value: must contain at least 1 address"]),
    # the rest of core
    (kinds.NODE, {"metadata": {"name": "n"}, "spec": {"podCIDRs": ["10.0.0.0/24", "10.1.0.0/24"]}},
     ['spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: may specify no more than one CIDR for each IP '
      "family"]),
    (kinds.LIMIT_RANGE, named(spec={"limits": [{"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"},
                                                "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}}]}),
     ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request value 1',
      'spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1']),
    (kinds.RESOURCE_QUOTA, named(spec={"hard": {"pods": "1"}, "scopes": ["BestEffort", "NotBestEffort"]}),
     ['spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes']),
    (kinds.PERSISTENT_VOLUME_CLAIM, named(spec={"accessModes": ["ReadWriteOnce"]}),
     ["spec.resources[storage]: Required value"]),
    (kinds.PERSISTENT_VOLUME, {"metadata": {"name": "v"}, "spec": {"accessModes": ["ReadWriteOnce"],
                                                                  "capacity": {"storage": "1"}}},
     ["spec: Required value: must specify a volume type"]),
    # other groups
    (kinds.JOB, workload(parallelism=-1, manualSelector=True),
     ["spec.parallelism: Invalid value: -1: must be greater than or equal to 0",
      'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"']),
    (kinds.LEASE, named(spec={"leaseDurationSeconds": 0}),
     ["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"]),
    (kinds.POD_DISRUPTION_BUDGET, named(spec={"minAvailable": 1, "maxUnavailable": 1}),
     ['spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: '
      "minAvailable and maxUnavailable cannot be both set"]),
    (kinds.ROLE, named(rules=[{"verbs": ["get"]}]),
     ["rules[0].apiGroups: Required value: resource rules must supply at least one api group",
      "rules[0].resources: Required value: resource rules must supply at least one resource"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "obj", "said"), NEW, ids=[f"{row[0].kind}-{n}" for n, row in enumerate(NEW)])
def test_what_is_wrong_with_a_new_object_is_said_at_once(kind, obj, said):
    assert problems(kind, obj) == said


RIGHT = [
    (kinds.POD, pod()),
    (kinds.DEPLOYMENT, workload()),
    (kinds.STATEFUL_SET, workload()),
    (kinds.DAEMON_SET, workload()),
    (kinds.REPLICA_SET, workload()),
    (kinds.SERVICE, named(spec={"ports": [{"port": 80}]})),
    (kinds.CONFIG_MAP, named(data={"a": "b"})),
    (kinds.SECRET, named(stringData={"a": "b"})),
    (kinds.SERVICE_ACCOUNT, named()),
    (kinds.NAMESPACE, {"metadata": {"name": "n"}}),
    (kinds.NODE, {"metadata": {"name": "n"}}),
    (kinds.LEASE, named(spec={"holderIdentity": "x"})),
    (kinds.EVENT, named(involvedObject={"namespace": "n"})),
    (kinds.ENDPOINTS, named(subsets=[{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}])),
    (kinds.ENDPOINT_SLICE, named(addressType="IPv4", endpoints=[{"addresses": ["10.0.0.1"]}])),
    (kinds.PERSISTENT_VOLUME_CLAIM,
     named(spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "obj"), RIGHT, ids=[row[0].kind for row in RIGHT])
def test_a_right_object_has_nothing_wrong(kind, obj):
    assert problems(kind, obj) == []


BOUND = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "a"}
SERVICE = {"ports": [{"port": 80}], "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ipFamilies": ["IPv4"],
           "ipFamilyPolicy": "SingleStack"}  # fmt: skip

CHANGED = [
    (kinds.CONFIG_MAP, named(data={"a": "2"}), named(data={"a": "1"}, immutable=True), "",
     ["immutable: Forbidden: field is immutable when `immutable` is set",
      "data: Forbidden: field is immutable when `immutable` is set"]),
    (kinds.SECRET, named(type="x"), named(type="y"), "", ['type: Invalid value: "x": field is immutable']),
    (kinds.DEPLOYMENT, workload(selector={"matchLabels": {"app": "a", "b": "c"}}), workload(), "",
     ['spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
      'spec.selector: Invalid value: {"matchLabels":{"app":"a","b":"c"}}: field is immutable']),
    (kinds.SERVICE, named(spec=SERVICE | {"clusterIP": "10.0.0.2", "clusterIPs": ["10.0.0.2"]}), named(spec=SERVICE),
     "", ['spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set']),
    (kinds.POD, pod(containers=[{"name": "d", "image": "i"}, {"name": "e", "image": "i"}]), pod(), "",
     ["spec.containers: Forbidden: pod updates may not add or remove containers"]),
    (kinds.POD, container(image="j"), container(image="i"), "", []),
    (kinds.PERSISTENT_VOLUME_CLAIM, named(spec=BOUND | {"storageClassName": "b"}), named(spec=BOUND), "",
     ['spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for '
      'bound claims\n@@ -10,7 +10,7 @@\n   }\n  },\n  "VolumeName": "",\n- "StorageClassName": "a",\n+ '
      '"StorageClassName": "b",\n  "VolumeMode": "Filesystem",\n  "DataSource": null,\n  "DataSourceRef": null,\n']),
    (kinds.NODE, {"metadata": {"name": "n"}, "spec": {"providerID": "b"}},
     {"metadata": {"name": "n"}, "spec": {"providerID": "a"}}, "",
     ['spec.providerID: Forbidden: node updates may not change providerID except from "" to valid']),
    (kinds.NAMESPACE, {"metadata": {"name": "n"}, "status": {"phase": "Odd"}}, {"metadata": {"name": "n"}}, "status",
     ['status.Phase: Invalid value: "Odd": may only be \'Active\' if `deletionTimestamp` is empty']),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "new", "old", "subresource", "said"),
    CHANGED,
    ids=[f"{row[0].kind}-{n}" for n, row in enumerate(CHANGED)],
)
def test_what_is_wrong_with_a_change_is_said(kind, new, old, subresource, said):
    assert change_problems(kind, new, old, subresource) == said


def test_a_pod_that_changes_what_it_may_not_is_shown_the_difference():
    said = change_problems(kinds.POD, container(command=["x"]), container())
    assert len(said) == 1
    assert said[0].startswith(
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`"
    )
    assert said[0].endswith('-   "Command": null,\n+   "Command": [\n+    "x"\n+   ],\n    "Args": null,\n    '
                            '"WorkingDir": "",\n    "Ports": null,\n')  # fmt: skip


def test_every_file_with_rules_is_listed():
    folder = Path(validation.__file__).parent
    with_rules = {path.stem for path in folder.glob("*.py") if "\nRULES" in path.read_text()}
    assert with_rules == {file for files in validation.GROUPS.values() for file in files}
