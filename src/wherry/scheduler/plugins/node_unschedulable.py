"""NodeUnschedulable: no pods on cordoned nodes, except those that tolerate the cordon's taint."""

import numpy as np
from numpy.typing import NDArray

from wherry.scheduler.columns import Mask, Rows
from wherry.scheduler.demand import Demand
from wherry.scheduler.facts import Taint
from wherry.scheduler.plugins import Failure, refused
from wherry.scheduler.plugins.taint_toleration import tolerates
from wherry.scheduler.snapshot import Snapshot

REASON = "node(s) were unschedulable"
CORDON = Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")


class NodeUnschedulable:
    name = "NodeUnschedulable"
    live = False

    def mask(self, demand: Demand, nodes: Snapshot, rows: Rows) -> Mask | None:
        if tolerates(demand, CORDON):
            return None
        return ~nodes.unschedulable[rows]

    def explain(self, demand: Demand, nodes: Snapshot, rows: NDArray[np.intp]) -> list[Failure]:
        return refused(REASON, rows, resolvable=False)
