"""What a Job does next: `reading` its pods, `deciding` what follows, `recording` it; `failures`, `indexes`, `making`
and `conditions` are the rules.

Source: upstream's pkg/controller/job.
"""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import JOB, POD
from wherry.controllers import ownership
from wherry.controllers.actions import Action, Actions, Event, Together
from wherry.controllers.attempt import Attempt
from wherry.controllers.job.plan import conditions, making
from wherry.controllers.job.plan.deciding import Decision
from wherry.controllers.job.plan.reading import Reading
from wherry.controllers.job.plan.recording import Record
from wherry.lib import selectors

OURSELVES = "kubernetes.io/job-controller"


def is_ours(job: Obj) -> bool:
    """Whether no other controller is asked to manage it."""
    return job["spec"].get("managedBy") in (None, OURSELVES)


def reconcile(job: Obj, candidates: Sequence[Obj], attempt: Attempt) -> Actions:
    """`candidates`: pods that the job controls and those in its namespace that nobody does."""
    if not is_ours(job):
        return []
    if conditions.is_finished(job):
        return release(ownership.controlled_by(job, candidates))
    if job["spec"].get("completionMode") not in (None, "Indexed", "NonIndexed"):
        message = "Skipped Job sync because completion mode is unknown"
        return [Event(JOB, job, "Warning", "UnknownCompletionMode", message)]
    selector = selectors.from_object(job["spec"].get("selector"))
    pods, actions = ownership.claim(JOB, job, selector, candidates, POD, making.FINALIZER)
    reading = Reading(job, [_adopted(pod) for pod in pods])
    decision = Decision(reading, attempt.now)
    decision.decide()
    return [*actions, *Record(reading, decision, attempt).actions()]


def _adopted(pod: Obj) -> Obj:
    """An orphan as it will be after its adoption."""
    if meta.controller_of(pod) is not None or making.is_tracked(pod):
        return pod
    finalizers = [*meta.finalizers(pod), making.FINALIZER]
    return {**pod, "metadata": {**pod["metadata"], "finalizers": finalizers}}


def release(pods: Iterable[Obj]) -> Actions:
    """Let pods go that no job will count any more."""
    patches: list[Action] = [making.untrack(pod) for pod in pods if making.is_tracked(pod)]
    return [Together(patches)] if patches else []
