"""A snapshot and pending pods -> where each goes, or why it goes nowhere.

Pods are placed one after the other, each counted at once, so that the next one sees it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wherry.scheduler.facts import PodFacts
from wherry.scheduler.plugins import Failure
from wherry.scheduler.views import Views

NO_NODES = "no nodes available to schedule pods"
NEVER = "not eligible due to preemptionPolicy=Never."
NO_VICTIMS = "No preemption victims found for incoming pod"
NOT_HELPFUL = "Preemption is not helpful for scheduling"

Choose = Callable[[int], int]  # a number below the argument: which of equally good nodes


@dataclass(frozen=True, slots=True)
class Placement:
    """Bind the pod there; the snapshot counts it already."""

    pod: PodFacts
    node: str


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """No node will do. `message` as upstream words it."""

    pod: PodFacts
    message: str


Decision = Placement | Unschedulable


def schedule(views: Views, pods: Sequence[PodFacts], choose: Choose) -> list[Decision]:
    """Decide for each pod in order. Placed pods are added to the snapshot."""
    return [_decide(views, pod, choose) for pod in pods]


def _decide(views: Views, pod: PodFacts, choose: Choose) -> Decision:
    nodes = views.nodes
    if not nodes.node_count:
        return Unschedulable(pod, NO_NODES)
    best = views.of(pod.demand).best()
    if not len(best):
        return Unschedulable(pod, explain(views, pod))
    node = nodes.name(int(best[choose(len(best)) if len(best) > 1 else 0]))
    nodes.add_pod(pod.uid, node, pod.demand, pod.priority)
    return Placement(pod, node)


@dataclass(slots=True)
class _Diagnosis:
    """Why each node is refused. `conflict` speaks for all of them."""

    failures: list[Failure] = field(default_factory=list)
    conflict: str = ""

    def resolvable(self) -> NDArray[np.intp]:
        """Rows where the removal of pods might help: no reason says that it cannot."""
        found: set[int] = set()
        hopeless: set[int] = set()
        for failure in self.failures:
            found.update(failure.rows[failure.resolvable].tolist())
            hopeless.update(failure.rows[~failure.resolvable].tolist())
        return np.array(sorted(found - hopeless), np.intp)


def explain(views: Views, pod: PodFacts) -> str:
    """The message for a pod that fits on no node. Source: framework/types.go (FitError), preemption.go."""
    diagnosis = _diagnose(views, pod)
    count = views.nodes.node_count
    if diagnosis.conflict:
        text = f"0/{count} nodes are available: {diagnosis.conflict}."
    else:
        text = _histogram(count, [(failure.reason, len(failure.rows)) for failure in diagnosis.failures])
    return f"{text} preemption: {_without_preemption(count, pod, len(diagnosis.resolvable()))}"


def _diagnose(views: Views, pod: PodFacts) -> _Diagnosis:
    nodes, demand = views.nodes, pod.demand
    diagnosis = _Diagnosis()
    rows = np.flatnonzero(nodes.alive[: nodes.size])
    for narrower in views.profile.narrowers:
        names = narrower.names(demand)
        if names is None:
            continue
        if not names:
            diagnosis.conflict = narrower.conflict
            return diagnosis
        kept = {row for name in names if (row := nodes.row(name)) is not None}
        inside = np.isin(rows, list(kept))
        others, rows = rows[~inside], rows[inside]
        reason = f"node(s) didn't satisfy plugin(s) [{narrower.name}]"
        diagnosis.failures.append(Failure(reason, others, np.zeros(len(others), np.bool_)))
    for plugin in views.profile.filters:
        mask = plugin.mask(demand, nodes, rows)
        if mask is not None and not mask.all():
            diagnosis.failures += plugin.explain(demand, nodes, rows[~mask])
            rows = rows[mask]
    return diagnosis


def _without_preemption(count: int, pod: PodFacts, candidates: int) -> str:
    """What the message says of preemption when it changed nothing."""
    if pod.never_preempts:
        return NEVER
    return _histogram(count, [(NO_VICTIMS, candidates), (NOT_HELPFUL, count - candidates)])


def _histogram(count: int, reasons: Sequence[tuple[str, int]]) -> str:
    """Sorted as text, like upstream: 10 comes before 9."""
    totals: dict[str, int] = {}
    for reason, number in reasons:
        totals[reason] = totals.get(reason, 0) + number
    parts = sorted(f"{number} {reason}" for reason, number in totals.items() if number)
    return f"0/{count} nodes are available: {', '.join(parts)}."
