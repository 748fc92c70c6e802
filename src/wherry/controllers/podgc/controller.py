"""Watches nodes that go and pods that end. Keys: `pod/<namespace>/<name>`, `node/<name>`, `terminated`."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import NODE, POD
from wherry.client.interface import NotFound
from wherry.controllers.actions import Action, Requeue
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.loop import Watch
from wherry.controllers.podgc import plan
from wherry.controllers.pods import is_terminal, node_name
from wherry.controllers.watching import NODE_NAME, by_node

FINISHED = "finished"
TERMINATED = "terminated"


class PodGCController:
    name = "podgc"
    component = "pod-garbage-collector"

    def __init__(self, context: Context) -> None:
        self._client, self._clock = context.client, context.clock
        self._threshold = context.options.terminated_pods
        self._nodes = context.caches.of(NODE)
        self._pods = context.caches.of(POD)
        self._pods.index(NODE_NAME, by_node)
        self._pods.index(FINISHED, lambda pod: [FINISHED] if is_terminal(pod) else [])
        self._missed: dict[str, float] = {}  # node -> since when (monotonic) it is gone
        self._finished = 0
        self.watches: Sequence[Watch] = (Watch(NODE, self._node_changed), Watch(POD, self._pod_changed))

    def _node_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        node = new or old
        return [f"node/{meta.name(node)}"] if node else []

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        self._finished += (new is not None and is_terminal(new)) - (old is not None and is_terminal(old))
        if self._finished > self._threshold > 0:
            yield TERMINATED
        if new is None:
            return
        if plan.is_unscheduled_terminating(new):
            yield f"pod/{meta.key(new)}"
        name = node_name(new)
        if name and (
            self._nodes.get(name) is None or (meta.deleting(new) and (old is None or not meta.deleting(old)))
        ):
            yield f"node/{name}"

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        what, _, name = key.partition("/")
        if what == "pod":
            pod = self._pods.get(name)
            return plan.single(pod) if pod else []
        if what == TERMINATED:
            return plan.terminated(self._pods.by(FINISHED, FINISHED), self._threshold)
        return await self._on_node(name, attempt.now)

    async def _on_node(self, name: str, now: float) -> Sequence[Action]:
        node = self._nodes.get(name)
        pods = self._pods.by(NODE_NAME, name)
        if node is not None or not pods:
            self._missed.pop(name, None)
            return plan.out_of_service(node, pods) if node else []
        since = self._missed.setdefault(name, self._clock.monotonic())
        left = since + plan.QUARANTINE - self._clock.monotonic()
        if left > 0:
            return [Requeue(left)]
        return [] if await self._exists(name) else plan.orphaned(pods, now)

    async def _exists(self, name: str) -> bool:
        """Asked live: a cache that lags must not cost pods."""
        try:
            await self._client.get(NODE, name)
        except NotFound:
            return False
        return True
