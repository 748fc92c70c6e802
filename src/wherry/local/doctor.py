"""What a machine must have, what it should have, and the remedy for what it lacks.

`CHECKS` is the one list. A check only looks; it takes no longer than a few system calls, so `start` runs all that are
required each time.
"""

import ctypes
import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wherry.linux import cgroupfs, mounts
from wherry.local.layout import home

SYSTEM_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))
KERNEL = (5, 6)  # openat2; pidfds are older
DISK = 1 << 30  # bytes
INOTIFY_INSTANCES = 512
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "uts")
CONTROLLERS = ("cpu", "memory", "pids")

Level = Literal["required", "recommended"]


@dataclass(frozen=True, slots=True)
class Result:
    """What a check saw. `remedy` is empty when all is well."""

    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    level: Level
    look: Callable[[], Result]


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    level: Level
    found: str
    remedy: str

    @property
    def ok(self) -> bool:
        return not self.remedy


def examine(level: Level | None = None) -> list[Finding]:
    """The findings of every check (of one level), in the list's order."""
    chosen = [check for check in CHECKS if level in (None, check.level)]
    results = [(check, check.look()) for check in chosen]
    return [Finding(check.name, check.level, result.found, result.remedy) for check, result in results]


def program(*names: str) -> str | None:
    """The path of the first of these programs that the machine has, also where only root's PATH looks."""
    return next(filter(None, (shutil.which(name, path=SYSTEM_PATH) for name in names)), None)


def _root() -> Result:
    if os.geteuid() == 0:
        return Result("running as root")
    return Result("not root", "run it as root: sudo wherry ...")


def _kernel() -> Result:
    release = platform.release()
    version = tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit())
    if platform.system() != "Linux" or version < KERNEL:
        return Result(f"{platform.system()} {release}", f"use Linux {KERNEL[0]}.{KERNEL[1]} or newer")
    return Result(f"Linux {release}")


def _runtime() -> Result:
    found = program("crun", "runc")
    return Result(found) if found else Result("neither crun nor runc", _install("crun"))


def _conmon() -> Result:
    found = program("conmon")
    return Result(found) if found else Result("no conmon", _install("conmon"))


def _nftables() -> Result:
    try:
        ctypes.CDLL("libnftables.so.1")
    except OSError:
        return Result("no libnftables.so.1", _install("nftables"))
    return Result("libnftables.so.1")


def _namespaces() -> Result:
    missing = [name for name in NAMESPACES if not Path("/proc/self/ns", name).exists()]
    if missing:
        return Result(
            f"no {', '.join(missing)} namespaces", "use a kernel built with CONFIG_NAMESPACES and all its kinds"
        )
    return Result(", ".join(NAMESPACES))


def _overlay() -> Result:
    if "overlay" not in _read("/proc/filesystems").split():
        return Result("no overlay file system", "load it: modprobe overlay")
    mount = _mount_of(home())
    if mount in ("overlay", "fuse-overlayfs"):
        return Result(
            f"{home()} is itself on {mount}",
            f"mount a volume of a real file system at {home()}, or set WHERRY_HOME to one",
        )
    return Result(f"overlay; {home()} is on {mount}")


def _cgroups() -> Result:
    try:
        hierarchies = cgroupfs.discover()
    except OSError as error:
        return Result(f"no usable cgroups: {error}", "mount cgroup2: mount -t cgroup2 none /sys/fs/cgroup")
    missing = [name for name in CONTROLLERS if name not in hierarchies.roots]
    if missing:
        kernel = f"boot with cgroup_enable={missing[0]}, or let the parent cgroup delegate the controllers"
        return Result(f"cgroup v{hierarchies.version} without {', '.join(missing)}", kernel)
    root = hierarchies.roots["memory"]
    if not os.access(root, os.W_OK):
        return Result(f"{root} is read-only", "run it outside the container, or mount the cgroups writable")
    return Result(f"cgroup v{hierarchies.version}")


def _forwarding() -> Result:
    path = Path("/proc/sys/net/ipv4/ip_forward")
    if _read(path).strip() == "1":
        return Result("on")
    if os.access(path, os.W_OK):
        return Result("off; `wherry start` turns it on")
    return Result("off, and /proc/sys is read-only", "turn it on: sysctl -w net.ipv4.ip_forward=1")


def _disk() -> Result:
    directory = next(path for path in (home(), *home().parents) if path.exists())
    free = shutil.disk_usage(directory).free
    found = f"{free / (1 << 30):.1f} GiB free at {directory}"
    return Result(found, "" if free >= DISK else f"free {DISK >> 30} GiB, or set WHERRY_HOME to a larger disk")


def _inotify() -> Result:
    value = int(_read("/proc/sys/fs/inotify/max_user_instances").strip() or 0)
    remedy = "" if value >= INOTIFY_INSTANCES else "raise it: sysctl -w fs.inotify.max_user_instances=4096"
    return Result(f"{value} inotify instances", remedy)


def _seccomp() -> Result:
    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return Result("no libseccomp.so.2: containers run without a seccomp filter", _install("libseccomp2"))
    return Result("libseccomp.so.2")


def _iproute() -> Result:
    found = program("ip")
    return Result(found) if found else Result("no ip: only for looking around by hand", _install("iproute2"))


def _kubectl() -> Result:
    found = program("kubectl")
    return Result(found) if found else Result("no kubectl", "install it from https://kubernetes.io/docs/tasks/tools/")


CHECKS: tuple[Check, ...] = (
    Check("root", "required", _root),
    Check("kernel", "required", _kernel),
    Check("container runtime", "required", _runtime),
    Check("container monitor", "required", _conmon),
    Check("nftables", "required", _nftables),
    Check("namespaces", "required", _namespaces),
    Check("overlay", "required", _overlay),
    Check("cgroups", "required", _cgroups),
    Check("forwarding", "required", _forwarding),
    Check("disk", "required", _disk),
    Check("inotify", "recommended", _inotify),
    Check("seccomp", "recommended", _seccomp),
    Check("iproute2", "recommended", _iproute),
    Check("kubectl", "recommended", _kubectl),
)


def _install(package: str) -> str:
    for manager, command in (("apt-get", "apt-get install"), ("dnf", "dnf install"), ("zypper", "zypper install")):
        if program(manager):
            return f"{command} {package}"
    return f"install the package {package}"


def _mount_of(path: Path) -> str:
    """The type of the file system that `path` is on, or will be."""
    path = next(candidate for candidate in (path, *path.parents) if candidate.exists()).resolve()
    holders = [mount for mount in mounts.all_mounts() if path.is_relative_to(mount.target)]
    return (
        max(holders, key=lambda mount: len(Path(mount.target).parts)).fstype if holders else "an unknown file system"
    )


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
