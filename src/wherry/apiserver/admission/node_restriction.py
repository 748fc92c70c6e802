"""NodeRestriction: a node writes its own Node, its own pods' status, its own lease, and nothing else.

Authorisation (`authz.node`) decides by name and verb; here is what only the content tells. Source:
plugin/pkg/admission/noderestriction.
"""

from collections.abc import Callable, Mapping
from typing import Any

from wherry.api import Obj, errors, kinds
from wherry.api.kinds import Kind
from wherry.apiserver.admission.attributes import Attributes, Lister
from wherry.apiserver.admission.service_account import MIRROR
from wherry.apiserver.authn.user import User
from wherry.apiserver.authz.nodeidentity import LEASES, name_of, references

RESTRICTED = "node-restriction.kubernetes.io"
_OWN_LABELS = frozenset(
    (
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "node.kubernetes.io/instance-type",
        "beta.kubernetes.io/instance-type",
    )
)
_OWN_NAMESPACES = ("kubelet.kubernetes.io", "node.kubernetes.io")
_CLAIM_STATUS = ("capacity", "conditions", "allocatedResources", "allocatedResourceStatuses")
_SIGNERS = ("kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving")


def mutate(lister: Lister, attributes: Attributes) -> None:
    """Refuses; it is with the plug-ins that change objects because upstream asks it before the others' changes."""
    node = name_of(attributes.user)
    if node is None:
        return
    if not node:
        raise attributes.forbidden(f'could not determine node from user "{attributes.user.name}"')
    rule = _RULES.get(attributes.kind)
    if rule:
        rule(lister, attributes, node)


def _pod(lister: Lister, attributes: Attributes, node: str) -> None:
    operation, subresource = attributes.operation, attributes.subresource
    if subresource == "status":
        _pod_status(attributes, node)
    elif subresource:
        why = f"unexpected pod subresource \"{subresource}\", only 'status' and 'eviction' are allowed"
        raise attributes.forbidden(why)
    elif operation == "CREATE":
        _new_pod(lister, attributes, node)
    elif operation == "DELETE":
        assert attributes.old is not None
        if attributes.old["spec"].get("nodeName") != node:
            raise attributes.forbidden(f'node "{node}" can only delete pods with spec.nodeName set to itself')
    else:
        why = f'unexpected operation "{operation}", node "{node}" can only create and delete mirror pods'
        raise attributes.forbidden(why)


def _new_pod(lister: Lister, attributes: Attributes, node: str) -> None:
    pod = attributes.new
    assert pod is not None
    if MIRROR not in (pod["metadata"].get("annotations") or {}):
        why = f'pod does not have "{MIRROR}" annotation, node "{node}" can only create mirror pods'
        raise attributes.forbidden(why)
    if pod["spec"].get("nodeName") != node:
        raise attributes.forbidden(f'node "{node}" can only create pods with spec.nodeName set to itself')
    why = _wrong_owner(pod["metadata"].get("ownerReferences") or [], node)
    if why:
        raise attributes.forbidden(why)
    used = sorted(plural for plural, _ in references(pod))
    if used:
        raise attributes.forbidden(f'node "{node}" can not create pods that reference {used[0]}')


def _wrong_owner(owners: list[Obj], node: str) -> str:
    start = f'node "{node}" can only create pods with'
    if len(owners) > 1:
        return f"{start} a single owner reference set to itself"
    if not owners or (owners[0].get("apiVersion"), owners[0].get("kind"), owners[0].get("name")) != (
        "v1",
        "Node",
        node,
    ):
        return f"{start} an owner reference set to itself"
    if not owners[0].get("controller"):
        return f"{start} a controller owner reference set to itself"
    if owners[0].get("blockOwnerDeletion"):
        return f'node "{node}" must not set blockOwnerDeletion on an owner reference'
    return ""


def _pod_status(attributes: Attributes, node: str) -> None:
    new, old = attributes.new, attributes.old
    assert new is not None and old is not None
    if old["spec"].get("nodeName") != node:
        raise attributes.forbidden(
            f'node "{node}" can only update pod status for pods with spec.nodeName set to itself'
        )
    if (new["metadata"].get("labels") or {}) != (old["metadata"].get("labels") or {}):
        raise attributes.forbidden(f'node "{node}" cannot update labels through pod status')
    for field, what in (
        ("resourceClaimStatuses", "resource claim statues"),
        ("extendedResourceClaimStatus", "extended resource claim status"),
    ):
        if (new.get("status") or {}).get(field) != (old.get("status") or {}).get(field):
            raise attributes.forbidden(f'node "{node}" cannot update {what}')


def _node(lister: Lister, attributes: Attributes, node: str) -> None:
    name, new, old = attributes.name, attributes.new, attributes.old
    if name != node:
        raise attributes.forbidden(f'node "{node}" is not allowed to modify node "{name}"')
    if new is None:
        return
    labels = _forbidden_labels(_labels(new), _labels(old) if old else {})
    if old is None:
        if labels:
            listed = ", ".join(labels)
            raise attributes.forbidden(f'node "{node}" is not allowed to set the following labels: {listed}')
        return
    for what, mine, theirs in (
        ("taints", (new.get("spec") or {}).get("taints"), (old.get("spec") or {}).get("taints")),
        ("ownerReferences", new["metadata"].get("ownerReferences"), old["metadata"].get("ownerReferences")),
    ):
        if (mine or []) != (theirs or []):
            raise attributes.forbidden(f'node "{node}" is not allowed to modify {what}')
    if labels:
        raise attributes.forbidden(f"is not allowed to modify labels: {', '.join(labels)}")


def _labels(obj: Obj) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}


def _forbidden_labels(new: Mapping[str, str], old: Mapping[str, str]) -> list[str]:
    changed = [name for name in sorted({*new, *old}) if new.get(name) != old.get(name)]
    return [name for name in changed if not _may_label(name)]


def _may_label(name: str) -> bool:
    space = name.partition("/")[0] if "/" in name else ""
    if _within(space, RESTRICTED):
        return False
    if not _within(space, "kubernetes.io") and not _within(space, "k8s.io"):
        return True
    return name in _OWN_LABELS or any(_within(space, own) for own in _OWN_NAMESPACES)


def _within(space: str, domain: str) -> bool:
    return space == domain or space.endswith(f".{domain}")


def _claim(lister: Lister, attributes: Attributes, node: str) -> None:
    new, old = attributes.new, attributes.old
    if attributes.subresource != "status" or new is None or old is None:
        raise attributes.forbidden("may only update PVC status")
    if _rest(new) != _rest(old):
        what = "is not allowed to update fields other than status.quantity and status.conditions"
        raise attributes.forbidden(f'node "{node}" {what}')


def _rest(claim: Obj) -> tuple[Any, ...]:
    """What of a claim a node may not touch."""
    metadata = {
        key: claim["metadata"][key] for key in claim["metadata"] if key not in ("managedFields", "resourceVersion")
    }
    status = {key: value for key, value in (claim.get("status") or {}).items() if key not in _CLAIM_STATUS}
    return metadata, claim.get("spec"), status


def _lease(lister: Lister, attributes: Attributes, node: str) -> None:
    if attributes.namespace != LEASES:
        raise attributes.forbidden(f'can only access leases in the "{LEASES}" system namespace')
    if attributes.name != node:
        raise attributes.forbidden("can only access node lease with the same name as the requesting node")


def _csi_node(lister: Lister, attributes: Attributes, node: str) -> None:
    if attributes.name != node:
        raise attributes.forbidden("can only access CSINode with the same name as the requesting node")


def _slice(lister: Lister, attributes: Attributes, node: str) -> None:
    for obj in (attributes.new, attributes.old):
        if obj is not None and obj["spec"].get("nodeName") != node:
            why = "can only create ResourceSlice with the same NodeName as the requesting node"
            raise attributes.forbidden(why)


def _signing(lister: Lister, attributes: Attributes, node: str) -> None:
    new = attributes.new
    if attributes.operation != "CREATE" or new is None or new["spec"].get("signerName") not in _SIGNERS:
        return
    subject = _subject(new["spec"].get("request", ""))
    if subject is not None and subject != f"system:node:{node}":
        raise attributes.forbidden(f"can only create a node CSR with CN=system:node:{node}")


def _subject(request: str) -> str | None:
    """The common name in a certificate request; None for what is none, which validation refuses."""
    import base64

    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        parsed = x509.load_pem_x509_csr(base64.b64decode(request))
    except ValueError:
        return None
    names = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def check_token(user: User, request: Obj, pod: Obj | None) -> None:
    """A node gets tokens for its own pods only, bound to them. `pod`: what the request is bound to, if that is a
    pod. Raises StatusError."""
    node = name_of(user)
    if node is None:
        return
    reference, metadata = request["spec"].get("boundObjectRef") or {}, request["metadata"]
    why = ""
    if (reference.get("apiVersion"), reference.get("kind")) != ("v1", "Pod") or not reference.get("name") or not pod:
        why = "node requested token not bound to a pod"
    elif not reference.get("uid"):
        why = "node requested token with a pod binding without a uid"
    elif pod["spec"].get("nodeName") != node:
        why = "node requested token bound to a pod scheduled on a different node"
    elif not _mounts(pod, request["spec"].get("audiences") or [""]):
        why = "node requested token for an audience that no volume of the pod asks for"
    if why:
        raise errors.forbidden(kinds.SERVICE_ACCOUNT, metadata["name"], why)


def _mounts(pod: Obj, audiences: list[str]) -> bool:
    """Whether a volume of the pod asks for a token for these audiences."""
    wanted = {
        source["serviceAccountToken"].get("audience", "")
        for volume in pod["spec"].get("volumes") or ()
        for source in (volume.get("projected") or {}).get("sources") or ()
        if "serviceAccountToken" in source
    }
    return len(audiences) == 1 and (audiences[0] in wanted or any("csi" in each for each in pod["spec"]["volumes"]))


def check_eviction(user: User, pod: Obj) -> None:
    """A node evicts its own pods only. Raises StatusError."""
    node = name_of(user)
    if node is not None and pod["spec"].get("nodeName") != node:
        why = f"node {node} can only evict pods with spec.nodeName set to itself"
        raise errors.forbidden(kinds.POD, pod["metadata"]["name"], why)


_RULES: dict[Kind, Callable[[Lister, Attributes, str], None]] = {
    kinds.POD: _pod,
    kinds.NODE: _node,
    kinds.PERSISTENT_VOLUME_CLAIM: _claim,
    kinds.LEASE: _lease,
    kinds.CSI_NODE: _csi_node,
    kinds.RESOURCE_SLICE: _slice,
    kinds.CERTIFICATE_SIGNING_REQUEST: _signing,
}
