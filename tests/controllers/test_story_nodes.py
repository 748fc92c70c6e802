"""Stories of nodes that fall silent, come back, or go for good."""

from story import web, world

from wherry.api import meta
from wherry.api.kinds import DEPLOYMENT, NODE, POD
from wherry.controllers import taints


async def on_node(w, name):
    return [pod for pod in await w.all(POD) if pod["spec"].get("nodeName") == name]


async def running(w, number):
    pods = [pod for pod in await w.all(POD) if meta.is_true(pod, "Ready") and not meta.deleting(pod)]
    return len(pods) == number


async def test_a_silent_node_is_unknown_after_its_grace_and_its_pods_are_replaced():
    async with world(nodes=2) as w:
        deployment = web(4)
        tolerations = [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}
            for key in (taints.NOT_READY, taints.UNREACHABLE)
        ]
        deployment["spec"]["template"]["spec"]["tolerations"] = tolerations
        await w.create(DEPLOYMENT, deployment)
        await w.until(lambda: running(w, 4))
        assert await on_node(w, "n2")
        w.silent.add("n2")
        await w.pass_time(30)
        assert meta.is_true(await w.get(NODE, "n2"), "Ready")
        await w.pass_time(15)
        node = await w.get(NODE, "n2")
        assert meta.condition(node, "Ready")["status"] == "Unknown"
        assert taints.has(node, taints.UNREACHABLE, "NoExecute") and taints.has(
            node, taints.UNREACHABLE, "NoSchedule"
        )
        assert not any(meta.is_true(pod, "Ready") for pod in await on_node(w, "n2"))
        assert not any(meta.deleting(pod) for pod in await on_node(w, "n2"))
        await w.pass_time(60)
        assert all(meta.deleting(pod) for pod in await on_node(w, "n2"))
        await w.until(lambda: running(w, 4))


async def test_a_node_that_comes_back_in_time_keeps_its_pods():
    async with world(nodes=2) as w:
        await w.create(DEPLOYMENT, web(4))
        await w.until(lambda: running(w, 4))
        before = {meta.uid(pod) for pod in await w.all(POD)}
        w.silent.add("n2")
        await w.pass_time(50)
        w.silent.clear()
        await w.pass_time(20)
        node = await w.get(NODE, "n2")
        assert meta.is_true(node, "Ready") and taints.of(node) == []
        assert {meta.uid(pod) for pod in await w.all(POD)} == before


async def test_when_every_node_is_silent_nobody_is_evicted():
    async with world(nodes=2) as w:
        await w.create(DEPLOYMENT, web(2))
        await w.until(lambda: running(w, 2))
        w.silent.update({"n1", "n2"})
        await w.pass_time(600)
        for name in ("n1", "n2"):
            node = await w.get(NODE, name)
            assert meta.condition(node, "Ready")["status"] == "Unknown"
            assert taints.of(node, "NoExecute") == []
        assert not any(meta.deleting(pod) for pod in await w.all(POD))


async def test_pods_of_a_node_that_is_gone_go_after_a_while():
    async with world(nodes=2) as w:
        await w.create(DEPLOYMENT, web(4))
        await w.until(lambda: running(w, 4))
        w.silent.add("n2")
        w.nodes.remove("n2")
        lost = {meta.uid(pod) for pod in await on_node(w, "n2")}
        await w.client.delete(NODE, "n2")
        await w.pass_time(30)
        assert {meta.uid(pod) for pod in await on_node(w, "n2")} == lost
        await w.pass_time(15)
        assert await on_node(w, "n2") == []
        await w.until(lambda: running(w, 4))
