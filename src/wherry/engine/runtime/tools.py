"""Which programs there are, and what this machine can do."""

import os
import platform
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from wherry.engine.cgroups.groups import Groups
from wherry.engine.interface import RuntimeMissing
from wherry.engine.runtime.plan import Device, Machine
from wherry.linux import procs

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "riscv64": "riscv64", "s390x": "s390x"}
_PLACES = "/usr/libexec/podman:/usr/lib/podman:/usr/libexec/crio:/usr/lib/crio/bin"


@dataclass(frozen=True, slots=True)
class Tools:
    runtime: str  # path
    conmon: str

    @property
    def runtime_name(self) -> str:
        return Path(self.runtime).name


def find(runtime: str | None = None) -> Tools:
    """`runtime`: a name or a path instead of the first of crun and runc. Raises RuntimeMissing, saying what to
    install."""
    names = (runtime,) if runtime else ("crun", "runc")
    found = next((path for name in names if (path := installed(name))), None)
    if found is None:
        raise RuntimeMissing(f"no container runtime: install {' or '.join(names)}")
    conmon = installed("conmon")
    if conmon is None:
        raise RuntimeMissing("no conmon: install the package conmon")
    return Tools(found, conmon)


def installed(name: str) -> str | None:
    """The path of a program, also where container tools are put without being in anybody's PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:{_PLACES}")


def architecture() -> str:
    """As images name it: amd64, arm64, ..."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def machine(tools: Tools, groups: Groups) -> Machine:
    """Measured once, when an engine opens."""
    allowed = procs.bounding_set()
    return Machine(
        runtime=tools.runtime_name,
        cgroup_version=groups.version,
        swap_accounting=groups.swap_accounting,
        architecture=architecture(),
        capabilities=allowed,
        nofile=procs.hard_limit("NOFILE"),
        oom_floor=-1000 if "SYS_RESOURCE" in allowed else procs.oom_score_adj(),
        devices=tuple(_devices(Path("/dev"))),
    )


def _devices(folder: Path) -> list[Device]:
    """The host's device nodes but those that a container has anyway: terminals, shared memory, queues."""
    found = []
    for entry in os.scandir(folder):
        if entry.name in ("pts", "shm", "mqueue", "console", "ptmx", "fd"):
            continue
        if entry.is_dir(follow_symlinks=False):
            found += _devices(Path(entry.path))
            continue
        status = entry.stat(follow_symlinks=False)
        kind = "c" if stat.S_ISCHR(status.st_mode) else "b" if stat.S_ISBLK(status.st_mode) else ""
        if kind:
            number = status.st_rdev
            mode = stat.S_IMODE(status.st_mode)
            found.append(
                Device(entry.path, kind, os.major(number), os.minor(number), mode, status.st_uid, status.st_gid)
            )
    return found
