"""Watches jobs and pods. Keys: `namespace/name` of a job; `pod|namespace/name` of a pod whose job is gone."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import JOB, POD
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.job import plan
from wherry.controllers.job.plan.making import is_tracked
from wherry.controllers.loop import Watch
from wherry.controllers.watching import (
    NAMESPACE,
    OWNER,
    by_namespace,
    by_owner,
    candidates,
    controller_key,
    own_key,
    owner_or_adopter,
)
from wherry.lib import selectors

LONE = "pod|"


class JobController:
    name = "job"
    component = "job-controller"

    def __init__(self, context: Context) -> None:
        self._jobs = context.caches.of(JOB)
        self._pods = context.caches.of(POD)
        self._jobs.index(NAMESPACE, by_namespace)
        self._pods.index(OWNER, by_owner)
        self._concerned = owner_or_adopter(JOB, self._jobs, _selector)
        self.watches: Sequence[Watch] = (Watch(JOB, self._job_changed), Watch(POD, self._pod_changed))

    def _job_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        yield from own_key(old, new)
        if new is None and old is not None:
            yield from (LONE + meta.key(pod) for pod in self._pods.by(OWNER, meta.uid(old)) if is_tracked(pod))

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        yield from self._concerned(old, new)
        if new is not None and is_tracked(new) and not controller_key(JOB, self._jobs, new):
            yield LONE + meta.key(new)

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        if key.startswith(LONE):
            return self._release(key.removeprefix(LONE))
        job = self._jobs.get(key)
        return plan.reconcile(job, candidates(self._pods, job), attempt) if job else []

    def _release(self, key: str) -> Sequence[Action]:
        pod = self._pods.get(key)
        if pod is None or controller_key(JOB, self._jobs, pod):
            return []
        manager = meta.controller_of(pod)
        return plan.release([pod]) if manager is None or manager.get("kind") == JOB.kind else []


def _selector(job: Obj) -> selectors.Selector:
    return selectors.from_object(job["spec"].get("selector"))
