"""What the server fills in, by kind and place."""

import pytest
from apitools import complete, kinds, named, pod, workload

PROBE = {"httpGet": {"port": 80}}

FILLED = [
    (kinds.POD, pod(), "spec.restartPolicy", "Always"),
    (kinds.POD, pod(), "spec.dnsPolicy", "ClusterFirst"),
    (kinds.POD, pod(), "spec.terminationGracePeriodSeconds", 30),
    (kinds.POD, pod(), "spec.schedulerName", "default-scheduler"),
    (kinds.POD, pod(), "spec.securityContext", {}),
    (kinds.POD, pod(), "spec.enableServiceLinks", True),
    (kinds.POD, pod(), "spec.containers.0.imagePullPolicy", "Always"),
    (kinds.POD, pod(containers=[{"name": "c", "image": "i:1"}]), "spec.containers.0.imagePullPolicy", "IfNotPresent"),
    (kinds.POD, pod(containers=[{"name": "c", "image": "i:latest"}]), "spec.containers.0.imagePullPolicy", "Always"),
    (kinds.POD, pod(), "spec.containers.0.terminationMessagePath", "/dev/termination-log"),
    (kinds.POD, pod(containers=[{"name": "c", "livenessProbe": PROBE}]), "spec.containers.0.livenessProbe.httpGet",
     {"path": "/", "port": 80, "scheme": "HTTP"}),
    (kinds.POD, pod(containers=[{"name": "c", "livenessProbe": PROBE}]),
     "spec.containers.0.livenessProbe.periodSeconds", 10),
    (kinds.POD, pod(containers=[{"name": "c", "ports": [{"containerPort": 80}]}]), "spec.containers.0.ports.0",
     {"containerPort": 80, "protocol": "TCP"}),
    (kinds.POD, pod(containers=[{"name": "c", "resources": {"limits": {"cpu": "1"}}}]),
     "spec.containers.0.resources.requests", {"cpu": "1"}),
    (kinds.POD, pod(volumes=[{"name": "v", "configMap": {"name": "m"}}]),
     "spec.volumes.0.configMap.defaultMode", 420),
    (kinds.POD, pod(volumes=[{"name": "v"}]), "spec.volumes.0.emptyDir", {}),
    (kinds.POD, pod(hostNetwork=True, containers=[{"name": "c", "ports": [{"containerPort": 80}]}]),
     "spec.containers.0.ports.0.hostPort", 80),
    (kinds.POD, pod(serviceAccountName="a"), "spec.serviceAccount", "a"),
    (kinds.POD, pod(resources={"limits": {"cpu": "2"}}), "spec.resources.requests", {"cpu": "2"}),
    (kinds.DEPLOYMENT, workload(), "spec.replicas", 1),
    (kinds.DEPLOYMENT, workload(), "spec.strategy",
     {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}),
    (kinds.DEPLOYMENT, workload(), "spec.progressDeadlineSeconds", 600),
    (kinds.DEPLOYMENT, workload(), "spec.template.spec.restartPolicy", "Always"),
    (kinds.STATEFUL_SET, workload(), "spec.podManagementPolicy", "OrderedReady"),
    (kinds.STATEFUL_SET, workload(volumeClaimTemplates=[{"metadata": {"name": "v"}}]),
     "spec.volumeClaimTemplates.0.kind", "PersistentVolumeClaim"),
    (kinds.DAEMON_SET, workload(), "spec.updateStrategy.rollingUpdate", {"maxSurge": 0, "maxUnavailable": 1}),
    (kinds.JOB, workload(), "spec.backoffLimit", 6),
    (kinds.JOB, workload(), "spec.completionMode", "NonIndexed"),
    (kinds.SERVICE, named(spec={"ports": [{"port": 80}]}), "spec.ports.0",
     {"port": 80, "protocol": "TCP", "targetPort": 80}),
    (kinds.SERVICE, named(spec={"ports": [{"port": 80}]}), "spec.sessionAffinity", "None"),
    (kinds.SERVICE, named(spec={"type": "LoadBalancer"}), "spec.externalTrafficPolicy", "Cluster"),
    (kinds.SERVICE, named(spec={"sessionAffinity": "ClientIP"}), "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
     10800),
    (kinds.SECRET, named(stringData={"a": "b"}), "data", {"a": "Yg=="}),
    (kinds.SECRET, named(), "type", "Opaque"),
    (kinds.NAMESPACE, {"metadata": {"name": "n"}}, "metadata.labels", {"kubernetes.io/metadata.name": "n"}),
    (kinds.PERSISTENT_VOLUME_CLAIM, named(spec={}), "spec.volumeMode", "Filesystem"),
    (kinds.CRON_JOB, named(spec={"jobTemplate": {"spec": workload()["spec"]}}), "spec.concurrencyPolicy", "Allow"),
    (kinds.STORAGE_CLASS, {"metadata": {"name": "s"}, "provisioner": "p"}, "reclaimPolicy", "Delete"),
    (kinds.ROLE_BINDING, named(roleRef={"kind": "Role", "name": "r"}), "roleRef.apiGroup",
     "rbac.authorization.k8s.io"),
]  # fmt: skip


def at(obj, path):
    for part in path.split("."):
        obj = obj[int(part)] if part.isdigit() else obj[part]
    return obj


@pytest.mark.parametrize(
    ("kind", "obj", "path", "value"), FILLED, ids=[f"{row[0].kind} {row[2]} {n}" for n, row in enumerate(FILLED)]
)
def test_what_is_not_said_is_filled_in(kind, obj, path, value):
    assert at(complete(kind, obj), path) == value


def test_what_is_said_stays():
    kept = pod(restartPolicy="Never", dnsPolicy="None", containers=[{"name": "c", "imagePullPolicy": "Never"}])
    spec = complete(kinds.POD, kept)["spec"]
    assert (spec["restartPolicy"], spec["dnsPolicy"], spec["containers"][0]["imagePullPolicy"]) == (
        "Never", "None", "Never",
    )  # fmt: skip


@pytest.mark.parametrize("kind", [kinds.POD, kinds.DEPLOYMENT, kinds.SERVICE, kinds.JOB])
def test_completing_twice_changes_nothing(kind):
    obj = pod() if kind is kinds.POD else workload() if kind is not kinds.SERVICE else named(spec={})
    once = complete(kind, obj)
    assert complete(kind, once) == once
