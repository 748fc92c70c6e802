"""Watches services, pods as far as they matter to services, and Endpoints objects; a key is a service's."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import ENDPOINTS, POD, SERVICE
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.endpoints import plan
from wherry.controllers.loop import Watch
from wherry.controllers.servicewatch import ServiceWatch
from wherry.controllers.watching import own_key


class EndpointsController:
    name = "endpoints"
    component = plan.MANAGER

    def __init__(self, context: Context) -> None:
        self._services = context.caches.of(SERVICE)
        self._endpoints = context.caches.of(ENDPOINTS)
        self._behind = ServiceWatch(self._services, context.caches.of(POD))
        self.watches: Sequence[Watch] = (
            Watch(SERVICE, own_key),
            Watch(POD, self._behind.keys),
            Watch(ENDPOINTS, self._endpoints_changed),
        )

    def _endpoints_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        """One that is gone is made again, one of ours whose service is gone goes too. What a user made by hand, maybe
        before its service, is left alone."""
        if new is None or meta.labels(new).get(plan.MANAGED_BY) == plan.MANAGER:
            return own_key(old, new)
        return []

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        service = self._services.get(key)
        pods = self._behind.pods(service) if service else []
        current = self._endpoints.get(key)
        return plan.reconcile(service, key.split("/")[1], pods, current)
