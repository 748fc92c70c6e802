"""Watches namespaces and their default service accounts; a key is a namespace's name."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import NAMESPACE, SERVICE_ACCOUNT
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.loop import Watch
from wherry.controllers.serviceaccount import plan
from wherry.controllers.watching import own_key


class ServiceAccountController:
    name = "serviceaccount"
    component = "service-account-controller"

    def __init__(self, context: Context) -> None:
        self._namespaces = context.caches.of(NAMESPACE)
        self._accounts = context.caches.of(SERVICE_ACCOUNT)
        self.watches: Sequence[Watch] = (Watch(NAMESPACE, own_key), Watch(SERVICE_ACCOUNT, _account_gone))

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        namespace = self._namespaces.get(key)
        return plan.reconcile(namespace, self._accounts.get(f"{key}/{plan.NAME}")) if namespace else []


def _account_gone(old: Obj | None, new: Obj | None) -> Iterable[str]:
    return [meta.namespace(old)] if old is not None and new is None and meta.name(old) == plan.NAME else []
