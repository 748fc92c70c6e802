"""Watches jobs."""

from collections.abc import Sequence

from wherry.api.kinds import JOB
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.loop import Watch
from wherry.controllers.ttlafterfinished import plan
from wherry.controllers.watching import own_key


class TTLAfterFinishedController:
    name = "ttlafterfinished"
    component = "ttl-after-finished-controller"

    def __init__(self, context: Context) -> None:
        self._jobs = context.caches.of(JOB)
        self.watches: Sequence[Watch] = (Watch(JOB, own_key),)

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        job = self._jobs.get(key)
        return plan.reconcile(job, attempt) if job else []
