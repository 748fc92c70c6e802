"""Which containers start now, and why the others wait.

Init containers run one after the other; a sidecar (an init container that restarts always) lets the next one go as
soon as it has started, and is kept running from then on. The rest follows when all of them are done.
"""

from dataclasses import dataclass, field

from wherry.api import Obj
from wherry.node.plan import images, restarts
from wherry.node.plan.actions import (
    Action,
    CreateContainer,
    Emit,
    PullImage,
    RemoveContainer,
    ResizeContainer,
    RunHook,
    StartContainer,
)
from wherry.node.plan.podspec import (
    containers,
    ephemeral_containers,
    full_name,
    hook,
    init_containers,
    is_sidecar,
    probe_grace_period,
    sidecars,
)
from wherry.node.plan.stopping import stop_one
from wherry.node.plan.view import Container, Failure, Health, Image, View

_RETRY_FIRST = 1.0
_RETRY_LONGEST = 10.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a container's status says while it waits."""

    reason: str
    message: str = ""


@dataclass(slots=True)
class Starting:
    """`doomed`: nothing runs and nothing will; the pod ends. `blocked`: a hook must finish before more is started."""

    actions: list[Action] = field(default_factory=list)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    wakes: list[float] = field(default_factory=list)
    doomed: bool = False
    blocked: bool = False


def retry_at(failure: Failure) -> float:
    """When something that failed is tried again: 1 s, doubling to 10 s."""
    return failure.at + min(_RETRY_FIRST * 2 ** (failure.count - 1), _RETRY_LONGEST)


def has_started(view: View, container: Obj, record: Container) -> bool:
    """Running, past its postStart hook and past its startup probe."""
    if record.state != "running" or view.hooks.get(record.id) in ("running", "failed"):
        return False
    if not container.get("startupProbe"):
        return True
    return bool(view.health.get(record.id, Health()).started)


def next_attempt(view: View, name: str) -> int:
    """The number of a container's next attempt; the status remembers what the engine has lost."""
    last = view.latest(name)
    if last is not None:
        return last.attempt if last.state == "created" else last.attempt + 1
    for group in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for status in view.status.get(group) or []:
            if status["name"] == name:
                return _attempt_after(status)
    return 0


def _attempt_after(status: Obj) -> int:
    count = int(status.get("restartCount", 0))
    if "waiting" not in (status.get("state") or {}):
        return count + 1
    ended = (status.get("lastState") or {}).get("terminated") or {}
    return count + 1 if ended.get("containerID") else count


def decide(view: View) -> Starting:
    """What to start for a pod that is to live."""
    out = Starting()
    for container in ephemeral_containers(view.pod):
        if view.latest(container["name"]) is None:
            _start(view, container, out)
    initialized = _initialize(view, out)
    if not initialized or out.blocked or out.doomed:
        return out
    alive = False
    for container in containers(view.pod):
        alive |= _keep(view, container, out)
        if out.blocked:
            return out
    out.doomed = not alive
    return out


def _initialize(view: View, out: Starting) -> bool:
    """Advance the init containers; true when the others may start."""
    if any(view.latest(each["name"]) for each in containers(view.pod)):
        for container in sidecars(view.pod):
            _keep(view, container, out)
        return True
    inits = init_containers(view.pod)
    reached = max((i for i, each in enumerate(inits) if view.latest(each["name"])), default=0)
    for index, container in enumerate(inits):
        if index < reached:
            if is_sidecar(container):
                _keep(view, container, out)
        elif not _pass(view, container, out):
            return False
    return True


def _pass(view: View, container: Obj, out: Starting) -> bool:
    """Whether the init container that is at work lets the next one go."""
    record = view.latest(container["name"])
    if is_sidecar(container):
        _keep(view, container, out)
        return record is not None and has_started(view, container, record)
    if record is None or record.state == "created":
        _start(view, container, out)
        return False
    if record.state == "running":
        _check_hook(view, container, record, out)
        return False
    if record.exit_code == 0:
        return True
    if restarts.should_restart(view.pod, container, record.exit_code):
        _start(view, container, out)
    else:
        out.doomed = True
    return False


def _keep(view: View, container: Obj, out: Starting) -> bool:
    """Start, restart or stop one container as it needs; whether it runs or is going to."""
    record = view.latest(container["name"])
    if record is None or record.state == "created":
        _start(view, container, out)
        return True
    if record.state == "running":
        _check(view, container, record, out)
        return True
    if not restarts.should_restart(view.pod, container, record.exit_code):
        return False
    _start(view, container, out)
    return True


def _check_hook(view: View, container: Obj, record: Container, out: Starting) -> bool:
    """Whether the postStart hook is out of the way."""
    state = view.hooks.get(record.id)
    if state == "running":
        out.blocked = True
    elif state == "failed":
        _stop(view, container, record, "FailedPostStartHook", "livenessProbe", out)
    return state not in ("running", "failed")


def _check(view: View, container: Obj, record: Container, out: Starting) -> None:
    if not _check_hook(view, container, record, out):
        return
    name, health = record.name, view.health.get(record.id, Health())
    kind = "Init container" if container in init_containers(view.pod) else "Container"
    if record.image != container.get("image"):
        message = f"{kind} {name} definition changed, will be restarted"
        _stop(view, container, record, message, "", out)
    elif health.alive is False:
        message = f"{kind} {name} failed liveness probe"
        _stop(view, container, record, _restarting(view, container, message), "livenessProbe", out)
    elif health.started is False:
        message = f"{kind} {name} failed startup probe"
        _stop(view, container, record, _restarting(view, container, message), "startupProbe", out)
    elif record.outdated and view.no_room is None:
        _resize(view, container, record, out)


def _resize(view: View, container: Obj, record: Container, out: Starting) -> None:
    """In place, or by a restart where the container wants that."""
    policies = {each["resourceName"]: each["restartPolicy"] for each in container.get("resizePolicy") or []}
    if any(policies.get(name) == "RestartContainer" for name in record.outdated):
        _stop(view, container, record, f"Container {record.name} resize requires restart", "", out)
    else:
        out.actions.append(ResizeContainer(record.name, record.id))


def _restarting(view: View, container: Obj, message: str) -> str:
    policy = container.get("restartPolicy") or view.pod["spec"].get("restartPolicy", "Always")
    return message if policy == "Never" else f"{message}, will be restarted"


def _stop(view: View, container: Obj, record: Container, message: str, probe: str, out: Starting) -> None:
    grace = probe_grace_period(view.pod, container, probe)
    stop = view.stops.get(record.id)
    since = stop.since if stop else view.now
    actions, wakes = stop_one(view, record, since + grace, message)
    out.actions += actions
    out.wakes += wakes


def _start(view: View, container: Obj, out: Starting) -> None:
    name, last = container["name"], view.latest(container["name"])
    if last is not None and last.state == "exited" and restarts.retry_at(last) > view.now:
        out.waiting[name] = Waiting("CrashLoopBackOff", restarts.back_off_message(view.pod, last))
        out.wakes.append(restarts.retry_at(last))
        _announce(view, name, "CrashLoopBackOff", _back_off_event(view, name), out)
        return
    if not _image_is_ready(view, container, out):
        return
    if view.sandbox is None or not view.sandbox.ready or not view.volumes.ready:
        return
    failure = view.failures.get(name)
    if failure is not None:
        out.waiting[name] = Waiting(failure.reason, failure.message)
        if retry_at(failure) > view.now:
            out.wakes.append(retry_at(failure))
            return
    _create(view, container, last, out)


def _create(view: View, container: Obj, last: Container | None, out: Starting) -> None:
    name, attempt = container["name"], next_attempt(view, container["name"])
    if last is not None and last.state == "created":
        out.actions.append(RemoveContainer(last.id))
        last = None
    delay = restarts.delay_after(last) if last else 0.0
    # Of ended attempts only the last one is kept: its end and its log can still be asked for.
    out.actions += [RemoveContainer(each.id) for each in view.attempts(name)[1:]]
    out.actions += [CreateContainer(name, attempt, delay), StartContainer(name, attempt)]
    if hook(container, "postStart"):
        out.actions.append(RunHook("postStart", name))
        out.blocked = True


def _image_is_ready(view: View, container: Obj, out: Starting) -> bool:
    name = container["name"]
    answer = images.answer(container, view.images.get(name, Image()), view.now)
    if answer.verdict == "pull":
        out.actions.append(PullImage(name, container["image"]))
    if answer.reason:
        out.waiting[name] = Waiting(answer.reason, answer.message)
    if answer.until is not None:
        out.wakes.append(answer.until)
    if answer.reason == "ImagePullBackOff":
        _announce(view, name, answer.reason, f'Back-off pulling image "{container["image"]}"', out, "Normal")
    return answer.verdict == "go"


def _back_off_event(view: View, name: str) -> str:
    return f"Back-off restarting failed container {name} in pod {full_name(view.pod)}"


def _announce(view: View, name: str, reason: str, message: str, out: Starting, type: str = "Warning") -> None:
    """An event when a container enters a back-off, not each time that the plan sees it there."""
    every = [*(view.status.get("containerStatuses") or []), *(view.status.get("initContainerStatuses") or [])]
    shown: Obj = next((each for each in every if each["name"] == name), {})
    if (shown.get("state", {}).get("waiting") or {}).get("reason") != reason:
        out.actions.append(Emit("Normal" if type == "Normal" else "Warning", "BackOff", message, name))
