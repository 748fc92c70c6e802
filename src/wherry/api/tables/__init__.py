"""What `kubectl get` shows: a kind's columns and the cells of an object, computed by the server.

    columns, rows = render(kinds.POD, pods, now)

A file a family of groups; each offers `TABLES` by apiVersion and kind. Columns that only `-o wide` shows have
priority 1 and are always computed. Source: pkg/printers/internalversion.
"""

from collections.abc import Iterable, Mapping
from types import ModuleType

from wherry.api import Obj, meta
from wherry.api.kinds import Kind
from wherry.api.tables import cluster, core, pods, workloads
from wherry.api.tables.columns import NAME, Cells, Column, Table, table

FAMILIES: list[ModuleType] = [pods, core, workloads, cluster]


def _created(obj: Obj, now: float) -> Cells:
    return [meta.name(obj), obj["metadata"].get("creationTimestamp")]


_DEFAULT = table(NAME, Column("Created At", "@meta.v1.ObjectMeta.creationTimestamp", "date"), cells=_created)
_TABLES: Mapping[str, Table] = {name: found for family in FAMILIES for name, found in family.TABLES.items()}


def of(kind: Kind) -> Table:
    """A kind's table; name and creation time for a kind that has none of its own."""
    shown = kind.stored or kind
    return _TABLES.get(f"{shown.api_version}/{shown.kind}", _DEFAULT)


def render(kind: Kind, objects: Iterable[Obj], now: float) -> tuple[list[Obj], list[Obj]]:
    """The `columnDefinitions` and the `rows` of a Table, without each row's `object`. `now`: seconds since the
    epoch."""
    found = of(kind)
    return [column.definition() for column in found.columns], [row(found, obj, now) for obj in objects]


def row(found: Table, obj: Obj, now: float) -> Obj:
    """One row: cells, and conditions if there are any."""
    conditions = found.conditions(obj) if found.conditions else []
    cells = found.cells(obj, now)
    return {"cells": cells, "conditions": conditions} if conditions else {"cells": cells}
