"""Looks now and then at what pods use, and puts out those that use too much."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from wherry.api import Obj, meta
from wherry.node import machine
from wherry.node.parts import Parts
from wherry.node.plan import eviction
from wherry.node.plan.eviction import Used
from wherry.node.plan.nodestatus import Machine
from wherry.node.plan.phase import TERMINAL
from wherry.node.plan.view import Rejection
from wherry.node.records import sandbox_of

log = logging.getLogger(__name__)

EVERY = 10.0
_BLOCK = 512

Evict = Callable[[str, Rejection], None]
"""End a pod, by its uid."""


class Evictions:
    """Runs beside the agent."""

    def __init__(self, parts: Parts, facts: Machine, evict: Evict) -> None:
        self._parts, self._facts, self._evict = parts, facts, evict

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._parts.clock.sleep(EVERY)
            try:
                await self.look()
            except OSError as error:
                log.warning("cannot see what pods use: %s", error)

    async def look(self) -> None:
        """Once. At most one pod goes for want of memory or disk at a time: its end may be enough."""
        pods = [pod for pod in self._parts.pods() if (pod.get("status") or {}).get("phase") not in TERMINAL]
        load = machine.load(self._parts.config.state_dir)
        memory_short, disk_short = eviction.short_of(load, self._facts.disk)
        used = [await self._use(pod, memory_short, disk_short) for pod in pods]
        for each in used:
            if (problem := eviction.over_limits(each)) is not None:
                self._evict(meta.uid(each.pod), problem)
        chosen = eviction.under_pressure(load, self._facts.disk, used)
        if chosen is not None:
            self._evict(*chosen)

    async def _use(self, pod: Obj, memory: bool, disk: bool) -> Used:
        """Of memory and of the whole disk only when that is asked for: it costs."""
        config, uid = self._parts.config, meta.uid(pod)
        everything = disk or _limited(pod)
        wanted = [each for each in _empty_dirs(pod) if everything or each["emptyDir"].get("sizeLimit")]
        used = Used(pod, self._memory(uid) if memory else 0)
        if not wanted and not everything:
            return used
        base = config.volume_dir(uid, "emptyDir", "")
        logs = config.log_dir(meta.namespace(pod), meta.name(pod), uid)
        volumes, storage = await asyncio.to_thread(_measure, wanted, base, logs if everything else None)
        return replace(used, storage=storage, volumes=volumes)

    def _memory(self, uid: str) -> int:
        engine = self._parts.engine
        box = sandbox_of(engine, uid)
        usages = [engine.usage(each.id) for each in engine.containers(box.id)] if box else []
        return sum(each.working_set for each in usages if each)


def _empty_dirs(pod: Obj) -> list[Obj]:
    return [each for each in pod["spec"].get("volumes") or [] if each.get("emptyDir") is not None]


def _measure(volumes: list[Obj], base: Path, logs: Path | None) -> tuple[dict[str, int], int]:
    """Bytes in each emptyDir, and on the disk in all, with the logs if they count."""
    sizes = {each["name"]: size(base / each["name"]) for each in volumes}
    on_disk = sum(sizes[each["name"]] for each in volumes if each["emptyDir"].get("medium") != "Memory")
    return sizes, on_disk + (size(logs) if logs else 0)


def _limited(pod: Obj) -> bool:
    """Whether any container has a limit for what it writes."""
    every = pod["spec"].get("containers") or []
    return any("ephemeral-storage" in ((each.get("resources") or {}).get("limits") or {}) for each in every)


def size(directory: Path) -> int:
    """Bytes that a directory takes, without following symlinks."""
    return sum(_sizes(str(directory)))


def _sizes(directory: str) -> Iterator[int]:
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                yield entry.stat(follow_symlinks=False).st_blocks * _BLOCK
                if entry.is_dir(follow_symlinks=False):
                    yield from _sizes(entry.path)
    except OSError:
        return  # it went away meanwhile
