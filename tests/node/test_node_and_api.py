"""The node's parts that only talk to the API server, against a real one in this process."""

import asyncio
import time

from wherry.aio.clock import RealClock
from wherry.api.kinds import CONFIG_MAP, LEASE, NAMESPACE, NODE, POD, SERVICE_ACCOUNT
from wherry.node import machine
from wherry.node.config import NodeConfig
from wherry.node.objects import Objects
from wherry.node.plan.conditions import OWNED
from wherry.node.publisher import Publisher
from wherry.node.status import NodeStatus
from wherry.node.tokens import Tokens
from wherry.testing.clock import FakeClock


class OneImage:
    """What the node's status wants of an engine."""

    class images:
        @staticmethod
        def all():
            return []


async def until(condition, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not (found := condition()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return found


async def make_pod(client, name="web"):
    try:
        await client.create(SERVICE_ACCOUNT, {"metadata": {"name": "default", "namespace": "default"}})
    except Exception as error:
        if getattr(error, "code", 0) != 409:
            raise
    spec = {"nodeName": "n1", "containers": [{"name": "main", "image": "busybox:1"}]}
    return await client.create(POD, {"metadata": {"name": name, "namespace": "default"}, "spec": spec})


def node_status(client, tmp_path, clock, pod_cidr="10.244.0.0/24"):
    config = NodeConfig("n1", "192.0.2.1", tmp_path, pod_cidr=pod_cidr)
    return NodeStatus(config, machine.describe("n1", tmp_path), client, OneImage(), clock)


async def test_a_node_registers_and_is_ready(client, tmp_path):
    status = node_status(client, tmp_path, RealClock())
    assert await status.register() == "10.244.0.0/24"
    node = await client.get(NODE, "n1")
    assert node["metadata"]["labels"]["kubernetes.io/hostname"] == "n1"
    assert node["spec"]["podCIDR"] == "10.244.0.0/24"
    ready = next(each for each in node["status"]["conditions"] if each["type"] == "Ready")
    assert ready["status"] == "True"
    assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.36.2"
    assert node["status"]["addresses"][0] == {"type": "InternalIP", "address": "192.0.2.1"}


async def test_registering_again_keeps_what_others_said(client, tmp_path):
    await node_status(client, tmp_path, RealClock()).register()
    change = {"metadata": {"labels": {"zone": "a"}}, "spec": {"unschedulable": True}}
    await client.patch(NODE, "n1", None, change)
    await node_status(client, tmp_path, RealClock()).register()
    node = await client.get(NODE, "n1")
    assert node["metadata"]["labels"]["zone"] == "a"
    assert node["spec"]["unschedulable"] is True


async def test_the_lease_is_renewed(client, tmp_path):
    clock = FakeClock()
    status = node_status(client, tmp_path, clock)
    await status.register()
    task = asyncio.create_task(status.keep_lease())
    await until(lambda: clock.sleepers)
    first = await client.get(LEASE, "n1", "kube-node-lease")
    await clock.advance(10)
    await until(lambda: clock.sleepers)
    second = await client.get(LEASE, "n1", "kube-node-lease")
    task.cancel()
    assert first["spec"]["holderIdentity"] == "n1"
    assert second["spec"]["renewTime"] > first["spec"]["renewTime"]


async def test_a_status_is_published_and_leaves_others_conditions_alone(client):
    pod = await make_pod(client)
    publisher = Publisher(client, RealClock(), pod)
    gate = {"status": {"conditions": [{"type": "example.com/gate", "status": "True"}]}}
    await client.patch(POD, "web", "default", gate, type="strategic", subresource="status")
    conditions = [{"type": type, "status": "True"} for type in OWNED]
    publisher.publish({"phase": "Pending", "conditions": conditions})
    publisher.publish(
        {"phase": "Running", "conditions": conditions, "podIPs": [{"ip": "10.0.0.1"}], "podIP": "10.0.0.1"}
    )
    await publisher.flush()
    found = (await client.get(POD, "web", "default"))["status"]
    assert found["phase"] == "Running"
    assert {each["type"] for each in found["conditions"]} == {"example.com/gate", *OWNED}
    publisher.publish(
        {"phase": "Running", "conditions": conditions, "podIPs": [{"ip": "10.0.0.2"}], "podIP": "10.0.0.2"}
    )
    await publisher.flush()
    found = (await client.get(POD, "web", "default"))["status"]
    assert found["podIPs"] == [{"ip": "10.0.0.2"}]


async def test_a_status_is_not_given_to_another_pod_of_the_same_name(client):
    pod = await make_pod(client)
    publisher = Publisher(client, RealClock(), pod)
    await client.delete(POD, "web", "default", grace_period=0)
    await make_pod(client)
    publisher.publish({"phase": "Failed", "conditions": []})
    await publisher.flush()
    assert (await client.get(POD, "web", "default"))["status"]["phase"] == "Pending"


async def test_pods_are_told_when_an_object_changes(client):
    objects, told = Objects(client, RealClock()), []
    objects.changed = told.append
    assert await objects.get("u1", CONFIG_MAP, "default", "page") is None
    made = await client.create(CONFIG_MAP, {"metadata": {"name": "page", "namespace": "default"}, "data": {"a": "1"}})
    await until(lambda: told)
    assert (await objects.get("u2", CONFIG_MAP, "default", "page"))["data"] == {"a": "1"}
    told.clear()
    await client.update(CONFIG_MAP, made | {"data": {"a": "2"}})
    await until(lambda: len(told) == 2)
    assert set(told) == {"u1", "u2"}
    objects.release("u1")
    told.clear()
    await client.delete(CONFIG_MAP, "page", "default")
    await until(lambda: told)
    assert told == ["u2"]
    objects.close()


async def test_tokens_are_kept_and_replaced_in_time(client):
    clock = FakeClock(time.time())
    pod = await make_pod(client)
    tokens = Tokens(client, clock)
    first = await tokens.get(pod, "vault", 3600)
    assert await tokens.get(pod, "vault", 3600) == first
    assert await tokens.get(pod, "", 3600) != first
    due = tokens.replace_at(pod)
    assert clock.now() < due
    await clock.advance(due - clock.now() + 1)
    assert await tokens.get(pod, "vault", 3600) != first
    tokens.forget(pod["metadata"]["uid"])
    assert tokens.replace_at(pod) is None


async def test_the_namespace_of_leases_is_there(client):
    assert (await client.get(NAMESPACE, "kube-node-lease"))["status"]["phase"] == "Active"
