"""What the plan asks for.

Actions of one plan are done in their order; those marked "in the background" are only begun, and the next view shows
them as under way.
"""

from dataclasses import dataclass
from typing import Literal

from wherry.api import Obj


@dataclass(frozen=True, slots=True)
class MountVolumes:
    """In the background."""


@dataclass(frozen=True, slots=True)
class CreateSandbox:
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class PullImage:
    """In the background."""

    container: str
    image: str


@dataclass(frozen=True, slots=True)
class CreateContainer:
    """`delay`: seconds that the attempt after this one is to wait; it rests with the container."""

    container: str
    attempt: int
    delay: float = 0


@dataclass(frozen=True, slots=True)
class StartContainer:
    """Start what the CreateContainer before it made."""

    container: str
    attempt: int


@dataclass(frozen=True, slots=True)
class ResizeContainer:
    """Give a running container the limits that the pod asks for by now."""

    container: str
    container_id: str


@dataclass(frozen=True, slots=True)
class RunHook:
    """In the background. `container_id` is empty for postStart: the container that was started just before."""

    hook: Literal["postStart", "preStop"]
    container: str
    container_id: str = ""
    timeout: float = 0


@dataclass(frozen=True, slots=True)
class StopContainer:
    """In the background: the stop signal, SIGKILL after `grace` seconds."""

    container: str
    container_id: str
    grace: float


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    container_id: str


@dataclass(frozen=True, slots=True)
class RemoveSandbox:
    """With its containers, its network and its cgroups."""

    id: str


@dataclass(frozen=True, slots=True)
class UnmountVolumes:
    pass


@dataclass(frozen=True, slots=True)
class Emit:
    """An event about the pod, or about one of its containers."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    container: str = ""


@dataclass(frozen=True, slots=True)
class DeletePod:
    """The node is done with it: publish the status, then delete the object without grace."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Nothing of the pod is left here."""


Action = (
    MountVolumes
    | CreateSandbox
    | PullImage
    | CreateContainer
    | StartContainer
    | ResizeContainer
    | RunHook
    | StopContainer
    | RemoveContainer
    | RemoveSandbox
    | UnmountVolumes
    | Emit
    | DeletePod
    | Forget
)


@dataclass(frozen=True, slots=True)
class Plan:
    """`status` is complete (None: leave it). `wake_at`: look again then even if nothing happens. `ending`: the pod is
    on its way out; the time when that was first said comes back as `View.ending_since`."""

    actions: tuple[Action, ...]
    status: Obj | None
    wake_at: float | None = None
    ending: bool = False
