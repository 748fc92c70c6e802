"""NodeResourcesFit: what a pod requests must be free; emptier nodes are better (LeastAllocated)."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wherry.scheduler.columns import Mask, Numbers, Rows
from wherry.scheduler.demand import CPU, MEMORY, PODS, Demand
from wherry.scheduler.plugins import MAX_SCORE, Failure
from wherry.scheduler.snapshot import Snapshot


class NodeResourcesFit:
    name = "NodeResourcesFit"
    live = True
    normalise: Literal[""] = ""

    def mask(self, demand: Demand, nodes: Snapshot, rows: Rows) -> Mask | None:
        fits = _free(PODS, nodes, rows) >= 1
        for name, amount in demand.requests.items():
            fits &= _free(name, nodes, rows) >= amount
        return fits

    def explain(self, demand: Demand, nodes: Snapshot, rows: NDArray[np.intp]) -> list[Failure]:
        """Every resource that is short, also several on one node. A node that is too small when it is empty cannot
        be helped, whatever else is short there."""
        too_small = np.zeros(len(rows), np.bool_)
        for name, amount in demand.requests.items():
            too_small |= nodes.allocatable[nodes.resource(name)][rows] < amount
        failures = []
        for name, amount in ((PODS, 1), *demand.requests.items()):
            short = _free(name, nodes, rows) < amount
            if short.any():
                reason = "Too many pods" if name == PODS else f"Insufficient {name}"
                failures.append(Failure(reason, rows[short], ~too_small[short]))
        return failures

    def score(self, demand: Demand, nodes: Snapshot, rows: Rows) -> Numbers | None:
        """The mean of the free shares of cpu and memory after the pod has come, of those that the node has. Whole
        numbers as upstream, by floats that are exact up to 9 TB."""
        total = weights = np.zeros(1)
        for index, name in enumerate((CPU, MEMORY)):
            capacity = nodes.allocatable[index][rows]
            used = nodes.usual[index][rows] + demand.usual.get(name, 0)
            free = np.maximum(capacity - used, 0) * MAX_SCORE
            total = total + np.floor_divide(free, np.maximum(capacity, 1), dtype=np.float64)
            weights = weights + (capacity > 0)
        return np.floor_divide(total, np.maximum(weights, 1)).astype(np.int64)


def _free(name: str, nodes: Snapshot, rows: Rows) -> Numbers:
    index = nodes.resource(name)
    free: Numbers = nodes.allocatable[index][rows] - nodes.requested[index][rows]
    return free
