"""In which order, and with how much time, containers end.

A container's preStop hook runs first and spends of the same grace period. Sidecars are told to stop after all other
containers have ended, the last one first; when the grace period is over everything goes at once.
"""

from dataclasses import dataclass, field

from wherry.node.plan.actions import Action, Emit, RemoveContainer, RunHook, StopContainer
from wherry.node.plan.podspec import MINIMUM_GRACE, container, grace_period, hook, sidecars
from wherry.node.plan.view import Container, View


@dataclass(slots=True)
class Stopping:
    """`done`: nothing runs any more."""

    actions: list[Action] = field(default_factory=list)
    wakes: list[float] = field(default_factory=list)
    done: bool = True


def stop_all(view: View) -> Stopping:
    """End the pod's containers."""
    out = Stopping()
    deadline = (view.ending_since or view.now) + _grace(view)
    running = [each for each in view.containers if each.state == "running"]
    out.actions += [RemoveContainer(each.id) for each in view.containers if each.state == "created"]
    out.done = not running
    names = [each.name for each in running]
    for record in running:
        if _its_turn(view, record.name, names) or view.now >= deadline:
            actions, wakes = stop_one(view, record, deadline)
        else:
            actions, wakes = _run_hook_early(view, record, deadline)
        out.actions += actions
        out.wakes += wakes
    return out


def _grace(view: View) -> float:
    if view.rejection is not None and view.rejection.grace is not None:
        return view.rejection.grace
    return grace_period(view.pod)


def _its_turn(view: View, name: str, running: list[str]) -> bool:
    order = [each["name"] for each in sidecars(view.pod)]
    if name not in order:
        return True
    later = order[order.index(name) + 1 :]
    return all(other == name or (other in order and other not in later) for other in running)


def _run_hook_early(view: View, record: Container, deadline: float) -> tuple[list[Action], list[float]]:
    """A sidecar whose turn has not come runs its preStop hook already."""
    spec = container(view.pod, record.name) or {}
    if record.id not in view.stops and hook(spec, "preStop") and deadline > view.now:
        return stop_one(view, record, deadline)
    return [], [deadline]


def stop_one(view: View, record: Container, deadline: float, message: str = "") -> tuple[list[Action], list[float]]:
    """The next step towards the end of one container, and when to look again."""
    stop = view.stops.get(record.id)
    kill_at = max(deadline, view.now + MINIMUM_GRACE)
    killing = Emit("Normal", "Killing", message or f"Stopping container {record.name}", record.name)
    end = StopContainer(record.name, record.id, kill_at - view.now)
    if stop is None:
        spec = container(view.pod, record.name) or {}
        if hook(spec, "preStop") and deadline > view.now:
            return [killing, RunHook("preStop", record.name, record.id, deadline - view.now)], [deadline]
        return [killing, end], []
    if stop.kill_at:
        # The grace period was shortened meanwhile.
        return ([end], []) if stop.kill_at - kill_at > 1 else ([], [])
    if stop.hook == "running" and view.now < deadline:
        return [], [deadline]
    return [end], []
