"""The shell round `plan`: watches nodes and pods, decides in batches, binds, and tells people why a pod waits.

A placed pod is counted in the snapshot at once (assumed) while it is being bound; a binding that fails takes it out
again and the pod waits out its back-off. What is kept of nodes and pods is `facts`, not the objects.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random

from wherry.aio.clock import WaitableClock
from wherry.aio.tasks import Tasks
from wherry.api import Obj, meta
from wherry.api.kinds import NODE, POD
from wherry.client.events import Recorder
from wherry.client.informer import Informer
from wherry.client.interface import ApiError, Client, NotFound, Unreachable
from wherry.lib.timestamps import rfc3339
from wherry.scheduler import plan
from wherry.scheduler.demand import Demands
from wherry.scheduler.facts import NodeFacts, PodFacts, node_facts, pod_facts
from wherry.scheduler.preemption import Preemption, is_reservation, reservation_uid, reserved_for
from wherry.scheduler.profile import Profile
from wherry.scheduler.queue import LEFTOVER, Queue
from wherry.scheduler.snapshot import Snapshot
from wherry.scheduler.views import Views

log = logging.getLogger(__name__)

BATCH = 64  # pods decided about before other tasks get a turn
WRITERS = 64  # requests under way at a time
BACKLOG = 512  # decisions that may wait to be written before no more are made
UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"
UNSCHEDULABLE, FAILED = "Unschedulable", "SchedulerError"
REASON_LIMIT = 1024  # characters of an event's message


class Scheduler:
    """`await run()` schedules the pods whose schedulerName is `name`. `random` chooses among equally good nodes."""

    def __init__(
        self, client: Client, clock: WaitableClock, random: Random | None = None, name: str = "default-scheduler"
    ) -> None:
        self._client, self._clock, self._name = client, clock, name
        self._random = random or Random()
        self._recorder = Recorder(client, clock, name)
        self._demands = Demands()
        self._snapshot = Snapshot()
        self._views = Views(self._snapshot, Profile())
        self._queue = Queue()
        self._freed: set[str] = set()  # nodes that may take more than when the parked pods were tried
        self._work = asyncio.Event()
        self._writes: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._nodes = Informer(client, NODE, project=self._keep_node, clock=clock, random=self._random)
        self._pods = Informer(
            client, POD, field_selector=UNFINISHED, project=self._keep_pod, clock=clock, random=self._random
        )
        self._nodes.on_change(self._node_changed)
        self._pods.on_change(self._pod_changed)

    async def run(self) -> None:
        """Until cancelled."""
        async with Tasks() as tasks:
            tasks.start(self._nodes.run(), "scheduler nodes")
            tasks.start(self._pods.run(), "scheduler pods")
            tasks.start(self._recorder.run(), "scheduler events")
            await self._nodes.synced()
            await self._pods.synced()
            for number in range(WRITERS):
                tasks.start(self._write(), f"scheduler writer {number}")
            tasks.start(self._schedule(), "scheduler")
            await tasks.wait()

    # what changes

    def _keep_node(self, node: Obj) -> Obj:
        return {"metadata": _identity(node), "facts": node_facts(node)}

    def _keep_pod(self, pod: Obj) -> Obj:
        return {"metadata": _identity(pod), "facts": pod_facts(pod, self._demands)}

    def _node_changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            facts: NodeFacts = new["facts"]
            if self._snapshot.set_node(facts):
                self._free(facts.name)
        elif old is not None:
            self._snapshot.remove_node(meta.name(old))

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> None:
        was: PodFacts | None = old["facts"] if old else None
        now: PodFacts | None = new["facts"] if new else None
        if now is None or now.finished:
            gone = now or was
            if gone is not None:
                self._queue.remove(gone.key)
                self._uncount(gone.uid)
                self._uncount(reservation_uid(gone))
            return
        if now.node:
            self._queue.remove(now.key)
            self._uncount(reservation_uid(now))
            if was is not None and was.demand is not now.demand:
                self._free(now.node)  # it was resized
            self._snapshot.add_pod(now, now.node)
        elif now.pending and now.scheduler == self._name:
            self._queue.add(now, self._clock.monotonic())
            self._work.set()
        else:
            self._queue.remove(now.key)

    def _uncount(self, uid: str) -> None:
        node = self._snapshot.remove_pod(uid)
        if node is not None:
            self._free(node)

    def _free(self, node: str) -> None:
        self._freed.add(node)
        self._work.set()

    # deciding

    async def _schedule(self) -> None:
        while True:
            self._work.clear()
            now = self._clock.monotonic()
            self._wake(now)
            room = min(BATCH, BACKLOG - self._writes.qsize())
            pods = self._queue.take(now, room) if room > 0 else []
            for decision in plan.schedule(self._views, pods, self._random.randrange):
                self._act(decision)
            if pods:
                await asyncio.sleep(0)
            else:
                await self._wait(now)

    def _wake(self, now: float) -> None:
        """Parked pods that a node would take which has changed; at times all of them."""
        self._queue.wake_leftovers(now)
        freed, self._freed = self._freed, set()
        if not self._queue.parked:
            return
        for name in freed:
            for key in reserved_for(self._snapshot, name):
                self._queue.wake_pod(key, now)
        rows = [row for name in freed if (row := self._snapshot.row(name)) is not None]
        if rows:
            self._queue.wake(lambda demand: bool(self._views.of(demand).fits[rows].any()), now)

    async def _wait(self, now: float) -> None:
        """For something to change, or for the end of a back-off."""
        next_time = self._queue.next_time()
        seconds = LEFTOVER / 10 if next_time is None else max(next_time - now, 0.001)
        waiting = [
            asyncio.ensure_future(self._work.wait()),
            asyncio.ensure_future(self._clock.sleep(seconds)),
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    def _act(self, decision: plan.Decision) -> None:
        if isinstance(decision, plan.Placement):
            self._writes.put_nowait(lambda: self._bind(decision.pod, decision.node))
            return
        self._queue.park(decision.pod, self._clock.monotonic())
        found = decision.preemption
        node = decision.pod.nominated if decision.keeps_waiting else found.node if found else ""
        self._tell(decision.pod, UNSCHEDULABLE, decision.message, node)
        if found is not None:
            self._writes.put_nowait(lambda: self._make_room(decision.pod, found))

    # writing

    async def _write(self) -> None:
        while True:
            work = await self._writes.get()
            try:
                await work()
            except Exception:
                log.exception("a decision could not be written")
            self._work.set()

    async def _bind(self, pod: PodFacts, node: str) -> None:
        space, _, name = pod.key.partition("/")
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name, "namespace": space, "uid": pod.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        try:
            await self._client.create(POD, binding, space, name=name, subresource="binding")
        except ApiError as error:
            self._not_bound(pod, node, error)
            return
        self._record(pod, "Normal", "Scheduled", f"Successfully assigned {pod.key} to {node}")

    def _not_bound(self, pod: PodFacts, node: str, error: ApiError) -> None:
        known = self._pods.get(pod.key)
        if known is not None and known["facts"].uid == pod.uid and known["facts"].node:
            return  # it has a node now, by us or by another
        self._uncount(pod.uid)
        self._queue.retry(pod, self._clock.monotonic())
        if isinstance(error, NotFound | Unreachable):
            log.debug("binding %s to %s: %s", pod.key, node, error)
            return
        log.warning("binding %s to %s: %s", pod.key, node, error)
        self._tell(pod, FAILED, f'running Bind plugin "DefaultBinder": {error}', "")

    async def _make_room(self, pod: PodFacts, found: Preemption) -> None:
        log.info("%s preempts %d pods on %s", pod.key, len(found.victims), found.node)
        for victim in found.victims:
            if is_reservation(victim):
                self._uncount(victim.uid)
            elif not victim.deleting:
                await self._preempt(victim, pod, found.node)

    async def _preempt(self, victim: PodFacts, pod: PodFacts, node: str) -> None:
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": f"{self._name}: preempting to accommodate a higher priority pod",
            "lastTransitionTime": rfc3339(self._clock.now()),
        }
        space, _, name = victim.key.partition("/")
        try:
            await self._patch_status(victim, {"conditions": [condition]})
            await self._client.delete(POD, name, space, uid=victim.uid)
        except ApiError as error:
            if not isinstance(error, NotFound):
                log.warning("preempting %s: %s", victim.key, error)
            return
        self._record(victim, "Normal", "Preempted", f"Preempted by pod {pod.uid} on node {node}")

    def _tell(self, pod: PodFacts, reason: str, message: str, nominated: str) -> None:
        """An event, the PodScheduled condition, and the node where room is being made for it."""
        self._record(pod, "Warning", "FailedScheduling", message)
        if pod.told != ("False", reason, message) or pod.nominated != nominated:
            self._writes.put_nowait(lambda: self._set_condition(pod, reason, message, nominated))

    async def _set_condition(self, pod: PodFacts, reason: str, message: str, nominated: str) -> None:
        condition: Obj = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
        condition["lastProbeTime"] = None
        if pod.generation:
            condition["observedGeneration"] = pod.generation
        if pod.told[0] != "False":
            condition["lastTransitionTime"] = rfc3339(self._clock.now())
        status: Obj = {"conditions": [condition]}
        if pod.nominated != nominated:
            status["nominatedNodeName"] = nominated or None
        try:
            await self._patch_status(pod, status)
        except ApiError as error:
            log.debug("telling %s why it waits: %s", pod.key, error)

    async def _patch_status(self, pod: PodFacts, status: Obj) -> None:
        space, _, name = pod.key.partition("/")
        patch = {"metadata": {"uid": pod.uid}, "status": status}
        await self._client.patch(POD, name, space, patch, type="strategic", subresource="status")

    def _record(self, pod: PodFacts, type: str, reason: str, message: str) -> None:
        known = self._pods.get(pod.key)
        if known is not None:
            self._recorder.record(POD, known, type, reason, _shortened(message))


def _identity(obj: Obj) -> Obj:
    metadata = obj["metadata"]
    return {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion") if key in metadata}


def _shortened(message: str) -> str:
    return message if len(message) <= REASON_LIMIT else message[: REASON_LIMIT - 4] + " ..."
