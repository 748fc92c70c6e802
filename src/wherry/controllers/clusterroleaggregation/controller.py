"""Watches cluster roles: a change of one may concern every aggregated one."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import CLUSTER_ROLE
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.clusterroleaggregation import plan
from wherry.controllers.context import Context
from wherry.controllers.loop import Watch


class ClusterRoleAggregationController:
    name = "clusterroleaggregation"
    component = "clusterrole-aggregation-controller"

    def __init__(self, context: Context) -> None:
        self._roles = context.caches.of(CLUSTER_ROLE)
        self.watches: Sequence[Watch] = (Watch(CLUSTER_ROLE, self._changed),)

    def _changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        return [meta.name(role) for role in self._roles.store.values() if plan.is_aggregated(role)]

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        role = self._roles.get(key)
        return plan.reconcile(role, list(self._roles.store.values())) if role else []
