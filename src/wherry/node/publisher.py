"""Publishes one pod's status: only what changed, one request at a time, the newest wins."""

import asyncio
import logging

from wherry.aio.clock import WaitableClock
from wherry.api import Obj, meta
from wherry.api.kinds import POD
from wherry.client.interface import ApiError, Client, Conflict, NotFound
from wherry.node.plan.conditions import OWNED, PUBLISHED

log = logging.getLogger(__name__)

_RETRY_FIRST, _RETRY_LONGEST = 0.2, 10.0
_FIELDS = (
    "phase",
    "reason",
    "message",
    "observedGeneration",
    "hostIP",
    "hostIPs",
    "podIP",
    "podIPs",
    "qosClass",
    "startTime",
    "initContainerStatuses",
    "containerStatuses",
    "ephemeralContainerStatuses",
)
_MERGED = ("podIPs", "hostIPs")


def difference(old: Obj, new: Obj) -> Obj:
    """The strategic merge patch of a status that makes `new` of `old`, conditions of others left alone."""
    patch: Obj = {}
    for field in _FIELDS:
        if new.get(field) != old.get(field):
            patch[field] = new.get(field)
    for field in _MERGED:
        if patch.get(field) and old.get(field):
            patch[field] = [{"$patch": "replace"}, *patch[field]]
    known = {each["type"]: each for each in old.get("conditions") or []}
    gone = known.keys() & set(OWNED) - {each["type"] for each in new.get("conditions") or []}
    changed = [
        each for each in new.get("conditions") or [] if each["type"] in PUBLISHED and known.get(each["type"]) != each
    ]
    if changed or gone:
        deletions = [{"$patch": "delete", "type": type} for type in sorted(gone)]
        patch["conditions"] = [_complete(each) for each in changed] + deletions
    return patch


def _complete(condition: Obj) -> Obj:
    """With the fields that an earlier state of the condition may have left set to nothing."""
    return {"reason": None, "message": None} | condition


class Publisher:
    """The status of one pod on its way to the API server."""

    def __init__(self, client: Client, clock: WaitableClock, pod: Obj) -> None:
        self._client, self._clock = client, clock
        self._name, self._namespace, self._uid = meta.name(pod), meta.namespace(pod), meta.uid(pod)
        self._shown: Obj = pod.get("status") or {}
        self._wanted: Obj | None = None
        self._task: asyncio.Task[None] | None = None
        self._gone = False

    def publish(self, status: Obj) -> None:
        """Begin to publish; never waits."""
        self._wanted = status
        if not self._gone and (self._task is None or self._task.done()) and difference(self._shown, status):
            self._task = asyncio.create_task(self._send())

    async def flush(self) -> None:
        """Until the newest status is there, or the pod is not."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _send(self) -> None:
        pause = _RETRY_FIRST
        while not self._gone and self._wanted is not None:
            wanted = self._wanted
            patch = difference(self._shown, wanted)
            if not patch:
                return
            try:
                await self._patch(patch)
                self._shown = wanted
                pause = _RETRY_FIRST
            except ApiError as error:
                if not error.retryable:
                    log.warning("status of pod %s/%s refused: %s", self._namespace, self._name, error)
                    return
                await self._clock.sleep(pause)
                pause = min(pause * 2, _RETRY_LONGEST)

    async def _patch(self, status: Obj) -> None:
        body = {"metadata": {"uid": self._uid}, "status": status}
        try:
            await self._client.patch(POD, self._name, self._namespace, body, type="strategic", subresource="status")
        except (NotFound, Conflict):
            # Gone, or another pod of the same name (the uid does not fit).
            self._gone = True
