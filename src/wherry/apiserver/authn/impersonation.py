"""Impersonation: a request made for somebody else, by somebody who may speak for them.

There are several **modes**, the narrow ones first. A mode is a list of questions, one for each thing that is claimed
(user, group, uid, extra); a narrow one also asks whether this very request may be made so. The first mode whose
questions are all answered with yes is taken. Source: apiserver, pkg/endpoints/filters/impersonation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from urllib.parse import unquote

from wherry.aio.http.messages import Headers
from wherry.api import errors
from wherry.api.errors import StatusError, quote
from wherry.apiserver.authn.user import (
    ANONYMOUS_NAME,
    AUTHENTICATED,
    MASTERS,
    NODES,
    SERVICE_ACCOUNT_PREFIX,
    UNAUTHENTICATED,
    User,
)
from wherry.apiserver.authz import Authorizer, Question, refusal
from wherry.lib import names

EXTRA = "impersonate-extra-"
NODE_PREFIX = "system:node:"
NODE_NAME = "authentication.kubernetes.io/node-name"
_GROUP = "authentication.k8s.io"


@dataclass(frozen=True, slots=True)
class Claim:
    """Whom a request is made for, as its headers say."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def only_name(self) -> bool:
        return not (self.groups or self.uid or self.extra)


class Mode(NamedTuple):
    """What must be allowed, and who is spoken for then."""

    questions: list[Question]
    user: User


async def impersonated(authorizer: Authorizer, claim: Claim, asked: Question) -> User:
    """Who the request that is `asked` for counts as. Raises StatusError, the first mode's."""
    first: StatusError | None = None
    for mode in _modes(claim, asked):
        refused = await _refused(authorizer, mode.questions)
        if refused is None:
            return mode.user
        first = first or refused
    assert first is not None  # the old mode fits every claim
    raise first


async def _refused(authorizer: Authorizer, questions: list[Question]) -> StatusError | None:
    for question in questions:
        decision = await authorizer.decide(question)
        if not decision.allowed:
            return refusal(question, decision.reason)
    return None


def _modes(claim: Claim, asked: Question) -> Iterator[Mode]:
    requester = asked.user
    node, account = _node(claim.name), _account(claim.name)
    if node and claim.only_name:
        user = _completed(replace(claim, groups=(NODES,)))
        if requester.name.startswith(SERVICE_ACCOUNT_PREFIX) and requester.extra.get(NODE_NAME) == (node,):
            yield Mode(_narrow(asked, "associated-node", [("nodes", "*")]), user)
        yield Mode(_narrow(asked, "arbitrary-node", [("nodes", node)]), user)
    elif account and claim.only_name:
        questions = _narrow(asked, "serviceaccount", [])
        verb = "impersonate:serviceaccount"
        questions.append(Question(requester, verb, _GROUP, "serviceaccounts", "", account[1], account[0]))
        yield Mode(questions, _completed(replace(claim, groups=_account_groups(account))))
    elif not node and not account and MASTERS not in claim.groups and "" not in claim.groups:
        things = [("users", claim.name), *(("uids", claim.uid) for _ in claim.uid[:1])]
        things += [("groups", group) for group in claim.groups]
        questions = _narrow(asked, "user-info", things) + _extra(claim, requester, "impersonate:user-info")
        yield Mode(questions, _completed(claim))
    yield _old(claim, requester, account)


def _narrow(asked: Question, mode: str, things: list[tuple[str, str]]) -> list[Question]:
    """May this request be made in this mode, and may these things be claimed in it?"""
    on = replace(asked, verb=f"impersonate-on:{mode}:{asked.verb}")
    return [on, *(Question(asked.user, f"impersonate:{mode}", _GROUP, plural, "", name) for plural, name in things)]


def _extra(claim: Claim, requester: User, verb: str) -> list[Question]:
    return [
        Question(requester, verb, _GROUP, "userextras", key, value)
        for key, values in claim.extra.items()
        for value in values
    ]


def _old(claim: Claim, requester: User, account: tuple[str, str] | None) -> Mode:
    """The mode of old: one verb, whatever the request."""
    verb = "impersonate"
    if account:
        questions = [Question(requester, verb, "", "serviceaccounts", "", account[1], account[0])]
    else:
        questions = [Question(requester, verb, "", "users", "", claim.name)]
    if claim.uid:
        questions.append(Question(requester, verb, _GROUP, "uids", "", claim.uid))
    questions += [Question(requester, verb, "", "groups", "", group) for group in claim.groups]
    if account and not claim.groups:
        claim = replace(claim, groups=_account_groups(account))
    return Mode(questions + _extra(claim, requester, verb), _completed(claim))


def _completed(claim: Claim) -> User:
    """With the group that says whether this is somebody."""
    groups = claim.groups
    if claim.name == ANONYMOUS_NAME:
        groups = groups if UNAUTHENTICATED in groups else (*groups, UNAUTHENTICATED)
    elif AUTHENTICATED not in groups and UNAUTHENTICATED not in groups:
        groups = (*groups, AUTHENTICATED)
    return User(claim.name, groups, claim.uid, claim.extra)


def _account(name: str) -> tuple[str, str] | None:
    """Namespace and name of a service account's user name."""
    if not name.startswith(SERVICE_ACCOUNT_PREFIX):
        return None
    namespace, _, account = name[len(SERVICE_ACCOUNT_PREFIX) :].partition(":")
    return (namespace, account) if namespace and account and ":" not in account else None


def _account_groups(account: tuple[str, str]) -> tuple[str, ...]:
    return "system:serviceaccounts", f"system:serviceaccounts:{account[0]}"


def _node(name: str) -> str:
    """The node of a node's user name, "" for anybody else's."""
    node = name[len(NODE_PREFIX) :] if name.startswith(NODE_PREFIX) else ""
    return node if names.is_dns_subdomain(node) else ""


def claimed(headers: Headers) -> Claim | None:
    """What the headers claim; None if nothing. Raises StatusError."""
    if not any(header[:12].lower() == "impersonate-" for header, _ in headers):
        return None
    name = headers.get("Impersonate-User")
    groups = tuple(headers.all("Impersonate-Group"))
    uid = headers.get("Impersonate-Uid")
    extra: dict[str, tuple[str, ...]] = {}
    for header, value in headers:
        if header[: len(EXTRA)].lower() == EXTRA:
            key = unquote(header[len(EXTRA) :].lower())
            extra[key] = (*extra.get(key, ()), value)
    if name:
        return Claim(name, groups, uid, extra)
    if groups or uid or extra:
        raise _nobody(groups, uid, extra)
    return None


def _nobody(groups: tuple[str, ...], uid: str, extra: dict[str, tuple[str, ...]]) -> StatusError:
    """Groups without a user, told as Go prints its structure."""
    pairs = ", ".join(f"{quote(key)}:[]string{_list(values)}" for key, values in sorted(extra.items()))
    what = (
        f'&user.DefaultInfo{{Name:"", UID:{quote(uid)}, Groups:[]string{_list(groups) if groups else "(nil)"}, '
        f"Extra:map[string][]string{f'{{{pairs}}}' if extra else '(nil)'}}}"
    )
    return errors.bad_request(f"requested {what} without impersonating a user name")


def _list(values: tuple[str, ...]) -> str:
    return "{" + ", ".join(map(quote, values)) + "}"
