"""The agent of one node: a worker for each of its pods, woken by the API and by the engine.

It starts with what is there: containers of pods that still exist are adopted and go on, the rest is taken away.
"""

import asyncio
import logging
import shutil

from wherry.aio.tasks import Tasks
from wherry.api import Obj, meta
from wherry.api.kinds import POD, SERVICE
from wherry.client.informer import Informer
from wherry.client.interface import Client
from wherry.engine.interface import Engine
from wherry.node.parts import Parts
from wherry.node.plan import admission
from wherry.node.plan.view import Rejection
from wherry.node.spec.sandbox import UID
from wherry.node.volumes import manager
from wherry.node.worker import PodWorker

log = logging.getLogger(__name__)


class Agent:
    """Runs the pods that are bound to the node (`pods`). `services` must be running and is waited for."""

    def __init__(self, parts: Parts, pods: Informer, services: Informer) -> None:
        self._parts, self._services, self._pods = parts, services, pods
        self._workers: dict[str, PodWorker] = {}
        self._ends: dict[str, list[asyncio.Future[None]]] = {}
        self._tasks = Tasks()
        parts.objects.changed = self._contents_changed

    @property
    def pods(self) -> Informer:
        """This node's pods."""
        return self._pods

    def status_of(self, uid: str) -> Obj:
        """A pod's status as the agent knows it, which may be newer than the API server's."""
        worker = self._workers.get(uid)
        return worker.job.status if worker else {}

    def evict(self, uid: str, why: Rejection) -> None:
        """End a pod for what it does to the node."""
        if worker := self._workers.get(uid):
            worker.reject(why)

    def end_of(self, container_id: str) -> "asyncio.Future[None]":
        """Done when a container that runs now has ended."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ends.setdefault(container_id, []).append(future)
        return future

    async def run(self) -> None:
        """Until cancelled; containers go on."""
        async with self._tasks as tasks:
            tasks.start(self._pods.run(), "pods of this node")
            await asyncio.gather(self._pods.synced(), self._services.synced())
            live = {meta.uid(pod) for pod in self._pods.store.values()}
            await self._parts.network.recover(live)
            await self._clean(live)
            tasks.start(self._listen(), "ends of containers")
            self._pods.on_change(self._changed)
            await tasks.wait()

    def _changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            worker = self._workers.get(meta.uid(new))
            if worker is None:
                self._begin(new)
            else:
                worker.update(new)
        elif old is not None and (worker := self._workers.get(meta.uid(old))):
            worker.gone()

    def _begin(self, pod: Obj) -> None:
        worker = self._workers[meta.uid(pod)] = PodWorker(self._parts, pod, self._admit(pod))
        self._tasks.start(self._run(meta.uid(pod), worker), f"pod {meta.key(pod)}")

    def _admit(self, pod: Obj) -> Rejection | None:
        """Of a pod that no agent has begun with."""
        if (pod.get("status") or {}).get("startTime"):
            return None
        return admission.admit(pod, self._pods.store.values(), self._parts.config.capacity)

    async def _run(self, uid: str, worker: PodWorker) -> None:
        try:
            await worker.run()
        finally:
            self._workers.pop(uid, None)

    async def _listen(self) -> None:
        """Wake the pod whose container has ended, and who waits for that."""
        engine = self._parts.engine
        async for ended in engine.exits():
            for future in self._ends.pop(ended.id, []):
                if not future.done():
                    future.set_result(None)
            for box in engine.sandboxes():
                if box.id == ended.sandbox and (worker := self._workers.get(box.spec.labels.get(UID, ""))):
                    worker.wake()

    def _contents_changed(self, uid: str) -> None:
        if worker := self._workers.get(uid):
            worker.contents_changed()

    async def _clean(self, live: set[str]) -> None:
        """Take away what belongs to pods that are gone."""
        await remove_sandboxes(self._parts.engine, keep=live)
        config = self._parts.config
        for base in (config.pods_dir, config.memory_dir):
            for entry in list(base.iterdir()) if base.is_dir() else []:
                if entry.name not in live:
                    await manager.unmount_all(config, entry.name)
        for entry in list(config.logs_dir.iterdir()) if config.logs_dir.is_dir() else []:
            if entry.name.rpartition("_")[2] not in live:
                await asyncio.to_thread(shutil.rmtree, entry, True)


async def remove_sandboxes(engine: Engine, keep: set[str]) -> None:
    """End all sandboxes but those of the pods in `keep` (uids)."""
    for box in engine.sandboxes():
        if box.spec.labels.get(UID) not in keep:
            log.info("removing sandbox %s: its pod is gone", box.id)
            await engine.remove_sandbox(box.id)


def pods_of(client: Client, node: str) -> Informer:
    """The pods that are bound to a node."""
    return Informer(client, POD, field_selector=f"spec.nodeName={node}")


def services_of(client: Client) -> Informer:
    """All services, as far as pods' environment variables need them."""
    return Informer(client, SERVICE, project=_only_addresses)


def _only_addresses(service: Obj) -> Obj:
    metadata, spec = service["metadata"], service.get("spec", {})
    kept = ("name", "namespace", "uid", "resourceVersion")
    return {
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": {key: spec[key] for key in ("clusterIP", "ports") if key in spec},
    }
