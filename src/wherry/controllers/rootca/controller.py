"""Watches namespaces and the published ConfigMaps; a key is a namespace's name."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import CONFIG_MAP, NAMESPACE
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.loop import Watch
from wherry.controllers.rootca import plan
from wherry.controllers.watching import own_key


class RootCAController:
    name = "rootca"
    component = "root-ca-certificate-publisher"

    def __init__(self, context: Context) -> None:
        self._certificate = context.options.root_certificate
        self._namespaces = context.caches.of(NAMESPACE)
        self._maps = context.caches.of(CONFIG_MAP)
        self.watches: Sequence[Watch] = (Watch(NAMESPACE, own_key), Watch(CONFIG_MAP, _published))

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        namespace = self._namespaces.get(key)
        if namespace is None or not self._certificate:
            return []
        return plan.reconcile(namespace, self._maps.get(f"{key}/{plan.NAME}"), self._certificate)


def _published(old: Obj | None, new: Obj | None) -> Iterable[str]:
    obj = new or old
    return [meta.namespace(obj)] if obj is not None and old is not None and meta.name(obj) == plan.NAME else []
