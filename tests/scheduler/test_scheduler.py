"""The scheduler against an API server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest
from schedulertest import affinity, container, expression, node, pod

from wherry.api import Obj, kinds, meta
from wherry.client.informer import Informer
from wherry.client.interface import ApiError, Client, NotFound, Unreachable
from wherry.scheduler.scheduler import Scheduler
from wherry.testing.clock import FakeClock
from wherry.testing.cluster import ApiServer


class Cluster:
    """An API server, a scheduler on a fake clock, and a copy of the pods to wait on."""

    def __init__(self, client: Client, clock: FakeClock) -> None:
        self.client, self.clock = client, clock
        self.pods = Informer(client, kinds.POD)
        self._changed = asyncio.Event()
        self.pods.on_change(lambda old, new: self._changed.set())

    async def add_node(self, given: Obj) -> None:
        """A node as if it were ready: a new one has a taint until its agent reports."""
        status = given.pop("status")
        await self.client.create(kinds.NODE, given)
        name, taints = meta.name(given), given["spec"]["taints"] or None
        await self.client.patch(kinds.NODE, name, None, {"status": status}, subresource="status")
        await self.client.patch(kinds.NODE, name, None, {"spec": {"taints": taints}})

    async def create(self, *pods: Obj) -> None:
        for each in pods:
            each["metadata"].pop("uid")
            await self.client.create(kinds.POD, each)

    async def until(self, name: str, condition: Callable[[Obj], bool]) -> Obj:
        async with asyncio.timeout(15):
            while True:
                self._changed.clear()
                found = self.pods.get(f"default/{name}")
                if found is not None and condition(found):
                    return found
                await self._changed.wait()

    async def bound(self, name: str) -> str:
        return (await self.until(name, lambda pod: bool(pod["spec"].get("nodeName"))))["spec"]["nodeName"]

    async def refused(self, name: str) -> str:
        """The message of the PodScheduled condition once it is False."""
        found = await self.until(
            name, lambda pod: (meta.condition(pod, "PodScheduled") or {}).get("status") == "False"
        )
        condition = meta.condition(found, "PodScheduled")
        assert condition is not None and condition["reason"] == "Unschedulable"
        return condition["message"]

    async def events(self, name: str, reason: str) -> list[Obj]:
        async with asyncio.timeout(15):
            while True:
                found = await self.client.list(kinds.EVENT, "default", field_selector=f"involvedObject.name={name}")
                if events := [each for each in found.items if each["reason"] == reason]:
                    return events
                await asyncio.sleep(0.01)


@asynccontextmanager
async def running(*schedulers: Scheduler) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each.run()) for each in schedulers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with ApiServer() as api:
        await api.client.create(kinds.SERVICE_ACCOUNT, {"metadata": {"name": "default", "namespace": "default"}})
        cluster = Cluster(api.client, FakeClock())
        following = asyncio.create_task(cluster.pods.run())
        await cluster.pods.synced()
        async with running(Scheduler(api.client, cluster.clock, Random(1))):
            yield cluster
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_pods_get_nodes_and_an_event(cluster: Cluster) -> None:
    for name in ("n1", "n2"):
        await cluster.add_node(node(name))
    await cluster.create(*[pod(f"p{number}") for number in range(10)])
    placed = [await cluster.bound(f"p{number}") for number in range(10)]
    assert {name: placed.count(name) for name in ("n1", "n2")} == {"n1": 5, "n2": 5}
    [event] = await cluster.events("p0", "Scheduled")
    assert event["message"] == f"Successfully assigned default/p0 to {placed[0]}"
    assert event["source"]["component"] == "default-scheduler"


async def test_a_pod_waits_with_a_reason_until_a_node_comes(cluster: Cluster) -> None:
    await cluster.create(pod("p"))
    assert await cluster.refused("p") == "no nodes available to schedule pods"
    await cluster.add_node(node("small", cpu="50m"))
    await cluster.add_node(node("large"))
    assert await cluster.bound("p") == "large"


async def test_a_pod_that_fits_nowhere_is_told_so_and_fits_when_another_leaves(cluster: Cluster) -> None:
    await cluster.add_node(node("n"))
    await cluster.create(pod("first", containers=[container(cpu="3")]))
    await cluster.bound("first")
    await cluster.create(pod("second", containers=[container(cpu="2")]))
    assert await cluster.refused("second") == (
        "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
        "1 No preemption victims found for incoming pod."
    )
    [event] = await cluster.events("second", "FailedScheduling")
    assert event["type"] == "Warning"
    await cluster.client.delete(kinds.POD, "first", "default", grace_period=0)
    assert await cluster.bound("second") == "n"


@pytest.mark.parametrize(
    ("before", "spec", "after"),
    [
        ({"unschedulable": True}, {}, {"spec": {"unschedulable": None, "taints": None}}),
        ({"taints": [{"key": "k", "effect": "NoSchedule"}]}, {}, {"spec": {"taints": None}}),
        ({}, {"nodeSelector": {"disk": "ssd"}}, {"metadata": {"labels": {"disk": "ssd"}}}),
        (
            {},
            {"affinity": affinity({"matchExpressions": [expression("disk", "Exists")]})},
            {"metadata": {"labels": {"disk": "ssd"}}},
        ),
    ],
)
async def test_a_change_of_the_node_lets_the_pod_in(cluster: Cluster, before: Obj, spec: Obj, after: Obj) -> None:
    await cluster.add_node(node("n", **before))
    await cluster.create(pod("p", **spec))
    await cluster.refused("p")
    await cluster.client.patch(kinds.NODE, "n", None, after)
    assert await cluster.bound("p") == "n"


async def test_gated_and_foreign_pods_are_left_alone(cluster: Cluster) -> None:
    await cluster.add_node(node("n"))
    await cluster.create(
        pod("gated", schedulingGates=[{"name": "example.com/wait"}]), pod("foreign", schedulerName="mine"), pod("p")
    )
    await cluster.bound("p")
    for name in ("gated", "foreign"):
        assert "nodeName" not in cluster.pods.store[f"default/{name}"]["spec"]
    open_gate = [{"op": "remove", "path": "/spec/schedulingGates"}]
    await cluster.client.patch(kinds.POD, "gated", "default", open_gate, type="json")
    assert await cluster.bound("gated") == "n"
    async with running(Scheduler(cluster.client, cluster.clock, Random(1), name="mine")):
        assert await cluster.bound("foreign") == "n"


async def test_what_runs_before_the_scheduler_starts_counts(cluster: Cluster) -> None:
    await cluster.add_node(node("n"))
    foreign = [pod(f"f{number}", schedulerName="mine", containers=[container(cpu="1500m")]) for number in range(3)]
    await cluster.create(pod("there", nodeName="n", containers=[container(cpu="1")]), *foreign)
    async with running(Scheduler(cluster.client, cluster.clock, Random(1), name="mine")):
        await asyncio.gather(*[cluster.until(f"f{number}", scheduled_or_not) for number in range(3)])
    bound = [pod for pod in cluster.pods.store.values() if pod["spec"].get("nodeName")]
    assert len(bound) == 3


def scheduled_or_not(pod: Obj) -> bool:
    return meta.condition(pod, "PodScheduled") is not None


class Refusing:
    """A client whose first bindings fail."""

    def __init__(self, client: Client, *errors: Exception) -> None:
        self._client, self._errors = client, list(errors)
        self.attempts = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._client, name)

    async def create(self, kind, obj, namespace=None, **options):
        if options.get("subresource") == "binding":
            self.attempts += 1
            if self._errors:
                raise self._errors.pop(0)
        return await self._client.create(kind, obj, namespace, **options)


async def test_a_binding_that_fails_is_tried_again_after_a_while(cluster: Cluster) -> None:
    await cluster.add_node(node("n", cpu="1"))
    client = Refusing(cluster.client, Unreachable("gone"), ApiError("broken", 500, "InternalError"))
    async with running(Scheduler(client, cluster.clock, Random(1), name="mine")):  # type: ignore[arg-type]
        await cluster.create(pod("p", schedulerName="mine", containers=[container(cpu="1")]))
        async with asyncio.timeout(15):
            while client.attempts < 3:
                await asyncio.sleep(0.01)
                await cluster.clock.advance(0.5)
        assert await cluster.bound("p") == "n"
    events = await cluster.events("p", "FailedScheduling")
    assert events[0]["message"] == 'running Bind plugin "DefaultBinder": broken'


async def test_a_pod_that_is_deleted_while_it_waits_is_forgotten(cluster: Cluster) -> None:
    await cluster.create(pod("p"))
    await cluster.refused("p")
    await cluster.client.delete(kinds.POD, "p", "default", grace_period=0)
    await cluster.add_node(node("n"))
    await cluster.create(pod("q"))
    assert await cluster.bound("q") == "n"
    with pytest.raises(NotFound):
        await cluster.client.get(kinds.POD, "p", "default")


async def test_a_pod_of_higher_priority_makes_room_for_itself(cluster: Cluster) -> None:
    for name, value in (("low", 1), ("high", 1000)):
        await cluster.client.create(kinds.PRIORITY_CLASS, {"metadata": {"name": name}, "value": value})
    await cluster.add_node(node("n", cpu="2"))
    await cluster.create(pod("victim", priorityClassName="low", containers=[container(cpu="2")]))
    await cluster.bound("victim")
    await cluster.create(pod("vip", priorityClassName="high", containers=[container(cpu="1500m")]))
    waiting = await cluster.until("vip", lambda pod: bool(pod["status"].get("nominatedNodeName")))
    assert waiting["status"]["nominatedNodeName"] == "n"
    victim = await cluster.until("victim", meta.deleting)
    condition = meta.condition(victim, "DisruptionTarget")
    assert condition is not None and condition["reason"] == "PreemptionByScheduler"
    [event] = await cluster.events("victim", "Preempted")
    assert event["message"] == f"Preempted by pod {meta.uid(waiting)} on node n"
    await cluster.create(pod("late", containers=[container(cpu="1")]))  # the room is not for this one
    assert "Insufficient cpu" in await cluster.refused("late")
    await cluster.client.delete(kinds.POD, "victim", "default", grace_period=0)  # its node's agent would
    assert await cluster.bound("vip") == "n"


async def test_hundreds_of_pods_are_bound_and_no_node_is_overcommitted(cluster: Cluster) -> None:
    for number in range(10):
        await cluster.add_node(node(f"n{number}", cpu="2"))
    await cluster.create(*[pod(f"p{number}", containers=[container(cpu="100m")]) for number in range(220)])
    await asyncio.gather(*[cluster.until(f"p{number}", scheduled_or_not) for number in range(220)])
    placed = [each["spec"].get("nodeName", "") for each in cluster.pods.store.values()]
    assert {name: placed.count(name) for name in set(placed)} == {"": 20, **{f"n{n}": 20 for n in range(10)}}
