"""What a container sees and may touch of the kernel: namespaces, paths of /proc and /sys, devices."""

from typing import Any

from wherry.engine.runtime.plan.machine import Device, Machine
from wherry.engine.specs import SandboxSpec, Security

MASKED_PATHS = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
]
READ_ONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

# null, zero, full, random, urandom, tty, console, ptmx and the pseudo terminals; any node may be made, not used.
_DEVICE_RULES: tuple[tuple[str, int | None, int | None, str], ...] = (
    ("c", None, None, "m"),
    ("b", None, None, "m"),
    ("c", 1, 3, "rwm"),
    ("c", 1, 5, "rwm"),
    ("c", 1, 7, "rwm"),
    ("c", 1, 8, "rwm"),
    ("c", 1, 9, "rwm"),
    ("c", 5, 0, "rwm"),
    ("c", 5, 1, "rwm"),
    ("c", 5, 2, "rwm"),
    ("c", 136, None, "rwm"),
)


def namespaces(sandbox: SandboxSpec, holder: int, netns: str, cgroup_version: int) -> list[dict[str, str]]:
    """`holder`: pid of the process that keeps the sandbox's namespaces. `netns`: a path, "" for the caller's own."""
    found = [{"type": "mount"}, {"type": "uts", "path": f"/proc/{holder}/ns/uts"}]
    if not sandbox.host_ipc:
        found.append({"type": "ipc", "path": f"/proc/{holder}/ns/ipc"})
    if sandbox.share_pid:
        found.append({"type": "pid", "path": f"/proc/{holder}/ns/pid"})
    elif not sandbox.host_pid:
        found.append({"type": "pid"})
    if netns:
        found.append({"type": "network", "path": netns})
    if cgroup_version == 2:
        found.append({"type": "cgroup"})
    return found


def paths(security: Security) -> dict[str, list[str]]:
    if security.privileged or security.unmasked_proc:
        return {}
    return {"maskedPaths": MASKED_PATHS, "readonlyPaths": READ_ONLY_PATHS}


def device_rules(security: Security) -> list[dict[str, Any]]:
    """`linux.resources.devices`: everything for the privileged, else only the harmless ones."""
    if security.privileged:
        return [{"allow": True, "access": "rwm"}]
    rules: list[dict[str, Any]] = [{"allow": False, "access": "rwm"}]
    for kind, major, minor, access in _DEVICE_RULES:
        numbers = {name: value for name, value in (("major", major), ("minor", minor)) if value is not None}
        rules.append({"allow": True, "type": kind, "access": access} | numbers)
    return rules


def devices(security: Security, machine: Machine) -> list[dict[str, Any]]:
    """Device nodes beside those that every runtime makes: all of the host's for the privileged."""
    return [_device(device) for device in machine.devices] if security.privileged else []


def _device(device: Device) -> dict[str, Any]:
    return {
        "path": device.path,
        "type": device.kind,
        "major": device.major,
        "minor": device.minor,
        "fileMode": device.mode,
        "uid": device.uid,
        "gid": device.gid,
    }
