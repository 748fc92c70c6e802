"""Node authorisation: a node reads what the pods on it need, and writes only what is its own.

Admission (`node_restriction`) looks into what it writes. Source: plugin/pkg/auth/authorizer/node.
"""

from collections import OrderedDict

from wherry.api import Obj, kinds
from wherry.apiserver import encoding
from wherry.apiserver.authz import ALLOWED, NO_OPINION, Decision, Question
from wherry.apiserver.authz.nodeidentity import LEASES, Reference, name_of, references
from wherry.apiserver.authz.rules import Rule
from wherry.apiserver.podindex import PodIndex
from wherry.lib import selectors
from wherry.store import Store

REMEMBERED = 4096  # pods whose references are kept
READS = ("get", "list", "watch")
OWN_VERBS = ("get", "create", "update", "patch", "delete")
_READABLE = ("secrets", "configmaps")
_GETTABLE = ("persistentvolumeclaims", "persistentvolumes", "resourceclaims", "volumeattachments")


def _no(why: str = "") -> Decision:
    return Decision(None, why)


class Nodes:
    """A decider. `rules`: what every node may do with resources that are not divided between nodes."""

    def __init__(self, store: Store, pods: PodIndex, rules: list[Obj]) -> None:
        self._store, self._pods = store, pods
        self._rules = [Rule.of(rule) for rule in rules]
        self._references: OrderedDict[tuple[str, int], set[Reference]] = OrderedDict()

    async def __call__(self, question: Question) -> Decision:
        node = name_of(question.user)
        if node is None:
            return NO_OPINION
        resource = "" if question.path else question.resource
        if resource in _READABLE:
            return await self._read(node, question)
        if resource == "persistentvolumeclaims" and question.subresource == "status":
            return await self._related(node, question, ("update", "patch"), "can only get/update/patch this type")
        if resource in _GETTABLE:
            if question.verb == "get" and question.subresource:
                return _no("cannot get subresource")
            return await self._related(node, question, ("get",), "can only get individual resources of this type")
        if resource == "serviceaccounts":
            return await self._account(node, question)
        if resource == "pods":
            return await self._pod(node, question)
        decide = {"leases": _lease, "csinodes": _csi_node, "nodes": _node, "resourceslices": _slice}.get(resource)
        if decide:
            return decide(node, question)
        return ALLOWED if any(rule.allows(question) for rule in self._rules) else NO_OPINION

    async def _read(self, node: str, question: Question) -> Decision:
        if question.verb in READS and question.subresource:
            return _no("cannot read subresource")
        if question.verb in READS and not question.namespace:
            return _no("can only read namespaced object of this type")
        return await self._related(node, question, READS, "can only read resources of this type")

    async def _related(self, node: str, question: Question, verbs: tuple[str, ...], otherwise: str) -> Decision:
        if question.verb not in verbs:
            return _no(otherwise)
        if not question.name:
            return _no("No Object name found")
        if await self._needed(node, question):
            return ALLOWED
        return _no(f"no relationship found between node '{node}' and this object")

    async def _account(self, node: str, question: Question) -> Decision:
        if question.verb == "get" and not question.subresource:
            return await self._read(node, question)
        if question.verb != "create" or not question.name:
            return _no("can only create tokens for individual service accounts")
        if question.subresource != "token":
            return _no("can only create token subresource of serviceaccount")
        return await self._related(node, question, ("create",), "")

    async def _pod(self, node: str, question: Question) -> Decision:
        verb, subresource = question.verb, question.subresource
        if subresource:
            writable = (subresource == "status" and verb in ("update", "patch")) or (
                subresource == "eviction" and verb == "create"
            )
            return ALLOWED if writable else NO_OPINION
        if verb in ("create", "delete"):
            return ALLOWED
        if verb == "get" or (verb in READS and question.name):
            return await self._related(node, question, READS, "")
        if verb in READS:
            why = "can only list/watch pods with spec.nodeName field selector"
            return ALLOWED if _selects(question, node) else _no(why)
        return NO_OPINION

    async def _needed(self, node: str, question: Question) -> bool:
        """Whether the object is a pod on the node, or something that one of those refers to."""
        if question.resource == "pods":
            return self._pods.node(f"pods/{question.namespace}/{question.name}") == node
        if question.resource == "persistentvolumes":
            return await self._needs_volume(node, question.name)
        if question.resource == "volumeattachments":
            record = await self._store.get(f"{kinds.VOLUME_ATTACHMENT.resource}/{question.name}")
            attachment = encoding.decode(kinds.VOLUME_ATTACHMENT, record) if record else {"spec": {}}
            return bool(attachment["spec"].get("nodeName") == node)
        return await self._refers(node, question.namespace, (question.resource, question.name))

    async def _needs_volume(self, node: str, name: str) -> bool:
        record = await self._store.get(f"{kinds.PERSISTENT_VOLUME.resource}/{name}")
        claim = encoding.decode(kinds.PERSISTENT_VOLUME, record)["spec"].get("claimRef") if record else None
        if not claim:
            return False
        return await self._refers(node, claim["namespace"], ("persistentvolumeclaims", claim["name"]))

    async def _refers(self, node: str, namespace: str, reference: Reference) -> bool:
        start = f"pods/{namespace}/"
        for key in self._pods.on(node):
            if key.startswith(start) and reference in await self._of_pod(key):
                return True
        return False

    async def _of_pod(self, key: str) -> set[Reference]:
        record = await self._store.get(key)
        if record is None:
            return set()
        found = self._references.get((key, record.revision))
        if found is None:
            found = references(encoding.decode(kinds.POD, record))
            self._references[key, record.revision] = found
            if len(self._references) > REMEMBERED:
                self._references.popitem(last=False)
        return found


def _selects(question: Question, node: str) -> bool:
    try:
        wanted = selectors.parse_fields(question.selector)
    except selectors.SelectorError:
        return False
    return ("spec.nodeName", "=", node) in wanted


def _lease(node: str, question: Question) -> Decision:
    if question.verb not in OWN_VERBS:
        return _no("can only get, create, update, patch, or delete a node lease")
    if question.namespace != LEASES:
        return _no(f'can only access leases in the "{LEASES}" system namespace')
    if question.verb != "create" and question.name != node:
        return _no("can only access node lease with the same name as the requesting node")
    return ALLOWED


def _csi_node(node: str, question: Question) -> Decision:
    if question.verb not in OWN_VERBS:
        return _no("can only get, create, update, patch, or delete a CSINode")
    if question.subresource:
        return _no("cannot authorize CSINode subresources")
    if question.verb != "create" and question.name != node:
        return _no("can only access CSINode with the same name as the requesting node")
    return ALLOWED


def _slice(node: str, question: Question) -> Decision:
    if question.subresource:
        return _no("cannot authorize ResourceSlice subresources")
    if question.verb == "create":
        return ALLOWED
    if question.verb in ("watch", "list", "deletecollection"):
        why = "can only list/watch/deletecollection resourceslices with nodeName field selector"
        return ALLOWED if _selects(question, node) else _no(why)
    return _no(f"no relationship found between node '{node}' and this object")


def _node(node: str, question: Question) -> Decision:
    verb = question.verb
    if question.subresource:
        return ALLOWED if question.subresource == "status" and verb in ("update", "patch") else NO_OPINION
    if verb in ("create", "update", "patch"):
        return ALLOWED
    if verb not in READS:
        return NO_OPINION
    if question.name == node:
        return ALLOWED
    what = f"read '{question.name}'" if question.name else "read all nodes"
    return _no(f"node '{node}' cannot {what}, only its own Node object")
