"""Kinds that are only asked, never stored: access reviews, token reviews, who am I. `REVIEWS` is the one list."""

from collections.abc import Awaitable, Callable

from wherry.aio.http.messages import Headers, Request, Response
from wherry.api import Obj, errors, kinds, schema, validation
from wherry.api.errors import StatusError
from wherry.api.kinds import Kind
from wherry.api.patch import managed
from wherry.apiserver import negotiation
from wherry.apiserver.authn.user import User, info
from wherry.apiserver.authz import Question
from wherry.apiserver.core import Api, Call
from wherry.apiserver.registry import forms, writing
from wherry.apiserver.registry.creating import match_namespace, read_body, read_options, wipe
from wherry.lib.timestamps import rfc3339

Answer = Callable[[Api, Call, Obj], Awaitable[Obj]]  # the review as it was sent -> with its answer

_ASKED = ("verb", "group", "resource", "subresource", "name", "namespace")


async def answer(api: Api, call: Call) -> Response:
    """Create, for a kind of `REVIEWS`."""
    accepted = negotiation.accept(call.request.headers.get("Accept"))
    options, kind = read_options(call, "CreateOptions"), call.kind
    review = read_body(api, call, kind, options)
    wipe(review["metadata"])
    match_namespace(review["metadata"], kind, call.target.namespace)
    node = schema.definition(kind.api_version, kind.kind)
    review = managed.update(None, review, node, writing.writer(api, kind, options, ""))
    return forms.document(await REVIEWS[kind](api, call, review), accepted, 201)


async def subject_access(api: Api, call: Call, review: Obj) -> Obj:
    spec = review["spec"]
    _refuse(call.kind, review)
    extra = {key: tuple(values or ()) for key, values in (spec.get("extra") or {}).items()}
    user = User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""), extra)
    return await _decide(api, review, user)


async def local_subject_access(api: Api, call: Call, review: Obj) -> Obj:
    spec = review["spec"]
    _refuse(call.kind, review)
    user = User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""))
    return await _decide(api, review, user)


async def self_subject_access(api: Api, call: Call, review: Obj) -> Obj:
    _refuse(call.kind, review)
    return await _decide(api, review, call.user)


async def _decide(api: Api, review: Obj, user: User) -> Obj:
    spec = review["spec"]
    decision = await api.authorizer.decide(_question(user, spec))
    review["status"] = {"allowed": bool(decision.allowed)}
    if decision.allowed is False:
        review["status"]["denied"] = True
    if decision.reason:
        review["status"]["reason"] = decision.reason
    return review


def _question(user: User, spec: Obj) -> Question:
    path = spec.get("nonResourceAttributes")
    if path is not None:
        return Question(user, path.get("verb", ""), path=path.get("path", ""))
    asked = spec["resourceAttributes"]
    verb, group, resource, subresource, name, namespace = (asked.get(field, "") for field in _ASKED)
    return Question(user, verb, group, resource, subresource, name, namespace, selector=_selector(asked))


def _selector(asked: Obj) -> str:
    wanted = asked.get("fieldSelector") or {}
    given = [
        f"{each['key']}={each['values'][0]}"
        for each in wanted.get("requirements") or ()
        if each.get("operator") == "In" and len(each.get("values") or ()) == 1
    ]
    return ",".join(given) or str(wanted.get("rawSelector", ""))


def _refuse(kind: Kind, review: Obj) -> None:
    """Raise Invalid for a review that is not right; upstream does not name its kind."""
    found = validation.of(kind).check_new(review, kind.namespaced)
    if found:
        raise errors.invalid(Kind(kind.group, kind.version, "", ""), "", found)


async def self_subject_rules(api: Api, call: Call, review: Obj) -> Obj:
    namespace = review["spec"].get("namespace")
    if not namespace:
        raise errors.bad_request("no namespace on request")
    rules, problems = api.rbac.rules_for(call.user, namespace)
    resources, paths = [], []
    for rule in rules:
        if rule.groups or rule.resources:
            named = {"resourceNames": list(rule.names)} if rule.names else {}
            found = {"apiGroups": list(rule.groups), "resources": list(rule.resources)} | named
            resources.append({"verbs": list(rule.verbs)} | found)
        if rule.paths:
            paths.append({"verbs": list(rule.verbs), "nonResourceURLs": list(rule.paths)})
    status = {"resourceRules": resources, "nonResourceRules": paths, "incomplete": False}
    if problems:
        status["evaluationError"] = ", ".join(problems)
    return _bare(call.kind) | {"metadata": {}, "spec": {}, "status": status}


def _bare(kind: Kind) -> Obj:
    return {"kind": kind.kind, "apiVersion": kind.api_version}


async def self_subject(api: Api, call: Call, review: Obj) -> Obj:
    metadata = {"creationTimestamp": rfc3339(api.clock.now())}
    return _bare(call.kind) | {"metadata": metadata, "status": {"userInfo": info(call.user)}}


async def token(api: Api, call: Call, review: Obj) -> Obj:
    spec = review["spec"]
    if not spec.get("token"):
        raise errors.bad_request("token is required for TokenReview in authentication")
    found = await _whose(api, spec["token"], spec.get("audiences") or [])
    if found is None:
        review["status"] = {"user": {}, "error": "[invalid bearer token]"}
    else:
        user, audiences = found
        review["status"] = {"authenticated": True, "user": info(user), "audiences": audiences}
    return review


async def _whose(api: Api, text: str, audiences: list[str]) -> tuple[User, list[str]] | None:
    found = await api.accounts.review(text, audiences)
    own = api.settings.issuer
    if found or (audiences and own not in audiences):
        return found
    try:
        user = await api.authenticator(Request("GET", "/", "", Headers([("Authorization", f"Bearer {text}")])))
    except StatusError:
        return None
    return user, [own]


REVIEWS: dict[Kind, Answer] = {
    kinds.SUBJECT_ACCESS_REVIEW: subject_access,
    kinds.LOCAL_SUBJECT_ACCESS_REVIEW: local_subject_access,
    kinds.SELF_SUBJECT_ACCESS_REVIEW: self_subject_access,
    kinds.SELF_SUBJECT_RULES_REVIEW: self_subject_rules,
    kinds.SELF_SUBJECT_REVIEW: self_subject,
    kinds.TOKEN_REVIEW: token,
}
