"""Reading a pod."""

from wherry.api import Obj
from wherry.lib import timestamps

DEFAULT_GRACE = 30.0
MINIMUM_GRACE = 2.0


def containers(pod: Obj) -> list[Obj]:
    return pod["spec"].get("containers") or []


def init_containers(pod: Obj) -> list[Obj]:
    return pod["spec"].get("initContainers") or []


def ephemeral_containers(pod: Obj) -> list[Obj]:
    return pod["spec"].get("ephemeralContainers") or []


def every_container(pod: Obj) -> list[Obj]:
    return [*init_containers(pod), *containers(pod), *ephemeral_containers(pod)]


def container(pod: Obj, name: str) -> Obj | None:
    return next((each for each in every_container(pod) if each["name"] == name), None)


def is_sidecar(container: Obj) -> bool:
    """Of an init container: it keeps running beside the others."""
    return container.get("restartPolicy") == "Always"


def sidecars(pod: Obj) -> list[Obj]:
    return [each for each in init_containers(pod) if is_sidecar(each)]


def field_path(pod: Obj, name: str) -> str:
    """How events name a container."""
    for field, group in (
        ("initContainers", init_containers(pod)),
        ("ephemeralContainers", ephemeral_containers(pod)),
    ):
        if any(each["name"] == name for each in group):
            return f"spec.{field}{{{name}}}"
    return f"spec.containers{{{name}}}"


def hook(container: Obj, name: str) -> Obj | None:
    """`postStart` or `preStop`."""
    return (container.get("lifecycle") or {}).get(name)


def grace_period(pod: Obj) -> float:
    """Seconds that containers have between the stop signal and SIGKILL."""
    asked = pod["metadata"].get("deletionGracePeriodSeconds")
    if asked is None:
        asked = pod["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE)
    return float(asked)


def probe_grace_period(pod: Obj, container: Obj, probe: str) -> float:
    """The same after a failed probe (`livenessProbe`, `startupProbe`), which may have a time of its own."""
    own = (container.get(probe) or {}).get("terminationGracePeriodSeconds")
    if own is not None and "deletionGracePeriodSeconds" not in pod["metadata"]:
        return float(own)
    return grace_period(pod)


def deadline(pod: Obj, status: Obj) -> float | None:
    """When activeDeadlineSeconds runs out."""
    seconds = pod["spec"].get("activeDeadlineSeconds")
    started = status.get("startTime")
    if seconds is None or not started:
        return None
    return timestamps.parse(started) + float(seconds)


def full_name(pod: Obj) -> str:
    """`name_namespace(uid)`: how messages name a pod."""
    metadata = pod["metadata"]
    return f"{metadata['name']}_{metadata.get('namespace', '')}({metadata.get('uid', '')})"


def host_network(pod: Obj) -> bool:
    return bool(pod["spec"].get("hostNetwork"))
