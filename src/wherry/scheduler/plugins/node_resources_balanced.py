"""NodeResourcesBalancedAllocation: better where the pod makes the use of cpu and memory more even."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wherry.scheduler.columns import Numbers, Rows
from wherry.scheduler.demand import CPU, MEMORY, Demand
from wherry.scheduler.plugins import MAX_SCORE
from wherry.scheduler.snapshot import Snapshot


class NodeResourcesBalancedAllocation:
    name = "NodeResourcesBalancedAllocation"
    live = True
    normalise: Literal[""] = ""

    def score(self, demand: Demand, nodes: Snapshot, rows: Rows) -> Numbers | None:
        """50 to 100, about 75 where the pod changes little. Pods that request neither are the same everywhere."""
        requests = [demand.requests.get(name, 0) for name in (CPU, MEMORY)]
        if not any(requests):
            return None
        capacity = nodes.allocatable[:2][:, rows]
        used = nodes.requested[:2][:, rows]
        before = _evenness(used, capacity)
        after = _evenness(used + np.array(requests)[:, None], capacity)
        half = MAX_SCORE // 2
        return half + (half + after - before) // 2


def _evenness(used: Numbers, capacity: Numbers) -> Numbers:
    """(1 - standard deviation of the used shares) in points; of a node that has one resource alone, all points."""
    shares: NDArray[np.float64] = np.minimum(used / np.maximum(capacity, 1), 1.0)
    both = (capacity > 0).all(axis=0)
    deviation = np.where(both, np.abs(shares[0] - shares[1]) / 2, 0.0)
    return ((1 - deviation) * MAX_SCORE).astype(np.int64)
