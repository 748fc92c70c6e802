"""A snapshot and pending pods -> where each goes, or why it goes nowhere.

Pods are placed one after the other, each counted at once, so that the next one sees it. A pod that fits nowhere may
be given a node where pods of lower priority have to end first (`preemption`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from wherry.scheduler import preemption
from wherry.scheduler.demand import Demand
from wherry.scheduler.facts import PodFacts
from wherry.scheduler.plugins import Failure, refused
from wherry.scheduler.preemption import Preemption, reservation, reservation_uid
from wherry.scheduler.views import Views

NO_NODES = "no nodes available to schedule pods"
NEVER = "not eligible due to preemptionPolicy=Never."
STILL_ENDING = "not eligible due to a terminating pod on the nominated node."
NOT_HELPFUL = "Preemption is not helpful for scheduling"

Choose = Callable[[int], int]  # a number below the argument: which of equally good nodes


@dataclass(frozen=True, slots=True)
class Placement:
    """Bind the pod there; the snapshot counts it already."""

    pod: PodFacts
    node: str


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """No node will do. `message` as upstream words it. `preemption`: what would make room, which the snapshot
    reserves already. `keeps_waiting`: the room that was being made for it before is still reserved."""

    pod: PodFacts
    message: str
    preemption: Preemption | None = None
    keeps_waiting: bool = False


Decision = Placement | Unschedulable


def schedule(views: Views, pods: Sequence[PodFacts], choose: Choose) -> list[Decision]:
    """Decide for each pod in order. Placed pods are added to the snapshot."""
    return [decision for _, alike in groupby(pods, _class) for decision in _decide(views, alike, choose)]


def _class(pod: PodFacts) -> int:
    return id(pod.demand)


def _decide(views: Views, pods: Iterable[PodFacts], choose: Choose) -> Iterator[Decision]:
    """For pods of one class that follow each other. Each of the best nodes is given one before all nodes are weighed
    again: a pod changes no other node than its own, which it hardly ever makes better."""
    nodes = views.nodes
    best: list[int] = []
    for pod in pods:
        reserved = nodes.remove_pod(reservation_uid(pod))
        if not nodes.node_count:
            yield Unschedulable(pod, NO_NODES)
            continue
        if not best or reserved is not None:
            best = views.of(pod.demand).best().tolist()
        if not best:
            yield _refuse(views, pod, reserved)
            continue
        node = nodes.name(best.pop(choose(len(best)) if len(best) > 1 else 0))
        nodes.add_pod(pod, node)
        yield Placement(pod, node)


def _refuse(views: Views, pod: PodFacts, reserved: str | None) -> Unschedulable:
    """Source: framework/types.go (FitError), preemption.go."""
    nodes, count = views.nodes, views.nodes.node_count
    diagnosis = _diagnose(views, pod.demand)
    if diagnosis.conflict:
        text = f"0/{count} nodes are available: {diagnosis.conflict}."
    else:
        text = _histogram(count, diagnosis.reasons())
    if pod.never_preempts:
        return Unschedulable(pod, f"{text} preemption: {NEVER}")
    candidates = diagnosis.resolvable(nodes.size)
    if reserved and preemption.waits_for_victims(views, pod) and nodes.row(reserved) in candidates:
        nodes.add_pod(reservation(pod), reserved)
        return Unschedulable(pod, f"{text} preemption: {STILL_ENDING}", keeps_waiting=True)
    found, reasons = preemption.find(views, pod, candidates)
    if found is not None:
        nodes.add_pod(reservation(pod), found.node)
        return Unschedulable(pod, text, found)
    reasons[NOT_HELPFUL] += count - len(candidates)
    return Unschedulable(pod, f"{text} preemption: {_histogram(count, reasons)}")


@dataclass(slots=True)
class _Diagnosis:
    """Why each node is refused. `conflict` speaks for all of them."""

    failures: list[Failure] = field(default_factory=list)
    conflict: str = ""

    def reasons(self) -> Counter[str]:
        """On how many nodes each was given."""
        found: Counter[str] = Counter()
        for failure in self.failures:
            found[failure.reason] += len(failure.rows)
        return found

    def resolvable(self, size: int) -> NDArray[np.intp]:
        """Rows where the removal of pods might help: no reason says that it cannot."""
        hopeful, hopeless = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
        for failure in self.failures:
            hopeful[failure.rows[failure.resolvable]] = True
            hopeless[failure.rows[~failure.resolvable]] = True
        return np.flatnonzero(hopeful & ~hopeless)


def _diagnose(views: Views, demand: Demand) -> _Diagnosis:
    """Kept with the view: it is the same for all pods of the class until something changes."""
    view = views.of(demand)
    if not isinstance(view.diagnosis, _Diagnosis):
        view.diagnosis = _examine(views, demand)
    return view.diagnosis


def _examine(views: Views, demand: Demand) -> _Diagnosis:
    nodes, diagnosis = views.nodes, _Diagnosis()
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
        diagnosis.failures += refused(f"node(s) didn't satisfy plugin(s) [{narrower.name}]", others, resolvable=False)
    for plugin in views.profile.filters:
        mask = plugin.mask(demand, nodes, rows)
        if mask is not None and not mask.all():
            diagnosis.failures += plugin.explain(demand, nodes, rows[~mask])
            rows = rows[mask]
    return diagnosis


def _histogram(count: int, reasons: Counter[str]) -> str:
    """Sorted as text, like upstream: 10 comes before 9."""
    parts = sorted(f"{number} {reason}" for reason, number in reasons.items() if number)
    return f"0/{count} nodes are available: {', '.join(parts)}."
