import numpy as np
from schedulertest import Cluster, container, node, pod

from wherry.scheduler import snapshot
from wherry.scheduler.columns import Column


def usage(cluster: Cluster, name: str) -> tuple[int, int, int]:
    row = cluster.snapshot.row(name)
    assert row is not None
    requested = cluster.snapshot.requested[:, row]
    return int(requested[0]), int(requested[1]) >> 20, int(requested[3])


def test_pods_are_counted_once_wherever_they_are() -> None:
    cluster = Cluster(node("n1"), node("n2"))
    for _ in range(2):
        cluster.run(pod("p"), "n1")
    assert usage(cluster, "n1") == (100, 100, 1)
    cluster.run(pod("p"), "n2")
    assert (usage(cluster, "n1"), usage(cluster, "n2")) == ((0, 0, 0), (100, 100, 1))
    cluster.run(pod("p", containers=[container(cpu="1")]), "n2")  # resized
    assert usage(cluster, "n2") == (1000, 0, 1)
    for _ in range(2):
        cluster.snapshot.remove_pod("uid-p")
    assert usage(cluster, "n2") == (0, 0, 0)


def test_pods_may_come_before_their_node_and_stay_when_it_leaves() -> None:
    cluster = Cluster()
    cluster.run(pod("p"), "n1")
    cluster.put(node("n1"))
    assert usage(cluster, "n1") == (100, 100, 1)
    cluster.snapshot.remove_node("n1")
    cluster.put(node("other"))  # takes the row
    assert usage(cluster, "other") == (0, 0, 0)
    cluster.put(node("n1"))
    assert usage(cluster, "n1") == (100, 100, 1)


def test_a_heartbeat_changes_nothing() -> None:
    cluster = Cluster(node("n1"))
    mark = cluster.snapshot.mark()
    beat = node("n1")
    beat["status"]["conditions"] = [{"type": "Ready", "lastHeartbeatTime": "now"}]
    assert not cluster.put(beat)
    assert not len(cluster.snapshot.changes(mark).rows)
    assert cluster.put(node("n1", cpu="5"))
    assert cluster.snapshot.changes(mark).facts.tolist() == [0]


def test_arrays_and_resources_grow() -> None:
    cluster = Cluster(*[node(f"n{n}", resources={f"example/r{n}": str(n)}) for n in range(40)])
    index = cluster.snapshot.resource("example/r7")
    assert cluster.snapshot.node_count == 40
    assert cluster.snapshot.allocatable[index, : cluster.snapshot.size].tolist() == [
        7 if n == 7 else 0 for n in range(40)
    ]
    assert cluster.allowed(pod("p", containers=[container(example_r7="7")])) == {"n7"}


def test_a_reader_far_behind_is_told_to_start_anew(monkeypatch) -> None:
    monkeypatch.setattr(snapshot, "LOG", 10)
    cluster = Cluster(node("n1"))
    mark = cluster.snapshot.mark()
    for number in range(20):
        cluster.run(pod(f"p{number}"), "n1")
    assert cluster.snapshot.changes(mark).everything
    assert not cluster.snapshot.changes(cluster.snapshot.mark()).everything


def test_a_column_forgets_values_that_nobody_has() -> None:
    column: Column[str] = Column("", 4)
    for number in range(1000):
        column.set(number % 4, f"value {number}")
    assert len(column.values) <= 12
    assert column.ask(lambda value: value == "value 998", slice(0, 4)).tolist() == [False, False, True, False]
    assert column.count(len, np.array([1])).tolist() == [len("value 997")]
