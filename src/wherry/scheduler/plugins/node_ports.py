"""NodePorts: a host port can be had once on a node, for each address."""

import numpy as np
from numpy.typing import NDArray

from wherry.scheduler.columns import Mask, Rows
from wherry.scheduler.demand import Demand
from wherry.scheduler.plugins import Failure, refused
from wherry.scheduler.snapshot import Snapshot

REASON = "node(s) didn't have free ports for the requested pod ports"
EVERY_ADDRESS = "0.0.0.0"


class NodePorts:
    name = "NodePorts"
    live = True

    def mask(self, demand: Demand, nodes: Snapshot, rows: Rows) -> Mask | None:
        if not demand.ports:
            return None
        free = np.ones(nodes.size, np.bool_)
        for port in demand.ports:
            for row, addresses in nodes.port_users(port):
                if port.address == EVERY_ADDRESS or any(a in (EVERY_ADDRESS, port.address) for a in addresses):
                    free[row] = False
        return free[rows]

    def explain(self, demand: Demand, nodes: Snapshot, rows: NDArray[np.intp]) -> list[Failure]:
        return refused(REASON, rows, resolvable=True)
