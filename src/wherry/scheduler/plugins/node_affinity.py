"""NodeAffinity: nodeSelector and required terms choose among nodes by label and name, preferred terms give points.

Source: component-helpers/scheduling/corev1/nodeaffinity. Terms are alternatives; the requirements inside a term must
all hold; an empty term matches nothing.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wherry.api import Obj
from wherry.lib.selectors import Requirement
from wherry.scheduler.columns import Mask, Numbers, Rows
from wherry.scheduler.demand import Demand
from wherry.scheduler.plugins import Failure, refused
from wherry.scheduler.snapshot import Snapshot

REASON = "node(s) didn't match Pod's node affinity/selector"
OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!", "Gt": "gt", "Lt": "lt"}


class NodeAffinity:
    name = "NodeAffinity"
    live = False
    normalise: Literal["greatest"] = "greatest"
    conflict = "pod affinity terms conflict"

    def names(self, demand: Demand) -> frozenset[str] | None:
        if not demand.required:
            return None
        found: frozenset[str] = frozenset()
        for term in demand.required:
            named = [
                frozenset(field.get("values") or ())
                for field in term.get("matchFields") or ()
                if field.get("key") == "metadata.name" and field.get("operator") == "In"
            ]
            if not named:
                return None
            found |= frozenset.intersection(*named)
        return found

    def mask(self, demand: Demand, nodes: Snapshot, rows: Rows) -> Mask | None:
        if not demand.node_selector and demand.required is None:
            return None
        fits = np.ones(nodes.count(rows), np.bool_)
        for key, value in demand.node_selector:
            fits &= nodes.label(key).ask(lambda found, value=value: found == value, rows)  # type: ignore[misc]
        if demand.required is not None:
            any_term = np.zeros_like(fits)
            for term in demand.required:
                any_term |= matches(term, nodes, rows)
            fits &= any_term
        return fits

    def explain(self, demand: Demand, nodes: Snapshot, rows: NDArray[np.intp]) -> list[Failure]:
        return refused(REASON, rows, resolvable=False)

    def score(self, demand: Demand, nodes: Snapshot, rows: Rows) -> Numbers | None:
        terms = [term for term in demand.preferred if term.get("weight")]
        if not terms:
            return None
        total = np.zeros(nodes.count(rows), np.int64)
        for term in terms:
            total += term["weight"] * matches(term.get("preference") or {}, nodes, rows)
        return total


def matches(term: Obj, nodes: Snapshot, rows: Rows) -> Mask:
    """Which rows a node selector term matches."""
    labels, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    fits = np.full(nodes.count(rows), bool(labels or fields))
    for expression in labels:
        fits &= _label(expression, nodes, rows)
    for expression in fields:
        fits &= _name(expression, nodes, rows)
    return fits


def _label(expression: Obj, nodes: Snapshot, rows: Rows) -> Mask:
    key = expression["key"]
    operator = OPERATORS.get(expression.get("operator", ""))
    if operator is None:
        return np.zeros(nodes.count(rows), np.bool_)
    requirement = Requirement(key, operator, tuple(expression.get("values") or ()))
    return nodes.label(key).ask(lambda value: requirement.matches({} if value is None else {key: value}), rows)


def _name(expression: Obj, nodes: Snapshot, rows: Rows) -> Mask:
    """A node has one field, its name, and an expression one value."""
    values: list[str] = expression.get("values") or []
    operator = expression.get("operator")
    all_rows = np.arange(nodes.size)[rows]
    if expression.get("key") != "metadata.name" or len(values) != 1 or operator not in ("In", "NotIn"):
        return np.zeros(len(all_rows), np.bool_)
    row = nodes.row(values[0])
    same = all_rows == (-1 if row is None else row)
    return same if operator == "In" else ~same
