"""What a node is known by, and what the pods on it refer to: pure rules that authorisation and admission share.

Source: plugin/pkg/auth/authorizer/node and plugin/pkg/auth/nodeidentifier.
"""

from collections.abc import Iterator
from typing import Any

from wherry.api import Obj
from wherry.apiserver.authn.user import NODES, User

PREFIX = "system:node:"
LEASES = "kube-node-lease"

Reference = tuple[str, str]  # plural and name, in the pod's namespace


def name_of(user: User) -> str | None:
    """The node that a user is; None if it is none."""
    if NODES not in user.groups or not user.name.startswith(PREFIX):
        return None
    return user.name[len(PREFIX) :]


def references(pod: Obj) -> set[Reference]:
    """What a pod's node has to read for it."""
    spec = pod["spec"]
    found = {("serviceaccounts", spec.get("serviceAccountName"))}
    found |= {("secrets", each.get("name")) for each in spec.get("imagePullSecrets") or ()}
    for part in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(part) or ():
            found |= set(_of_container(container))
    for volume in spec.get("volumes") or ():
        found |= set(_of_volume(volume, pod["metadata"]["name"]))
    found |= {("resourceclaims", each.get("resourceClaimName")) for each in spec.get("resourceClaims") or ()}
    statuses = (pod.get("status") or {}).get("resourceClaimStatuses") or ()
    found |= {("resourceclaims", each.get("resourceClaimName")) for each in statuses}
    return {(plural, name) for plural, name in found if name}


def _of_container(container: Obj) -> Iterator[tuple[str, Any]]:
    for source in container.get("envFrom") or ():
        yield "secrets", (source.get("secretRef") or {}).get("name")
        yield "configmaps", (source.get("configMapRef") or {}).get("name")
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        yield "secrets", (source.get("secretKeyRef") or {}).get("name")
        yield "configmaps", (source.get("configMapKeyRef") or {}).get("name")


def _of_volume(volume: Obj, pod: str) -> Iterator[tuple[str, Any]]:
    yield "secrets", (volume.get("secret") or {}).get("secretName")
    yield "configmaps", (volume.get("configMap") or {}).get("name")
    yield "persistentvolumeclaims", (volume.get("persistentVolumeClaim") or {}).get("claimName")
    if "ephemeral" in volume:
        yield "persistentvolumeclaims", f"{pod}-{volume['name']}"
    for source in (volume.get("projected") or {}).get("sources") or ():
        yield "secrets", (source.get("secret") or {}).get("name")
        yield "configmaps", (source.get("configMap") or {}).get("name")
    for driver in volume.values():
        if isinstance(driver, dict):
            for field in ("nodePublishSecretRef", "secretRef"):
                yield "secrets", (driver.get(field) or {}).get("name")
            yield "secrets", driver.get("secretName")
