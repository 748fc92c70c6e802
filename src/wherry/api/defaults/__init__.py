"""What the server fills in where a client said nothing: a file a group, keyed by the type that a default belongs to.

A default of a type holds wherever the type occurs: a pod template in a Deployment is completed as one in a Job. Each
group offers `VALUES` (type -> field -> value for a field that is not set) and `RULES` (type -> a function that
completes one object in place), both by the type's short name, as in `core.v1.Container`. `apply` walks an object
along the schema, outer types first, values before rules. Source: pkg/apis/*/v1/defaults.go of Kubernetes v1.36.

An object must have been shaped by `decoding` before: what is empty is absent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

from wherry.api import Obj, schema
from wherry.api.defaults import (
    admissionregistration,
    apiextensions,
    apiregistration,
    apps,
    authentication,
    autoscaling,
    batch,
    core,
    discovery,
    flowcontrol,
    networking,
    rbac,
    resource,
    scheduling,
    storage,
)
from wherry.api.kinds import Kind
from wherry.api.patch.values import clone
from wherry.api.schema import Node

Rule = Callable[[Obj, float], None]

GROUPS: list[ModuleType] = [
    core,
    apps,
    batch,
    autoscaling,
    networking,
    discovery,
    rbac,
    storage,
    scheduling,
    resource,
    flowcontrol,
    admissionregistration,
    apiextensions,
    apiregistration,
    authentication,
]

_PREFIXES = ("io.k8s.api.", "io.k8s.apiextensions-apiserver.pkg.apis.", "io.k8s.kube-aggregator.pkg.apis.")


def apply(kind: Kind, obj: Obj, now: float = 0.0) -> None:
    """Complete an object of a built-in kind in place. `now`: seconds since the epoch, for the few defaults that are
    times."""
    apply_type(schema.definition(kind.api_version, kind.kind), obj, now)


def apply_type(node: Node, value: Any, now: float = 0.0) -> None:
    """The same for any type of the schema: a template, a sub-resource's body."""
    _run(_plan(node), value, now)


@dataclass(slots=True)
class _Plan:
    """What to do at one place: fields to set when absent (or when zero), rules to run, places below to visit.
    `sets`: whether there is anything to do at the place itself."""

    absent: dict[str, Any] = field(default_factory=dict)
    zero: dict[str, Any] = field(default_factory=dict)
    rule: Rule | None = None
    below: "dict[str, _Plan]" = field(default_factory=dict)
    items: "_Plan | None" = None
    sets: bool = False

    @property
    def idle(self) -> bool:
        return not (self.absent or self.zero or self.rule or self.below or self.items)


def _run(plan: _Plan, value: Any, now: float) -> None:
    inner = plan.items
    if inner is not None:
        whole = inner.sets or inner.items is not None
        for item in value.values() if isinstance(value, dict) else value:
            if whole or not inner.below.keys().isdisjoint(item):  # most elements have nothing to complete
                _run(inner, item, now)
        return
    if plan.sets:
        _set(plan, value, now)
    for key, below in plan.below.items():
        if (child := value.get(key)) is not None:
            _run(below, child, now)


def _set(plan: _Plan, value: Any, now: float) -> None:
    for key, default in plan.absent.items():
        if value.get(key) is None:
            value[key] = clone(default)
    for key, default in plan.zero.items():
        if not value.get(key):
            value[key] = clone(default)
    if plan.rule is not None:
        plan.rule(value, now)


@cache
def _values() -> dict[str, Mapping[str, Any]]:
    return {name: values for group in GROUPS for name, values in group.VALUES.items()}


@cache
def _rules() -> dict[str, Rule]:
    return {name: rule for group in GROUPS for name, rule in group.RULES.items()}


def _short(node: Node) -> str:
    """`core.v1.Container`; a named map of core (ResourceList) counts as a type too."""
    if not node.name:
        return "core.v1.ResourceList" if node.go == "v1.ResourceList" else ""
    return next((node.name[len(prefix) :] for prefix in _PREFIXES if node.name.startswith(prefix)), node.name)


_plans: dict[str, _Plan] = {}


def _plan(node: Node) -> _Plan:
    if node.name in _plans:
        return _plans[node.name]
    plan = _Plan()
    if node.name:
        _plans[node.name] = plan  # a type that contains itself meets an idle plan
    name = _short(node)
    plan.rule = _rules().get(name)
    if plan.rule is None and node.items is not None and node.type in ("list", "map"):
        items = _plan(node.items)
        plan.items = None if items.idle else items
    values = _values().get(name, {})
    for key, child in node.fields.items():
        default = values.get(key, child.default)
        if default is not None and (default or child.pointer or child.write == "always"):
            (plan.absent if child.pointer else plan.zero)[key] = default
        below = _plan(child)
        if not below.idle:
            plan.below[key] = below
    plan.sets = bool(plan.absent or plan.zero or plan.rule)
    return plan
