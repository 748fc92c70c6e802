"""The Node object."""

import pytest
from nodetest import T0

from wherry.node import machine
from wherry.node.plan import nodestatus
from wherry.node.plan.nodestatus import Load, Machine, StoredImage

MACHINE = Machine(
    "box", "m1", "b1", "6.1", "Debian", "amd64", "wherry://1", 4, 8 * 2**30, 100 * 2**30, (("2Mi", 4 * 2**20),)
)
FINE = Load(4 * 2**30, 50 * 2**30, 0.9, 100, 32768)


def test_capacity_is_the_machines_and_a_reserve_is_kept_from_pods():
    assert nodestatus.capacity(MACHINE) == {
        "cpu": "4",
        "memory": "8388608Ki",
        "ephemeral-storage": "104857600Ki",
        "pods": "110",
        "hugepages-2Mi": "4Mi",
    }
    assert nodestatus.allocatable(MACHINE)["memory"] == "8286208Ki"
    assert nodestatus.allocatable(MACHINE)["ephemeral-storage"] == "96636764160"


def conditions(load, before=(), now=T0):
    return {each["type"]: each for each in nodestatus.conditions(MACHINE, load, before, now)}


@pytest.mark.parametrize(
    ("change", "type", "status", "reason"),
    [
        ({}, "Ready", "True", "KubeletReady"),
        ({}, "MemoryPressure", "False", "KubeletHasSufficientMemory"),
        ({}, "DiskPressure", "False", "KubeletHasNoDiskPressure"),
        ({}, "PIDPressure", "False", "KubeletHasSufficientPID"),
        ({"memory_available": 2**20}, "MemoryPressure", "True", "KubeletHasInsufficientMemory"),
        ({"disk_available": 2**30}, "DiskPressure", "True", "KubeletHasDiskPressure"),
        ({"inodes_available": 0.01}, "DiskPressure", "True", "KubeletHasDiskPressure"),
        ({"pids": 32000}, "PIDPressure", "True", "KubeletHasInsufficientPID"),
        ({"problem": "no crun"}, "Ready", "False", "KubeletNotReady"),
    ],
)
def test_conditions(change, type, status, reason):
    facts = {name: getattr(FINE, name) for name in FINE.__slots__} | change
    found = conditions(Load(**facts))[type]
    assert (found["status"], found["reason"]) == (status, reason)


def test_only_more_than_a_heartbeat_is_worth_publishing():
    first = {"conditions": list(conditions(FINE).values())}
    later = {"conditions": list(conditions(FINE, first["conditions"], T0 + 10).values())}
    assert later["conditions"][0]["lastTransitionTime"] == first["conditions"][0]["lastTransitionTime"]
    assert later != first
    assert not nodestatus.worth_publishing(first, later)
    bad = Load(0, 50 * 2**30, 0.9, 100, 32768)
    worse = {"conditions": list(conditions(bad, first["conditions"], T0 + 10).values())}
    assert nodestatus.worth_publishing(first, worse)


def test_the_largest_images_are_shown():
    images = [StoredImage((f"i{number}",), number) for number in range(60)]
    shown = nodestatus.status("n", "192.0.2.1", 10250, MACHINE, FINE, images)["images"]
    assert len(shown) == 50
    assert shown[0] == {"names": ["i59"], "sizeBytes": 59}


def test_this_machine(tmp_path):
    found = machine.describe("n1", tmp_path)
    assert found.memory > 2**20
    assert found.disk > 0
    assert found.machine_id != machine.describe("n2", tmp_path).machine_id
    load = machine.load(tmp_path)
    assert 0 < load.memory_available <= found.memory
    assert 0 < load.pids < load.max_pids
