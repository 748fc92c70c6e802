"""Watches namespaces that are being deleted, and the last of their pods; reads their content live."""

import asyncio
from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import NAMESPACE, POD, Kind
from wherry.client.interface import NotFound
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.loop import Watch
from wherry.controllers.namespace import plan
from wherry.controllers.watching import own_key


class NamespaceController:
    name = "namespace"
    component = "namespace-controller"

    def __init__(self, context: Context) -> None:
        self._client, self._caches = context.client, context.caches
        self._namespaces = context.caches.of(NAMESPACE)
        self.watches: Sequence[Watch] = (Watch(NAMESPACE, own_key), Watch(POD, self._pod_gone))

    def _pod_gone(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        if old is None or new is not None:
            return []
        namespace = self._namespaces.get(meta.namespace(old))
        return [meta.name(namespace)] if namespace is not None and plan.is_terminating(namespace) else []

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        namespace = self._namespaces.get(key)
        if namespace is None or not plan.is_terminating(namespace):
            return []
        kinds = [kind for kind in self._caches.kinds if kind.namespaced and {"list", "delete"} <= set(kind.verbs)]
        found = await asyncio.gather(*(self._content(kind, key) for kind in kinds))
        return plan.reconcile(namespace, dict(zip(kinds, found, strict=True)), attempt)

    async def _content(self, kind: Kind, namespace: str) -> Sequence[Obj]:
        try:
            return (await self._client.list(kind, namespace)).items
        except NotFound:
            return []  # the kind itself went away
