"""Binding: a pod gets its node, once."""

from wherry.aio.http.messages import Response
from wherry.api import Obj, errors, kinds
from wherry.api.errors import StatusError
from wherry.api.kinds import Kind
from wherry.apiserver import encoding, negotiation
from wherry.apiserver.core import Api, Call
from wherry.apiserver.registry import forms, storage
from wherry.apiserver.registry.creating import match_namespace, read_body, read_options
from wherry.lib.timestamps import rfc3339
from wherry.store import Mismatch, Put

ATTEMPTS = 5
_BINDINGS = Kind("", "v1", "Pod", "pods/binding")
TOPOLOGY = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


async def create(api: Api, call: Call) -> Response:
    """Of `pods/NAME/binding`, and of `bindings`, where the body names the pod."""
    accepted = negotiation.accept(call.request.headers.get("Accept"))
    options = read_options(call, "CreateOptions")
    binding = read_body(api, call, kinds.BINDING, options)
    match_namespace(binding["metadata"], kinds.BINDING, call.target.namespace)
    name = call.target.name or binding["metadata"].get("name", "")
    if name != binding["metadata"].get("name"):
        raise errors.bad_request("name in URL does not match name in Binding object")
    _check(binding)
    for _ in range(ATTEMPTS):
        try:
            await _assign(api, call.target.namespace, name, binding, options.dry_run)
            break
        except Mismatch:
            continue
    else:
        raise errors.conflict(_BINDINGS, name)
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    return forms.document(status, accepted, 201)


def _check(binding: Obj) -> None:
    target = binding.get("target") or {}
    found = []
    if target.get("kind", "") not in ("", "Node"):
        found.append(errors.unsupported("target.kind", target["kind"], ["Node", "<empty>"]))
    if not target.get("name"):
        found.append(errors.required("target.name"))
    if found:
        raise StatusError(500, "", errors.aggregate(map(str, found)))


async def _assign(api: Api, namespace: str, name: str, binding: Obj, dry_run: bool) -> None:
    """Raises StatusError, Mismatch."""
    record = await storage.current(api, kinds.POD, namespace, name)
    if record is None:
        raise errors.not_found(kinds.POD, name)
    pod = encoding.decode(kinds.POD, record)
    _check_preconditions(pod, binding["metadata"])
    why = _obstacle(pod)
    if why:
        raise errors.conflict(_BINDINGS, name, why)
    _bind(pod, binding, api.clock.now())
    if not dry_run:
        await storage.put(api, Put(record.key, encoding.encode(pod), record.revision))


def _check_preconditions(pod: Obj, wanted: Obj) -> None:
    metadata = pod["metadata"]
    for field, what in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        given = wanted.get(field)
        if given and given != metadata[field]:
            why = f"Precondition failed: {what} in precondition: {given}, {what} in object meta: {metadata[field]}"
            raise errors.conflict(kinds.POD, metadata["name"], why)


def _obstacle(pod: Obj) -> str:
    """Why a pod cannot be bound."""
    name, spec = pod["metadata"]["name"], pod["spec"]
    if "deletionTimestamp" in pod["metadata"]:
        return f"pod {name} is being deleted, cannot be assigned to a host"
    if spec.get("nodeName"):
        return f'pod {name} is already assigned to node "{spec["nodeName"]}"'
    if spec.get("schedulingGates"):
        return f"pod {name} has non-empty .spec.schedulingGates"
    return ""


def _bind(pod: Obj, binding: Obj, now: float) -> None:
    """Put the pod on its node, in place."""
    pod["spec"]["nodeName"] = binding["target"]["name"]
    for field in ("annotations", "labels"):
        if binding["metadata"].get(field):
            pod["metadata"][field] = {**(pod["metadata"].get(field) or {}), **binding["metadata"][field]}
    status = pod.setdefault("status", {})
    status.pop("nominatedNodeName", None)
    conditions = [each for each in status.get("conditions") or () if each.get("type") != "PodScheduled"]
    scheduled = {
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": rfc3339(now),
    }
    status["conditions"] = [*conditions, scheduled]
