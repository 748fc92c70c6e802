"""Messages and batches."""

from random import Random

import pytest
from schedulertest import Cluster, affinity, container, expression, node, pod

from wherry.api import Obj
from wherry.scheduler import plan

TAINT = {"key": "k", "value": "v", "effect": "NoSchedule"}
BIG = [container(cpu="3", memory="1Gi")]
FULL = pod("full", containers=[container(cpu="2", memory="7500Mi")])
NO_HELP = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"


@pytest.mark.parametrize(
    ("nodes", "wanted", "message"),
    [
        ([], pod("p"), "no nodes available to schedule pods"),
        (
            [node("a", taints=[TAINT]), node("b")],
            pod("p", containers=BIG),
            "0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 node(s) had untolerated taint(s). "
            f"preemption: 0/2 nodes are available: 1 {NO_VICTIMS}, 1 {NO_HELP}.",
        ),
        (
            [node("b", pods="1")],
            pod("p", containers=[container(cpu="500")]),
            "0/1 nodes are available: 1 Insufficient cpu, 1 Too many pods. "
            f"preemption: 0/1 nodes are available: 1 {NO_HELP}.",
        ),
        (
            [node("a", unschedulable=True), node("b", unschedulable=True)],
            pod("p"),
            "0/2 nodes are available: 2 node(s) were unschedulable. "
            f"preemption: 0/2 nodes are available: 2 {NO_HELP}.",
        ),
        (  # the first plug-in that refuses a node gives the reason
            [node("a", unschedulable=True, taints=[TAINT])],
            pod("p", nodeSelector={"x": "y"}),
            "0/1 nodes are available: 1 node(s) were unschedulable. "
            f"preemption: 0/1 nodes are available: 1 {NO_HELP}.",
        ),
        (
            [node("a"), node("c")],
            pod("p", nodeSelector={"x": "y"}),
            "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. "
            f"preemption: 0/2 nodes are available: 2 {NO_HELP}.",
        ),
        (  # nodes that are not named are not looked at
            [node("a", unschedulable=True), node("b"), node("c")],
            pod("p", containers=BIG, affinity=affinity({"matchFields": [expression("metadata.name", "In", "b")]})),
            "0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, "
            "2 node(s) didn't satisfy plugin(s) [NodeAffinity]. "
            f"preemption: 0/3 nodes are available: 1 {NO_VICTIMS}, 2 {NO_HELP}.",
        ),
        (
            [node("a")],
            pod(
                "p",
                affinity=affinity(
                    {
                        "matchFields": [
                            expression("metadata.name", "In", "a"),
                            expression("metadata.name", "In", "b"),
                        ]
                    }
                ),
            ),
            "0/1 nodes are available: pod affinity terms conflict. "
            f"preemption: 0/1 nodes are available: 1 {NO_HELP}.",
        ),
        (
            [node("b")],
            pod("p", containers=BIG, preemptionPolicy="Never"),
            "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. "
            "preemption: not eligible due to preemptionPolicy=Never.",
        ),
        (
            [node("b")],
            pod("p", containers=[container(cpu="3", example_gpu="1")]),
            "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient example/gpu. "
            f"preemption: 0/1 nodes are available: 1 {NO_HELP}.",
        ),
    ],
)
def test_why_a_pod_fits_nowhere(nodes: list[Obj], wanted: Obj, message: str) -> None:
    cluster = Cluster(*nodes)
    cluster.run(FULL, "b")
    assert cluster.place(wanted) == [message]


def test_reasons_are_sorted_as_text() -> None:
    cluster = Cluster(*[node(f"a{n}", unschedulable=True) for n in range(10)], node("b", taints=[TAINT]))
    assert cluster.place(pod("p"))[0].startswith(
        "0/11 nodes are available: 1 node(s) had untolerated taint(s), 10 node(s) were unschedulable. "
    )


def test_each_pod_sees_those_placed_before_it() -> None:
    cluster = Cluster(node("n1", cpu="1"), node("n2", cpu="1"))
    wanted = [pod(f"p{n}", containers=[container(cpu="600m")]) for n in range(3)]
    placed = cluster.place(*wanted)
    assert sorted(placed[:2]) == ["n1", "n2"]
    assert placed[2].startswith("0/2 nodes are available: 2 Insufficient cpu.")
    cluster.snapshot.remove_pod("uid-p0")
    assert cluster.place(wanted[2]) == [placed[0]]


def test_ties_are_broken_by_the_given_choice() -> None:
    cluster = Cluster(*[node(f"n{n}") for n in range(5)])
    asked: list[int] = []

    def choose(count: int) -> int:
        asked.append(count)
        return count - 1

    pods = [cluster.facts(pod(f"p{n}")) for n in range(5)]
    placed = [each.node for each in plan.schedule(cluster.views, pods, choose) if isinstance(each, plan.Placement)]
    assert placed == ["n4", "n3", "n2", "n1", "n0"]
    assert asked == [5, 4, 3, 2]  # the last had no choice


def test_views_that_follow_are_the_same_as_views_made_anew() -> None:
    """Random life: the kept answers never differ from fresh ones."""
    random = Random(7)
    cluster = Cluster(*[node(f"n{n}") for n in range(8)])
    shapes = [
        pod("s", nodeSelector={"zone": "a"}),
        pod("s", containers=[container(cpu="1", memory="1Gi")]),
        pod("s", containers=[container() | {"ports": [{"hostPort": 80}]}]),
        pod("s", affinity=affinity(preferred=[{"weight": 5, "preference": {"matchExpressions": [
            expression("zone", "Exists")]}}])),
    ]  # fmt: skip
    alive: list[str] = []
    for step in range(600):
        match random.randrange(5):
            case 0:
                labels = {"zone": random.choice("abc")} if random.random() < 0.7 else {}
                taints = [TAINT] if random.random() < 0.2 else []
                cluster.put(
                    node(f"n{random.randrange(12)}", cpu=str(random.randrange(1, 6)), labels=labels, taints=taints)
                )
            case 1:
                cluster.snapshot.remove_node(f"n{random.randrange(12)}")
            case 2 if alive:
                cluster.snapshot.remove_pod(alive.pop(random.randrange(len(alive))))
            case _:
                wanted = random.choice(shapes) | {"metadata": pod(f"p{step}")["metadata"]}
                if cluster.place(wanted)[0].startswith("n"):
                    alive.append(f"uid-p{step}")
        kept = cluster.views.of(cluster.facts(random.choice(shapes)).demand)
        fresh = Cluster(*())
        fresh.views.nodes = fresh.snapshot = cluster.snapshot
        again = fresh.views.of(kept._demand)
        assert kept.fits.tolist() == again.fits.tolist(), step
        assert kept.best().tolist() == again.best().tolist(), step
