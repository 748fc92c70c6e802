"""The pod's phase, from its containers' statuses."""

from collections.abc import Iterable

from wherry.api import Obj
from wherry.node.plan.podspec import containers, init_containers, is_sidecar
from wherry.node.plan.restarts import should_restart

TERMINAL = ("Succeeded", "Failed")


def _ended(status: Obj) -> Obj | None:
    """How the container ended last, unless it runs: its state, or while it waits its last one."""
    state = status.get("state") or {}
    if "terminated" in state:
        return state["terminated"]
    if "waiting" in state:
        return (status.get("lastState") or {}).get("terminated")
    return None


def _running(status: Obj) -> bool:
    return "running" in (status.get("state") or {})


def _pairs(specs: Iterable[Obj], statuses: dict[str, Obj]) -> list[tuple[Obj, Obj]]:
    return [(spec, statuses.get(spec["name"], {})) for spec in specs]


def phase(pod: Obj, statuses: Iterable[Obj], ending: bool, initialized: bool) -> str:
    """`statuses`: of init and other containers. `ending`: nothing will be restarted. `initialized`: a container that
    is not an init container has started before."""
    by_name = {each["name"]: each for each in statuses}
    inits = _pairs(init_containers(pod), by_name)
    regular = [(s, st) for s, st in inits if not is_sidecar(s)]
    mains = _pairs(containers(pod), by_name)
    failed = [(spec, end) for spec, status in regular if (end := _ended(status)) and end.get("exitCode")]
    if any(not should_restart(pod, spec, end["exitCode"]) for spec, end in failed):
        return "Failed"
    sidecars = [st for s, st in inits if is_sidecar(s)]
    if _still_initializing(regular, sidecars, initialized) or any(
        not _running(status) and _ended(status) is None for _, status in mains
    ):
        return "Pending"
    if any(_running(status) for _, status in mains) or any(_running(status) for status in sidecars):
        return "Running"
    return _over(pod, mains, ending)


def _still_initializing(regular: list[tuple[Obj, Obj]], sidecars: list[Obj], initialized: bool) -> bool:
    if any(_ended(status) is None for _, status in regular):
        return True
    pending = [status for status in sidecars if _ended(status) is None and not status.get("started")]
    return bool(pending) and not initialized


def _over(pod: Obj, mains: list[tuple[Obj, Obj]], ending: bool) -> str:
    """Every container has ended; some may come back."""
    ends = [(spec, end) for spec, status in mains if (end := _ended(status)) is not None]
    if not ending and any(should_restart(pod, spec, end.get("exitCode", 0)) for spec, end in ends):
        return "Running"
    return "Succeeded" if all(end.get("exitCode", 0) == 0 for _, end in ends) else "Failed"
