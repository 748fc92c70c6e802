"""Service-account tokens for pods: asked for once, kept, replaced in time."""

from dataclasses import dataclass

from wherry.api import Obj, meta
from wherry.api.kinds import SERVICE_ACCOUNT
from wherry.client.interface import Client
from wherry.lib import timestamps
from wherry.lib.clock import Clock

# A token is replaced when this part of its life is over, or when it is a day old.
_USED = 0.8
_OLDEST = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    issued: float
    expires: float

    @property
    def replace_at(self) -> float:
        return min(self.issued + (self.expires - self.issued) * _USED, self.issued + _OLDEST)


class Tokens:
    """Tokens by pod, audience and life."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._tokens: dict[tuple[str, str, int], _Token] = {}

    async def get(self, pod: Obj, audience: str, seconds: int) -> str:
        """A token of the pod's service account, bound to the pod. Raises ApiError."""
        key = (meta.uid(pod), audience, seconds)
        known = self._tokens.get(key)
        if known is None or self._clock.now() >= known.replace_at:
            known = self._tokens[key] = await self._request(pod, audience, seconds)
        return known.text

    async def _request(self, pod: Obj, audience: str, seconds: int) -> _Token:
        name = pod["spec"].get("serviceAccountName") or "default"
        bound = {"apiVersion": "v1", "kind": "Pod", "name": meta.name(pod), "uid": meta.uid(pod)}
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [audience] if audience else [],
                "expirationSeconds": seconds,
                "boundObjectRef": bound,
            },
        }
        answer = await self._client.create(
            SERVICE_ACCOUNT, request, meta.namespace(pod), name=name, subresource="token"
        )
        status = answer["status"]
        expires = timestamps.parse(status["expirationTimestamp"])
        return _Token(status["token"], self._clock.now(), expires)

    def replace_at(self, pod: Obj) -> float | None:
        """When the first of a pod's tokens is due for replacement."""
        uid = meta.uid(pod)
        return min((token.replace_at for key, token in self._tokens.items() if key[0] == uid), default=None)

    def forget(self, uid: str) -> None:
        for key in [key for key in self._tokens if key[0] == uid]:
            del self._tokens[key]
