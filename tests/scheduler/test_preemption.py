"""Who has to go so that a pod of higher priority fits, and where."""

import pytest
from schedulertest import Cluster, container, node, pod

from wherry.api import Obj
from wherry.scheduler import plan, preemption
from wherry.scheduler.facts import PodFacts

NO_HELP = "Preemption is not helpful for scheduling"


def running(name: str, priority: int, cpu: str, started: str = "", **spec: object) -> Obj:
    found = pod(name, priority=priority, containers=[container(cpu=cpu)], **spec)
    return found | {"status": {"startTime": started} if started else {}}


def wanting(cpu: str, priority: int = 100, **spec: object) -> Obj:
    return pod("vip", priority=priority, containers=[container(cpu=cpu)], **spec)


def decide(cluster: Cluster, wanted: Obj | PodFacts) -> plan.Unschedulable:
    facts = wanted if isinstance(wanted, PodFacts) else cluster.facts(wanted)
    [decision] = plan.schedule(cluster.views, [facts], lambda count: 0)
    assert isinstance(decision, plan.Unschedulable)
    return decision


def chosen(decision: plan.Unschedulable) -> tuple[str, list[str]]:
    assert decision.preemption is not None, decision.message
    return decision.preemption.node, [victim.key.partition("/")[2] for victim in decision.preemption.victims]


@pytest.mark.parametrize(
    ("there", "cpu", "expected"),
    [
        # as few as possible go, the least important first
        ({"n1": [("low", 1, "2"), ("mid", 5, "2")]}, "2", ("n1", ["low"])),
        ({"n1": [("low", 1, "1"), ("mid", 5, "3")]}, "2", ("n1", ["mid"])),
        ({"n1": [("a", 1, "2"), ("b", 1, "2")]}, "4", ("n1", ["a", "b"])),
        # pods of the same or a higher priority stay
        ({"n1": [("equal", 100, "2"), ("low", 1, "2")]}, "2", ("n1", ["low"])),
        # the node where the most important victim matters least
        ({"n1": [("mid", 5, "4")], "n2": [("a", 1, "2"), ("b", 1, "2")]}, "4", ("n2", ["a", "b"])),
        # then the least sum, which is the fewest pods
        ({"n1": [("a", 1, "2"), ("b", 1, "2")], "n2": [("c", 1, "4")]}, "4", ("n2", ["c"])),
    ],
)
def test_least_is_lost(
    there: dict[str, list[tuple[str, int, str]]], cpu: str, expected: tuple[str, list[str]]
) -> None:
    cluster = Cluster(*[node(name) for name in there])
    for name, pods in there.items():
        for each in pods:
            cluster.run(running(*each), name)
    decision = decide(cluster, wanting(cpu))
    assert chosen(decision) == expected
    assert decision.message == f"0/{len(there)} nodes are available: {len(there)} Insufficient cpu."


def test_of_equal_pods_the_older_stay() -> None:
    cluster = Cluster(node("n1"), node("n2"))
    cluster.run(running("older", 1, "2", "2026-01-01T00:00:00Z"), "n1")
    cluster.run(running("newer", 1, "2", "2026-01-01T00:00:05Z"), "n1")
    cluster.run(running("oldest", 1, "4", "2025-01-01T00:00:00Z"), "n2")
    assert chosen(decide(cluster, wanting("2"))) == ("n1", ["newer"])


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (wanting("2", priority=1), f"0/2 nodes are available: 1 {preemption.NO_VICTIMS}, 1 {NO_HELP}"),
        (wanting("2", preemptionPolicy="Never"), "not eligible due to preemptionPolicy=Never"),
        (wanting("9"), f"0/2 nodes are available: 2 {NO_HELP}"),
        (wanting("3500m"), f"0/2 nodes are available: 1 Insufficient cpu, 1 {NO_HELP}"),
    ],
)
def test_when_it_does_not_help(wanted: Obj, why: str) -> None:
    cluster = Cluster(node("n1"), node("cordoned", unschedulable=True))
    cluster.run(running("low", 1, "2"), "n1")
    cluster.run(running("high", 1000, "1"), "n1")
    before = cluster.snapshot.requested.copy()
    decision = decide(cluster, wanted)
    assert decision.preemption is None
    assert decision.message.partition("preemption: ")[2] == f"{why}."
    assert (cluster.snapshot.requested == before).all()


def test_the_room_is_reserved_until_the_pod_comes() -> None:
    cluster = Cluster(node("n1"))
    cluster.run(running("low", 1, "4"), "n1")
    vip, rival = cluster.facts(wanting("3")), running("rival", 50, "3")
    assert chosen(decide(cluster, vip)) == ("n1", ["low"])
    cluster.snapshot.remove_pod("uid-low")
    assert decide(cluster, rival).message.startswith("0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1")
    assert cluster.place(wanting("3")) == ["n1"]
    assert cluster.place(running("small", 0, "1")) == ["n1"]


def test_while_victims_end_no_others_are_chosen() -> None:
    cluster = Cluster(node("n1"), node("n2"))
    for name in ("n1", "n2"):
        cluster.run(running(f"low-{name}", 1, "4"), name)
    vip = wanting("3")
    place, [victim] = chosen(decide(cluster, vip))
    ending = running(victim, 1, "4")
    ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cluster.run(ending, place)
    again = decide(cluster, vip | {"status": {"nominatedNodeName": place}})
    assert again.preemption is None and again.keeps_waiting
    assert again.message.endswith("preemption: not eligible due to a terminating pod on the nominated node.")


def test_a_higher_priority_takes_over_a_reservation() -> None:
    cluster = Cluster(node("n1"))
    cluster.run(running("low", 1, "4"), "n1")
    decide(cluster, wanting("3"))
    cluster.snapshot.remove_pod("uid-low")
    king = pod("king", priority=1000, containers=[container(cpu="3")])
    found = decide(cluster, king).preemption
    assert found is not None and [preemption.is_reservation(victim) for victim in found.victims] == [True]
