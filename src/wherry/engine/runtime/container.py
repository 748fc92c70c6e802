"""One container's life."""

import asyncio
import logging
import os
import shutil
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from wherry.engine.cgroups.plan import container_group
from wherry.engine.interface import (
    ContainerSpec,
    EngineError,
    Exited,
    Image,
    Mount,
    Resources,
    SandboxSpec,
    StartFailed,
    Usage,
)
from wherry.engine.runtime import conmon
from wherry.engine.runtime.bundle import Job, launch
from wherry.engine.runtime.host import Host
from wherry.engine.runtime.records import ContainerRecord, save
from wherry.engine.runtime.sandbox import LiveSandbox
from wherry.engine.runtime.watch import Watch, bury_strays
from wherry.linux import mounts, procs

log = logging.getLogger(__name__)

_KILLED = 128 + signal.SIGKILL
_LOST = 255
_KILL_PAUSES = (0.1, 0.4, 1.5, 8.0)  # seconds for a killed process to end


class LiveContainer:
    """Made from a record; every change is on disk before anyone hears of it."""

    def __init__(self, host: Host, record: ContainerRecord, sandbox: SandboxSpec) -> None:
        self.host = host
        self.record = record
        self.sandbox = sandbox
        self.paths = host.layout.container(record.spec.id)
        self.group = container_group(sandbox.cgroup_parent, record.spec.id)
        self.lock = asyncio.Lock()
        self.ended = asyncio.Event()
        self._monitor: Watch | None = None
        self._first: int | None = None  # pidfd of the first process
        self._tidying: asyncio.Task[None] | None = None
        if record.state == "exited":
            self.ended.set()

    @classmethod
    def make(cls, host: Host, spec: ContainerSpec, image: Image, sandbox: SandboxSpec) -> "LiveContainer":
        """On disk, and nowhere else yet. Raises EngineError (the disk is full); nothing is left then."""
        container = cls(host, ContainerRecord(spec, image, time.time()), sandbox)
        folder = container.paths.folder
        try:
            top = host.images.layer_folder / host.images.layers(image.id)[0]
            container.paths.make(like=top)
            host.images.hold(image.id, folder)
            container._save(container.record)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            host.images.release(image.id, folder)
            raise EngineError(f"cannot make the container: {error}") from error
        return container

    @property
    def spec(self) -> ContainerSpec:
        return self.record.spec

    # ---- starting

    async def start(self, sandbox: LiveSandbox) -> None:
        """Raises StartFailed. A start that nobody waits for any more is finished all the same."""
        await asyncio.shield(asyncio.ensure_future(self._start(sandbox)))

    async def _start(self, sandbox: LiveSandbox) -> None:
        async with self.lock:
            if self.record.state != "created":
                raise StartFailed(f"container {self.spec.id} is {self.record.state}")
            try:
                self._save(replace(self.record, launching=True))
                pid, started_at = await self._launch(sandbox)
            except (StartFailed, EngineError, OSError) as error:
                failure = error if isinstance(error, StartFailed) else StartFailed(str(error))
                self._end_monitor()
                await asyncio.to_thread(self.wipe)
                ended = self.record.exited(failure.exit_code, time.time(), str(failure))
                self._note(replace(ended, reason=failure.reason))
                self.ended.set()
                raise failure from error
            self._runs(pid, started_at)

    async def _launch(self, sandbox: LiveSandbox) -> tuple[int, float]:
        seccomp, program = self.host.seccomp(self.spec.security)
        layers = self.host.images.layers(self.record.image.id)
        with ExitStack() as descriptors:
            trees = await asyncio.to_thread(_open_sources, self.spec.mounts, descriptors)
            holder = await sandbox.hold()
            descriptors.callback(os.close, holder)
            job = Job(
                spec=self.spec,
                image=self.record.image,
                sandbox=self.sandbox,
                paths=self.paths,
                shm=sandbox.paths.shm,
                holder=sandbox.record.holder,
                netns=self._open_netns(descriptors),
                layer_folder=self.host.images.layer_folder,
                layers=layers,
                trees=trees,
                seccomp=seccomp,
                program=program,
            )
            return await self.host.launcher.run(self._launch_inside, holder, job)

    def _open_netns(self, descriptors: ExitStack) -> str:
        """A path that leads to the sandbox's network namespace from every mount namespace, "" if it has none. Raises
        OSError."""
        if not self.sandbox.netns:
            return ""
        fd = os.open(self.sandbox.netns, os.O_RDONLY | os.O_CLOEXEC)
        descriptors.callback(os.close, fd)
        return f"/proc/{os.getpid()}/fd/{fd}"

    def _launch_inside(self, holder: int, job: Job) -> tuple[int, float]:
        with self.host.launcher.inside(holder):
            return launch(job, self.host.machine, self.host.tools, self.host.layout.runtime)

    def _end_monitor(self) -> None:
        """Of a start that failed, if it came as far as having one; it is our child to bury."""
        try:
            pid = int(self.paths.monitor_pid_file.read_text())
        except (OSError, ValueError):
            return
        pidfd = procs.open_pidfd(pid)
        if pidfd is not None:
            procs.send_signal(pidfd, signal.SIGKILL)
            Watch(pidfd, _nothing_more)

    def _runs(self, pid: int, started_at: float) -> None:
        monitor = int(self.paths.monitor_pid_file.read_text())
        running = replace(
            self.record,
            state="running",
            launching=False,
            pid=pid,
            pid_started=procs.start_time(pid),
            monitor=monitor,
            monitor_started=procs.start_time(monitor),
            started_at=started_at,
        )
        self._note(running)
        self.adopt()

    def adopt(self) -> None:
        """Watch a container that runs; one whose monitor is gone has ended."""
        record = self.record
        self._first = procs.open_pidfd(record.pid, record.pid_started) if record.pid_started else None
        pidfd = procs.open_pidfd(record.monitor, record.monitor_started) if record.monitor_started else None
        if pidfd is None:
            self._monitor_ended(None)
        else:
            self._monitor = Watch(pidfd, self._monitor_ended)

    # ---- ending

    def _monitor_ended(self, _: int | None) -> None:
        """The monitor ends after its container, and only then, unless somebody killed it."""
        self._monitor = None
        written = conmon.exit_code(self.paths)
        if written is not None:
            code, at, message = *written, ""
            at = max(at, self.record.started_at)  # a file's time is coarser than the clock
        elif self._first is not None:
            code, at, message = _KILLED, time.time(), "the container's monitor was killed"
            Watch(self._first, _nothing_more)  # its child is ours to bury now
            self._first = None
        else:
            code, at, message = _LOST, time.time(), "the container ended without a trace of its exit code"
        oom_killed = self.host.groups.oom_kills(self.group) > 0 or self.paths.oom_file.exists()
        self._note(self.record.exited(code, at, message, oom_killed))
        self._close_first()
        self.ended.set()
        self.host.exits.publish(Exited(self.spec.id, self.spec.sandbox))
        self._tidying = asyncio.ensure_future(asyncio.to_thread(self.wipe))

    def wipe(self) -> None:
        """Kill what is left of the container's processes; remove its cgroup and the runtime's state. Blocks;
        repeatable."""
        if not self.host.groups.remove(self.group):
            log.warning("cgroup %s is still busy", self.group)
        shutil.rmtree(self.host.layout.runtime / self.spec.id, ignore_errors=True)

    def signal(self, number: int) -> None:
        if self.record.state == "running" and self._first is not None:
            procs.send_signal(self._first, number)

    async def stop(self, grace: float) -> None:
        """Raises EngineError: not even SIGKILL ended it."""
        async with self.lock:  # a start under way comes to its end first
            pass
        if self.record.state != "running":
            return
        if grace > 0:
            self.signal(procs.signal_number(self.spec.stop_signal or self.record.image.stop_signal or "TERM"))
            if await self._ends_within(grace):
                return
        self.signal(signal.SIGKILL)
        for pause in _KILL_PAUSES:
            if await self._ends_within(pause):
                return
            bury_strays()  # a PID namespace cannot end before these are buried
        raise EngineError(f"container {self.spec.id} does not end after SIGKILL")

    async def _ends_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self.ended.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def remove(self) -> None:
        await self.stop(0)
        async with self.lock:
            await self.settle()
            await self.host.discard(self.paths.folder)
            self.host.images.release(self.record.image.id, self.paths.folder)
        self.close()

    # ---- running

    async def limit(self, resources: Resources) -> None:
        """Raises EngineError."""
        if self.record.state == "running":
            await asyncio.to_thread(self.host.groups.limit, self.group, resources)
        self._note(replace(self.record, spec=replace(self.spec, resources=resources)))

    def usage(self) -> Usage | None:
        return self.host.groups.usage(self.group) if self.record.state == "running" else None

    async def settle(self) -> None:
        """What has to be done after its end is done. Whoever gives up waiting does not stop it."""
        if self._tidying:
            await asyncio.shield(self._tidying)

    def close(self) -> None:
        """Let go; the container goes on."""
        if self._monitor:
            self._monitor.close()
        self._close_first()

    def _close_first(self) -> None:
        if self._first is not None:
            os.close(self._first)
            self._first = None

    def _save(self, record: ContainerRecord) -> None:
        """Before the fact. Raises OSError."""
        save(self.paths.record, record)
        self.record = record

    def _note(self, record: ContainerRecord) -> None:
        """After the fact, which is one even if the disk is full: a new engine would find it out again."""
        self.record = record
        try:
            save(self.paths.record, record)
        except OSError as error:
            log.warning("cannot write down that container %s is %s: %s", self.spec.id, record.state, error)


def _nothing_more(_: int | None) -> None:
    """A process was buried, and nobody asks for its exit code."""


def _open_sources(specified: Sequence[Mount], descriptors: ExitStack) -> list[int | None]:
    """Detached mounts of the sources as the host sees them; `descriptors` closes them. Raises StartFailed: there is
    no such path."""
    trees: list[int | None] = []
    for mount in specified:
        if mount.source == "tmpfs":
            trees.append(None)
            continue
        try:
            fd = mounts.open_tree(mount.source)
        except OSError as error:
            raise StartFailed(f"cannot mount {mount.source} on {mount.target}: {error.strerror}") from error
        descriptors.callback(os.close, fd)
        trees.append(fd)
    return trees
