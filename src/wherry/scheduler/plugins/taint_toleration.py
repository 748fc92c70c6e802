"""TaintToleration: taints keep pods away that do not tolerate them; PreferNoSchedule taints only cost points."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wherry.api import Obj
from wherry.scheduler.columns import Mask, Numbers, Rows
from wherry.scheduler.demand import Demand
from wherry.scheduler.facts import Taint
from wherry.scheduler.plugins import Failure, refused
from wherry.scheduler.snapshot import Snapshot

REASON = "node(s) had untolerated taint(s)"
KEEPING_AWAY = ("NoSchedule", "NoExecute")


def tolerates(demand: Demand, taint: Taint) -> bool:
    return any(_fits(toleration, taint) for toleration in demand.tolerations)


def _fits(toleration: Obj, taint: Taint) -> bool:
    """Source: core/v1 toleration.go (ToleratesTaint); the comparing operators are alpha and off."""
    if toleration.get("effect") and toleration["effect"] != taint.effect:
        return False
    if toleration.get("key") and toleration["key"] != taint.key:
        return False
    match toleration.get("operator") or "Equal":
        case "Equal":
            return (toleration.get("value") or "") == taint.value
        case "Exists":
            return True
    return False


class TaintToleration:
    name = "TaintToleration"
    live = False
    normalise: Literal["least"] = "least"

    def mask(self, demand: Demand, nodes: Snapshot, rows: Rows) -> Mask | None:
        def admits(taints: tuple[Taint, ...]) -> bool:
            return all(taint.effect not in KEEPING_AWAY or tolerates(demand, taint) for taint in taints)

        return nodes.taints.ask(admits, rows)

    def explain(self, demand: Demand, nodes: Snapshot, rows: NDArray[np.intp]) -> list[Failure]:
        return refused(REASON, rows, resolvable=False)

    def score(self, demand: Demand, nodes: Snapshot, rows: Rows) -> Numbers | None:
        def disliked(taints: tuple[Taint, ...]) -> int:
            return sum(taint.effect == "PreferNoSchedule" and not tolerates(demand, taint) for taint in taints)

        return nodes.taints.count(disliked, rows)
