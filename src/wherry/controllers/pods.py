"""Pods as workload controllers see them: ready, available, active, and which to delete first.

Source: upstream's pkg/api/v1/pod and pkg/controller/controller_utils (ActivePodsWithRanks).
"""

import math
from collections.abc import Iterable, Mapping
from functools import cmp_to_key

from wherry.api import Obj, meta
from wherry.api.kinds import POD
from wherry.controllers.actions import Patch
from wherry.lib.timestamps import parse

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASE_ORDER = {"Pending": 0, "Unknown": 1, "Running": 2}


def phase(pod: Obj) -> str:
    return str((pod.get("status") or {}).get("phase", ""))


def node_name(pod: Obj) -> str:
    return str(pod["spec"].get("nodeName") or "")


def condition_patch(pod: Obj, condition: Obj) -> Patch:
    """Set one condition of the status, if the pod is still as it was seen."""
    metadata = {"uid": meta.uid(pod), "resourceVersion": pod["metadata"]["resourceVersion"]}
    patch = {"metadata": metadata, "status": {"conditions": [condition]}}
    return Patch(POD, meta.name(pod), meta.namespace(pod), patch, "strategic", subresource="status", missing_ok=True)


def is_ready(pod: Obj) -> bool:
    return meta.is_true(pod, "Ready")


def is_terminal(pod: Obj) -> bool:
    """All containers have stopped and will not come back."""
    return phase(pod) in ("Succeeded", "Failed")


def is_active(pod: Obj) -> bool:
    """Runs or may run, and nobody asked it to go."""
    return not is_terminal(pod) and not meta.deleting(pod)


def is_terminating(pod: Obj) -> bool:
    return meta.deleting(pod) and not is_terminal(pod)


def ready_since(pod: Obj) -> float | None:
    """When the pod became ready, in seconds since the epoch; None if it is not or nobody knows."""
    ready = meta.condition(pod, "Ready")
    if ready is None or ready.get("status") != "True" or not ready.get("lastTransitionTime"):
        return None
    return parse(ready["lastTransitionTime"])


def available_in(pod: Obj, min_ready_seconds: int, now: float) -> float | None:
    """Seconds until a ready pod counts as available: 0 if it does; None if only a change of the pod can tell."""
    if not is_ready(pod):
        return None
    if min_ready_seconds <= 0:
        return 0
    since = ready_since(pod)
    return None if since is None else max(0.0, since + min_ready_seconds - now)


def is_available(pod: Obj, min_ready_seconds: int, now: float) -> bool:
    return available_in(pod, min_ready_seconds, now) == 0


def next_availability(pods: Iterable[Obj], min_ready_seconds: int, now: float) -> float | None:
    """Seconds until the first of the pods that are ready but not yet available becomes so."""
    waits = (available_in(pod, min_ready_seconds, now) for pod in pods)
    return min((wait for wait in waits if wait), default=None)


def created_at(obj: Obj) -> float:
    """creationTimestamp in seconds since the epoch; 0 when unset."""
    stamp = obj["metadata"].get("creationTimestamp")
    return parse(stamp) if stamp else 0.0


def deletion_cost(pod: Obj) -> int:
    """The owner's hint: pods of lower cost go first. What is not a 32-bit integer counts as 0."""
    text = meta.annotations(pod).get(DELETION_COST, "0")
    try:
        cost = int(text)
    except ValueError:
        return 0
    return cost if -(2**31) <= cost < 2**31 and not text.startswith(("+", " ")) else 0


def restarts(pod: Obj) -> tuple[int, int]:
    """The most restarts of an ordinary container and of a sidecar."""
    status = pod.get("status") or {}
    sidecars = {c["name"] for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"}
    ordinary = max((c.get("restartCount", 0) for c in status.get("containerStatuses") or ()), default=0)
    sidecar = max(
        (c.get("restartCount", 0) for c in status.get("initContainerStatuses") or () if c["name"] in sidecars),
        default=0,
    )
    return ordinary, sidecar


def active_per_node(pods: Iterable[Obj]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for pod in pods:
        if is_active(pod):
            counts[node_name(pod)] = counts.get(node_name(pod), 0) + 1
    return counts


def by_deletion_preference(pods: Iterable[Obj], neighbours: Mapping[str, int], now: float) -> list[Obj]:
    """The pods, best first to delete. `neighbours`: active related pods a node; crowded nodes are thinned first."""
    facts = [_Facts(pod, neighbours.get(node_name(pod), 0), now) for pod in pods]
    return [each.pod for each in sorted(facts, key=cmp_to_key(_compare))]


class _Facts:
    """What the comparison looks at, read from a pod once."""

    __slots__ = ("created", "first", "pod", "ready_since", "restarts", "uid")

    def __init__(self, pod: Obj, neighbours: int, now: float) -> None:
        self.pod = pod
        ready = is_ready(pod)
        # Unassigned before assigned, pending before running, not ready before ready, cheap before dear, then crowded.
        self.first = (
            bool(node_name(pod)), _PHASE_ORDER.get(phase(pod), 0), ready, deletion_cost(pod), -neighbours,
        )  # fmt: skip
        self.ready_since = _Age(ready_since(pod) or 0.0, now) if ready else None
        self.restarts = tuple(-count for count in restarts(pod))
        self.created = _Age(created_at(pod), now)
        self.uid = meta.uid(pod)


class _Age:
    """Ages compare by order of magnitude, so that pods of similar age are picked at random (by uid)."""

    __slots__ = ("rank", "when")

    def __init__(self, when: float, now: float) -> None:
        self.when = when
        passed = (now - when) * 1e9
        self.rank = int(math.log2(passed)) if passed > 0 else -1


def _compare(a: _Facts, b: _Facts) -> int:
    if a.first != b.first:
        return -1 if a.first < b.first else 1
    if a.ready_since and b.ready_since and a.ready_since.when != b.ready_since.when:
        return _younger_first(a.ready_since, b.ready_since, a, b)
    if a.restarts != b.restarts:
        return -1 if a.restarts < b.restarts else 1
    if a.created.when != b.created.when:
        return _younger_first(a.created, b.created, a, b)
    return 0


def _younger_first(x: _Age, y: _Age, a: _Facts, b: _Facts) -> int:
    if not x.when or not y.when:
        return -1 if not x.when else 1
    return x.rank - y.rank or (-1 if a.uid < b.uid else 1)
