"""Which pods go when they use too much, or when the node runs short."""

import pytest
from nodetest import container, pod

from wherry.node.plan.eviction import Used, over_limits, under_pressure
from wherry.node.plan.nodestatus import Load

MI, GI = 2**20, 2**30
FINE = Load(4 * GI, 50 * GI, 0.9, 100, 32768)


def using(uid, memory=0, storage=0, asked="0", priority=0, **limits):
    resources = {"requests": {"memory": asked, "ephemeral-storage": asked}, "limits": limits}
    of = pod(container(resources=resources), metadata={"uid": uid}, priority=priority)
    return Used(of, memory, storage)


@pytest.mark.parametrize(
    ("volumes", "used", "gone"),
    [
        ([{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}], {"v": MI}, False),
        ([{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}], {"v": MI + 1}, True),
        ([{"name": "v", "emptyDir": {}}], {"v": 5 * GI}, False),
    ],
)
def test_empty_dirs_have_limits(volumes, used, gone):
    found = over_limits(Used(pod(volumes=volumes), volumes=used))
    assert (found is not None) is gone


def test_containers_have_a_limit_for_what_they_write():
    assert over_limits(using("a", storage=2 * MI, **{"ephemeral-storage": "1Mi"})).reason == "Evicted"
    assert over_limits(using("a", storage=MI, **{"ephemeral-storage": "1Mi"})) is None
    assert over_limits(using("a", storage=2 * MI)) is None


def test_nobody_goes_while_there_is_enough():
    assert under_pressure(FINE, 100 * GI, [using("a", memory=3 * GI)]) is None


@pytest.mark.parametrize(
    ("pods", "first"),
    [
        ([using("small", memory=MI), using("big", memory=9 * MI)], "big"),
        ([using("within", memory=9 * MI, asked="16Mi"), using("over", memory=3 * MI, asked="2Mi")], "over"),
        ([using("dear", memory=9 * MI, priority=10), using("cheap", memory=MI)], "cheap"),
        ([using("critical", memory=9 * MI, priority=2_000_001_000), using("other", memory=MI)], "other"),
    ],
)
def test_who_goes_first_when_memory_runs_short(pods, first):
    uid, why = under_pressure(Load(MI, 50 * GI, 0.9, 100, 32768), 100 * GI, pods)
    assert uid == first
    assert why.message.startswith("The node was low on resource: memory.")


def test_who_goes_first_when_the_disk_is_full():
    load = Load(4 * GI, GI, 0.9, 100, 32768)
    uid, why = under_pressure(load, 100 * GI, [using("a", storage=MI), using("b", storage=2 * MI)])
    assert (uid, why.grace) == ("b", 0)
