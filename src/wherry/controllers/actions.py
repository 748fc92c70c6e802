"""What a plan may ask for. The order of a plan's list is the order in which things happen.

An action that fails ends the pass: what stands after it is not done, the key is tried again later with back-off.
Inside `Together` the actions do not depend on each other and run at once.

    Create, Update, UpdateStatus, Patch, Delete, DeleteCollection   requests to the API server
    Confirm      go on only if the live object is still the one that was planned for
    Together     independent actions, at once or with a slow start
    Event        a record for people, never a reason to fail
    Requeue      look at this key again after some seconds
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wherry.api import Obj
from wherry.api.kinds import Kind


@dataclass(frozen=True, slots=True)
class Event:
    """Record an event about `regarding`. In an event that belongs to another action (`Create.done`), `{name}` and
    `{error}` in the message stand for the object's name and the failure."""

    kind: Kind
    regarding: Obj
    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Create:
    """`exists_ok`: an object of that name is as good. `done`, `failed`: events for either outcome."""

    kind: Kind
    obj: Obj
    exists_ok: bool = False
    done: Event | None = None
    failed: Event | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Replace the object if it still has the resourceVersion that `obj` carries."""

    kind: Kind
    obj: Obj
    subresource: str | None = None
    done: Event | None = None
    failed: Event | None = None


@dataclass(frozen=True, slots=True)
class UpdateStatus:
    """Replace the status if the object still has the resourceVersion that `obj` carries."""

    kind: Kind
    obj: Obj


@dataclass(frozen=True, slots=True)
class Patch:
    """`missing_ok`: an object that is gone needs no patch."""

    kind: Kind
    name: str
    namespace: str | None
    patch: Any
    type: Literal["json", "merge", "strategic"] = "merge"
    subresource: str | None = None
    missing_ok: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete that very object (its uid is a precondition); one that is gone already is fine. `obj` needs only name,
    namespace and uid. `propagation`: Background, Foreground, Orphan or the server's default. `grace`: seconds.
    `unchanged`: only if it still has the resourceVersion that `obj` carries."""

    kind: Kind
    obj: Obj
    propagation: Literal["Background", "Foreground", "Orphan"] | None = None
    grace: int | None = None
    unchanged: bool = False
    done: Event | None = None
    failed: Event | None = None


@dataclass(frozen=True, slots=True)
class DeleteCollection:
    """Delete every object of a kind in a namespace."""

    kind: Kind
    namespace: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """Read the object live. If it is gone, is another one (uid) or is being deleted, the pass ends here and the key
    is tried again: what follows (adoptions) would be wrong."""

    kind: Kind
    obj: Obj


@dataclass(frozen=True, slots=True)
class Together:
    """Independent actions. With `slow_start` the batches grow 1, 2, 4, ... and the first batch with a failure is the
    last: a thousand creates that all hit the same quota cost few requests. The first failure is the pass's."""

    actions: "Sequence[Action]"
    slow_start: bool = False


@dataclass(frozen=True, slots=True)
class Requeue:
    """Reconcile this key again after `seconds`, even if nothing changes."""

    seconds: float


Action = (
    Create | Update | UpdateStatus | Patch | Delete | DeleteCollection | Confirm | Together | Event | Requeue
)  # fmt: skip
Actions = list[Action]
