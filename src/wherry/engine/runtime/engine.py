"""The engine of one node: sandboxes, containers and what is done with them."""

import asyncio
import fcntl
import logging
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from wherry.engine.cgroups.groups import Groups
from wherry.engine.images.store import Store
from wherry.engine.interface import (
    ContainerNotFound,
    ContainerSpec,
    ContainerStatus,
    EngineError,
    Exited,
    ImageNotFound,
    Resources,
    Sandbox,
    SandboxSpec,
    Streams,
    Usage,
)
from wherry.engine.runtime import holder, recovery, tools
from wherry.engine.runtime.container import LiveContainer
from wherry.engine.runtime.host import Host
from wherry.engine.runtime.housekeeping import keep_house, rotate_log
from wherry.engine.runtime.launcher import Launcher
from wherry.engine.runtime.layout import Layout
from wherry.engine.runtime.sandbox import LiveSandbox
from wherry.engine.runtime.sessions import attachment, execution
from wherry.engine.seccomp.bpf import Compiler
from wherry.linux import procs

log = logging.getLogger(__name__)

_LOCK_ATTEMPTS, _LOCK_PAUSE = 20, 0.05  # seconds


class LocalEngine:
    """Containers of one node, on this machine. Implements `wherry.engine.interface.Engine`."""

    def __init__(self, host: Host, lock: int) -> None:
        self.images = host.images
        self._host = host
        self._lock = lock
        self._sandboxes: dict[str, LiveSandbox] = {}
        self._containers: dict[str, LiveContainer] = {}

    async def recover(self) -> None:
        self._sandboxes, self._containers = await recovery.recover(self._host)
        self._housekeeping = asyncio.ensure_future(keep_house(self._containers.values, self.images))

    # ---- sandboxes

    async def create_sandbox(self, spec: SandboxSpec) -> Sandbox:
        """Raises EngineError; nothing is left then."""
        if spec.id in self._sandboxes:
            raise EngineError(f"sandbox {spec.id} exists")
        sandbox = await LiveSandbox.make(self._host, spec)
        self._sandboxes[spec.id] = sandbox
        return sandbox.view

    async def remove_sandbox(self, sandbox_id: str) -> None:
        sandbox = self._sandboxes.get(sandbox_id)
        if sandbox is None:
            return
        inside = [c for c in self._containers.values() if c.spec.sandbox == sandbox_id]
        await asyncio.gather(*(self.remove(container.spec.id) for container in inside))
        await sandbox.remove()
        self._sandboxes.pop(sandbox_id, None)

    async def update_sandbox(self, sandbox_id: str, resources: Resources) -> None:
        """Raises EngineError."""
        await self._sandbox(sandbox_id).limit(resources)

    def sandboxes(self) -> list[Sandbox]:
        return [sandbox.view for sandbox in self._sandboxes.values()]

    # ---- containers

    async def create(self, spec: ContainerSpec) -> ContainerStatus:
        sandbox = self._sandbox(spec.sandbox)
        if spec.id in self._containers:
            raise EngineError(f"container {spec.id} exists")
        image = self.images.find(spec.image)
        if image is None:
            raise ImageNotFound(f"no image {spec.image}")
        container = LiveContainer.make(self._host, spec, image, sandbox.record.spec)
        self._containers[spec.id] = container
        return container.record.status()

    async def start(self, container_id: str) -> None:
        container = self._container(container_id)
        await container.start(self._sandbox(container.spec.sandbox))

    async def signal(self, container_id: str, signal: str) -> None:
        """Raises ValueError: no such signal."""
        self._container(container_id).signal(procs.signal_number(signal))

    async def stop(self, container_id: str, grace: float) -> None:
        await self._container(container_id).stop(grace)

    async def remove(self, container_id: str) -> None:
        container = self._containers.get(container_id)
        if container is not None:
            await container.remove()
            self._containers.pop(container_id, None)

    def status(self, container_id: str) -> ContainerStatus:
        return self._container(container_id).record.status()

    def containers(self, sandbox_id: str | None = None) -> list[ContainerStatus]:
        return [
            container.record.status()
            for container in self._containers.values()
            if sandbox_id is None or container.spec.sandbox == sandbox_id
        ]

    def exits(self) -> AsyncIterator[Exited]:
        return self._host.exits.listen()

    # ---- in a running container

    async def exec(self, container_id: str, command: Sequence[str], streams: Streams) -> int:
        return await execution.execute(self._host, self._running(container_id), command, streams)

    async def exec_output(self, container_id: str, command: Sequence[str], timeout: float) -> tuple[int, bytes]:
        return await execution.output(self._host, self._running(container_id), command, timeout)

    async def attach(self, container_id: str, streams: Streams) -> None:
        await attachment.attach(self._running(container_id), streams)

    async def update_resources(self, container_id: str, resources: Resources) -> None:
        await self._container(container_id).limit(resources)

    def usage(self, container_id: str) -> Usage | None:
        return self._container(container_id).usage()

    async def wait(self, container_id: str) -> ContainerStatus:
        """Returns when it has exited."""
        container = self._container(container_id)
        await container.ended.wait()
        return container.record.status()

    def rotate_log(self, container_id: str, limit: int, keep: int) -> bool:
        """Begin a new log file if the present one has more than `limit` bytes; at most `keep` files stay. False:
        nothing was to do. The engine does this by itself with Kubernetes' default bounds."""
        return rotate_log(self._container(container_id), limit, keep)

    async def close(self) -> None:
        self._housekeeping.cancel()
        await asyncio.gather(*(container.settle() for container in self._containers.values()))
        for container in self._containers.values():
            container.close()
        for sandbox in self._sandboxes.values():
            sandbox.close()
        await asyncio.to_thread(self._host.launcher.close)
        os.close(self._lock)

    def _container(self, container_id: str) -> LiveContainer:
        container = self._containers.get(container_id)
        if container is None:
            raise ContainerNotFound(f"no container {container_id}")
        return container

    def _running(self, container_id: str) -> LiveContainer:
        container = self._container(container_id)
        if container.record.state != "running":
            raise ContainerNotFound(f"container {container_id} is not running")
        return container

    def _sandbox(self, sandbox_id: str) -> LiveSandbox:
        sandbox = self._sandboxes.get(sandbox_id)
        if sandbox is None:
            raise EngineError(f"no sandbox {sandbox_id}")
        return sandbox


async def open(root: Path, images: Path, runtime: str | None = None, subreaper: bool = True) -> LocalEngine:
    """See `wherry.engine.open`."""
    layout = Layout(root.resolve())
    layout.make()
    lock = await _lock(layout.lock)
    try:
        found = tools.find(runtime)
        procs.raise_soft_limit("NOFILE")  # two descriptors a container, three a sandbox
        if subreaper:
            procs.become_subreaper()
        groups = Groups()
        store = Store(images.resolve(), tools.architecture())
        host = Host(
            layout=layout,
            tools=found,
            machine=tools.machine(found, groups),
            groups=groups,
            launcher=Launcher([layout.root, images.resolve()]),
            compiler=Compiler(layout.seccomp),
            images=store,
        )
        holder.install(layout.holder)
        engine = LocalEngine(host, lock)
        await engine.recover()
    except BaseException:
        os.close(lock)
        raise
    return engine


async def _lock(path: Path) -> int:
    """One engine a directory. Raises EngineError. A child that a killed engine was just giving birth to may keep the
    lock for a moment longer, until it has become another program."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            await asyncio.sleep(_LOCK_PAUSE)
    os.close(fd)
    raise EngineError(f"another engine uses {path.parent}")
