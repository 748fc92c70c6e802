"""What to write where: `Resources` as files of cgroup v1 and v2, and as `linux.resources` of an OCI configuration."""

from dataclasses import dataclass
from typing import Any

from wherry.engine.specs import Resources

UNLIMITED_V1 = "-1"
UNLIMITED_V2 = "max"


@dataclass(frozen=True, slots=True)
class Setting:
    """One file of a group and its value. `controller` says in which hierarchy (v1)."""

    controller: str
    file: str
    value: str


def container_group(parent: str, container_id: str) -> str:
    return f"{parent}/{container_id}"


def sandbox_group(parent: str) -> str:
    """Where the process that holds a sandbox's namespaces lives: a leaf, since v2 allows none between."""
    return f"{parent}/sandbox"


def cpu_weight(shares: int) -> int:
    """v1 shares (2..262144) as v2 weight (1..10000), the way every OCI runtime converts."""
    return 1 + ((max(2, min(shares, 262_144)) - 2) * 9999) // 262_142


def settings(resources: Resources, version: int) -> list[Setting]:
    """Every limit, an absent one as unlimited: right for a new group and for an update."""
    return _v2(resources) if version == 2 else _v1(resources)


def _v1(r: Resources) -> list[Setting]:
    memory = str(r.memory_limit or UNLIMITED_V1)
    found = [
        Setting("memory", "memory.limit_in_bytes", memory),
        Setting("memory", "memory.memsw.limit_in_bytes", memory),
        Setting("cpu", "cpu.cfs_period_us", str(r.cpu_period)),
        Setting("cpu", "cpu.cfs_quota_us", str(r.cpu_quota or UNLIMITED_V1)),
        Setting("pids", "pids.max", str(r.pids_limit or UNLIMITED_V2)),
    ]
    if r.cpu_shares:
        found.append(Setting("cpu", "cpu.shares", str(max(2, r.cpu_shares))))
    if r.cpuset_cpus:
        found.append(Setting("cpuset", "cpuset.cpus", r.cpuset_cpus))
    return found


def _v2(r: Resources) -> list[Setting]:
    found = [
        Setting("memory", "memory.max", str(r.memory_limit or UNLIMITED_V2)),
        Setting("memory", "memory.swap.max", "0" if r.memory_limit else UNLIMITED_V2),
        Setting("cpu", "cpu.max", f"{r.cpu_quota or UNLIMITED_V2} {r.cpu_period}"),
        Setting("pids", "pids.max", str(r.pids_limit or UNLIMITED_V2)),
    ]
    if r.cpu_shares:
        found.append(Setting("cpu", "cpu.weight", str(cpu_weight(r.cpu_shares))))
    if r.cpuset_cpus:
        found.append(Setting("cpuset", "cpuset.cpus", r.cpuset_cpus))
    return found


def oci_resources(r: Resources, version: int, swap_accounting: bool) -> dict[str, Any]:
    """`linux.resources` without devices. Swap is forbidden to a container with a memory limit; where the kernel does
    not account for swap, a runtime must not be asked to. On v2 an OOM kill takes the whole group."""
    found: dict[str, Any] = {}
    if r.memory_limit:
        found["memory"] = {"limit": r.memory_limit} | ({"swap": r.memory_limit} if swap_accounting else {})
    cpu: dict[str, Any] = {}
    if r.cpu_shares:
        cpu["shares"] = max(2, r.cpu_shares)
    if r.cpu_quota:
        cpu |= {"quota": r.cpu_quota, "period": r.cpu_period}
    if r.cpuset_cpus:
        cpu["cpus"] = r.cpuset_cpus
    if cpu:
        found["cpu"] = cpu
    if r.pids_limit:
        found["pids"] = {"limit": r.pids_limit}
    if version == 2:
        found["unified"] = {"memory.oom.group": "1"}
    return found
