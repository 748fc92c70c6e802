"""The ConfigMap as it should be. Source: upstream's pkg/controller/certificates/rootcacertpublisher."""

from wherry.api import Obj, meta
from wherry.api.kinds import CONFIG_MAP
from wherry.controllers.actions import Actions, Create, Update

NAME = "kube-root-ca.crt"
KEY = "ca.crt"
DESCRIPTION = "kubernetes.io/description"
_TEXT = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


def reconcile(namespace: Obj, existing: Obj | None, certificate: str) -> Actions:
    """`certificate`: the root CA in PEM."""
    if meta.deleting(namespace):
        return []
    data = {KEY: certificate}
    if existing is None:
        metadata = {"name": NAME, "namespace": meta.name(namespace), "annotations": {DESCRIPTION: _TEXT}}
        return [Create(CONFIG_MAP, {"metadata": metadata, "data": data}, exists_ok=True)]
    if existing.get("data") == data and meta.annotations(existing).get(DESCRIPTION):
        return []
    annotations = {**meta.annotations(existing), DESCRIPTION: _TEXT}
    return [
        Update(
            CONFIG_MAP, {**existing, "metadata": {**existing["metadata"], "annotations": annotations}, "data": data}
        )
    ]
