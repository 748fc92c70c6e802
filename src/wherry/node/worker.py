"""The worker of one pod: look, plan, publish, act; again whenever something happens."""

import asyncio
import logging
from dataclasses import replace
from typing import Any

from wherry.api import Obj, meta
from wherry.engine.interface import ContainerStatus, EngineError, Sandbox
from wherry.lib import timestamps
from wherry.node import records
from wherry.node.effects import perform
from wherry.node.effects.storage import contents_changed
from wherry.node.job import Job
from wherry.node.parts import Parts
from wherry.node.plan import View, admission, plan, podspec, view
from wherry.node.plan.actions import Action, DeletePod, Emit, Forget, Plan
from wherry.node.plan.conditions import OWNED
from wherry.node.spec import resources
from wherry.node.spec.container import ATTEMPT
from wherry.node.spec.sandbox import BOOT

log = logging.getLogger(__name__)

_PAUSE_AFTER_ERROR = 1.0
_PATIENCE = 5


class PodWorker:
    """Drives one pod from its first appearance until nothing of it is left. Everything arrives by `update`, `gone`
    and `wake`; nothing is polled."""

    def __init__(self, parts: Parts, pod: Obj, rejection: view.Rejection | None = None) -> None:
        self.job = Job(parts, pod)
        self.job.memory.rejection = rejection
        self.finished = False
        self._gone = False
        self._wake_at: float | None = None
        self._adopted = False
        self._last: tuple[Action, ...] = ()
        self._repeated = 0

    def update(self, pod: Obj) -> None:
        """The object is now this."""
        before, self.job.pod = self.job.pod, pod
        if self._adopted and any(before["metadata"].get(key) != pod["metadata"].get(key) for key in _SHOWN):
            contents_changed(self.job)
        if _matters(before) != _matters(pod):
            self.job.wake()

    def gone(self) -> None:
        """The object is no more."""
        self._gone = True
        self.job.wake()

    def reject(self, why: view.Rejection) -> None:
        """The pod must end."""
        if self.job.memory.rejection is None:
            self.job.memory.rejection = why
            self.job.event("Warning", why.reason, why.message)
            self.job.wake()

    def wake(self) -> None:
        self.job.wake()

    def contents_changed(self) -> None:
        contents_changed(self.job)

    async def run(self) -> None:
        """Until the pod is forgotten."""
        try:
            self._adopt()
            while not self.finished:
                self.job.woken.clear()
                try:
                    await self._step()
                except Exception:
                    log.exception("pod %s", meta.key(self.job.pod))
                    self._wake_at = self.job.now + _PAUSE_AFTER_ERROR
                await self._wait()
        finally:
            self.job.close()

    async def _wait(self) -> None:
        if self.finished:
            return
        times = [each for each in (self._wake_at, self.job.memory.refresh_at) if each is not None]
        pause = max(min(times) - self.job.now, 0.001) if times else None
        try:
            await asyncio.wait_for(self.job.woken.wait(), pause)
        except TimeoutError:
            pass

    async def _step(self) -> None:
        job = self.job
        refresh_at = job.memory.refresh_at
        if refresh_at is not None and job.now >= refresh_at:
            contents_changed(job)
        seen = self._view()
        result = plan(seen)
        self._wake_at = result.wake_at
        if result.ending and not job.memory.ending_since:
            job.memory.ending_since = job.now
        if result.status is not None:
            job.status = result.status
            job.publisher.publish(result.status)
        self._probe(seen, result)
        await self._beware(result.actions)
        await perform(job, result.actions)
        if any(not isinstance(each, DeletePod | Emit) for each in result.actions):
            job.wake()
        self.finished = any(isinstance(each, Forget) for each in result.actions)

    async def _beware(self, actions: tuple[Action, ...]) -> None:
        """The same again and again means that something fails without a trace: go on slowly, and say so."""
        self._repeated = self._repeated + 1 if actions and actions == self._last else 0
        self._last = actions
        if self._repeated > _PATIENCE:
            log.warning("pod %s: nothing comes of %s", meta.key(self.job.pod), actions)
            await self.job.parts.clock.sleep(_PAUSE_AFTER_ERROR)

    def _adopt(self) -> None:
        """Take over what an earlier agent left: its volumes are mounted again (which changes nothing), what it found
        by probes is taken from the status, and an end that was begun goes on with the time that is left."""
        self._adopted = True
        pod = self.job.pod
        if meta.deleting(pod):
            asked = timestamps.parse(pod["metadata"]["deletionTimestamp"]) - podspec.grace_period(pod)
            self.job.memory.ending_since = min(asked, self.job.now)

    def _view(self) -> View:
        job, engine = self.job, self.job.parts.engine
        box = records.sandbox_of(engine, job.uid)
        statuses = engine.containers(box.id) if box else []
        config = job.parts.config
        containers = tuple(self._container(each) for each in statuses)
        return View(
            pod=job.pod,
            node=view.NodeFacts(config.name, (config.address,)),
            now=job.now,
            status=job.status,
            sandbox=view.Sandbox(box.id, job.addresses(), self._is_ready(box)) if box else None,
            sandbox_failure=job.memory.sandbox_failure,
            containers=containers,
            volumes=job.memory.volumes,
            images=self._images(statuses),
            failures=job.memory.failures,
            health=job.prober.health(),
            stops=job.memory.stops,
            hooks=job.memory.hooks,
            rejection=job.memory.rejection,
            no_room=self._no_room(containers),
            deleted=self._gone,
            ending_since=job.memory.ending_since,
        )

    def _is_ready(self, box: Sandbox) -> bool:
        """Whether its namespaces are still there: none outlives the machine's restart."""
        if box.spec.labels.get(BOOT) != self.job.parts.config.boot_id:
            return False
        return podspec.host_network(self.job.pod) or self.job.parts.network.address(self.job.uid) is not None

    def _container(self, status: ContainerStatus) -> view.Container:
        image = self.job.parts.engine.images.find(status.spec.image)
        image_id = (image.digests[0] if image.digests else image.id) if image else status.spec.image
        message = status.message
        if status.state == "exited" and status.started_at:
            message = self._message(status)
        return replace(records.container(status, image_id, message), outdated=self._outdated(status))

    def _outdated(self, status: ContainerStatus) -> tuple[str, ...]:
        """Resources whose limits are not what the pod asks for by now."""
        spec = podspec.container(self.job.pod, status.spec.name)
        if spec is None or status.state != "running":
            return ()
        has = status.spec.resources
        wants = resources.of_container(self.job.pod, spec, self.job.parts.config.memory)
        cpu = (has.cpu_shares, has.cpu_quota) != (wants.cpu_shares, wants.cpu_quota)
        memory = has.memory_limit != wants.memory_limit
        return tuple(name for name, differs in (("cpu", cpu), ("memory", memory)) if differs)

    def _no_room(self, containers: tuple[view.Container, ...]) -> view.Rejection | None:
        if not any(each.outdated for each in containers):
            return None
        parts = self.job.parts
        return admission.resize(self.job.pod, parts.pods(), parts.config.capacity)

    def _message(self, status: ContainerStatus) -> str:
        known = self.job.memory.messages
        if status.id not in known:
            container = podspec.container(self.job.pod, status.spec.name) or {}
            attempt = int(status.spec.labels.get(ATTEMPT, "0"))
            path = self.job.parts.config.termination_path(self.job.uid, status.spec.name, attempt)
            known[status.id] = records.termination_message(path, status.spec.log_path, container, status.exit_code)
        return known[status.id]

    def _images(self, statuses: list[ContainerStatus]) -> dict[str, view.Image]:
        """Of those containers that may have to be made."""
        running = {each.spec.name for each in statuses if each.state == "running"}
        names = [each["name"] for each in podspec.every_container(self.job.pod) if each["name"] not in running]
        return {name: self._image(name) for name in names}

    def _image(self, name: str) -> view.Image:
        known = self.job.memory.images.get(name)
        if known is not None and not known.failures:
            return known
        container = podspec.container(self.job.pod, name) or {}
        try:
            present = self.job.parts.engine.images.find(container.get("image", "")) is not None
        except EngineError as error:
            return view.Image(invalid=str(error))
        return replace(known or view.Image(), present=present)

    def _probe(self, seen: View, result: Plan) -> None:
        job = self.job
        if result.ending:
            job.prober.quiet()
        job.prober.keep(each.id for each in seen.containers)
        for record in seen.containers:
            container = podspec.container(job.pod, record.name)
            if record.state != "running" or container is None or job.memory.hooks.get(record.id) == "running":
                continue
            job.prober.begin(job.target(container, record.id), record.started_at, self._known(record))

    def _known(self, record: view.Container) -> view.Health:
        """What the published status says of a container that an earlier agent started."""
        if record.id in self.job.memory.created.values():
            return view.Health()
        for group in ("containerStatuses", "initContainerStatuses"):
            for status in (self.job.pod.get("status") or {}).get(group) or []:
                if status.get("containerID", "").endswith(record.id):
                    return view.Health(started=status.get("started") or None, ready=status.get("ready") or None)
        return view.Health()


_SHOWN = ("labels", "annotations")
_NOISE = ("resourceVersion", "managedFields")


def _matters(pod: Obj) -> tuple[Any, ...]:
    """What of an object the plan depends on: most changes are this node's own statuses coming back."""
    status = pod.get("status") or {}
    foreign = [each for each in status.get("conditions") or [] if each["type"] not in OWNED]
    metadata = {key: value for key, value in pod["metadata"].items() if key not in _NOISE}
    return metadata, pod["spec"], status.get("phase"), foreign
