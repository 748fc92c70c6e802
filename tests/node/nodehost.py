"""A whole node for tests: the agent on the real engine and network, in a network namespace of its own, against an API
server in this process."""

import asyncio
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wherry import engine as engines
from wherry.aio import process
from wherry.aio.clock import RealClock
from wherry.aio.tasks import Tasks
from wherry.api import Obj
from wherry.api.kinds import EVENT, NAMESPACE, POD, SERVICE_ACCOUNT
from wherry.client.events import Recorder
from wherry.client.informer import Informer
from wherry.client.interface import ApiError
from wherry.linux import netns, procs
from wherry.node import machine
from wherry.node.agent import Agent, pods_of, services_of
from wherry.node.config import NodeConfig
from wherry.node.evictions import Evictions
from wherry.node.network import NetworkConfig, PodNetwork
from wherry.node.objects import Objects
from wherry.node.parts import Parts
from wherry.node.plan.nodestatus import allocatable
from wherry.node.pulling import Puller
from wherry.node.status import NodeStatus
from wherry.node.tokens import Tokens
from wherry.node.volumes import manager
from wherry.testing.cluster import ApiServer

ADDRESS = "192.0.2.1"
IMAGE = "busybox:latest"
PATIENCE = 20.0


class NodeHost:
    """`async with NodeHost(state, images) as node`. The test's thread is in the node's network namespace all the
    while."""

    def __init__(self, state: Path, images: Path) -> None:
        self.state, self.images = state, images
        self.netns = f"wt-{secrets.token_hex(4)}"
        self.api = ApiServer()
        self.client = self.api.client
        self._home = -1

    async def __aenter__(self) -> "NodeHost":
        netns.create(self.netns)
        for command in ("link set lo up", f"addr add {ADDRESS}/32 dev lo"):
            await process.run("ip", "-n", self.netns, *command.split())
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        netns.enter(self.netns)
        try:
            await self.api.__aenter__()
            await self._prepare()
            self.pods = Informer(self.client, POD)
            self._watching = asyncio.create_task(self.pods.run())
            await self.start()
        except BaseException:
            self._leave()
            raise
        return self

    def _leave(self) -> None:
        procs.setns(self._home)
        os.close(self._home)
        netns.delete(self.netns)

    async def _prepare(self) -> None:
        for kind, obj in (
            (NAMESPACE, {"metadata": {"name": "default"}}),
            (SERVICE_ACCOUNT, {"metadata": {"name": "default", "namespace": "default"}}),
        ):
            try:
                await self.client.create(kind, obj)
            except ApiError as error:
                if error.code != 409:
                    raise

    async def start(self, boot_id: str = "") -> None:
        """Start the engine and the agent, if wished as after another boot."""
        facts = machine.describe("n1", self.state)
        self.config = NodeConfig(
            "n1", ADDRESS, self.state, profile=self.netns, pod_cidr="10.244.7.0/24", cluster_dns="10.96.0.10",
            boot_id=boot_id or facts.boot_id, capacity=allocatable(facts), memory=facts.memory,
        )  # fmt: skip
        self.engine = await engines.open(self.state, self.images)
        self.network = PodNetwork(NetworkConfig(self.state, "10.244.7.0/24", ADDRESS, self.netns, mtu=1500))
        clock = RealClock()
        recorder = Recorder(self.client, clock, "kubelet", "n1")
        services, pods = services_of(self.client), pods_of(self.client, "n1")
        self.parts = Parts(
            self.config, self.client, self.engine, self.network, clock, recorder, Objects(self.client, clock),
            Tokens(self.client, clock), Puller(self.engine.images), lambda: services.store.values(),
            lambda: pods.store.values(), "machine",
        )  # fmt: skip
        self.status = NodeStatus(self.config, facts, self.client, self.engine, clock)
        await self.status.register()
        self.agent = Agent(self.parts, pods, services)
        self.evictions = Evictions(self.parts, facts, self.agent.evict)
        self.tasks = Tasks()
        await self.tasks.__aenter__()
        for work in (recorder.run(), services.run(), self.agent.run()):
            self.tasks.start(work, "node")

    async def stop(self) -> None:
        """End the agent; containers go on."""
        await self.tasks.close()
        self.parts.objects.close()
        await self.network.close()
        await self.engine.close()

    async def __aexit__(self, *_: object) -> None:
        await self.tasks.close()
        self._watching.cancel()
        self.parts.objects.close()
        for box in self.engine.sandboxes():
            await self.engine.remove_sandbox(box.id)
        for entry in list(self.config.pods_dir.iterdir()) if self.config.pods_dir.is_dir() else []:
            await manager.unmount_all(self.config, entry.name)
        await self.network.recover([])
        await self.network.close()
        await self.engine.close()
        await self.api.__aexit__()
        self._leave()
        self._remove_cgroups()

    def _remove_cgroups(self) -> None:
        from wherry.linux import cgroupfs

        cgroupfs.remove(cgroupfs.discover(), f"wherry/{self.netns}")

    # what tests do

    async def create(self, name: str, *containers: Obj, **spec: Any) -> Obj:
        """A pod on this node; a container without an image gets busybox."""
        whole = [{"image": IMAGE, "imagePullPolicy": "IfNotPresent"} | each for each in containers]
        for each in spec.get("initContainers", []):
            each.setdefault("image", IMAGE)
            each.setdefault("imagePullPolicy", "IfNotPresent")
        body = {
            "nodeName": "n1",
            "containers": whole,
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
        } | spec
        metadata = {"name": name, "namespace": "default"} | body.pop("metadata", {})
        return await self.client.create(POD, {"metadata": metadata, "spec": body})

    async def until(self, name: str, condition: Callable[[Obj], Any], seconds: float = PATIENCE) -> Obj:
        """Until a pod's object satisfies `condition`."""
        done = asyncio.Event()

        def look(old: Obj | None, new: Obj | None) -> None:
            if new is not None and new["metadata"]["name"] == name and condition(new):
                done.set()

        self.pods.on_change(look)
        try:
            async with asyncio.timeout(seconds):
                await done.wait()
        except TimeoutError:
            raise AssertionError(f"pod {name} is {self.pods.get(f'default/{name}')}") from None
        finally:
            self.pods._handlers.remove(look)
        return self.pods.store[f"default/{name}"]

    async def delete(self, name: str, **options: Any) -> None:
        """Until it is gone."""
        await self.client.delete(POD, name, "default", **options)
        await self.until_gone(name)

    async def until_gone(self, name: str, seconds: float = PATIENCE) -> None:
        await soon(lambda: self.pods.get(f"default/{name}") is None, seconds)

    async def output(self, name: str, *command: str, container: str = "main") -> str:
        """What a command in a container says."""
        code, out = await self.engine.exec_output(self.container_id(name, container), command, 10.0)
        assert code == 0, out
        return out.decode()

    def container_id(self, name: str, container: str = "main") -> str:
        return status_of(self.pods.store[f"default/{name}"], container)["containerID"].removeprefix("wherry://")

    def log(self, pod: Obj, container: str = "main", attempt: int = 0) -> str:
        metadata = pod["metadata"]
        path = self.config.log_path((metadata["namespace"], metadata["name"], metadata["uid"]), container, attempt)
        return path.read_text()

    async def events(self, name: str) -> list[tuple[str, str]]:
        """Reasons and messages of a pod's events."""
        found = await self.client.list(EVENT, "default")
        return [(each["reason"], each["message"]) for each in found.items if each["involvedObject"]["name"] == name]


async def soon(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Until `condition()`, which may be a coroutine, is true; its value."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.01)


def sh(script: str, name: str = "main", **fields: Any) -> Obj:
    return {"name": name, "command": ["sh", "-c", script]} | fields


SLEEPER = sh("trap 'exit 0' TERM; sleep 3600 & wait")


def status_of(pod: Obj, container: str = "main") -> Obj:
    every = [
        *((pod.get("status") or {}).get("containerStatuses") or []),
        *((pod.get("status") or {}).get("initContainerStatuses") or []),
    ]
    return next((each for each in every if each["name"] == container), {})


def is_ready(pod: Obj) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def phase(wanted: str) -> Callable[[Obj], bool]:
    return lambda pod: (pod.get("status") or {}).get("phase") == wanted


def waiting_for(reason: str, container: str = "main") -> Callable[[Obj], bool]:
    return lambda pod: (status_of(pod, container).get("state") or {}).get("waiting", {}).get("reason") == reason
