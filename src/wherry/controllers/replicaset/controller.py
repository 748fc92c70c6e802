"""Watches replica sets (or replication controllers) and pods."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import POD, REPLICA_SET, REPLICATION_CONTROLLER, Kind
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.loop import Watch
from wherry.controllers.replicaset import plan
from wherry.controllers.watching import (
    NAMESPACE,
    OWNER,
    by_namespace,
    by_owner,
    candidates,
    own_key,
    owner_or_adopter,
)


class ReplicaSetController:
    name = "replicaset"
    component = "replicaset-controller"
    kind: Kind = REPLICA_SET

    def __init__(self, context: Context) -> None:
        self._owners = context.caches.of(self.kind)
        self._pods = context.caches.of(POD)
        self._owners.index(NAMESPACE, by_namespace)
        self._owners.index(OWNER, by_owner)
        self._pods.index(OWNER, by_owner)
        self.watches: Sequence[Watch] = (
            Watch(self.kind, own_key),
            Watch(POD, owner_or_adopter(self.kind, self._owners, lambda owner: plan.selector_of(self.kind, owner))),
        )

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        owner = self._owners.get(key)
        if owner is None:
            return []
        return plan.reconcile(self.kind, owner, candidates(self._pods, owner), lambda: self._related(owner), attempt)

    def _related(self, owner: Obj) -> Iterable[Obj]:
        """Pods of all sets with the same parent, its own among them."""
        parent = meta.controller_of(owner)
        sets = self._owners.by(OWNER, parent["uid"]) if parent else [owner]
        return [pod for each in sets for pod in self._pods.by(OWNER, meta.uid(each))]


class ReplicationControllerController(ReplicaSetController):
    name = "replicationcontroller"
    component = "replication-controller"
    kind = REPLICATION_CONTROLLER
