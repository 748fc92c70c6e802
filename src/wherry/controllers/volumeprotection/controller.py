"""Watches claims, volumes and pods that end. Keys: `claim|namespace/name`, `volume|name`."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM, POD
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.loop import Watch
from wherry.controllers.volumeprotection import plan

CLAIM, VOLUME = "claim|", "volume|"


class VolumeProtectionController:
    name = "volumeprotection"
    component = "volume-protection-controller"

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._claims = context.caches.of(PERSISTENT_VOLUME_CLAIM)
        self._volumes = context.caches.of(PERSISTENT_VOLUME)
        self.watches: Sequence[Watch] = (
            Watch(PERSISTENT_VOLUME_CLAIM, _claim_changed),
            Watch(PERSISTENT_VOLUME, _volume_changed),
            Watch(POD, self._pod_changed),
        )

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        """A pod that ended or is gone may have been the last user of its claims."""
        if old is not None and plan.uses(old) and (new is None or not plan.uses(new)):
            yield from (f"{CLAIM}{meta.namespace(old)}/{name}" for name in plan.claims_of(old))

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        if key.startswith(VOLUME):
            volume = self._volumes.get(key.removeprefix(VOLUME))
            return plan.protect_volume(volume) if volume else []
        claim = self._claims.get(key.removeprefix(CLAIM))
        if claim is None or not plan.wants_look(claim):
            return []
        return plan.protect_claim(claim, await self._users(claim) if meta.deleting(claim) else ())

    async def _users(self, claim: Obj) -> list[Obj]:
        """Read live: a cache that lags must not cost a pod its volume."""
        pods = (await self._client.list(POD, meta.namespace(claim))).items
        return [pod for pod in pods if meta.name(claim) in plan.claims_of(pod)]


def _claim_changed(old: Obj | None, new: Obj | None) -> Iterable[str]:
    return [CLAIM + meta.key(new)] if new is not None and plan.wants_look(new) else []


def _volume_changed(old: Obj | None, new: Obj | None) -> Iterable[str]:
    return [VOLUME + meta.name(new)] if new is not None else []
