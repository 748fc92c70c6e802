"""Who asks, and whether they may.

A client certificate of the cluster's authority, or a token that the API server knows, says who; the group
`system:masters` may do everything, of others the API server is asked (as upstream: verbs on `nodes/proxy`,
`nodes/log`, `nodes/stats`, `nodes/metrics`). Answers are kept for a while.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeVar

from wherry.aio.http import Request
from wherry.api import Obj
from wherry.api.kinds import SUBJECT_ACCESS_REVIEW, TOKEN_REVIEW, Kind
from wherry.client.interface import ApiError, Client
from wherry.lib.clock import Clock
from wherry.node.server.errors import Refused

MASTERS = "system:masters"
_REMEMBERED_TOKEN, _REMEMBERED_YES, _REMEMBERED_NO = 120.0, 300.0, 30.0
_MANY = 1024
K = TypeVar("K")
V = TypeVar("V")
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_SUBRESOURCES = {"stats": "stats", "metrics": "metrics", "logs": "log", "healthz": "healthz", "pods": "pods"}


@dataclass(frozen=True, slots=True)
class User:
    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = field(default_factory=tuple)


def by_certificate(der: bytes) -> User:
    """The identity in a verified client certificate: its common name, and its organizations as groups."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    subject = x509.load_der_x509_certificate(der).subject
    names = [str(each.value) for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = [str(each.value) for each in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return User(names[0] if names else "", (*groups, "system:authenticated"))


class Access:
    """Raises Refused (401, 403) from `check`."""

    def __init__(self, client: Client, clock: Clock, node: str) -> None:
        self._client, self._clock, self._node = client, clock, node
        self._users: OrderedDict[str, tuple[User, float]] = OrderedDict()
        self._answers: OrderedDict[tuple[User, str, str], tuple[bool, float]] = OrderedDict()

    async def check(self, request: Request) -> User:
        user = await self._authenticate(request)
        if MASTERS not in user.groups:
            verb, subresource = attributes(request)
            if not await self._may(user, verb, subresource):
                raise Refused(
                    403, f"Forbidden (user={user.name}, verb={verb}, resource=nodes, subresource={subresource})"
                )
        return user

    async def _authenticate(self, request: Request) -> User:
        if request.peer_certificate:
            return by_certificate(request.peer_certificate)
        scheme, _, token = request.headers.get("authorization").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Refused(401, "Unauthorized")
        key = hashlib.sha256(token.encode()).hexdigest()
        user, until = self._users.get(key, (None, 0.0))
        if user is None or self._clock.monotonic() > until:
            user = await self._review(token.strip())
            _remember(self._users, key, (user, self._clock.monotonic() + _REMEMBERED_TOKEN))
        return user

    async def _review(self, token: str) -> User:
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "metadata": {},
            "spec": {"token": token},
        }
        status = (await self._ask(TOKEN_REVIEW, review)).get("status") or {}
        if not status.get("authenticated"):
            raise Refused(401, "Unauthorized")
        user = status.get("user") or {}
        extra = tuple((key, tuple(values)) for key, values in (user.get("extra") or {}).items())
        return User(user.get("username", ""), tuple(user.get("groups") or ()), user.get("uid", ""), extra)

    async def _may(self, user: User, verb: str, subresource: str) -> bool:
        key = (user, verb, subresource)
        answer, until = self._answers.get(key, (False, 0.0))
        if self._clock.monotonic() < until:
            return answer
        spec = {
            "user": user.name,
            "groups": list(user.groups),
            "uid": user.uid,
            "extra": {name: list(values) for name, values in user.extra},
            "resourceAttributes": {
                "verb": verb, "version": "v1", "resource": "nodes", "subresource": subresource, "name": self._node,
            },
        }  # fmt: skip
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "metadata": {},
            "spec": spec,
        }
        answer = bool(((await self._ask(SUBJECT_ACCESS_REVIEW, review)).get("status") or {}).get("allowed"))
        life = _REMEMBERED_YES if answer else _REMEMBERED_NO
        _remember(self._answers, key, (answer, self._clock.monotonic() + life))
        return answer

    async def _ask(self, kind: Kind, review: Obj) -> Obj:
        try:
            return await self._client.create(kind, review)
        except ApiError as error:
            raise Refused(401, f"Unauthorized: {error}") from error


def _remember(cache: OrderedDict[K, V], key: K, value: V) -> None:
    cache[key] = value
    if len(cache) > _MANY:
        cache.popitem(last=False)


def attributes(request: Request) -> tuple[str, str]:
    """The verb and the sub-resource of `nodes` that a request stands for."""
    first = request.path.strip("/").partition("/")[0]
    return _VERBS.get(request.method, "get"), _SUBRESOURCES.get(first, "proxy")
