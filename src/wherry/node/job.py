"""One pod's share of the agent: what it remembers between two looks, and its hands."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

from wherry.api import Obj, meta
from wherry.api.kinds import POD, Kind
from wherry.engine.interface import Image
from wherry.node.handlers import Target
from wherry.node.parts import Parts
from wherry.node.plan import podspec, view
from wherry.node.probes import Prober
from wherry.node.publisher import Publisher
from wherry.node.pulling import pull_secrets
from wherry.node.volumes import Context, Mounted

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Memory:
    """All of it may be lost: a restarted agent finds the rest in the engine and in the pod's status.

    `created`: the container that was made last, by name. `messages`: termination messages by container id.
    `refresh_at`: when a token in a volume is due. `deleted`: the API server was told that the node is done."""

    volumes: view.Volumes = field(default_factory=view.Volumes)
    mounted: dict[str, Mounted] = field(default_factory=dict)
    mounting: asyncio.Task[Any] | None = None
    sandbox_failure: view.Failure | None = None
    images: dict[str, view.Image] = field(default_factory=dict)
    failures: dict[str, view.Failure] = field(default_factory=dict)
    hooks: dict[str, Literal["running", "done", "failed"]] = field(default_factory=dict)
    stops: dict[str, view.Stop] = field(default_factory=dict)
    stopping: dict[str, asyncio.Task[Any]] = field(default_factory=dict)
    created: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    rejection: view.Rejection | None = None
    ending_since: float = 0
    refresh_at: float | None = None
    deleted: bool = False


class Job:
    """What the effects of a plan work with."""

    def __init__(self, parts: Parts, pod: Obj) -> None:
        self.parts, self.pod = parts, pod
        self.status: Obj = pod.get("status") or {}
        self.memory = Memory()
        self.publisher = Publisher(parts.client, parts.clock, pod)
        self.prober = Prober(parts.engine, parts.clock, self.wake, self._unhealthy)
        self.woken = asyncio.Event()
        self._background: set[asyncio.Task[Any]] = set()
        self._descriptors: dict[str, ExitStack] = {}

    @property
    def uid(self) -> str:
        return meta.uid(self.pod)

    @property
    def identity(self) -> tuple[str, str, str]:
        """Namespace, name, uid."""
        return meta.namespace(self.pod), meta.name(self.pod), self.uid

    @property
    def now(self) -> float:
        return self.parts.clock.now()

    def wake(self) -> None:
        """Look at the pod again."""
        self.woken.set()

    def background(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Begin something long; the pod is looked at again when it ends."""
        task = asyncio.create_task(work, name=f"{name} {meta.key(self.pod)}")
        self._background.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s failed", task.get_name(), exc_info=task.exception())
        self.wake()

    def close(self) -> None:
        """Let go of everything that runs for the pod; its containers are not touched."""
        self.prober.close()
        self.publisher.close()
        for task in list(self._background):
            task.cancel()
        for container in list(self._descriptors):
            self.close_descriptors(container)

    def descriptors(self, container: str) -> ExitStack:
        """Files that are open until a container has been started."""
        return self._descriptors.setdefault(container, ExitStack())

    def close_descriptors(self, container: str) -> None:
        self._descriptors.pop(container, ExitStack()).close()

    def event(self, type: str, reason: str, message: str, container: str = "") -> None:
        path = podspec.field_path(self.pod, container) if container else ""
        self.parts.recorder.record(POD, self.pod, type, reason, message, path)

    def _unhealthy(self, target: Target, message: str) -> None:
        self.event("Warning", "Unhealthy", message, target.container["name"])

    def addresses(self) -> tuple[str, ...]:
        """The pod's, as far as it has any."""
        if podspec.host_network(self.pod):
            return (self.parts.config.address,)
        address = self.parts.network.address(self.uid)
        return (address.ip,) if address else ()

    def target(self, container: Obj, container_id: str) -> Target:
        """A container, for probes and hooks."""
        addresses = self.addresses()
        return Target(container_id, container, addresses[0] if addresses else "127.0.0.1")

    def context(self) -> Context:
        """What volumes and environment may ask for this pod."""

        async def get(kind: Kind, name: str) -> Obj | None:
            namespace = meta.namespace(self.pod) if kind.namespaced else ""
            return await self.parts.objects.get(self.uid, kind, namespace, name)

        async def token(audience: str, seconds: int) -> str:
            return await self.parts.tokens.get(self.pod, audience, seconds)

        async def image(reference: str, policy: str) -> Image:
            return await self.parts.puller.ensure(reference, policy, await pull_secrets(self.pod, get))

        images = self.parts.engine.images
        return Context(self.pod, self.parts.config, get, token, image, images, self.addresses())

    def failed(self, container: str, reason: str, message: str) -> None:
        """Remember that a container could not be made or started."""
        before = self.memory.failures.get(container)
        count = before.count + 1 if before else 1
        self.memory.failures[container] = view.Failure(reason, message, self.now, count)
