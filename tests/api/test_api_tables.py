"""Tables: columns and cells as kubectl shows them."""

import pytest
from apitools import complete, kinds, named, pod, workload

from wherry.api import tables

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def cells(kind, obj, *names):
    """The cells of one object, by the columns' names."""
    made = complete(kind, obj)
    made["metadata"]["creationTimestamp"] = "2025-12-31T23:00:00Z"
    columns, rows = tables.render(kind, [made], NOW)
    found = dict(zip([column["name"] for column in columns], rows[0]["cells"], strict=True))
    return {name: found[name] for name in names}


def with_status(**status):
    return pod() | {"status": status}


WAITING = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 3, "name": "c", "ready": False}
RUNNING = {"state": {"running": {}}, "restartCount": 0, "name": "c", "ready": True}
DONE = {"state": {"terminated": {"reason": "Completed", "exitCode": 0}}, "name": "c", "ready": False}

SHOWN = [
    (kinds.POD, with_status(phase="Pending"), {"Ready": "0/1", "Status": "Pending", "Restarts": "0", "Age": "60m"}),
    (kinds.POD, with_status(phase="Running", containerStatuses=[RUNNING]), {"Ready": "1/1", "Status": "Running"}),
    (kinds.POD, with_status(phase="Running", containerStatuses=[WAITING]),
     {"Ready": "0/1", "Status": "CrashLoopBackOff", "Restarts": "3"}),
    (kinds.POD, with_status(phase="Succeeded", containerStatuses=[DONE]), {"Status": "Completed"}),
    (kinds.POD, with_status(phase="Failed", reason="Evicted"), {"Status": "Evicted"}),
    (kinds.POD, with_status(podIP="10.0.0.1", podIPs=[{"ip": "10.0.0.1"}]),
     {"IP": "10.0.0.1", "Node": "<none>", "Nominated Node": "<none>"}),
    (kinds.DEPLOYMENT, workload() | {"status": {"readyReplicas": 1, "updatedReplicas": 1, "availableReplicas": 1}},
     {"Ready": "1/1", "Up-to-date": 1, "Available": 1, "Containers": "c", "Images": "i", "Selector": "app=a"}),
    (kinds.SERVICE, named(spec={"ports": [{"port": 80}], "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]}),
     {"Type": "ClusterIP", "Cluster-IP": "10.0.0.1", "External-IP": "<none>", "Port(s)": "80/TCP"}),
    (kinds.SERVICE, named(spec={"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}),
     {"Port(s)": "80:30080/TCP"}),
    (kinds.NAMESPACE, {"metadata": {"name": "n"}, "status": {"phase": "Active"}}, {"Status": "Active"}),
    (kinds.CONFIG_MAP, named(data={"a": "b"}, binaryData={"c": "aGk="}), {"Data": 2}),
    (kinds.SECRET, named(stringData={"a": "b"}), {"Type": "Opaque", "Data": 1}),
    (kinds.NODE, {"metadata": {"name": "n", "labels": {"node-role.kubernetes.io/control-plane": ""}},
                  "status": {"conditions": [{"type": "Ready", "status": "True"}]}},
     {"Status": "Ready", "Roles": "control-plane"}),
    (kinds.NODE, {"metadata": {"name": "n"}, "spec": {"unschedulable": True}},
     {"Status": "Unknown,SchedulingDisabled", "Roles": "<none>"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "obj", "expected"), SHOWN, ids=[f"{row[0].kind}-{n}" for n, row in enumerate(SHOWN)]
)
def test_a_row_shows_an_objects_state(kind, obj, expected):
    assert cells(kind, obj, *expected) == expected


def test_a_pod_that_is_going_is_terminating():
    going = with_status(phase="Running", containerStatuses=[RUNNING])
    going["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}
    assert cells(kinds.POD, going, "Status") == {"Status": "Terminating"}


def test_init_containers_count_until_they_are_done():
    waiting = pod(initContainers=[{"name": "a", "image": "i"}, {"name": "b", "image": "i"}])
    states = [{"name": "a", "state": {"terminated": {"exitCode": 0}}}, {"name": "b", "state": {"running": {}}}]
    waiting["status"] = {"phase": "Pending", "initContainerStatuses": states}
    assert cells(kinds.POD, waiting, "Status") == {"Status": "Init:1/2"}


@pytest.mark.parametrize(
    ("created", "age"),
    [
        ("2025-12-31T23:59:30Z", "30s"),
        ("2025-12-31T23:57:00Z", "3m"),
        ("2025-12-31T23:55:25Z", "4m35s"),
        ("2025-12-31T21:00:00Z", "3h"),
        ("2025-12-25T00:00:00Z", "7d"),
        ("2023-01-01T00:00:00Z", "3y1d"),
        (None, "<unknown>"),
    ],
)
def test_ages_are_short(created, age):
    made = complete(kinds.CONFIG_MAP, named())
    made["metadata"]["creationTimestamp"] = created
    _, rows = tables.render(kinds.CONFIG_MAP, [made], NOW)
    assert rows[0]["cells"][-1] == age


def test_every_row_has_a_cell_for_every_column():
    for kind in kinds.KINDS:
        if kind.stored is None and "list" in kind.verbs:
            columns, rows = tables.render(kind, [complete(kind, named())], NOW)
            assert columns[0]["name"].lower() in ("name", "last seen") and len(columns) == len(rows[0]["cells"])
