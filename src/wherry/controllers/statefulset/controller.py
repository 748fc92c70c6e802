"""Watches stateful sets, their pods and revisions, and claims."""

from collections.abc import Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import CONTROLLER_REVISION, PERSISTENT_VOLUME_CLAIM, POD, STATEFUL_SET
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.loop import Watch
from wherry.controllers.statefulset import plan
from wherry.controllers.watching import (
    NAMESPACE,
    OWNER,
    by_namespace,
    by_owner,
    candidates,
    own_key,
    owner_or_adopter,
)
from wherry.lib import selectors


class StatefulSetController:
    name = "statefulset"
    component = "statefulset-controller"

    def __init__(self, context: Context) -> None:
        self._sets = context.caches.of(STATEFUL_SET)
        self._pods = context.caches.of(POD)
        self._revisions = context.caches.of(CONTROLLER_REVISION)
        self._claims = context.caches.of(PERSISTENT_VOLUME_CLAIM)
        self._sets.index(NAMESPACE, by_namespace)
        self._pods.index(OWNER, by_owner)
        self._revisions.index(OWNER, by_owner)
        concerned = owner_or_adopter(STATEFUL_SET, self._sets, _selector)
        self.watches: Sequence[Watch] = (
            Watch(STATEFUL_SET, own_key),
            Watch(POD, concerned),
            Watch(CONTROLLER_REVISION, concerned),
            Watch(PERSISTENT_VOLUME_CLAIM, lambda old, new: ()),
        )

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        stateful_set = self._sets.get(key)
        if stateful_set is None:
            return []
        namespace = meta.namespace(stateful_set)
        return plan.reconcile(
            stateful_set,
            candidates(self._pods, stateful_set),
            candidates(self._revisions, stateful_set),
            lambda name: self._claims.get(f"{namespace}/{name}"),
            attempt,
        )


def _selector(stateful_set: Obj) -> selectors.Selector:
    return selectors.from_object(stateful_set["spec"].get("selector"))
