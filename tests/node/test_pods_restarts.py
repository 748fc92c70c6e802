"""The agent ends, however it ends, and another one takes over."""

import asyncio
import os
import signal

import pytest
from nodehost import SLEEPER, is_ready, phase, sh, soon, status_of

from wherry.api.kinds import POD
from wherry.linux import cgroupfs, netns

pytestmark = pytest.mark.root


async def test_containers_outlive_the_agent_and_are_adopted(node):
    probe = {"exec": {"command": ["true"]}, "timeoutSeconds": 5}
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
    assert after["status"] == before["status"]
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


async def test_after_the_machine_was_restarted_pods_begin_anew(node):
    await node.create("web", SLEEPER)
    await node.create("done", sh("exit 0"), restartPolicy="Never")
    before = await node.until("web", is_ready)
    await node.until("done", phase("Succeeded"))
    await node.stop()
    hierarchies = cgroupfs.discover()
    cgroupfs.kill(hierarchies, node.config.cgroup_root)
    for name in netns.names(f"{node.netns}."):
        netns.delete(name)
    await soon(lambda: not cgroupfs.processes(hierarchies, node.config.cgroup_root))
    await node.start(boot_id="another")
    pod = await node.until("web", lambda pod: is_ready(pod) and status_of(pod)["restartCount"] == 1)
    assert status_of(pod)["containerID"] != status_of(before)["containerID"]
    assert pod["status"]["podIP"] in await node.output("web", "ip", "addr")
    assert node.pods.store["default/done"]["status"]["phase"] == "Succeeded"
