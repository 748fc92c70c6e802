"""Watches the NoExecute taints of nodes, and pods that are bound or change their tolerations; a key is a pod's."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import NODE, POD
from wherry.controllers import taints
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.loop import Watch
from wherry.controllers.pods import node_name
from wherry.controllers.tainteviction import plan
from wherry.controllers.watching import NODE_NAME, by_node


class TaintEvictionController:
    name = "tainteviction"
    component = "taint-eviction-controller"

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._nodes = context.caches.of(NODE)
        self._pods = context.caches.of(POD)
        self._pods.index(NODE_NAME, by_node)
        self._started: dict[str, float] = {}  # by the pod's uid
        self.watches: Sequence[Watch] = (Watch(NODE, self._node_changed), Watch(POD, self._pod_changed))

    def _node_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        before = taints.of(old, "NoExecute") if old else []
        after = taints.of(new, "NoExecute") if new else []
        if new is not None and before != after:
            yield from map(meta.key, self._pods.by(NODE_NAME, meta.name(new)))

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        if new is None:
            self._started.pop(meta.uid(old or {"metadata": {}}), None)
        elif old is None or _place(old) != _place(new):
            node = self._nodes.get(node_name(new))
            if node is not None and taints.of(node, "NoExecute"):
                yield meta.key(new)

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        pod = self._pods.get(key)
        if pod is None:
            return []
        uid = meta.uid(pod)
        node = self._nodes.get(node_name(pod))
        found = plan.reconcile(pod, node, self._started.pop(uid, None), attempt.now, self._clock.monotonic())
        if found.start is not None:
            self._started[uid] = found.start
        return found.actions


def _place(pod: Obj) -> tuple[str, object]:
    return node_name(pod), pod["spec"].get("tolerations")
