"""NamespaceLifecycle: objects are made only in namespaces that exist and are not ending."""

from wherry.api import errors, kinds
from wherry.apiserver.admission.attributes import Attributes, Lister

IMMORTAL = frozenset({"default", "kube-system", "kube-public"})
ACCESS_REVIEWS = frozenset({kinds.LOCAL_SUBJECT_ACCESS_REVIEW})


def mutate(lister: Lister, attributes: Attributes) -> None:
    if attributes.kind is kinds.NAMESPACE:
        if attributes.operation == "DELETE" and attributes.name in IMMORTAL:
            raise errors.forbidden(kinds.NAMESPACE, attributes.name, "this namespace may not be deleted")
        return
    if not attributes.namespace or attributes.operation == "DELETE" or attributes.kind in ACCESS_REVIEWS:
        return
    namespace = lister.get(kinds.NAMESPACE, attributes.namespace)
    if namespace is None:
        raise errors.not_found(kinds.NAMESPACE, attributes.namespace)
    if attributes.operation == "CREATE" and namespace.get("status", {}).get("phase") == "Terminating":
        raise _terminating(attributes)


def _terminating(attributes: Attributes) -> errors.StatusError:
    where = attributes.namespace
    error = errors.forbidden(
        attributes.kind,
        attributes.name,
        f"unable to create new content in namespace {where} because it is being terminated",
    )
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {where} is being terminated",
        "field": "metadata.namespace",
    }
    error.details = (error.details or {}) | {"causes": [cause]}
    return error
