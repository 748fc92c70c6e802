"""A small world for stories: an API server in this process, all controllers on a fake clock, and nodes that run every
pod at once. Time passes only while a story waits."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from wherry.aio.tasks import Tasks
from wherry.api import Obj, meta
from wherry.api.kinds import LEASE, NAMESPACE, NODE, POD, Kind
from wherry.client.informer import Informer
from wherry.client.interface import ApiError, NotFound
from wherry.client.rest import RestClient
from wherry.controllers import ALL
from wherry.controllers.context import Options
from wherry.controllers.manager import Manager
from wherry.lib.timestamps import rfc3339, rfc3339_micro
from wherry.testing.clock import FakeClock
from wherry.testing.cluster import ApiServer

STEP = 0.05  # seconds of fake time
PATIENCE = 20.0  # seconds of real time after which a story has failed


class World:
    def __init__(self, api: ApiServer, clock: FakeClock, factories: Any = ALL) -> None:
        self.api, self.clock = api, clock
        self.client: RestClient = api.client
        self.manager = Manager(api.client, clock, factories, Options(root_certificate="PEM"))
        self.nodes: list[str] = []
        self.silent: set[str] = set()  # nodes that stopped to speak
        self.broken: Callable[[Obj], bool] = lambda pod: False  # pods that never become ready
        self.phase: Callable[[Obj], str] = lambda pod: "Running"  # what becomes of a pod that runs
        self._kubelet = Informer(api.client, POD, clock=clock)
        self._kubelet.on_change(self._pod_changed)
        self._todo: asyncio.Queue[Obj] = asyncio.Queue()
        self._next_ip = 1
        self._placed = 0

    # what stories say

    async def create(self, kind: Kind, obj: Obj, namespace: str = "default") -> Obj:
        return await self.client.create(kind, obj, namespace if kind.namespaced else None)

    async def get(self, kind: Kind, name: str, namespace: str = "default") -> Obj:
        return await self.client.get(kind, name, namespace if kind.namespaced else None)

    async def exists(self, kind: Kind, name: str, namespace: str = "default") -> bool:
        try:
            await self.get(kind, name, namespace)
        except NotFound:
            return False
        return True

    async def all(self, kind: Kind, namespace: str | None = "default") -> list[Obj]:
        return (await self.client.list(kind, namespace)).items

    async def names(self, kind: Kind, namespace: str | None = "default") -> list[str]:
        return sorted(meta.name(each) for each in await self.all(kind, namespace))

    async def patch(self, kind: Kind, name: str, patch: Any, type: str = "merge", **more: Any) -> Obj:
        namespace = "default" if kind.namespaced else None
        return await self.client.patch(kind, name, namespace, patch, type=type, **more)

    async def until(self, condition: Callable[[], Awaitable[Any]]) -> Any:
        """Let time pass until the condition's value is true; that value."""
        end = time.monotonic() + PATIENCE
        while not (value := await condition()):
            assert time.monotonic() < end, "it never came to that"
            await self.clock.advance(STEP)
        return value

    async def settle(self) -> None:
        """Let time pass until nobody has anything to do."""
        quiet = 0
        end = time.monotonic() + PATIENCE
        while quiet < 3:
            assert time.monotonic() < end, "it never comes to rest"
            await self.clock.advance(STEP)
            quiet = quiet + 1 if self.manager.idle and self._todo.empty() else 0

    async def pass_time(self, seconds: float, beat: float = 5.0) -> None:
        """Let much time pass while the nodes live on."""
        until = self.clock.monotonic() + seconds
        while (left := until - self.clock.monotonic()) > 0:
            await self.beat()
            await self.clock.advance(min(beat, left))
            await self.settle()

    # the nodes

    async def add_node(self, name: str, **labels: str) -> None:
        self.nodes.append(name)
        await self.client.create(NODE, {"metadata": {"name": name, "labels": labels}, "spec": {}})
        await self.beat()

    async def beat(self) -> None:
        """Every node that speaks renews its lease and says that it is ready."""
        for name in self.nodes:
            if name not in self.silent:
                await self._renew(name)
                await self._say_ready(name)

    async def _renew(self, name: str) -> None:
        spec = {"holderIdentity": name, "renewTime": rfc3339_micro(self.clock.now())}
        try:
            await self.client.patch(LEASE, name, "kube-node-lease", {"spec": spec})
        except NotFound:
            await self.client.create(
                LEASE, {"metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": spec}
            )

    async def _say_ready(self, name: str) -> None:
        condition = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
            "lastHeartbeatTime": rfc3339(self.clock.now()),
            "lastTransitionTime": rfc3339(self.clock.now()),
        }
        patch = {"status": {"conditions": [condition]}}
        await self.client.patch(NODE, name, None, patch, type="strategic", subresource="status")

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            self._todo.put_nowait(new)

    async def run_kubelets(self) -> None:
        while True:
            pod = await self._todo.get()
            try:
                await self._run_pod(pod)
            except ApiError:
                pass  # it changed meanwhile: its next event comes

    async def _run_pod(self, pod: Obj) -> None:
        node = pod["spec"].get("nodeName")
        alive = [name for name in self.nodes if name not in self.silent]
        name, namespace = meta.name(pod), meta.namespace(pod)
        if not node:
            if alive:
                try:
                    await self._bind(pod, alive[self._next_ip % len(alive)])
                except NotFound:
                    if not (pod.get("status") or {}).get("podIP"):
                        await self._start(pod)
        elif node not in alive:
            return
        elif meta.deleting(pod):
            await self.client.delete(POD, name, namespace, grace_period=0)
        elif not pod["status"].get("podIP"):
            await self._start(pod)

    async def _bind(self, pod: Obj, node: str) -> None:
        self._placed += 1
        binding = {"metadata": {"name": meta.name(pod)}, "target": {"kind": "Node", "name": node}}
        await self.client.create(POD, binding, meta.namespace(pod), name=meta.name(pod), subresource="binding")

    async def _start(self, pod: Obj) -> None:
        ip = f"10.244.{self._next_ip // 250}.{self._next_ip % 250 + 1}"
        self._next_ip += 1
        ready = {
            "type": "Ready",
            "status": "False" if self.broken(pod) else "True",
            "lastTransitionTime": rfc3339(self.clock.now()),
        }
        phase = self.phase(pod)
        if phase != "Running":
            ready |= {"status": "False"}
        status = {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [ready]}
        await self.client.patch(
            POD, meta.name(pod), meta.namespace(pod), {"status": status}, type="strategic", subresource="status"
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with Tasks() as tasks:
            tasks.start(self.manager.run(), "controllers")
            tasks.start(self._kubelet.run(), "kubelet watch")
            tasks.start(self.run_kubelets(), "kubelets")
            yield


@asynccontextmanager
async def world(nodes: int = 1, factories: Any = ALL) -> AsyncIterator[World]:
    """A world with so many nodes, come to rest."""
    clock = FakeClock()
    async with ApiServer(clock=clock) as api:
        made = World(api, clock, factories)
        async with made.running():
            for name in ("default", "kube-node-lease", "kube-system"):
                if not await made.exists(NAMESPACE, name):
                    await made.create(NAMESPACE, {"metadata": {"name": name}})
            for number in range(1, nodes + 1):
                await made.add_node(f"n{number}")
            await made.settle()
            yield made


def web(replicas: int = 3, image: str = "web:1", **spec: Any) -> Obj:
    """A Deployment as a user writes it."""
    labels = {"app": "web"}
    return {
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}},
            **spec,
        },
    }
