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
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol


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
class Image:
    """An image in the store. `id` is the config's digest (`sha256:...`), `size` the bytes of its unpacked layers.
    `command`, `entrypoint`, `env`, `user`, `working_dir` and `stop_signal` come from its config."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]  # name@sha256:... of the manifest
    size: int
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    stop_signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """`netns`: path of a network namespace (None: the host's). `cgroup_parent`: the pod's cgroup, relative to the
    root of each hierarchy (`wherry/<profile>/<node>/kubepods/burstable/pod<uid>`), made by the engine."""

    id: str
    hostname: str
    netns: str | None
    cgroup_parent: str
    sysctls: Mapping[str, str] = field(default_factory=dict)
    host_ipc: bool = False
    host_pid: bool = False
    share_pid: bool = False
    resources: "Resources | None" = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sandbox:
    id: str
    spec: SandboxSpec
    created_at: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits and weights in cgroup v1 units, translated for v2. None or 0: unlimited."""

    memory_limit: int = 0  # bytes
    cpu_shares: int = 0
    cpu_quota: int = 0  # microseconds a period
    cpu_period: int = 100_000
    pids_limit: int = 0
    cpuset_cpus: str = ""
    oom_score_adj: int = 0


@dataclass(frozen=True, slots=True)
class Mount:
    """A host path (or tmpfs, with `source` "tmpfs") inside a container."""

    source: str
    target: str
    read_only: bool = False
    propagation: Literal["private", "rslave", "rshared"] = "private"
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Security:
    """`user`: "uid", "uid:gid" or names, as an image writes it; "" is the image's own. `seccomp`: "runtime/default",
    "unconfined" or the path of a profile. Capabilities are names without CAP_."""

    user: str = ""
    supplemental_groups: tuple[int, ...] = ()
    add_capabilities: tuple[str, ...] = ()
    drop_capabilities: tuple[str, ...] = ()
    privileged: bool = False
    read_only_root: bool = False
    no_new_privileges: bool = False
    seccomp: str = "runtime/default"
    unmasked_proc: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Everything a container is made from. `command` and `args` override the image's entrypoint and command the way
    Kubernetes does (`command` alone drops the image's command). `log_path`: where output goes, CRI format."""

    id: str
    sandbox: str
    name: str
    image: str  # an Image.id, present in the store
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    working_dir: str = ""
    mounts: tuple[Mount, ...] = ()
    security: Security = Security()
    resources: Resources = Resources()
    log_path: str = ""
    tty: bool = False
    stdin: bool = False
    stdin_once: bool = False
    stop_signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


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

    images: ImageStore

    async def create_sandbox(self, spec: SandboxSpec) -> Sandbox: ...

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """Kills what still runs in it; removes its containers, namespaces and cgroups. No error if it is gone."""

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
