"""One container, everything together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from wherry.api import Obj, meta
from wherry.engine.specs import ContainerSpec, Image, Mount
from wherry.node import environment
from wherry.node.config import NodeConfig
from wherry.node.spec import resources, sandbox, security

ATTEMPT, DELAY, REFERENCE = "wherry.io/attempt", "wherry.io/restart-delay", "wherry.io/image"
CONTAINER = "io.kubernetes.container.name"
Propagation = Literal["private", "rslave", "rshared"]
_PROPAGATION: dict[str, Propagation] = {"HostToContainer": "rslave", "Bidirectional": "rshared"}


class MountFailed(ValueError):
    """A volume that the container wants is not there."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What has been made ready for the container. `mounts`: its volumes; `files`: host path by path inside (hosts,
    resolv.conf, the termination message)."""

    image: Image
    environment: Mapping[str, str]
    mounts: Sequence[Mount]
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """`delay`: seconds that the next attempt will have to wait."""

    id: str
    sandbox_id: str
    number: int
    delay: float


def propagation(mount: Obj) -> Propagation:
    return _PROPAGATION.get(mount.get("mountPropagation") or "", "private")


def build(pod: Obj, container: Obj, attempt: Attempt, prepared: Prepared, config: NodeConfig) -> ContainerSpec:
    """Raises security.NotAllowed."""
    env = prepared.environment
    mounts = [*prepared.mounts, *_files(prepared)]
    return ContainerSpec(
        id=attempt.id,
        sandbox=attempt.sandbox_id,
        name=container["name"],
        image=prepared.image.id,
        command=tuple(environment.expand(each, env) for each in container.get("command") or []),
        args=tuple(environment.expand(each, env) for each in container.get("args") or []),
        env=tuple(env.items()),
        working_dir=container.get("workingDir") or "",
        # A mount below another one comes after it.
        mounts=tuple(sorted(mounts, key=lambda each: each.target.rstrip("/").count("/"))),
        security=security.build(pod, container, prepared.image.user, config.seccomp_dir),
        resources=resources.of_container(pod, container, config.memory),
        log_path=str(config.log_path(_identity(pod), container["name"], attempt.number)),
        tty=bool(container.get("tty")),
        stdin=bool(container.get("stdin")),
        stdin_once=bool(container.get("stdinOnce")),
        stop_signal=(container.get("lifecycle") or {}).get("stopSignal") or "",
        labels=sandbox.labels(pod)
        | {
            CONTAINER: container["name"],
            ATTEMPT: str(attempt.number),
            DELAY: f"{attempt.delay:g}",
            REFERENCE: container.get("image", ""),
        },
    )


def _identity(pod: Obj) -> tuple[str, str, str]:
    return meta.namespace(pod), meta.name(pod), meta.uid(pod)


def _files(prepared: Prepared) -> list[Mount]:
    """Files of the platform give way to what the user mounts in their place."""
    taken = {mount.target for mount in prepared.mounts}
    return [Mount(source, target) for target, source in prepared.files.items() if target not in taken]


def termination_path(container: Obj) -> str:
    return container.get("terminationMessagePath") or "/dev/termination-log"
