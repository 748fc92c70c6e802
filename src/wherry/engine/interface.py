"""The engine's vocabulary.

An **image** is a manifest, a config and shared read-only **layers**. A **sandbox** is what the containers of a pod
share: its IPC and UTS (and optionally PID) namespaces, a network namespace that somebody else made, a cgroup parent.
A **container** is one process tree in a root filesystem of its own: the image's layers below, a private layer above.
`create` makes it ready, `start` runs it; it outlives the engine's process (conmon holds its output and writes its
exit code). State is on disk: a new engine over the same directory finds everything again.

Errors, all under `EngineError` (terminal unless said):

    ImageNotFound        the registry or the store has no such image
    ImagePullFailed      it could not be fetched (retryable: the network, a registry's 5xx)
    ImageInvalid         a reference or an archive that cannot be understood
    ContainerNotFound
    StartFailed          the runtime refused; `reason` is what Kubernetes shows (`StartError`, `ContainerCannotRun`)
    RuntimeMissing       no crun or runc, or no conmon, on this machine
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from wherry.engine.specs import ContainerSpec, Image, Mount, Resources, SandboxSpec, Security

__all__ = [
    "ContainerNotFound",
    "ContainerSpec",
    "ContainerStatus",
    "Credentials",
    "Engine",
    "EngineError",
    "Exited",
    "Image",
    "ImageInvalid",
    "ImageNotFound",
    "ImagePullFailed",
    "ImageStore",
    "Mount",
    "Resources",
    "RuntimeMissing",
    "Sandbox",
    "SandboxSpec",
    "Security",
    "StartFailed",
    "State",
    "Streams",
    "Usage",
]


class EngineError(Exception):
    retryable = False


class ImageNotFound(EngineError): ...


class ImagePullFailed(EngineError):
    retryable = True


class ImageInvalid(EngineError): ...


class ContainerNotFound(EngineError): ...


class StartFailed(EngineError):
    def __init__(self, message: str, reason: str = "StartError", exit_code: int = 128) -> None:
        super().__init__(message)
        self.reason, self.exit_code = reason, exit_code


class RuntimeMissing(EngineError): ...


@dataclass(frozen=True, slots=True)
class Credentials:
    username: str = ""
    password: str = ""
    token: str = ""


class ImageStore(Protocol):
    """Content-addressed images under one directory, shared by every engine on the machine (file locks)."""

    def all(self) -> list[Image]: ...

    def find(self, reference: str) -> Image | None:
        """By name as users write it (`busybox`, `busybox:1.36`, `host:5000/a/b@sha256:...`) or by id."""

    async def pull(self, reference: str, credentials: Credentials | None = None) -> Image:
        """Fetch from the reference's registry. Raises ImageNotFound, ImagePullFailed, ImageInvalid."""

    async def load(self, archive: Path) -> list[Image]:
        """Import a docker archive or an OCI layout archive (plain or gzip). Raises ImageInvalid."""

    def remove(self, reference: str) -> bool:
        """Untag; layers that no image uses any more are deleted. False: no such image."""

    @property
    def layer_folder(self) -> Path: ...

    def layers(self, image_id: str) -> list[str]:
        """An image's unpacked layers as paths in `layer_folder`, the top one first. Raises ImageNotFound."""

    def hold(self, image_id: str, user: Path) -> None:
        """Keep an image's layers as long as the folder `user` is there; its last part names the user."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    id: str
    spec: SandboxSpec
    created_at: float  # seconds since the epoch


State = Literal["created", "running", "exited"]


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """Times are seconds since the epoch, 0 when it did not happen yet. `pid` is the first process on the host."""

    id: str
    spec: ContainerSpec
    state: State
    pid: int = 0
    created_at: float = 0
    started_at: float = 0
    finished_at: float = 0
    exit_code: int = 0
    oom_killed: bool = False
    message: str = ""


@dataclass(frozen=True, slots=True)
class Exited:
    """A container ended; `Engine.status` has the details."""

    id: str
    sandbox: str


@dataclass(slots=True)
class Streams:
    """One side of exec or attach. `stdin`: what the user types (None: no stdin). `stdout`/`stderr`: called with bytes
    as they come; with a tty everything is stdout. `resize`: (columns, rows) as the user's window changes."""

    stdin: asyncio.StreamReader | None
    stdout: Callable[[bytes], Awaitable[None]]
    stderr: Callable[[bytes], Awaitable[None]]
    tty: bool = False
    resize: "asyncio.Queue[tuple[int, int]] | None" = None


@dataclass(frozen=True, slots=True)
class Usage:
    """One reading of a cgroup. `cpu_ns` only grows; `working_set` is memory that cannot be reclaimed easily."""

    at: float
    cpu_ns: int
    memory: int
    working_set: int
    pids: int


class Engine(Protocol):
    """Containers of one node. Every method is safe to call from many tasks; calls for one id are serialised."""

    @property
    def images(self) -> ImageStore: ...

    async def create_sandbox(self, spec: SandboxSpec) -> Sandbox: ...

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """Kills what still runs in it; removes its containers, namespaces and cgroups. No error if it is gone."""

    async def update_sandbox(self, sandbox_id: str, resources: Resources) -> None:
        """Other limits for the cgroup of the whole sandbox. Raises EngineError."""

    def sandboxes(self) -> list[Sandbox]: ...

    async def create(self, spec: ContainerSpec) -> ContainerStatus:
        """Raises ImageNotFound, StartFailed."""

    async def start(self, container_id: str) -> None:
        """Raises StartFailed (`message` in the runtime's words, also kept in the status)."""

    async def signal(self, container_id: str, signal: str) -> None: ...

    async def stop(self, container_id: str, grace: float) -> None:
        """The stop signal, then SIGKILL after `grace` seconds; returns when it has exited."""

    async def remove(self, container_id: str) -> None: ...

    def status(self, container_id: str) -> ContainerStatus:
        """Raises ContainerNotFound."""

    async def wait(self, container_id: str) -> ContainerStatus:
        """Returns when it has exited. Raises ContainerNotFound."""

    def containers(self, sandbox_id: str | None = None) -> list[ContainerStatus]: ...

    def exits(self) -> AsyncIterator[Exited]:
        """Ends of containers as they happen, those that happened while no engine ran included, once."""

    async def exec(self, container_id: str, command: Sequence[str], streams: Streams) -> int:
        """Run beside the container's process; its exit code (126/127 as shells do). Raises ContainerNotFound."""

    async def exec_output(self, container_id: str, command: Sequence[str], timeout: float) -> tuple[int, bytes]:
        """For probes and hooks: exit code and combined output, at most 10 KB. Raises TimeoutError, killing it."""

    async def attach(self, container_id: str, streams: Streams) -> None:
        """Join the running process's own streams until it exits or the user leaves."""

    async def update_resources(self, container_id: str, resources: Resources) -> None: ...

    def usage(self, container_id: str) -> Usage | None: ...

    async def close(self) -> None:
        """Let go; containers go on."""
