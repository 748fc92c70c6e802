"""Watches Endpoints, Services without a selector, and the slices made for them; a key is the name of all three."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import ENDPOINT_SLICE, ENDPOINTS, SERVICE
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.endpointslice.plan import MANAGED_BY, SERVICE_NAME
from wherry.controllers.endpointslicemirroring import plan
from wherry.controllers.loop import Watch
from wherry.controllers.watching import own_key

MIRRORED = "mirrored"


class EndpointSliceMirroringController:
    name = "endpointslicemirroring"
    component = "endpoint-slice-mirroring-controller"

    def __init__(self, context: Context) -> None:
        self._endpoints = context.caches.of(ENDPOINTS)
        self._services = context.caches.of(SERVICE)
        self._slices = context.caches.of(ENDPOINT_SLICE)
        self._slices.index(MIRRORED, _mirrored)
        self.watches: Sequence[Watch] = (
            Watch(ENDPOINTS, self._endpoints_changed),
            Watch(SERVICE, _service_changed),
            Watch(ENDPOINT_SLICE, self._slice_changed),
        )

    def _endpoints_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        """Most Endpoints are those that a controller made from a selector: they are shown already."""
        for key in own_key(old, new):
            service = self._services.get(key)
            if service is None or not service["spec"].get("selector"):
                yield key

    def _slice_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        return {key for each in (old, new) if each is not None for key in _mirrored(each)}

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        return plan.reconcile(self._endpoints.get(key), self._services.get(key), self._slices.by(MIRRORED, key))


def _service_changed(old: Obj | None, new: Obj | None) -> Iterable[str]:
    had, has = (bool(each["spec"].get("selector")) if each else None for each in (old, new))
    return own_key(old, new) if had != has else ()


def _mirrored(endpoint_slice: Obj) -> list[str]:
    labels = meta.labels(endpoint_slice)
    if labels.get(MANAGED_BY) != plan.MANAGER or not labels.get(SERVICE_NAME):
        return []
    return [f"{meta.namespace(endpoint_slice)}/{labels[SERVICE_NAME]}"]
