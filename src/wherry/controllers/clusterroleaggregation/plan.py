"""The rules of an aggregated role. Source: upstream's pkg/controller/clusterroleaggregation."""

from collections.abc import Iterable

from wherry.api import Obj, meta
from wherry.api.kinds import CLUSTER_ROLE
from wherry.controllers.actions import Actions, Update
from wherry.lib import selectors


def is_aggregated(role: Obj) -> bool:
    return role.get("aggregationRule") is not None


def reconcile(role: Obj, roles: Iterable[Obj]) -> Actions:
    """`roles`: all cluster roles. Each rule comes once, roles in the order of their names."""
    if not is_aggregated(role):
        return []
    rules: list[Obj] = []
    for selector in role["aggregationRule"].get("clusterRoleSelectors") or ():
        chosen = selectors.from_object(selector)
        for each in sorted(roles, key=meta.name):
            if meta.name(each) != meta.name(role) and chosen.matches(meta.labels(each)):
                rules += [rule for rule in each.get("rules") or () if rule not in rules]
    return [] if rules == (role.get("rules") or []) else [Update(CLUSTER_ROLE, {**role, "rules": rules})]
