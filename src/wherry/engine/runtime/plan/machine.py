"""What a machine can do, as a value that the rules take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Device:
    """A device node of the host, for privileged containers. `kind`: "c" or "b"; `mode` without the type's bits."""

    path: str
    kind: str
    major: int
    minor: int
    mode: int
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class Machine:
    """`runtime`: "crun" or "runc". `nofile`: the hard limit of open files. `oom_floor`: the lowest oom_score_adj that
    may be given to others."""

    runtime: str
    cgroup_version: int
    swap_accounting: bool
    architecture: str
    capabilities: frozenset[str]
    nofile: int
    oom_floor: int
    devices: tuple[Device, ...] = ()
