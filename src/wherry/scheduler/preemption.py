"""Making room: which pods of lower priority must go so that a pod fits, and on which node (pure).

A node is tried without all its pods of lower priority; if the pod fits then, as many as possible stay, the most
important first. Of several nodes the one is taken where least is lost. While the victims end, room is reserved for
the pod by a stand-in on the node (`reservation`), so that nobody else takes it.

Source: framework/preemption, plugins/defaultpreemption. Disruption budgets are not looked at.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wherry.scheduler.facts import PodFacts
from wherry.scheduler.snapshot import Snapshot
from wherry.scheduler.views import Views

NO_VICTIMS = "No preemption victims found for incoming pod"
CANDIDATES = 100  # nodes that are tried
LOWEST = 2**31  # added to priorities, so that more pods always weigh more
RESERVATION = "reservation/"


@dataclass(frozen=True, slots=True)
class Preemption:
    """Delete `victims` and let the pod wait for `node`. Reservations among them only have to be forgotten."""

    node: str
    victims: tuple[PodFacts, ...]


def reservation(pod: PodFacts) -> PodFacts:
    """What stands on the node in the pod's stead."""
    return replace(pod, key=RESERVATION + pod.key, uid=reservation_uid(pod))


def reservation_uid(pod: PodFacts) -> str:
    return RESERVATION + pod.uid


def is_reservation(pod: PodFacts) -> bool:
    return pod.uid.startswith(RESERVATION)


def reserved_for(nodes: Snapshot, node: str) -> list[str]:
    """The keys of the pods for which room is reserved on a node."""
    return [pod.key.removeprefix(RESERVATION) for pod in nodes.pods_on(node) if is_reservation(pod)]


def waits_for_victims(views: Views, pod: PodFacts) -> bool:
    """Whether pods are ending already where the pod is to go."""
    on_node = views.nodes.pods_on(pod.nominated) if pod.nominated else []
    return any(each.deleting and each.priority < pod.priority for each in on_node)


def find(views: Views, pod: PodFacts, rows: NDArray[np.intp]) -> tuple[Preemption | None, Counter[str]]:
    """The best of the nodes in `rows`, or None and the reasons why none of them helps, with their numbers."""
    if not views.nodes.has_lower(pod.priority):
        return None, Counter({NO_VICTIMS: len(rows)})
    found: list[Preemption] = []
    reasons: Counter[str] = Counter()
    for row in rows.tolist():
        if len(found) == CANDIDATES:
            break
        victims = _victims(views, pod, row, reasons)
        if victims:
            found.append(Preemption(views.nodes.name(row), tuple(victims)))
    found.sort(key=_last_start, reverse=True)
    found.sort(key=_loss)
    return (found[0] if found else None), reasons


def _victims(views: Views, pod: PodFacts, row: int, reasons: Counter[str]) -> list[PodFacts]:
    """Who must go from one node, the most important first; nobody (and a reason) when that does not help."""
    nodes = views.nodes
    node = nodes.name(row)
    lower = [each for each in nodes.pods_on(node) if each.priority < pod.priority]
    if not lower:
        reasons[NO_VICTIMS] += 1
        return []
    for each in lower:
        nodes.remove_pod(each.uid)
    why = _refusals(views, pod, row)
    victims = lower if why else []
    if not why:
        for each in sorted(lower, key=_importance):
            nodes.add_pod(each, node)
            if _refusals(views, pod, row):
                nodes.remove_pod(each.uid)
                victims.append(each)
    for each in victims:
        nodes.add_pod(each, node)
    reasons.update(why)
    return [] if why else victims


def _refusals(views: Views, pod: PodFacts, row: int) -> Sequence[str]:
    """The reasons of the first filter that refuses a node."""
    rows = np.array([row])
    for plugin in views.profile.filters:
        mask = plugin.mask(pod.demand, views.nodes, rows)
        if mask is not None and not mask.all():
            return [failure.reason for failure in plugin.explain(pod.demand, views.nodes, rows)]
    return ()


def _importance(pod: PodFacts) -> tuple[int, bool, str]:
    return (-pod.priority, not pod.started, pod.started)


def _loss(found: Preemption) -> tuple[int, int, int]:
    priorities = [victim.priority for victim in found.victims]
    return max(priorities), sum(priority + LOWEST for priority in priorities), len(priorities)


def _last_start(found: Preemption) -> str:
    """When the first of the most important victims started."""
    highest = max(victim.priority for victim in found.victims)
    return min(victim.started for victim in found.victims if victim.priority == highest)
