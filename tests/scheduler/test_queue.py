from schedulertest import Cluster, container, pod

from wherry.api import Obj
from wherry.scheduler.facts import PodFacts
from wherry.scheduler.queue import LEFTOVER, Queue

cluster = Cluster()


def waiting(name: str, **spec: object) -> PodFacts:
    return cluster.facts(pod(name, **spec))


def names(pods: list[PodFacts]) -> list[str]:
    return [each.key.partition("/")[2] for each in pods]


def test_priority_first_then_the_longest_waiting() -> None:
    queue = Queue()
    for time, (name, priority) in enumerate([("a", 0), ("b", 5), ("c", 0), ("d", 5)]):
        queue.add(waiting(name, priority=priority), time)
    assert names(queue.take(10, 3)) == ["b", "d", "a"]
    assert names(queue.take(10, 3)) == ["c"]
    assert queue.take(10, 3) == []


def test_a_parked_pod_waits_for_a_node_that_would_take_it() -> None:
    queue = Queue()
    small, large = waiting("small"), waiting("large", containers=[container(cpu="9")])
    for each in (small, large):
        queue.add(each, 0)
    for each in queue.take(0, 10):
        queue.park(each, 0)
    assert queue.parked == 2 and queue.next_time() is None
    queue.wake(lambda demand: demand is large.demand, 100)
    assert names(queue.take(100, 10)) == ["large"]


def test_back_off_doubles_up_to_ten_seconds_after_errors() -> None:
    queue = Queue()
    queue.add(waiting("p"), 0)
    now, delays = 0.0, []
    for _ in range(6):
        [taken] = queue.take(now, 1)
        queue.retry(taken, now)
        assert queue.take(now, 1) == []
        ready = queue.next_time()
        assert ready is not None
        delays.append(ready - now)
        now = ready
    assert delays == [1, 2, 4, 8, 10, 10]


def test_a_woken_pod_is_tried_before_its_back_off_ends_when_nothing_else_waits() -> None:
    queue = Queue()
    queue.add(waiting("woken"), 0)
    queue.park(*queue.take(0, 1), 0)
    queue.wake(lambda demand: True, 0.1)
    queue.add(waiting("new"), 0.1)
    assert names(queue.take(0.1, 1)) == ["new"]
    assert names(queue.take(0.1, 1)) == ["woken"]


def test_a_change_of_what_a_parked_pod_asks_for_lets_it_be_tried() -> None:
    queue = Queue()
    queue.add(waiting("p"), 0)
    queue.park(*queue.take(0, 1), 0)
    queue.add(waiting("p"), 1)  # a status, say
    assert queue.take(1, 1) == []
    queue.add(waiting("p", tolerations=[{"operator": "Exists"}]), 2)
    assert len(queue.take(2, 1)) == 1


def test_a_pod_that_changed_while_it_was_tried_is_not_parked() -> None:
    queue = Queue()
    queue.add(waiting("p"), 0)
    [taken] = queue.take(0, 1)
    queue.add(waiting("p", nodeSelector={"a": "b"}), 0)
    queue.park(taken, 0)
    assert queue.parked == 0 and len(queue.take(20, 1)) == 1


def test_pods_that_left_are_not_tried() -> None:
    queue = Queue()
    pods = [waiting(name) for name in ("active", "taken", "parked", "error")]
    for each in reversed(pods):
        queue.add(each, 0)
    for each in queue.take(0, 2):
        (queue.park if each.key.endswith("parked") else queue.retry)(each, 0)
    queue.take(0, 1)
    for each in pods:
        queue.remove(each.key)
        queue.retry(each, 0)  # too late
    assert len(queue) == 0 and queue.take(100, 10) == [] and queue.next_time() is None


def test_another_pod_of_the_same_name_begins_anew() -> None:
    queue = Queue()
    queue.add(waiting("p"), 0)
    [first] = queue.take(0, 1)
    successor: Obj = pod("p")
    successor["metadata"]["uid"] = "another"
    queue.add(cluster.facts(successor), 1)
    queue.retry(first, 1)
    assert [each.uid for each in queue.take(1, 5)] == ["another"]


def test_parked_pods_are_tried_again_after_a_long_time() -> None:
    queue = Queue()
    queue.add(waiting("p"), 0)
    queue.park(*queue.take(0, 1), 0)
    queue.wake_leftovers(LEFTOVER - 1)
    assert queue.take(LEFTOVER - 1, 1) == []
    queue.wake_leftovers(LEFTOVER)
    assert len(queue.take(LEFTOVER, 1)) == 1
