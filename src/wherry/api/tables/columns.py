"""The vocabulary of tables: columns, rows, ages, and the phrases that many kinds share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from wherry.api import Obj, meta, schema
from wherry.lib import selectors, timestamps

Cells = list[Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. A description that begins with `@` is that of a schema field: `@core.v1.PodStatus.podIP`."""

    name: str
    description: str = ""
    type: str = "string"
    format: str = ""
    wide: bool = False

    def definition(self) -> Obj:
        """The entry in columnDefinitions."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": described(self.description),
            "priority": int(self.wide),
        }


@dataclass(frozen=True, slots=True)
class Table:
    """A kind's columns and what one object shows in them; `conditions` are a row's, such as Completed."""

    columns: tuple[Column, ...]
    cells: Callable[[Obj, float], Cells]
    conditions: Callable[[Obj], list[Obj]] | None = None


def table(*columns: Column, cells: Callable[[Obj, float], Cells]) -> Table:
    return Table(columns, cells)


def wide(name: str, description: str = "", format: str = "") -> Column:
    """A column that kubectl shows with -o wide."""
    return Column(name, description, format=format, wide=True)


NAME = Column("Name", "@meta.v1.ObjectMeta.name", format="name")
AGE = Column("Age", "@meta.v1.ObjectMeta.creationTimestamp")
CONTAINERS = wide("Containers", "Names of each container in the template.")
IMAGES = wide("Images", "Images referenced by each container in the template.")


@cache
def _descriptions() -> Mapping[str, Mapping[str, str]]:
    return schema.definitions().descriptions()


@cache
def described(description: str) -> str:
    """The text of a description, looked up in the schema if it begins with `@`."""
    if not description.startswith("@"):
        return description
    name, _, field = description[1:].rpartition(".")
    prefix = "io.k8s.apimachinery.pkg.apis." if name.startswith("meta.") else "io.k8s.api."
    return _descriptions().get(prefix + name, {}).get(field, "")


def duration(seconds: float) -> str:
    """A time span as kubectl shows it, in two units at most. Source: apimachinery, util/duration."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    minutes, hours = whole // 60, whole // 3600
    if whole < 120:
        return f"{max(whole, 0)}s"
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 24 * 8:
        return _two(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    if days < 365 * 8:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first}{unit}{second}{smaller}" if second else f"{first}{unit}"


def since(stamp: str | None, now: float) -> str:
    """How long ago a time was; `<unknown>` without one."""
    return duration(now - timestamps.parse(stamp)) if stamp else "<unknown>"


def age(obj: Obj, now: float) -> str:
    return since(obj["metadata"].get("creationTimestamp"), now)


def spec(obj: Obj) -> Obj:
    return obj.get("spec") or {}


def status(obj: Obj) -> Obj:
    return obj.get("status") or {}


def name_and_age(obj: Obj, now: float) -> Cells:
    return [meta.name(obj), age(obj, now)]


def pod_containers(template: Obj | None) -> list[str]:
    """The cells of CONTAINERS and IMAGES."""
    containers = spec(template or {}).get("containers") or []
    return [",".join(each.get(key, "") for each in containers) for key in ("name", "image")]


def labels(found: Mapping[str, str] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((found or {}).items())) or "<none>"


def selector(found: Obj | None) -> str:
    """A LabelSelector; `<none>` when it is absent or empty."""
    try:
        return str(selectors.from_object(found)) or "<none>"
    except selectors.SelectorError:
        return "<error>"


def some(items: Iterable[str], limit: int, separator: str = ",", empty: str = "<unset>") -> str:
    """The first few of a list and how many more there are."""
    found = list(items)
    text = separator.join(found[:limit])
    return f"{text} + {len(found) - limit} more..." if len(found) > limit else text or empty


def yes_no(value: bool | None) -> str:
    return "<unset>" if value is None else "True" if value else "False"


def text(value: Any, default: str = "<none>") -> str:
    """A value as text; `default` when it is absent or empty."""
    return default if value is None or value == "" else str(value)


def deleting(obj: Obj) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))
