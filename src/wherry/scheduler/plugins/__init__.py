"""Plug-ins: rules about which nodes a pod may go to, and which it would rather go to. A file each.

A plug-in is a stateless object with Kubernetes' name for it. It answers for many nodes at once: `rows` of the
snapshot in, an array with one answer a row out. Answers are kept until they may change: those of a filter and of a
live scorer depend on the demand and on the row alone; a scorer that is not live may compare nodes, and is asked again
when any node changed by itself. `live`: it looks at the pods on a node, not only at the node.

`profile.PLUGINS` is the ordered list of them.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wherry.scheduler.columns import Mask, Numbers, Rows
from wherry.scheduler.demand import Demand
from wherry.scheduler.snapshot import Snapshot

MAX_SCORE = 100


@dataclass(slots=True)
class Failure:
    """Why some rows are refused, in upstream's words. `resolvable`: which of them the removal of pods might help
    (aligned with `rows`)."""

    reason: str
    rows: NDArray[np.intp]
    resolvable: Mask


@runtime_checkable
class Filter(Protocol):
    """Says which nodes a pod may go to."""

    @property
    def name(self) -> str: ...
    @property
    def live(self) -> bool: ...

    def mask(self, demand: Demand, nodes: Snapshot, rows: Rows) -> Mask | None:
        """True where the pod may go. None: this plug-in has nothing against any node."""

    def explain(self, demand: Demand, nodes: Snapshot, rows: NDArray[np.intp]) -> list[Failure]:
        """The reasons for rows that `mask` refuses."""


@runtime_checkable
class Scorer(Protocol):
    """Says which nodes are better. `normalise`: how scores of 0..MAX_SCORE are made of what `score` gives, over the
    nodes that the pod may go to: not at all, by the greatest, or the greatest is the worst."""

    @property
    def name(self) -> str: ...
    @property
    def live(self) -> bool: ...
    @property
    def normalise(self) -> Literal["", "greatest", "least"]: ...

    def score(self, demand: Demand, nodes: Snapshot, rows: Rows) -> Numbers | None:
        """Greater is better (but see `normalise`). None: the same for all."""


@runtime_checkable
class Narrower(Protocol):
    """Knows nodes by name before they are looked at. `conflict`: the reason when there are none."""

    @property
    def name(self) -> str: ...
    @property
    def conflict(self) -> str: ...
    def names(self, demand: Demand) -> frozenset[str] | None:
        """The only nodes that are worth a look; None: all are. Empty: no node can ever do."""


def refused(reason: str, rows: NDArray[np.intp], resolvable: bool) -> list[Failure]:
    """One reason for all rows."""
    return [Failure(reason, rows, np.full(len(rows), resolvable, np.bool_))]
