"""Watches cron jobs and their jobs."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from wherry.api import Obj, meta
from wherry.api.kinds import CRON_JOB, JOB
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.cronjob import plan
from wherry.controllers.loop import Watch
from wherry.controllers.watching import OWNER, by_owner, own_key, owner_key


class CronJobController:
    name = "cronjob"
    component = "cronjob-controller"

    def __init__(self, context: Context) -> None:
        self._cron_jobs = context.caches.of(CRON_JOB)
        self._jobs = context.caches.of(JOB)
        self._jobs.index(OWNER, by_owner)
        self.watches: Sequence[Watch] = (
            Watch(CRON_JOB, own_key),
            Watch(JOB, owner_key(CRON_JOB, self._cron_jobs)),
        )

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        cron_job = self._cron_jobs.get(key)
        if cron_job is None:
            return []
        return plan.reconcile(cron_job, self._jobs.by(OWNER, meta.uid(cron_job)), _zone(cron_job), attempt)


def _zone(cron_job: Obj) -> plan.Zone:
    name = cron_job["spec"].get("timeZone")
    if name is None:
        return plan.Zone()
    try:
        return plan.Zone(ZoneInfo(name))
    except (OSError, ValueError, KeyError) as error:
        return plan.Zone(None, str(error))
