"""One sandbox's life."""

import asyncio
import logging
import os
import time
from dataclasses import replace

from wherry.engine.cgroups.plan import sandbox_group
from wherry.engine.interface import EngineError, Resources, Sandbox, SandboxSpec
from wherry.engine.runtime import holder
from wherry.engine.runtime.host import Host
from wherry.engine.runtime.records import SandboxRecord, save
from wherry.engine.runtime.watch import Watch
from wherry.linux import procs

log = logging.getLogger(__name__)


class LiveSandbox:
    """The record on disk always comes before the effect that it names, so a new engine can undo what was cut off."""

    def __init__(self, host: Host, record: SandboxRecord) -> None:
        self.host = host
        self.record = record
        self.paths = host.layout.sandbox(record.spec.id)
        self._lock = asyncio.Lock()
        self._watch: Watch | None = None
        self._placing: asyncio.Future[None] | None = None

    @classmethod
    async def make(cls, host: Host, spec: SandboxSpec) -> "LiveSandbox":
        sandbox = cls(host, SandboxRecord(spec, time.time()))
        sandbox.paths.shm.mkdir(parents=True)
        save(sandbox.paths.record, sandbox.record)
        try:
            await asyncio.to_thread(host.groups.make, spec.cgroup_parent, spec.resources)
            await sandbox._hold()
        except (OSError, EngineError) as error:
            await sandbox.remove()
            raise EngineError(f"cannot make the sandbox: {error}") from error
        return sandbox

    @property
    def view(self) -> Sandbox:
        return Sandbox(self.record.spec.id, self.record.spec, self.record.created_at)

    async def hold(self) -> int:
        """Pidfd of the process that keeps the namespaces, the caller's to close. If it was killed, new namespaces are
        made: containers started from now on no longer share them with the older ones."""
        async with self._lock:
            if self._watch is None or self._watch.over:
                await self._hold()
            assert self._watch is not None
            return os.dup(self._watch.pidfd)

    async def _hold(self) -> None:
        spec, layout, groups = self.record.spec, self.host.layout, self.host.groups
        netns = os.open(spec.netns, os.O_RDONLY | os.O_CLOEXEC) if spec.netns else None
        program = layout.holder
        try:
            held = await self.host.launcher.run(holder.hold, spec, program, self.paths.shm, netns)
        finally:
            if netns is not None:
                os.close(netns)
        try:
            groups.make(sandbox_group(spec.cgroup_parent))
            self.record = replace(self.record, holder=held.pid, holder_started=procs.start_time(held.pid))
            save(self.paths.record, self.record)
        except BaseException:
            held.abandon()
            pidfd = procs.open_pidfd(held.pid)
            if pidfd is not None:
                Watch(pidfd, lambda _: None)
            raise
        held.commit()
        self.adopt()
        # The first move into a cgroup waits some 15 ms for the kernel (an RCU grace period), moves right after it do
        # not: nobody needs to wait for this one, and the container that is started next has its wait shortened.
        self._placing = asyncio.ensure_future(asyncio.to_thread(self._place, held.pid))

    def _place(self, holder: int) -> None:
        try:
            self.host.groups.enter(sandbox_group(self.record.spec.cgroup_parent), holder)
        except OSError as error:
            log.warning("cannot move the holder of sandbox %s into its cgroup: %s", self.record.spec.id, error)

    def adopt(self) -> None:
        """Watch the holder that the record names, if it still lives."""
        pidfd = procs.open_pidfd(self.record.holder, self.record.holder_started) if self.record.holder else None
        if pidfd is not None:
            self._watch = Watch(pidfd, self._holder_ended)

    def _holder_ended(self, _: int | None) -> None:
        self._watch = None

    async def limit(self, resources: Resources) -> None:
        """Raises EngineError."""
        await asyncio.to_thread(self.host.groups.limit, self.record.spec.cgroup_parent, resources)
        self.record = replace(self.record, spec=replace(self.record.spec, resources=resources))
        save(self.paths.record, self.record)

    async def remove(self) -> None:
        """Everything but the containers, which must be gone."""
        async with self._lock:
            parent = self.record.spec.cgroup_parent
            if self._placing:
                await self._placing
            if self._watch:
                self._watch.signal(9)
            await asyncio.to_thread(self._remove_group, parent)
            await self.host.discard(self.paths.folder)

    def _remove_group(self, parent: str) -> None:
        if not self.host.groups.remove(parent):
            log.warning("cgroup %s is still busy", parent)

    def close(self) -> None:
        if self._watch:
            self._watch.close()
