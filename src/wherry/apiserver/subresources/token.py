"""TokenRequest: a token for a service account, for an audience, a time, and the life of a pod, secret or node."""

from wherry.aio.http.messages import Response
from wherry.api import Obj, errors, kinds, schema
from wherry.api.errors import FieldError
from wherry.api.kinds import Kind
from wherry.api.patch import managed
from wherry.api.patch.managed import Writer
from wherry.apiserver import encoding, negotiation
from wherry.apiserver.admission import node_restriction
from wherry.apiserver.authn import accounts
from wherry.apiserver.core import Api, Call
from wherry.apiserver.registry import forms, storage
from wherry.apiserver.registry.creating import read_body, read_options, wipe
from wherry.lib.timestamps import rfc3339

TOKEN_REQUEST = Kind("authentication.k8s.io", "v1", "TokenRequest", "tokenrequests")
SHORTEST, LONGEST = 600, 1 << 32  # seconds
AUTOMOUNTED = 3607  # the time that pods' own volumes ask for
EXTENDED = 365 * 24 * 3600  # what such a token really gets, for clients that read theirs once
_BOUND = {"Pod": ("pod", kinds.POD), "Secret": ("secret", kinds.SECRET), "Node": ("node", kinds.NODE)}


async def create(api: Api, call: Call) -> Response:
    accepted = negotiation.accept(call.request.headers.get("Accept"))
    options = read_options(call, "CreateOptions")
    request = read_body(api, call, TOKEN_REQUEST, options)
    wipe(request["metadata"])
    account = await _account(api, call, request)
    node = schema.definition(TOKEN_REQUEST.api_version, TOKEN_REQUEST.kind)
    writer = Writer(options.manager, TOKEN_REQUEST.api_version, TOKEN_REQUEST.kind, "token", now=api.clock.now())
    request = managed.update(None, request, node, writer)
    spec, now = request["spec"], api.clock.now()
    _complete(request["metadata"], account, now)
    _refuse(_errors(spec))
    bound = await _bound_objects(api, call, account, spec.get("boundObjectRef"))
    node_restriction.check_token(call.user, request, bound.get("pod"))
    spec["audiences"] = spec.get("audiences") or [api.settings.issuer]
    seconds = spec["expirationSeconds"]
    lasting = EXTENDED if seconds == AUTOMOUNTED and "pod" in bound else seconds
    content = accounts.claims(account, bound, spec["audiences"], api.settings.issuer, now, lasting)
    request["status"] = {
        "token": api.accounts.signer.sign(content),
        "expirationTimestamp": rfc3339(now + seconds),
    }
    return forms.document(request, accepted, 201)


async def _account(api: Api, call: Call, request: Obj) -> Obj:
    """The account in the path, which the body may name too."""
    target, metadata = call.target, request["metadata"]
    for field, actual in (("name", target.name), ("namespace", target.namespace)):
        given = metadata.get(field)
        if given and given != actual:
            why = f"must match the service account {field} if specified"
            raise errors.invalid(TOKEN_REQUEST, target.name, [errors.invalid_value(f"metadata.{field}", given, why)])
    record = await storage.current(api, call.kind, target.namespace, target.name)
    if record is None:
        raise errors.not_found(call.kind, target.name)
    return encoding.decode(call.kind, record)


def _complete(metadata: Obj, account: Obj, now: float) -> None:
    for field in ("name", "namespace", "uid"):
        metadata[field] = account["metadata"][field]
    metadata["creationTimestamp"] = rfc3339(now)


def _errors(spec: Obj) -> list[FieldError]:
    seconds, field = spec["expirationSeconds"], "spec.expirationSeconds"
    if seconds < SHORTEST:
        return [errors.invalid_value(field, seconds, "may not specify a duration less than 10 minutes")]
    if seconds > LONGEST:
        return [errors.invalid_value(field, seconds, "may not specify a duration larger than 2^32 seconds")]
    return []


def _refuse(found: list[FieldError]) -> None:
    if found:
        raise errors.invalid(TOKEN_REQUEST, "", found)


async def _bound_objects(api: Api, call: Call, account: Obj, reference: Obj | None) -> dict[str, Obj]:
    """What the token ends with, by what it is called in the claims. Raises StatusError."""
    if not reference:
        return {}
    kind_name, version = reference.get("kind", ""), reference.get("apiVersion", "")
    if kind_name not in _BOUND or version not in ("", "v1"):
        group, _, version = version.rpartition("/")
        raise errors.bad_request(f"cannot bind token to object of type {group}/{version}, Kind={kind_name}")
    name, kind = _BOUND[kind_name]
    obj = await _get(api, kind, call.target.namespace, reference.get("name", ""))
    bound = {name: obj}
    if name == "pod":
        await _check_pod(api, account, obj, bound)
    uid = reference.get("uid")
    if uid and uid != obj["metadata"]["uid"]:
        why = (
            f"the UID in the bound object reference ({uid}) does not match the UID in record. "
            "The object might have been deleted and then recreated"
        )
        raise errors.conflict(Kind("", "v1", kind_name, kind_name), obj["metadata"]["name"], why)
    return bound


async def _check_pod(api: Api, account: Obj, pod: Obj, bound: dict[str, Obj]) -> None:
    name = account["metadata"]["name"]
    if pod["spec"].get("serviceAccountName") != name:
        raise errors.bad_request(
            f'cannot bind token for serviceaccount "{name}" to pod running with different serviceaccount name.'
        )
    node_name = pod["spec"].get("nodeName")
    if node_name:
        record = await storage.current(api, kinds.NODE, "", node_name)
        bound["node"] = encoding.decode(kinds.NODE, record) if record else {"metadata": {"name": node_name}}


async def _get(api: Api, kind: Kind, namespace: str, name: str) -> Obj:
    record = await storage.current(api, kind, namespace if kind.namespaced else "", name)
    if record is None:
        raise errors.not_found(kind, name)
    return encoding.decode(kind, record)
