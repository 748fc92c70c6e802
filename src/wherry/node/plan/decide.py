"""The path of a pod: living, ending, gone."""

from wherry.api import Obj, meta
from wherry.node.plan import phase, status
from wherry.node.plan.actions import (
    Action,
    CreateSandbox,
    DeletePod,
    Forget,
    MountVolumes,
    Plan,
    RemoveSandbox,
    UnmountVolumes,
)
from wherry.node.plan.podspec import deadline
from wherry.node.plan.starting import Starting, decide, retry_at
from wherry.node.plan.stopping import stop_all
from wherry.node.plan.view import Rejection, View

_TOO_LONG = Rejection("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")


def plan(view: View) -> Plan:
    """What to do for a pod now."""
    why = view.rejection or _past_deadline(view)
    finished = (view.pod.get("status") or {}).get("phase") in phase.TERMINAL
    if view.deleted or meta.deleting(view.pod) or finished or why:
        return _end(view, why)
    starting = decide(view)
    if starting.doomed:
        return _end(view, None)
    return _live(view, starting)


def _past_deadline(view: View) -> Rejection | None:
    end = deadline(view.pod, view.status)
    return _TOO_LONG if end is not None and view.now >= end else None


def _earliest(view: View, wakes: list[float]) -> float | None:
    end = deadline(view.pod, view.status)
    ahead = [each for each in [*wakes, *([end] if end else [])] if each > view.now]
    return min(ahead, default=None)


def _live(view: View, starting: Starting) -> Plan:
    actions: list[Action] = []
    wakes = list(starting.wakes)
    box = view.sandbox
    if box is not None and not box.ready:
        return Plan((RemoveSandbox(box.id),), status.build(view, starting.waiting), view.now)
    if box is None:
        failure = view.sandbox_failure
        if failure is None or retry_at(failure) <= view.now:
            actions.append(CreateSandbox())
        else:
            wakes.append(retry_at(failure))
    if not view.volumes.ready and not view.volumes.busy:
        failure = view.volumes.failure
        if failure is None or retry_at(failure) <= view.now:
            actions.append(MountVolumes())
        else:
            wakes.append(retry_at(failure))
    actions += starting.actions
    return Plan(tuple(actions), status.build(view, starting.waiting), _earliest(view, wakes))


def _end(view: View, why: Rejection | None) -> Plan:
    stopping = stop_all(view)
    if not stopping.done:
        published = None if view.deleted else status.build(view, {}, ending=True, why=why)
        return Plan(tuple(stopping.actions), published, _earliest(view, stopping.wakes), ending=True)
    cleaning = _clean(view)
    if view.deleted:
        return Plan((*stopping.actions, *cleaning, Forget()), None, ending=True)
    nothing_left = not cleaning and not view.containers
    final = None if nothing_left and _shown_finished(view) else status.build(view, {}, ending=True, why=why)
    if meta.deleting(view.pod):
        last = () if _waits_for_finalizers(view.pod) else (DeletePod(),)
        return Plan((*stopping.actions, *cleaning, *last), final, ending=True)
    if not _shown_finished(view):
        # What the engine knows of the containers is let go only after the API has it.
        return Plan((), final, ending=True)
    return Plan(tuple(cleaning), final, ending=True)


def _shown_finished(view: View) -> bool:
    return (view.pod.get("status") or {}).get("phase") in phase.TERMINAL


def _clean(view: View) -> list[Action]:
    actions: list[Action] = []
    if view.sandbox is not None:
        actions.append(RemoveSandbox(view.sandbox.id))
    if view.volumes.ready or view.volumes.busy or view.deleted or meta.deleting(view.pod):
        actions.append(UnmountVolumes())
    return actions


def _waits_for_finalizers(pod: Obj) -> bool:
    """Already deleted without grace: it goes when its finalizers do."""
    return pod["metadata"].get("deletionGracePeriodSeconds") == 0 and bool(meta.finalizers(pod))
