"""NodeName: a pod that names its node goes there or nowhere."""

import numpy as np
from numpy.typing import NDArray

from wherry.scheduler.columns import Mask, Rows
from wherry.scheduler.demand import Demand
from wherry.scheduler.plugins import Failure, refused
from wherry.scheduler.snapshot import Snapshot

REASON = "node(s) didn't match the requested node name"


class NodeName:
    name = "NodeName"
    live = False

    def mask(self, demand: Demand, nodes: Snapshot, rows: Rows) -> Mask | None:
        if not demand.node_name:
            return None
        all_rows = np.arange(nodes.size)[rows]
        row = nodes.row(demand.node_name)
        return all_rows == (-1 if row is None else row)

    def explain(self, demand: Demand, nodes: Snapshot, rows: NDArray[np.intp]) -> list[Failure]:
        return refused(REASON, rows, resolvable=False)
