"""What every container and sandbox of an engine works with."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from wherry.engine.cgroups.groups import Groups
from wherry.engine.images.store import Store
from wherry.engine.interface import Exited, Security, StartFailed
from wherry.engine.runtime.launcher import Launcher
from wherry.engine.runtime.layout import Layout
from wherry.engine.runtime.plan import Machine
from wherry.engine.runtime.plan.process import capabilities
from wherry.engine.runtime.tools import Tools
from wherry.engine.seccomp.bpf import Compiler
from wherry.engine.seccomp.default import PROFILE
from wherry.engine.seccomp.profile import resolve


class Exits:
    """Ends of containers, to everyone who listens; what happened before the first listener came is kept for it."""

    def __init__(self) -> None:
        self._listeners: list[asyncio.Queue[Exited]] = []
        self._before: list[Exited] = []

    def publish(self, event: Exited) -> None:
        if not self._listeners:
            self._before.append(event)
        for queue in self._listeners:
            queue.put_nowait(event)

    async def listen(self) -> AsyncIterator[Exited]:
        queue: asyncio.Queue[Exited] = asyncio.Queue()
        for event in self._before:
            queue.put_nowait(event)
        self._before.clear()
        self._listeners.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)


@dataclass(slots=True)
class Host:
    layout: Layout
    tools: Tools
    machine: Machine
    groups: Groups
    launcher: Launcher
    compiler: Compiler
    images: Store
    exits: Exits = field(default_factory=Exits)

    def seccomp(self, security: Security) -> tuple[dict[str, Any] | None, bytes | None]:
        """The filter for a container: OCI's form and the program. Raises StartFailed: no such profile."""
        if security.privileged or security.seccomp == "unconfined":
            return None, None
        try:
            profile = PROFILE if security.seccomp == "runtime/default" else _read_profile(Path(security.seccomp))
            allowed = frozenset(capabilities(security, self.machine))
            resolved = resolve(profile, allowed, self.machine.architecture)
        except (OSError, ValueError, KeyError) as error:
            raise StartFailed(f"cannot use the seccomp profile {security.seccomp}: {error}") from error
        return resolved, self.compiler.program(resolved)

    async def discard(self, folder: Path) -> None:
        """A folder is gone at once, what is in it when this returns; a crash's rest the next engine deletes."""
        trash = self.layout.trash / uuid.uuid4().hex
        try:
            folder.rename(trash)
        except FileNotFoundError:
            return
        await asyncio.to_thread(shutil.rmtree, trash, True)


def _read_profile(path: Path) -> dict[str, Any]:
    document = orjson.loads(path.read_bytes())
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return document
