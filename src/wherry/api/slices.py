"""Reading EndpointSlices."""

from wherry.api import Obj, meta

SERVICE_NAME = "kubernetes.io/service-name"


def service_of(slice: Obj) -> str | None:
    """`namespace/name` of the service that an EndpointSlice belongs to."""
    name = meta.labels(slice).get(SERVICE_NAME)
    return f"{meta.namespace(slice)}/{name}" if name else None
