"""Watches quotas and everything that can count against one; a key is a quota's."""

from collections.abc import Iterable, Iterator, Sequence

from wherry.api import Obj, meta, quota
from wherry.api.kinds import PERSISTENT_VOLUME_CLAIM, POD, RESOURCE_QUOTA, SERVICE, Kind
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.loop import Watch, WatchEverything
from wherry.controllers.resourcequota import plan
from wherry.controllers.watching import NAMESPACE, by_namespace, own_key

# What of these counts depends on more than their number.
_WEIGHED = (POD, SERVICE, PERSISTENT_VOLUME_CLAIM)


class ResourceQuotaController:
    name = "resourcequota"
    component = "resourcequota-controller"

    def __init__(self, context: Context) -> None:
        self._caches = context.caches
        self._quotas = context.caches.of(RESOURCE_QUOTA)
        self._quotas.index(NAMESPACE, by_namespace)
        for kind in _WEIGHED:
            context.caches.of(kind)
        self.watches: Sequence[Watch | WatchEverything] = (
            Watch(RESOURCE_QUOTA, own_key),
            WatchEverything(self._changed),
        )

    def _changed(self, kind: Kind, old: Obj | None, new: Obj | None) -> Iterable[str]:
        obj = new or old
        if obj is None or (old is not None and new is not None and kind not in _WEIGHED):
            return
        for each in self._quotas.by(NAMESPACE, meta.namespace(obj)):
            if quota.needed(each["spec"].get("hard") or {}, kind):
                yield meta.key(each)

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        obj = self._quotas.get(key)
        return plan.reconcile(obj, self._counted(obj), attempt) if obj else []

    def _counted(self, obj: Obj) -> Iterator[tuple[Kind, Obj]]:
        for informer in self._caches:
            if informer.kind.namespaced and quota.needed(obj["spec"].get("hard") or {}, informer.kind):
                informer.index(NAMESPACE, by_namespace)
                yield from ((informer.kind, each) for each in informer.by(NAMESPACE, meta.namespace(obj)))
