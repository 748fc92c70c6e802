"""Which job of a CronJob is due, which are history.

Source: upstream's pkg/controller/cronjob.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Literal

from wherry.api import Obj, meta
from wherry.api.kinds import CRON_JOB, JOB
from wherry.controllers.actions import Action, Actions, Create, Delete, Event, Requeue, UpdateStatus
from wherry.controllers.attempt import Attempt
from wherry.controllers.job.plan.conditions import is_finished
from wherry.controllers.pods import created_at
from wherry.lib import cron
from wherry.lib.timestamps import parse, rfc3339

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
# Seconds after a scheduled time at which the next look comes.
DELTA = 0.1
MANY = 100


@dataclass(frozen=True, slots=True)
class Zone:
    """The time zone that the spec names. `error`: why there is none."""

    zone: tzinfo | None = UTC
    error: str = ""


def reconcile(cron_job: Obj, jobs: Sequence[Obj], zone: Zone, attempt: Attempt) -> Actions:
    """`jobs`: those that the CronJob controls."""
    work = _Pass(cron_job, jobs, attempt.now)
    work.keep_history()
    if not meta.deleting(cron_job):
        work.start_due(zone)
    return work.result()


class _Pass:
    def __init__(self, cron_job: Obj, jobs: Sequence[Obj], now: float) -> None:
        self._cron_job, self._spec, self._now = cron_job, cron_job["spec"], now
        self._jobs = {meta.uid(job): job for job in jobs}
        self._status: Obj = dict(cron_job.get("status") or {})
        self._actions: list[Action] = []
        self._again: list[Action] = []
        self._active = self._look_at_active()

    def result(self) -> Actions:
        known = {each["uid"]: each for each in self._status.get("active") or ()}
        references = [known.get(uid) or _reference(job) for uid, job in self._active.items()]
        self._status.pop("active", None)
        if references:
            self._status["active"] = references
        report: list[Action] = []
        if self._status != (self._cron_job.get("status") or {}):
            report = [UpdateStatus(CRON_JOB, {**self._cron_job, "status": self._status})]
        return [*self._actions, *report, *self._again]

    def _event(self, type: Literal["Normal", "Warning"], reason: str, message: str) -> Event:
        return Event(CRON_JOB, self._cron_job, type, reason, message)

    # what runs and what ran

    def _look_at_active(self) -> dict[str, Obj]:
        """Jobs that run, by uid; says which of those known ended or went missing."""
        known: Mapping[str, Obj] = {each["uid"]: each for each in self._status.get("active") or ()}
        active = {}
        for uid, job in self._jobs.items():
            if not is_finished(job):
                active[uid] = job
                if uid not in known and SCHEDULED not in meta.annotations(job):
                    message = f"Saw a job that the controller did not create or forgot: {meta.name(job)}"
                    self._actions.append(self._event("Warning", "UnexpectedJob", message))
                continue
            if uid in known:
                how = "Complete" if meta.is_true(job, "Complete") else "Failed"
                message = f"Saw completed job: {meta.name(job)}, condition: {how}"
                self._actions.append(self._event("Normal", "SawCompletedJob", message))
            self._note_success(job)
        for uid, reference in known.items():
            if uid not in self._jobs:
                message = f"Active job went missing: {reference['name']}"
                self._actions.append(self._event("Normal", "MissingJob", message))
        return active

    def _note_success(self, job: Obj) -> None:
        ended = (job.get("status") or {}).get("completionTime")
        last = self._status.get("lastSuccessfulTime")
        if meta.is_true(job, "Complete") and ended and (last is None or parse(ended) > parse(last)):
            self._status["lastSuccessfulTime"] = ended

    def keep_history(self) -> None:
        for type, field in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            limit = self._spec.get(field)
            ended = sorted((job for job in self._jobs.values() if meta.is_true(job, type)), key=_start_order)
            if limit is not None:
                self._actions += [self._delete(job) for job in ended[: max(0, len(ended) - limit)]]

    def _delete(self, job: Obj) -> Delete:
        return Delete(
            JOB,
            job,
            propagation="Background",
            done=self._event("Normal", "SuccessfulDelete", f"Deleted job {meta.name(job)}"),
            failed=self._event("Warning", "FailedDelete", "Deleted job: {error}"),
        )

    # what is due

    def start_due(self, zone: Zone) -> None:
        if zone.zone is None:
            message = f'invalid timeZone: "{self._spec.get("timeZone")}": {zone.error}'
            self._actions.append(self._event("Warning", "UnknownTimeZone", message))
            return
        if self._spec.get("suspend"):
            return
        schedule = self._schedule(zone.zone)
        if schedule is None:
            return
        due, many = _most_recent(schedule, self._earliest(deadline=True), self._now)
        if many:
            message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
            self._actions.append(self._event("Warning", "TooManyMissedTimes", message))
        if due is not None:
            self._start(due, zone.zone)
        last, _ = _most_recent(schedule, self._earliest(deadline=False), self._now)
        following = schedule.next(max(last or 0.0, self._earliest(deadline=False)))
        if following is not None:
            self._again.append(Requeue(max(0.0, following - self._now) + DELTA))

    def _schedule(self, zone: tzinfo) -> cron.Schedule | cron.Every | None:
        text = self._spec["schedule"]
        if "TZ" in text:
            message = (
                f'CRON_TZ or TZ used in schedule "{text}" is not officially supported, see https://kubernetes.io/docs/'
                "concepts/workloads/controllers/cron-jobs/ for more details"
            )
            self._actions.append(self._event("Warning", "UnsupportedSchedule", message))
        try:
            return cron.parse(text, zone)
        except cron.CronError as error:
            message = f'unparseable schedule: "{text}" : {error}'
            self._actions.append(self._event("Warning", "UnparseableSchedule", message))
            return None

    def _earliest(self, deadline: bool) -> float:
        """From when on start times count."""
        last = self._status.get("lastScheduleTime")
        earliest = parse(last) if last else created_at(self._cron_job)
        limit = self._spec.get("startingDeadlineSeconds")
        return max(earliest, self._now - limit) if deadline and limit is not None else earliest

    def _start(self, due: float, zone: tzinfo) -> None:
        limit = self._spec.get("startingDeadlineSeconds")
        if limit is not None and due + limit < self._now:
            when = datetime.fromtimestamp(due, UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
            message = f"Missed scheduled time to start a job: {when}"
            self._actions.append(self._event("Warning", "MissSchedule", message))
            return
        name = f"{meta.name(self._cron_job)}-{int(due) // 60}"
        if any(meta.name(job) == name for job in self._jobs.values()):
            self._status["lastScheduleTime"] = rfc3339(due)
            return
        if self._status.get("lastScheduleTime") == rfc3339(due):
            return
        policy = self._spec.get("concurrencyPolicy", "Allow")
        if policy == "Forbid" and self._active:
            message = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self._actions.append(self._event("Normal", "JobAlreadyActive", message))
            return
        if policy == "Replace":
            self._actions += [self._delete(job) for job in self._active.values()]
            self._active = {}
        self._actions.append(self._create(name, due, zone))
        self._status["lastScheduleTime"] = rfc3339(due)

    def _create(self, name: str, due: float, zone: tzinfo) -> Create:
        template = self._spec["jobTemplate"]
        given = template.get("metadata") or {}
        stamp = datetime.fromtimestamp(due, zone).isoformat().replace("+00:00", "Z")
        metadata: Obj = {
            "name": name,
            "namespace": meta.namespace(self._cron_job),
            "annotations": {**(given.get("annotations") or {}), SCHEDULED: stamp},
            "ownerReferences": [meta.owner_reference(CRON_JOB, self._cron_job)],
        }
        if given.get("labels"):
            metadata["labels"] = given["labels"]
        made = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}
        return Create(
            JOB,
            made,
            done=self._event("Normal", "SuccessfulCreate", f"Created job {name}"),
            failed=self._event("Warning", "FailedCreate", "Error creating job: {error}"),
        )


def _most_recent(schedule: cron.Schedule | cron.Every, earliest: float, now: float) -> tuple[float | None, bool]:
    """The last start time after `earliest` and not after `now`; whether very many were missed before it."""
    first = schedule.next(earliest)
    second = schedule.next(first) if first is not None else None
    if first is None or now < first:
        return None, False
    if second is None or now < second:
        return first, False
    between = second - first
    missed = int((now - first) // between) + 1
    recent = None
    # Schedules are not even: from about the last but one on, step by step.
    following = schedule.next(first + (missed - 2) * between)
    while following is not None and following <= now:
        recent, following = following, schedule.next(following)
    return recent, missed > MANY


def _start_order(job: Obj) -> tuple[bool, float, str]:
    started = (job.get("status") or {}).get("startTime")
    return started is None, parse(started) if started else 0.0, meta.name(job)


def _reference(job: Obj) -> Obj:
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.kind,
        "name": meta.name(job),
        "namespace": meta.namespace(job),
        "uid": meta.uid(job),
        "resourceVersion": job["metadata"].get("resourceVersion", ""),
    }
