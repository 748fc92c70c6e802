"""From what is asked to what answers it: verbs of collections and objects, sub-resources, and other paths."""

from collections.abc import Awaitable, Callable

from wherry.aio.http.messages import Response, Upgrade
from wherry.api import errors, kinds
from wherry.api.kinds import Kind
from wherry.apiserver import components, documents, reviews, subresources
from wherry.apiserver.core import Api, Call
from wherry.apiserver.registry import collections, creating, deleting, reading, updating, watching
from wherry.apiserver.subresources import binding

Verb = Callable[[Api, Call], Awaitable[Response | Upgrade]]

# Verbs of a collection, then those of one object.
COLLECTION: dict[str, Verb] = {
    "list": reading.list_,
    "watch": watching.watch,
    "create": creating.create,
    "deletecollection": collections.delete_collection,
}
OBJECT: dict[str, Verb] = {
    "get": reading.get,
    "update": updating.update,
    "patch": updating.patch,
    "delete": deleting.delete,
    "watch": watching.watch,
}
# Kinds that nothing is stored of, with what answers all their verbs.
OWN: dict[Kind, Verb] = {
    **dict.fromkeys(reviews.REVIEWS, reviews.answer),
    kinds.BINDING: binding.create,
    kinds.COMPONENT_STATUS: components.get,
}


def find(api: Api, call: Call) -> Verb:
    """The function that answers. Raises StatusError (404, 405)."""
    target = call.target
    if not target.is_resource:
        return documents.find(call)
    kind = target.kind
    if kind is None:
        return documents.find_in_group(api, call)
    if not _in_scope(kind, target.namespace, target.name):
        raise errors.no_such_path()
    if call.request.method == "HEAD":
        raise errors.method_not_allowed()
    if target.subresource:
        return subresources.find(kind, call)
    verbs = OBJECT if target.name else COLLECTION
    if target.name and not any(verb in kind.verbs for verb in OBJECT):
        raise errors.no_such_path()
    verb = verbs.get(target.verb)
    if verb is None or target.verb not in kind.verbs:
        raise errors.method_not_allowed()
    if kind.namespaced and not target.namespace and target.verb not in ("list", "watch"):
        raise errors.method_not_allowed()
    return OWN.get(kind, verb)


def _in_scope(kind: Kind, namespace: str, name: str) -> bool:
    """Whether the path fits the kind: cluster-scoped kinds are in no namespace, objects of others in one."""
    if kind.namespaced:
        return bool(namespace) or not name
    return not namespace or (kind.plural == "namespaces" and namespace == name)
