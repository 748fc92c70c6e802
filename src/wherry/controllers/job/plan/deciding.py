"""What follows from what a job's pods say: pods to make or delete, or the end.

Source: upstream's pkg/controller/job/job_controller.go.
"""

from wherry.api import Obj, meta
from wherry.api.kinds import JOB
from wherry.controllers import pods as facts
from wherry.controllers.actions import Action, Event, Requeue, Together
from wherry.controllers.job.plan import conditions, failures, indexes, making
from wherry.controllers.job.plan.reading import Reading
from wherry.lib.timestamps import parse, rfc3339

# The most pods that one pass makes or deletes.
BURST = 500


class Decision:
    """After `decide`: `finishing` (the condition that ends the job), `work` (requests about pods), how many pods they
    make and remove, `discarded` (removed without being counted), `conditions`, `start_time`, `notes` (events, and
    when to look again)."""

    def __init__(self, reading: Reading, now: float) -> None:
        self._r, self._job, self._spec, self._now = reading, reading.job, reading.spec, now
        self.start_time: str | None = reading.status.get("startTime")
        self.conditions: list[Obj] = list(reading.status.get("conditions") or ())
        self.finishing: Obj | None = None
        self.work: list[Action] = []
        self.notes: list[Action] = []
        self.discarded: list[Obj] = []
        self.made = self.removed = 0

    def decide(self) -> None:
        if self.start_time is None and not self._r.suspended:
            self.start_time = rfc3339(self._now)
        self.finishing = self._end()
        if self.finishing is not None:
            self.work = [making.delete(self._job, pod) for pod in self._r.active]
            self.removed = len(self._r.active)
        elif not meta.deleting(self._job):
            self._manage()
        if self.finishing is None and self._is_complete():
            message = "Reached expected number of succeeded pods"
            self.finishing = conditions.make("SuccessCriteriaMet", "CompletionsReached", message, self._now)
        elif self.finishing is None and not meta.deleting(self._job):
            self._note_suspension()

    # the end

    def _end(self) -> Obj | None:
        """The condition that ends the job, if something does: met before, or now."""
        for type in ("SuccessCriteriaMet", "FailureTarget"):
            met = meta.condition(self._job, type)
            if met is not None and met["status"] == "True":
                return met
        reason = self._failure()
        if reason is not None:
            return conditions.make("FailureTarget", *reason, self._now)
        if self._r.is_indexed and self._r.completions is not None:
            message = indexes.success_rule(self._spec.get("successPolicy"), self._r.completions, self._r.done)
            if message is not None:
                return conditions.make("SuccessCriteriaMet", "SuccessPolicy", message, self._now)
        return None

    def _failure(self) -> tuple[str, str] | None:
        """(reason, message) if the job must fail."""
        for pod in self._r.pods:
            if self._r.is_failed(pod) and (message := failures.judge(self._job, pod).fail_job):
                return "PodFailurePolicy", message
        limit = int(self._spec.get("backoffLimit", 6))
        if self._r.failed > limit or failures.restarts_past_limit(self._job, self._r.pods):
            return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        if self._past_deadline():
            return "DeadlineExceeded", "Job was active longer than specified deadline"
        return self._index_failure() if self._r.per_index else None

    def _index_failure(self) -> tuple[str, str] | None:
        most, failed = self._spec.get("maxFailedIndexes"), self._r.failed_indexes
        if most is not None and len(failed) > most:
            return "MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes"
        if failed and len(failed) + len(self._r.done) >= (self._r.completions or 0):
            return "FailedIndexes", "Job has failed indexes"
        return None

    def _past_deadline(self) -> bool:
        limit = self._spec.get("activeDeadlineSeconds")
        if limit is None or self._r.suspended or self.start_time is None:
            return False
        left = parse(self.start_time) + limit - self._now
        if left > 0:
            self.notes.append(Requeue(left))
        return left <= 0

    def _is_complete(self) -> bool:
        active = len(self._r.active) + self.made - self.removed
        if self._r.completions is None:
            return self._r.succeeded > 0 and active == 0
        return self._r.succeeded >= self._r.completions and active == 0

    def _note_suspension(self) -> None:
        if self._r.suspended:
            new = conditions.make("Suspended", "JobSuspended", "Job suspended", self._now)
            if conditions.ensure(self.conditions, new):
                self.notes.append(Event(JOB, self._job, "Normal", "Suspended", "Job suspended"))
                self.start_time = None
            return
        new = conditions.make("Suspended", "JobResumed", "Job resumed", self._now, "False")
        if conditions.ensure(self.conditions, new):
            self.notes.append(Event(JOB, self._job, "Normal", "Resumed", "Job resumed"))
            self.start_time = rfc3339(self._now)

    # pods to make and delete

    def _manage(self) -> None:
        active = self._r.active
        wanted = 0 if self._r.suspended else self._wanted_active()
        removed = self._for_removal(max(0, len(active) - wanted))
        if removed or self._r.suspended:
            self.discarded = removed if self._r.suspended else removed[:BURST]
            self.removed = len(self.discarded)
            self.work = making.discard(self._job, self.discarded)
            return
        waiting = len(self._r.terminating) if failures.only_replaces_failed(self._job) else 0
        missing = min(wanted - waiting - len(active), BURST)
        if missing > 0:
            self._make(missing)

    def _wanted_active(self) -> int:
        parallelism = int(self._spec.get("parallelism", 1))
        if self._r.completions is None:
            return len(self._r.active) if self._r.succeeded > 0 else parallelism
        return max(0, min(self._r.completions - self._r.succeeded, parallelism))

    def _for_removal(self, excess: int) -> list[Obj]:
        """At least `excess`: duplicates of an index and those without a valid one always."""
        remove: list[Obj] = []
        keep = list(self._r.active)
        if self._r.is_indexed:
            keep, seen = [], set[int]()
            for pod in reversed(facts.by_deletion_preference(self._r.active, {}, self._now)):
                index = indexes.of_pod(pod)
                if index is None or not self._r.is_valid(pod) or index in seen:
                    remove.append(pod)
                else:
                    seen.add(index)
                    keep.append(pod)
        if len(remove) < excess:
            remove += facts.by_deletion_preference(keep, {}, self._now)[: excess - len(remove)]
        return remove

    def _make(self, missing: int) -> None:
        places: list[int | None] = [None] * missing
        if not self._r.per_index:
            failed = [pod for pod in self._r.pods if self._r.is_failed(pod)]
            succeeded = [pod for pod in self._r.pods if facts.phase(pod) == "Succeeded"]
            if wait := failures.pause(failed, succeeded, self._now):
                self.notes.append(Requeue(wait))
                return
        if self._r.is_indexed:
            places = list(self._pending_indexes(missing))
        self.made = len(places)
        held = self._r.held
        creates = [making.create(self._job, place, None if place is None else held.get(place)) for place in places]
        self.work = [Together(creates, slow_start=True)] if creates else []

    def _pending_indexes(self, most: int) -> list[int]:
        taken = self._r.done | self._r.failed_indexes | indexes.of_pods(self._r.active)
        if failures.only_replaces_failed(self._job):
            taken |= indexes.of_pods(self._r.terminating)
        found: list[int] = []
        waits: list[float] = []
        for index in range(self._r.completions or 0):
            if len(found) + len(waits) >= most:
                break
            if index in taken:
                continue
            wait = self._index_pause(index)
            if wait:
                waits.append(wait)
            else:
                found.append(index)
        if waits:
            self.notes.append(Requeue(min(waits)))
        return found

    def _index_pause(self, index: int) -> float:
        held = self._r.held.get(index)
        if held is None:
            return 0.0
        return failures.pause_after(indexes.absolute_failure_count(held) + 1, failures.finished_at(held), self._now)
