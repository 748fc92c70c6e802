"""Which pods the node puts out: those that use more storage than they may, and when memory or disk run short those
that use more than they asked for, the least important first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wherry.api import Obj, meta
from wherry.lib import quantity
from wherry.node.plan.demand import requests
from wherry.node.plan.nodestatus import DISK_RESERVE, MEMORY_RESERVE, Load
from wherry.node.plan.podspec import containers
from wherry.node.plan.view import Rejection

EVICTED = "Evicted"
# Upstream's words for a pod that the node ends.
DISRUPTION = "TerminationByKubelet"
_CRITICAL = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Used:
    """What one pod uses, in bytes. `volumes`: its emptyDirs on disk and in memory, by name; `storage`: all that it
    has on the node's disk."""

    pod: Obj
    memory: int = 0
    storage: int = 0
    volumes: dict[str, int] = field(default_factory=dict)


def over_limits(used: Used) -> Rejection | None:
    """Whether a pod has to go for what it wrote."""
    for volume in used.pod["spec"].get("volumes") or []:
        limit = (volume.get("emptyDir") or {}).get("sizeLimit")
        if limit and used.volumes.get(volume["name"], 0) > quantity.value(limit):
            return _evicted(f'Usage of EmptyDir volume "{volume["name"]}" exceeds the limit "{limit}". ')
    limits = [
        ((each.get("resources") or {}).get("limits") or {}).get("ephemeral-storage") for each in containers(used.pod)
    ]
    total = sum(quantity.value(each) for each in limits if each)
    if all(limits) and used.storage > total:
        return _evicted(f"Pod ephemeral local storage usage exceeds the total limit of containers {total}. ")
    return None


def _evicted(message: str) -> Rejection:
    return Rejection(EVICTED, message, grace=0)


def short_of(load: Load, disk: int) -> tuple[bool, bool]:
    """Whether the node is short of memory, and of room on its disk (of `disk` bytes)."""
    return load.memory_available < MEMORY_RESERVE, load.disk_available < disk * DISK_RESERVE


def under_pressure(load: Load, disk: int, pods: Sequence[Used]) -> tuple[str, Rejection] | None:
    """The uid of the pod that goes next, and why; None: there is no need, or nobody to blame. `disk`: its size in
    bytes."""
    memory_short, disk_short = short_of(load, disk)
    if memory_short:
        return _choose("memory", load.memory_available, MEMORY_RESERVE, [(each, each.memory) for each in pods])
    if disk_short:
        threshold = int(disk * DISK_RESERVE)
        return _choose("ephemeral-storage", load.disk_available, threshold, [(each, each.storage) for each in pods])
    return None


def _choose(
    name: str, available: int, threshold: int, pods: Iterable[tuple[Used, int]]
) -> tuple[str, Rejection] | None:
    ranked = sorted(
        ((_rank(each, name, amount), each, amount) for each, amount in pods if _may_go(each.pod)), key=_first
    )
    if not ranked:
        return None
    _, used, amount = ranked[0]
    message = (
        f"The node was low on resource: {name}. Threshold quantity: {threshold}, available: {available}. "
        f"The pod was using {amount}, request is {int(requests(used.pod).get(name, 0))}. "
    )
    return meta.uid(used.pod), _evicted(message)


def _first(entry: tuple[tuple[bool, int, int], Used, int]) -> tuple[bool, int, int]:
    return entry[0]


def _rank(used: Used, name: str, amount: int) -> tuple[bool, int, int]:
    """Smallest goes first: over its request, then low priority, then far over its request."""
    asked = int(requests(used.pod).get(name, 0))
    return amount <= asked, used.pod["spec"].get("priority", 0), asked - amount


def _may_go(pod: Obj) -> bool:
    return pod["spec"].get("priority", 0) < _CRITICAL
