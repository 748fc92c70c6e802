"""What is kept for an equivalence class of pods: where they may go and how good each node is for them.

A view follows the snapshot: before it is used, it computes anew the rows that changed since its last use. Binding a
pod changes one row, so that the next pod of the class costs two passes over the arrays, whatever the plug-ins are.
"""

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from wherry.scheduler.columns import Mask, Numbers, Rows, grown
from wherry.scheduler.demand import Demand
from wherry.scheduler.plugins import MAX_SCORE, Scorer
from wherry.scheduler.profile import Profile
from wherry.scheduler.snapshot import Snapshot

KEPT = 256  # classes


class View:
    """One class. `fits` and `best` are valid after `refresh`."""

    def __init__(self, demand: Demand, profile: Profile) -> None:
        self._demand, self._profile = demand, profile
        self._mark = (-1, -1)
        self._node_fits: Mask = np.zeros(0, np.bool_)  # as far as plug-ins that are not live say
        self._static: Numbers = np.zeros(0, np.int64)
        self._points: Numbers = np.zeros(0, np.int64)  # of scores that do not compare; -1 where the pod may not go
        self._compared: list[tuple[Scorer, int, Numbers]] = []  # raw scores, where they tell nodes apart
        self.fits: Mask = np.zeros(0, np.bool_)
        self.diagnosis: object = None  # what `plan` found out about a pod of the class that fits nowhere

    def refresh(self, nodes: Snapshot) -> None:
        mark = nodes.mark()
        if mark == self._mark:
            return
        changes = nodes.changes(self._mark)
        self._mark, self.diagnosis = mark, None
        if changes.everything or len(changes.facts) * 4 > nodes.size or not len(self.fits):
            self._resize(nodes.size)
            self._update(nodes, slice(0, nodes.size), facts=True)
            return
        if len(changes.facts):
            self._resize(nodes.size)
            self._update_facts(nodes, changes.facts)
            self._update(nodes, slice(0, nodes.size), facts=False)
        elif len(changes.rows):
            self._update(nodes, changes.rows, facts=False)

    def _resize(self, size: int) -> None:
        for name in ("_node_fits", "_static", "_points", "fits"):
            array: NDArray[np.generic] = getattr(self, name)
            if len(array) != size:
                setattr(self, name, grown(array[:size], size))

    def _update(self, nodes: Snapshot, rows: Rows, facts: bool) -> None:
        if facts:
            self._update_facts(nodes, rows)
        fits = self._node_fits[rows] & self._ask(nodes, rows, live=True)
        points = self._static[rows].copy()
        for scorer, weight in self._profile.live:
            score = scorer.score(self._demand, nodes, rows)
            if score is not None:
                points += weight * score
        self.fits[rows] = fits
        self._points[rows] = np.where(fits, points, -1)

    def _update_facts(self, nodes: Snapshot, rows: Rows) -> None:
        self._node_fits[rows] = nodes.alive[rows] & self._ask(nodes, rows, live=False)
        everything = slice(0, nodes.size)
        self._static[:] = 0
        for scorer, weight in self._profile.static:
            score = scorer.score(self._demand, nodes, everything)
            if score is not None:
                self._static += weight * score
        self._compared = []
        for scorer, weight in self._profile.comparing:
            score = scorer.score(self._demand, nodes, everything)
            if score is not None and score.any():
                self._compared.append((scorer, weight, score))

    def _ask(self, nodes: Snapshot, rows: Rows, live: bool) -> Mask:
        fits = np.ones(nodes.count(rows), np.bool_)
        for plugin in self._profile.filters:
            if plugin.live == live:
                mask = plugin.mask(self._demand, nodes, rows)
                if mask is not None:
                    fits &= mask
        return fits

    def best(self) -> NDArray[np.intp]:
        """The rows with the highest score among those where the pod may go; empty when it may go nowhere."""
        points = self._points
        for scorer, weight, raw in self._compared:
            greatest = raw[self.fits].max(initial=0)
            if greatest == 0:
                continue  # all are equal
            share = MAX_SCORE * raw // greatest
            points = np.where(self.fits, points + weight * _in_order(scorer, share), -1)
        most = points.max(initial=-1)
        if most < 0:
            return np.zeros(0, np.intp)
        return np.flatnonzero(points == most)


def _in_order(scorer: Scorer, share: Numbers) -> Numbers:
    return MAX_SCORE - share if scorer.normalise == "least" else share


class Views:
    """The views of the classes that were used last."""

    def __init__(self, nodes: Snapshot, profile: Profile) -> None:
        self.nodes, self.profile = nodes, profile
        self._views: OrderedDict[Demand, View] = OrderedDict()

    def of(self, demand: Demand) -> View:
        """The class's view, up to date."""
        view = self._views.get(demand)
        if view is None:
            view = self._views[demand] = View(demand, self.profile)
            if len(self._views) > KEPT:
                self._views.popitem(last=False)
        else:
            self._views.move_to_end(demand)
        view.refresh(self.nodes)
        return view
