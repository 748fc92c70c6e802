"""Watches daemon sets, their pods and revisions, and what of nodes decides where daemons run."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import CONTROLLER_REVISION, DAEMON_SET, NODE, POD
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.backoff import Backoff
from wherry.controllers.context import Context
from wherry.controllers.daemonset import plan
from wherry.controllers.loop import Watch
from wherry.controllers.watching import (
    NAMESPACE,
    NODE_NAME,
    OWNER,
    by_namespace,
    by_node,
    by_owner,
    candidates,
    controller_key,
    own_key,
    owner_or_adopter,
)
from wherry.lib import selectors


class DaemonSetController:
    name = "daemonset"
    component = "daemonset-controller"

    def __init__(self, context: Context) -> None:
        self._sets = context.caches.of(DAEMON_SET)
        self._pods = context.caches.of(POD)
        self._revisions = context.caches.of(CONTROLLER_REVISION)
        self._nodes = context.caches.of(NODE)
        self._sets.index(NAMESPACE, by_namespace)
        self._pods.index(OWNER, by_owner)
        self._pods.index(NODE_NAME, by_node)
        self._revisions.index(OWNER, by_owner)
        self._backoff = Backoff(first=1.0, most=900.0)
        concerned = owner_or_adopter(DAEMON_SET, self._sets, _selector)
        self.watches: Sequence[Watch] = (
            Watch(DAEMON_SET, own_key),
            Watch(POD, concerned),
            Watch(CONTROLLER_REVISION, concerned),
            Watch(NODE, self._node_changed),
        )

    def _node_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        if new is None:
            yield from self._sets.store
        elif old is None or _decisive(old) != _decisive(new):
            having = {controller_key(DAEMON_SET, self._sets, pod) for pod in self._pods.by(NODE_NAME, meta.name(new))}
            for key, each in self._sets.store.items():
                if plan.wants_look(each, new, key in having):
                    yield key

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        daemon_set = self._sets.get(key)
        if daemon_set is None:
            return []
        return plan.reconcile(
            daemon_set,
            candidates(self._pods, daemon_set),
            candidates(self._revisions, daemon_set),
            list(self._nodes.store.values()),
            self._backoff,
            attempt,
        )


def _decisive(node: Obj) -> tuple[object, object]:
    return meta.labels(node), node["spec"].get("taints")


def _selector(daemon_set: Obj) -> selectors.Selector:
    return selectors.from_object(daemon_set["spec"].get("selector"))
