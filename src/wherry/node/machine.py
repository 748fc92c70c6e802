"""Looks at the machine: what it is, and how busy."""

import os
import platform
import uuid
from pathlib import Path

from wherry import __version__
from wherry.node.plan.nodestatus import Load, Machine

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _meminfo() -> dict[str, int]:
    """Bytes by name."""
    out = {}
    for line in _read("/proc/meminfo").splitlines():
        key, _, rest = line.partition(":")
        amount = int(rest.split()[0])
        out[key] = amount * 1024 if rest.endswith("kB") else amount
    return out


def describe(name: str, state_dir: Path) -> Machine:
    """What the machine is. `state_dir`: on the filesystem that pods write to."""
    facts = os.statvfs(state_dir)
    memory = _meminfo()
    uname = platform.uname()
    # Several nodes on one machine have one machine-id: the node's name makes it unique.
    machine_id = uuid.uuid5(uuid.NAMESPACE_OID, f"{_read('/etc/machine-id')}/{name}").hex
    return Machine(
        hostname=uname.node,
        machine_id=machine_id,
        boot_id=_read("/proc/sys/kernel/random/boot_id"),
        kernel=uname.release,
        os_image=_os_image(),
        architecture=_ARCHITECTURES.get(uname.machine, uname.machine),
        runtime=f"wherry://{__version__}",
        cpus=os.cpu_count() or 1,
        memory=memory["MemTotal"],
        disk=facts.f_blocks * facts.f_frsize,
        hugepages=_hugepages(),
    )


def _os_image() -> str:
    for line in _read("/etc/os-release").splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return value.strip('"')
    return "Linux"


def _hugepages() -> tuple[tuple[str, int], ...]:
    """Bytes by page size, as resource names write it."""
    found = []
    base = Path("/sys/kernel/mm/hugepages")
    for entry in sorted(base.iterdir()) if base.is_dir() else []:
        kib = int(entry.name.removeprefix("hugepages-").removesuffix("kB"))
        size = f"{kib // 1024**2}Gi" if kib >= 1024**2 else f"{kib // 1024}Mi" if kib >= 1024 else f"{kib}Ki"
        found.append((size, int(_read(str(entry / "nr_hugepages")) or 0) * kib * 1024))
    return tuple(found)


def load(state_dir: Path, problem: str = "") -> Load:
    facts = os.statvfs(state_dir)
    return Load(
        memory_available=_meminfo()["MemAvailable"],
        disk_available=facts.f_bavail * facts.f_frsize,
        # Some filesystems do not count inodes.
        inodes_available=facts.f_favail / facts.f_files if facts.f_files else 1.0,
        pids=int(_read("/proc/loadavg").split()[3].partition("/")[2]),
        max_pids=int(_read("/proc/sys/kernel/pid_max") or 32768),
        problem=problem,
    )


def usage() -> tuple[float, float]:
    """Seconds of processor time that the machine has spent, and bytes of memory that it cannot easily give back."""
    fields = _read("/proc/stat").splitlines()[0].split()[1:]
    idle = float(fields[3]) + float(fields[4])
    spent = sum(map(float, fields[:8])) - idle
    memory = _meminfo()
    return spent / os.sysconf("SC_CLK_TCK"), float(memory["MemTotal"] - memory["MemAvailable"])
