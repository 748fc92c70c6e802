"""Whether the node takes a pod that was bound to it: the scheduler decides on what it knows, the node on what is."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from wherry.api import Obj, meta
from wherry.lib import quantity
from wherry.node.plan.demand import Amounts, add, requests
from wherry.node.plan.phase import TERMINAL
from wherry.node.plan.view import Rejection

_MILLI = {"cpu"}
SAFE_SYSCTLS = frozenset({
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
})  # fmt: skip
_REJECTED = "Pod was rejected: "


def admit(pod: Obj, others: Iterable[Obj], allocatable: Mapping[str, str]) -> Rejection | None:
    """None: the pod may run. `others`: the node's other pods."""
    os = (pod["spec"].get("os") or {}).get("name", "linux")
    if os != "linux":
        message = "Failed to admit pod as the OS field doesn't match node OS"
        return Rejection("PodOSNotSupported", _REJECTED + message)
    return _sysctls(pod) or _fits(pod, [each for each in others if _counts(each, pod)], allocatable)


def _sysctls(pod: Obj) -> Rejection | None:
    """Only those that cannot harm other pods."""
    spec = pod["spec"]
    for each in (spec.get("securityContext") or {}).get("sysctls") or []:
        name = each["name"].replace("/", ".")
        shares = "hostNetwork" if name.startswith("net.") else "hostIPC"
        if name not in SAFE_SYSCTLS:
            problem = f'"{name}" not allowlisted'
        elif spec.get(shares):
            problem = f'"{name}" not allowed with host {"net" if shares == "hostNetwork" else "ipc"} enabled'
        else:
            continue
        return Rejection("SysctlForbidden", f"{_REJECTED}forbidden sysctl: {problem}")
    return None


def resize(pod: Obj, others: Iterable[Obj], allocatable: Mapping[str, str]) -> Rejection | None:
    """Why a pod that runs cannot have what it asks for by now: never (Infeasible), or not yet (Deferred)."""
    neighbours = [each for each in others if _counts(each, pod)]
    for reason, beside in (("Infeasible", []), ("Deferred", neighbours)):
        problem = _fits(pod, beside, allocatable)
        if problem is not None:
            return Rejection(reason, problem.message.removeprefix(_REJECTED))
    return None


def _counts(other: Obj, pod: Obj) -> bool:
    finished = (other.get("status") or {}).get("phase") in TERMINAL
    return not finished and meta.uid(other) != meta.uid(pod)


def _fits(pod: Obj, others: list[Obj], allocatable: Mapping[str, str]) -> Rejection | None:
    used: Amounts = {"pods": Decimal(len(others))}
    for each in others:
        used = add(used, requests(each))
    wanted = requests(pod) | {"pods": Decimal(1)}
    for name in sorted(wanted):
        if name not in allocatable or not wanted[name]:
            continue
        capacity, taken = quantity.parse(allocatable[name]), used.get(name, Decimal(0))
        if wanted[name] + taken > capacity:
            numbers = [_shown(name, each) for each in (wanted[name], taken, capacity)]
            message = (
                f"Node didn't have enough resource: {name}, requested: {numbers[0]}, used: {numbers[1]}, "
                f"capacity: {numbers[2]}"
            )
            return Rejection(f"OutOf{name}", _REJECTED + message)
    return None


def _shown(name: str, amount: Decimal) -> int:
    return int(amount * 1000 if name in _MILLI else amount)
