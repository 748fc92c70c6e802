"""Impersonation: a request made for somebody else, by somebody who may speak for them.

Each thing that is claimed (user, group, uid, extra) is a question of its own. Source: apiserver,
pkg/endpoints/filters/impersonation.
"""

from dataclasses import dataclass, field
from urllib.parse import unquote

from wherry.aio.http.messages import Headers
from wherry.api import errors
from wherry.api.errors import StatusError, quote
from wherry.apiserver.authn.user import (
    ANONYMOUS_NAME,
    AUTHENTICATED,
    SERVICE_ACCOUNT_PREFIX,
    UNAUTHENTICATED,
    User,
)
from wherry.apiserver.authz import Question

EXTRA = "impersonate-extra-"
_GROUP = "authentication.k8s.io"


@dataclass(frozen=True, slots=True)
class Claim:
    """Whom a request is made for, as its headers say."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def questions(self, user: User) -> list[Question]:
        """What `user` must be allowed."""
        account = _account(self.name)
        if account:
            asked = [Question(user, "impersonate", "", "serviceaccounts", "", account[1], account[0])]
        else:
            asked = [Question(user, "impersonate", "", "users", "", self.name)]
        asked += [Question(user, "impersonate", "", "groups", "", group) for group in self.groups]
        for key, values in self.extra.items():
            asked += [Question(user, "impersonate", _GROUP, "userextras", key, value) for value in values]
        if self.uid:
            asked.append(Question(user, "impersonate", _GROUP, "uids", "", self.uid))
        return asked

    def user(self) -> User:
        groups = self.groups
        account = _account(self.name)
        if account and not groups:
            groups = ("system:serviceaccounts", f"system:serviceaccounts:{account[0]}")
        if self.name == ANONYMOUS_NAME:
            groups = groups if UNAUTHENTICATED in groups else (*groups, UNAUTHENTICATED)
        elif AUTHENTICATED not in groups and UNAUTHENTICATED not in groups:
            groups = (*groups, AUTHENTICATED)
        return User(self.name, groups, self.uid, self.extra)


def _account(name: str) -> tuple[str, str] | None:
    """Namespace and name of a service account's user name."""
    if not name.startswith(SERVICE_ACCOUNT_PREFIX):
        return None
    namespace, _, account = name[len(SERVICE_ACCOUNT_PREFIX) :].partition(":")
    return (namespace, account) if namespace and account and ":" not in account else None


def claimed(headers: Headers) -> Claim | None:
    """What the headers claim; None if nothing. Raises StatusError."""
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
