"""Watches budgets, pods and what controls pods. Keys: a budget's, or `pod|namespace/name` of a disrupted pod."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import (
    DEPLOYMENT,
    POD,
    POD_DISRUPTION_BUDGET,
    REPLICA_SET,
    REPLICATION_CONTROLLER,
    STATEFUL_SET,
)
from wherry.client.interface import NotFound
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.disruption import plan
from wherry.controllers.loop import Watch
from wherry.controllers.watching import NAMESPACE, by_namespace, own_key
from wherry.lib import selectors

DISRUPTED = "pod|"
_SCALED = (DEPLOYMENT, REPLICA_SET, STATEFUL_SET, REPLICATION_CONTROLLER)


class DisruptionController:
    name = "disruption"
    component = "controllermanager"

    def __init__(self, context: Context) -> None:
        self._client, self._caches = context.client, context.caches
        self._budgets = context.caches.of(POD_DISRUPTION_BUDGET)
        self._pods = context.caches.of(POD)
        self._owners = {kind.kind: context.caches.of(kind) for kind in _SCALED}
        self._budgets.index(NAMESPACE, by_namespace)
        self._pods.index(NAMESPACE, by_namespace)
        self.watches: Sequence[Watch] = (
            Watch(POD_DISRUPTION_BUDGET, own_key),
            Watch(POD, self._pod_changed),
            *(Watch(kind, self._scale_changed) for kind in _SCALED),
        )

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        pod = new or old
        if pod is None:
            return
        for budget in self._budgets.by(NAMESPACE, meta.namespace(pod)):
            if any(each is not None and _selector(budget).matches(meta.labels(each)) for each in (old, new)):
                yield meta.key(budget)
        if new is not None and meta.is_true(new, "DisruptionTarget"):
            yield DISRUPTED + meta.key(new)

    def _scale_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        owner = new or old
        if owner is not None and (old is None or new is None or _replicas(old) != _replicas(new)):
            yield from map(meta.key, self._budgets.by(NAMESPACE, meta.namespace(owner)))

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        if key.startswith(DISRUPTED):
            pod = self._pods.get(key.removeprefix(DISRUPTED))
            return plan.stale_target(pod, attempt.now) if pod else []
        budget = self._budgets.get(key)
        if budget is None:
            return []
        selector = _selector(budget)
        pods = [p for p in self._pods.by(NAMESPACE, meta.namespace(budget)) if selector.matches(meta.labels(p))]
        scales = await self._scales(pods) if plan.needs_scales(budget) else plan.Scales()
        return plan.reconcile(budget, pods, scales, attempt)

    async def _scales(self, pods: Sequence[Obj]) -> plan.Scales:
        found: dict[str, int] = {}
        unmanaged, unknown = [], []
        seen: set[str] = set()
        for pod in pods:
            manager = meta.controller_of(pod)
            if manager is None:
                unmanaged.append(meta.name(pod))
            elif manager["uid"] not in seen:
                seen.add(manager["uid"])
                scale = await self._scale(meta.namespace(pod), manager)
                if scale is None:
                    unknown.append(meta.name(pod))
                else:
                    found[scale[0]] = scale[1]
        return plan.Scales(found, unmanaged, unknown)

    async def _scale(self, namespace: str, reference: Obj) -> tuple[str, int] | None:
        """(uid, replicas) of the topmost controller that has a scale; None if there is none."""
        informer = self._owners.get(reference["kind"])
        owner = informer.get(f"{namespace}/{reference['name']}") if informer else None
        if owner is not None and meta.uid(owner) == reference["uid"]:
            above = meta.controller_of(owner)
            if above is not None and above["kind"] == DEPLOYMENT.kind:
                return await self._scale(namespace, above)
            return meta.uid(owner), _replicas(owner)
        return await self._live_scale(namespace, reference)

    async def _live_scale(self, namespace: str, reference: Obj) -> tuple[str, int] | None:
        kind = self._caches.kind(reference["apiVersion"], reference["kind"])
        if kind is None or "scale" not in kind.subresources:
            return None
        try:
            scale = await self._client.get(kind, reference["name"], namespace, subresource="scale")
        except NotFound:
            return None
        return (reference["uid"], _replicas(scale)) if meta.uid(scale) == reference["uid"] else None


def _selector(budget: Obj) -> selectors.Selector:
    return selectors.from_object(budget["spec"].get("selector"))


def _replicas(owner: Obj) -> int:
    return int(owner["spec"].get("replicas", 1))
