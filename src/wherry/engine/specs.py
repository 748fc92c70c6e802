"""What images, sandboxes and containers are made from, as plain values: the part of the vocabulary that rules use.

`interface` explains the words and offers these names again; rules, which may not reach asyncio, import from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


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
    resources: Resources | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


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
