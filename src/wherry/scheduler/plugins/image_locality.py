"""ImageLocality: better where the pod's images are already, the more so the larger they are.

An image counts with its size times the share of nodes that have it, so that one node with a rare image is not heated.
Source: pkg/scheduler/framework/plugins/imagelocality.
"""

from typing import Literal

import numpy as np

from wherry.scheduler.columns import Numbers, Rows
from wherry.scheduler.demand import Demand
from wherry.scheduler.plugins import MAX_SCORE
from wherry.scheduler.snapshot import Snapshot

MIB = 1024 * 1024
FLOOR = 23 * MIB  # bytes that count as nothing
CEILING = 1000 * MIB  # bytes a container from which on more does not count


class ImageLocality:
    name = "ImageLocality"
    live = False
    normalise: Literal[""] = ""

    def score(self, demand: Demand, nodes: Snapshot, rows: Rows) -> Numbers | None:
        total = np.zeros(nodes.size, np.int64)
        for image in demand.images:
            sizes = nodes.image_sizes(image)
            for row, size in sizes.items():
                total[row] += int(size * (len(sizes) / nodes.node_count))
        if not total.any():
            return None
        ceiling = CEILING * demand.containers
        points = MAX_SCORE * (np.clip(total, FLOOR, ceiling) - FLOOR) // (ceiling - FLOOR)
        return points[rows]
