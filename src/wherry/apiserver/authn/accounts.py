"""Service accounts: what their tokens say, and whether it still holds.

A token names its account, and may be bound to a pod, a secret or a node; it ends with any of them. Source:
pkg/serviceaccount/claims.go.
"""

import uuid
from typing import TYPE_CHECKING, Any

import orjson

from wherry.aio.http.messages import Request
from wherry.api import Obj, kinds
from wherry.api.kinds import Kind
from wherry.apiserver import encoding
from wherry.apiserver.authn.tokenfile import bearer
from wherry.apiserver.authn.tokens import Claims, Signer
from wherry.apiserver.authn.tokens import decode as decode_base64
from wherry.apiserver.authn.user import AUTHENTICATED, SERVICE_ACCOUNT_PREFIX, User
from wherry.lib.timestamps import parse

if TYPE_CHECKING:
    from wherry.apiserver.core import Api

LEEWAY = 60  # seconds that clocks may differ, and that what was deleted is still believed
EXTRA = "authentication.kubernetes.io/"
_BOUND: dict[str, Kind] = {"pod": kinds.POD, "secret": kinds.SECRET, "node": kinds.NODE}


def claims(
    account: Obj, bound: dict[str, Obj], audiences: list[str], issuer: str, now: float, seconds: int
) -> Claims:
    """What a new token says. `bound`: pod, secret or node -> the object (of a pod also its node)."""
    metadata = account["metadata"]
    private: Obj = {
        "namespace": metadata["namespace"],
        "serviceaccount": {"name": metadata["name"], "uid": metadata["uid"]},
    }
    for name, obj in bound.items():
        reference = {"name": obj["metadata"]["name"], "uid": obj["metadata"].get("uid")}
        private[name] = {key: value for key, value in reference.items() if value}
    return {
        "aud": audiences,
        "exp": int(now) + seconds,
        "iat": int(now),
        "iss": issuer,
        "jti": str(uuid.uuid4()),
        "kubernetes.io": private,
        "nbf": int(now),
        "sub": f"{SERVICE_ACCOUNT_PREFIX}{metadata['namespace']}:{metadata['name']}",
    }


class Accounts:
    """Authenticates by service-account token. Made before the server's parts are; `api` is given later."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self.api: Api | None = None

    async def __call__(self, request: Request) -> User | None:
        token = bearer(request)
        if token.count(".") != 2:
            return None
        found = await self.review(token, [])
        return found[0] if found else None

    async def review(self, token: str, audiences: list[str]) -> tuple[User, list[str]] | None:
        """Who a token speaks for, and to which of the audiences (the server's own if none are named)."""
        api = self.api
        assert api is not None
        if not _issued_by(token, api.settings.issuer):
            return None
        content = self.signer.verify(token)
        if content is None or not _in_time(content, api.clock.now()):
            return None
        wanted = audiences or [api.settings.issuer]
        meant = [each for each in wanted if each in content.get("aud", [])]
        if not meant or not await self._alive(api, content["kubernetes.io"]):
            return None
        return _user(content), meant

    async def _alive(self, api: "Api", private: Claims) -> bool:
        """Whether the account and what the token is bound to are still there, and the same."""
        namespace = private["namespace"]
        reference = private["serviceaccount"]
        account = api.mirror.get(kinds.SERVICE_ACCOUNT, reference["name"], namespace)
        if account is None or not _same(account["metadata"], reference, api.clock.now()):
            return False
        for name, kind in _BOUND.items():
            if name not in private or (name == "node" and "pod" in private):
                continue
            where = f"{kind.resource}/{namespace}/" if kind.namespaced else f"{kind.resource}/"
            record = await api.store.get(where + private[name]["name"])
            if record is None:
                return False
            metadata = encoding.decode(kind, record)["metadata"]
            if not _same(metadata, private[name], api.clock.now()):
                return False
        return True


def _issued_by(token: str, issuer: str) -> bool:
    """Whether the token claims to be this server's; checked before anything costs time."""
    try:
        content: Any = orjson.loads(decode_base64(token.split(".")[1]))
    except (IndexError, ValueError):
        return False
    return isinstance(content, dict) and content.get("iss") == issuer and "kubernetes.io" in content


def _in_time(content: Claims, now: float) -> bool:
    return content["exp"] > now - LEEWAY and content["nbf"] <= now + LEEWAY


def _same(metadata: Obj, reference: Obj, now: float) -> bool:
    deleted = metadata.get("deletionTimestamp")
    return metadata["uid"] == reference.get("uid") and not (deleted and parse(deleted) < now - LEEWAY)


def _user(content: Claims) -> User:
    private = content["kubernetes.io"]
    namespace, account = private["namespace"], private["serviceaccount"]
    extra = {f"{EXTRA}credential-id": (f"JTI={content['jti']}",)}
    for name in ("pod", "node"):
        if name in private:
            extra[f"{EXTRA}{name}-name"] = (private[name]["name"],)
            if private[name].get("uid"):
                extra[f"{EXTRA}{name}-uid"] = (private[name]["uid"],)
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
    return User(content["sub"], groups, account["uid"], extra)
