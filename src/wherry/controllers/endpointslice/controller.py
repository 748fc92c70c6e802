"""Watches services, pods as far as they matter to services, slices and nodes; a key is a service's."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import ENDPOINT_SLICE, NODE, POD, SERVICE
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.endpointslice import plan
from wherry.controllers.loop import Watch
from wherry.controllers.servicewatch import ServiceWatch
from wherry.controllers.watching import NODE_NAME, by_node, own_key

SERVICE_NAME = "service"


class EndpointSliceController:
    name = "endpointslice"
    component = "endpoint-slice-controller"

    def __init__(self, context: Context) -> None:
        self._services = context.caches.of(SERVICE)
        self._slices = context.caches.of(ENDPOINT_SLICE)
        self._nodes = context.caches.of(NODE)
        self._pods = context.caches.of(POD)
        self._slices.index(SERVICE_NAME, _by_service)
        self._pods.index(NODE_NAME, by_node)
        self._behind = ServiceWatch(self._services, self._pods)
        self.watches: Sequence[Watch] = (
            Watch(SERVICE, own_key),
            Watch(POD, self._behind.keys),
            Watch(ENDPOINT_SLICE, self._slice_changed),
            Watch(NODE, self._node_changed),
        )

    def _slice_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        return {key for each in (old, new) if each is not None for key in _by_service(each)}

    def _node_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        """A node that appeared or moved to another zone changes the endpoints on it."""
        if new is not None and (old is None or _zone(old) != _zone(new)):
            for pod in self._pods.by(NODE_NAME, meta.name(new)):
                yield from self._behind.keys(None, pod)

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        service = self._services.get(key)
        if service is None or service["spec"].get("type") == "ExternalName" or not service["spec"].get("selector"):
            return []
        slices = self._slices.by(SERVICE_NAME, key)
        return plan.reconcile(service, self._behind.pods(service), slices, self._nodes.get)


def _by_service(endpoint_slice: Obj) -> list[str]:
    """Only slices that are ours."""
    labels = meta.labels(endpoint_slice)
    if labels.get(plan.MANAGED_BY) != plan.MANAGER or not labels.get(plan.SERVICE_NAME):
        return []
    return [f"{meta.namespace(endpoint_slice)}/{labels[plan.SERVICE_NAME]}"]


def _zone(node: Obj) -> str:
    return meta.labels(node).get(plan.ZONE, "")
