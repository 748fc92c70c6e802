"""The agent ends, however it ends, and another one takes over."""

import asyncio
import os
import signal

import pytest
from nodehost import SLEEPER, is_ready, phase, sh, status_of

from wherry.api.kinds import POD

pytestmark = pytest.mark.root


async def test_containers_outlive_the_agent_and_are_adopted(node):
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    volumes = [{"name": "m", "emptyDir": {"medium": "Memory"}}]
    mounts = [{"name": "m", "mountPath": "/m"}]
    await node.create("stays", SLEEPER | {"readinessProbe": probe, "volumeMounts": mounts}, volumes=volumes)
    before = await node.until("stays", is_ready)
    await node.output("stays", "touch", "/m/kept")
    pid = node.engine.status(node.container_id("stays")).pid
    await node.stop()
    await node.start()
    await node.create("next", SLEEPER)
    await node.until("next", is_ready)
    after = node.pods.store["default/stays"]
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert node.engine.status(node.container_id("stays")).pid == pid
    await node.output("stays", "ls", "/m/kept")
    await node.delete("stays")


async def test_what_happened_meanwhile_is_seen(node):
    await node.create("dies", SLEEPER)
    await node.create("goes", SLEEPER)
    await node.create("ends", sh("while [ ! -e /end ]; do sleep 0.05; done; exit 4"), restartPolicy="Never")
    for name in ("dies", "goes", "ends"):
        await node.until(name, is_ready)
    pid = node.engine.status(node.container_id("dies")).pid
    await node.output("ends", "touch", "/end")
    await node.stop()
    os.kill(pid, signal.SIGKILL)
    await node.client.delete(POD, "goes", "default", grace_period=0)
    await node.start()
    pod = await node.until("dies", lambda pod: status_of(pod).get("restartCount") == 1 and is_ready(pod))
    assert status_of(pod)["lastState"]["terminated"]["exitCode"] == 137
    pod = await node.until("ends", phase("Failed"))
    assert status_of(pod)["state"]["terminated"]["exitCode"] == 4
    names = {box.spec.labels["io.kubernetes.pod.name"] for box in node.engine.sandboxes()}
    assert "goes" not in names


async def test_a_deletion_that_was_begun_goes_on(node):
    slow = {"preStop": {"sleep": {"seconds": 30}}}
    await node.create("slow", SLEEPER | {"lifecycle": slow}, terminationGracePeriodSeconds=60)
    await node.until("slow", is_ready)
    await node.client.delete(POD, "slow", "default", grace_period=1)
    await asyncio.sleep(0.1)
    await node.stop()
    await node.start()
    await node.until_gone("slow")
    assert node.engine.sandboxes() == []
