"""Watches deployments, their replica sets, and pods whose end a Recreate waits for."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import DEPLOYMENT, POD, REPLICA_SET
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.deployment import plan
from wherry.controllers.loop import Watch
from wherry.controllers.watching import (
    NAMESPACE,
    OWNER,
    by_namespace,
    by_owner,
    candidates,
    controller_key,
    own_key,
    owner_or_adopter,
)
from wherry.lib import selectors


class DeploymentController:
    name = "deployment"
    component = "deployment-controller"

    def __init__(self, context: Context) -> None:
        self._deployments = context.caches.of(DEPLOYMENT)
        self._sets = context.caches.of(REPLICA_SET)
        self._pods = context.caches.of(POD)
        self._deployments.index(NAMESPACE, by_namespace)
        self._sets.index(OWNER, by_owner)
        self._pods.index(OWNER, by_owner)
        self.watches: Sequence[Watch] = (
            Watch(DEPLOYMENT, own_key),
            Watch(REPLICA_SET, owner_or_adopter(DEPLOYMENT, self._deployments, _selector)),
            Watch(POD, self._pod_gone),
        )

    def _pod_gone(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        if old is None or new is not None or not (key := controller_key(REPLICA_SET, self._sets, old)):
            return
        replica_set = self._sets.get(key)
        if replica_set is not None and (owner := controller_key(DEPLOYMENT, self._deployments, replica_set)):
            yield owner

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        deployment = self._deployments.get(key)
        if deployment is None:
            return []
        found = candidates(self._sets, deployment)
        pods = {meta.uid(each): self._pods.by(OWNER, meta.uid(each)) for each in found}
        namespace = meta.namespace(deployment)
        return plan.reconcile(deployment, found, pods, lambda name: self._sets.get(f"{namespace}/{name}"), attempt)


def _selector(deployment: Obj) -> selectors.Selector:
    return selectors.from_object(deployment["spec"].get("selector"))
