"""Requests and limits as cgroup values."""

from collections.abc import Callable

from wherry.api import Obj
from wherry.engine.specs import Resources
from wherry.lib import quantity
from wherry.node.plan.podspec import containers, is_sidecar, sidecars
from wherry.node.plan.qos import BEST_EFFORT, BURSTABLE, GUARANTEED, qos_class

PERIOD = 100_000  # microseconds
_MIN_QUOTA = 1_000
_MIN_SHARES, _MAX_SHARES = 2, 262_144
_GUARANTEED_SCORE = -997
_CRITICAL = 2_000_000_000


def cgroup_parent(root: str, pod: Obj) -> str:
    """The pod's cgroup in the tree of quality-of-service classes."""
    tier = {GUARANTEED: "", BURSTABLE: "burstable/", BEST_EFFORT: "besteffort/"}[qos_class(pod)]
    return f"{root}/kubepods/{tier}pod{pod['metadata']['uid']}"


def shares(milli_cpu: int) -> int:
    """cpu.shares of a request."""
    return min(max(milli_cpu * 1024 // 1000, _MIN_SHARES), _MAX_SHARES)


def quota(milli_cpu: int) -> int:
    """cpu.cfs_quota_us of a limit; 0: unlimited."""
    return max(milli_cpu * PERIOD // 1000, _MIN_QUOTA) if milli_cpu else 0


def _amounts(holder: Obj, kind: str) -> Obj:
    return (holder.get("resources") or {}).get(kind) or {}


def _milli(amounts: Obj, default: Obj | None = None) -> int:
    return quantity.milli(((default or {}) | amounts).get("cpu", 0))


def _memory(amounts: Obj) -> int:
    return quantity.value(amounts.get("memory", 0))


def of_container(pod: Obj, container: Obj, machine_memory: int) -> Resources:
    """A container's own cgroup. A pod-level limit bounds containers that have none (through the pod's cgroup)."""
    limits, requests = _amounts(container, "limits"), _amounts(container, "requests")
    return Resources(
        memory_limit=_memory(limits),
        cpu_shares=shares(_milli(requests, limits)),
        cpu_quota=quota(_milli(limits)),
        cpu_period=PERIOD,
        oom_score_adj=oom_score(pod, container, machine_memory),
    )


def of_pod(pod: Obj) -> Resources:
    """The cgroup above the containers: limits only where every container has one, or the pod itself does."""
    spec = pod["spec"]
    if spec.get("resources"):
        limits, requests = _amounts(spec, "limits"), _amounts(spec, "requests")
        return Resources(_memory(limits), shares(_milli(requests, limits)), quota(_milli(limits)), PERIOD)
    together = [*containers(pod), *sidecars(pod)]
    once = [each for each in spec.get("initContainers") or [] if not is_sidecar(each)]
    request = sum(_milli(_amounts(each, "requests"), _amounts(each, "limits")) for each in together)
    request = max([request, *(_milli(_amounts(each, "requests")) for each in once)])
    overhead = spec.get("overhead") or {}
    cpu = _bound([_milli(_amounts(each, "limits")) for each in together], once, _milli)
    memory = _bound([_memory(_amounts(each, "limits")) for each in together], once, _memory)
    return Resources(
        memory_limit=memory + _memory(overhead) if memory else 0,
        cpu_shares=shares(request + _milli(overhead)),
        cpu_quota=quota(cpu + _milli(overhead)) if cpu else 0,
        cpu_period=PERIOD,
    )


def _bound(amounts: list[int], once: list[Obj], read: Callable[[Obj], int]) -> int:
    """The sum of limits, or a single init container's if that is more; 0 as soon as one has none."""
    single = [read(_amounts(each, "limits")) for each in once]
    if not all(amounts) or not all(single):
        return 0
    return max([sum(amounts), *single])


def oom_score(pod: Obj, container: Obj, machine_memory: int) -> int:
    """Who goes first when the machine runs out of memory (-997 late, 1000 first)."""
    tier = qos_class(pod)
    if tier == GUARANTEED or pod["spec"].get("priority", 0) >= _CRITICAL:
        return _GUARANTEED_SCORE
    if tier == BEST_EFFORT or not machine_memory:
        return 1000
    request = _memory(_amounts(container, "requests"))
    if container in sidecars(pod):
        request = max(request, min((_memory(_amounts(each, "requests")) for each in containers(pod)), default=0))
    score = 1000 - 1000 * request // machine_memory
    return max(min(score, 999), 1000 + _GUARANTEED_SCORE)
