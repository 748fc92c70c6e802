"""What the plan looks at. Times are seconds since the epoch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from wherry.api import Obj


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Where the pod runs; the first address is the node's own."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """`ready` is false when its network namespace is gone (the machine was restarted)."""

    id: str
    addresses: tuple[str, ...] = ()
    ready: bool = True


@dataclass(frozen=True, slots=True)
class Container:
    """One attempt of one of the pod's containers. `image` is the reference as the pod named it, `image_id` what it
    stood for. `delay`: seconds that the attempt after this one waits once this one has ended. `reason` is set where
    the runtime refused to start it; `message` is its termination message. `outdated`: resources (`cpu`, `memory`)
    whose limits are not what the pod asks for by now."""

    id: str
    name: str
    attempt: int
    state: Literal["created", "running", "exited"]
    image: str
    image_id: str = ""
    created_at: float = 0
    started_at: float = 0
    finished_at: float = 0
    exit_code: int = 0
    oom_killed: bool = False
    reason: str = ""
    message: str = ""
    delay: float = 0
    outdated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """Of one container's image: whether the store has it, and how the latest pull for the coming start went.
    `pulled`: the policy Always is content, an image was fetched for this start. `invalid`: not a reference."""

    present: bool = False
    pulled: bool = False
    pulling: bool = False
    invalid: str = ""
    error: str = ""
    failed_at: float = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """The latest attempt to create or start something failed. `count` failures in a row."""

    reason: str
    message: str
    at: float
    count: int = 1


@dataclass(frozen=True, slots=True)
class Volumes:
    """`ready`: all are mounted. `busy`: somebody is at it."""

    ready: bool = False
    busy: bool = False
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What probes have found of a running container; None: no verdict yet."""

    started: bool | None = None
    ready: bool | None = None
    alive: bool | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """A container on its way out. `hook`: its preStop hook. `kill_at`: when SIGKILL comes; 0 before the stop
    signal."""

    since: float
    hook: Literal["", "running", "done"] = ""
    kill_at: float = 0


@dataclass(frozen=True, slots=True)
class Rejection:
    """The node does not take the pod, or puts it out (eviction): it fails with this reason. `grace`: seconds for its
    containers instead of the pod's own."""

    reason: str
    message: str
    phase: str = "Failed"
    grace: float | None = None


@dataclass(frozen=True, slots=True)
class View:
    """All of one pod. `status` is what this node published last (or found). Maps are keyed by container name where
    they speak of a container to be (`images`, `failures`), by container id where they speak of one that is (`health`,
    `stops`, `hooks`: state of its postStart hook). `deleted`: the object is gone from the API.
    `ending_since`: when this node first saw that the pod must end. `no_room`: why the pod cannot have the resources
    that it asks for by now."""

    pod: Obj
    node: NodeFacts
    now: float
    status: Obj = field(default_factory=dict)
    sandbox: Sandbox | None = None
    sandbox_failure: Failure | None = None
    containers: tuple[Container, ...] = ()
    volumes: Volumes = Volumes()
    images: Mapping[str, Image] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    health: Mapping[str, Health] = field(default_factory=dict)
    stops: Mapping[str, Stop] = field(default_factory=dict)
    hooks: Mapping[str, Literal["running", "done", "failed"]] = field(default_factory=dict)
    rejection: Rejection | None = None
    no_room: Rejection | None = None
    deleted: bool = False
    ending_since: float = 0

    def latest(self, name: str) -> Container | None:
        """The newest attempt of a container."""
        attempts = [each for each in self.containers if each.name == name]
        return max(attempts, key=lambda each: (each.created_at, each.attempt), default=None)

    def attempts(self, name: str) -> list[Container]:
        """Newest first."""
        found = [each for each in self.containers if each.name == name]
        return sorted(found, key=lambda each: (each.created_at, each.attempt), reverse=True)
