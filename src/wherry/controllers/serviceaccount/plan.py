"""Which service account a namespace lacks. Source: upstream's pkg/controller/serviceaccount."""

from wherry.api import Obj, meta
from wherry.api.kinds import SERVICE_ACCOUNT
from wherry.controllers.actions import Actions, Create

NAME = "default"


def reconcile(namespace: Obj, existing: Obj | None) -> Actions:
    if existing is not None or meta.deleting(namespace):
        return []
    metadata = {"name": NAME, "namespace": meta.name(namespace)}
    return [Create(SERVICE_ACCOUNT, {"metadata": metadata}, exists_ok=True)]
