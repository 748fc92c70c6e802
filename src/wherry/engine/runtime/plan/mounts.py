"""`mounts`: the kernel's filesystems that every container has, then the specification's own."""

import posixpath
from collections.abc import Mapping
from typing import Any

from wherry.engine.specs import ContainerSpec, Mount

_QUIET = ["nosuid", "noexec", "nodev"]


def mounts(spec: ContainerSpec, shm: str, staged: Mapping[int, str]) -> list[dict[str, Any]]:
    """`shm`: the sandbox's shared memory. `staged`: where the sources of the specification's mounts (by their place
    in it) are found by the runtime. A mount of the specification on one of the standard places replaces that one."""
    taken = {posixpath.normpath(mount.target) for mount in spec.mounts}
    standard = [entry for entry in _standard(spec.security.privileged, shm) if entry["destination"] not in taken]
    return standard + [_own(mount, staged.get(place, mount.source)) for place, mount in enumerate(spec.mounts)]


def root_propagation(spec: ContainerSpec) -> str:
    """Of the container's root: the most open that one of its mounts asks for, or theirs would come to nothing."""
    asked = {mount.propagation for mount in spec.mounts}
    return next((name for name in ("rshared", "rslave") if name in asked), "rprivate")


def _standard(privileged: bool, shm: str) -> list[dict[str, Any]]:
    kernel = "rw" if privileged else "ro"
    pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
    return [
        _entry("proc", "/proc", "proc", _QUIET),
        _entry("tmpfs", "/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _entry("devpts", "/dev/pts", "devpts", pts),
        _entry("mqueue", "/dev/mqueue", "mqueue", _QUIET),
        _entry("sysfs", "/sys", "sysfs", [*_QUIET, kernel]),
        _entry("cgroup", "/sys/fs/cgroup", "cgroup", [*_QUIET, "relatime", kernel]),
        _entry(shm, "/dev/shm", "bind", ["rbind", "rprivate", *_QUIET]),
    ]


def _own(mount: Mount, source: str) -> dict[str, Any]:
    access = "ro" if mount.read_only else "rw"
    if mount.source == "tmpfs":
        return _entry("tmpfs", mount.target, "tmpfs", ["nosuid", "nodev", access, *mount.options])
    propagation = "rprivate" if mount.propagation == "private" else mount.propagation
    return _entry(source, mount.target, "bind", ["rbind", propagation, access, *mount.options])


def _entry(source: str, destination: str, kind: str, options: list[str]) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source, "options": options}
