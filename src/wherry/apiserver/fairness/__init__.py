"""Priority and fairness: one noisy client does not starve the others.

A request belongs to a **flow schema** (who asks for what), which puts it on a **priority level**. A level has seats,
a share of the server's; requests that find no seat wait in the queue of their **flow** (a user's or a namespace's),
and free seats go round among the flows. A level whose queues are full refuses (429). Levels lend seats that they do
not need. Source: apiserver, pkg/util/flowcontrol, simplified: queues are the flows themselves, not shards of them.

    schemas    which schema and flow a request belongs to
    levels     seats and queues
    defaults   what every cluster starts with
    upkeep     keeps the defaults there and says in each schema's status whether its level exists
"""

from typing import TYPE_CHECKING

from wherry.api import Obj, errors, kinds
from wherry.api.kinds import Kind
from wherry.apiserver.fairness.levels import Level, Levels
from wherry.apiserver.fairness.schemas import Schemas
from wherry.apiserver.mirror import Mirror
from wherry.apiserver.routes import is_long_running

if TYPE_CHECKING:
    from wherry.apiserver.core import Call

MIRRORED = (kinds.FLOW_SCHEMA, kinds.PRIORITY_LEVEL_CONFIGURATION)


class Place:
    """Where a request is, and whether it has a seat there. `leave` it when the answer is made."""

    __slots__ = ("_level", "_schema_uid", "_seated")

    def __init__(self, level: Level, schema_uid: str, seated: bool) -> None:
        self._level, self._schema_uid, self._seated = level, schema_uid, seated

    def leave(self) -> None:
        if self._seated:
            self._level.leave()

    @property
    def headers(self) -> list[tuple[str, str]]:
        """What tells the client where it was."""
        return [
            ("X-Kubernetes-PF-FlowSchema-UID", self._schema_uid),
            ("X-Kubernetes-PF-PriorityLevel-UID", self._level.uid),
        ]


class Fairness:
    """`seats`: requests that are worked on at once, in all."""

    def __init__(self, mirror: Mirror, seats: int) -> None:
        self._mirror = mirror
        self.levels = Levels(seats)
        self._schemas: Schemas | None = None
        for kind in MIRRORED:
            mirror.on_change(kind, self._changed)

    def _changed(self, kind: Kind, key: str, obj: Obj | None) -> None:
        self._schemas = None

    def _now(self) -> Schemas:
        if self._schemas is None:
            levels = self._mirror.list(kinds.PRIORITY_LEVEL_CONFIGURATION)
            self.levels.configure(levels)
            schemas = self._mirror.list(kinds.FLOW_SCHEMA)
            self._schemas = Schemas(schemas, {level["metadata"]["name"] for level in levels})
        return self._schemas

    async def enter(self, call: "Call") -> Place | None:
        """Wait for a seat; None for requests that need none. A watch leaves its seat when it has begun. Raises
        StatusError (429)."""
        if call.user.is_master or (is_long_running(call.target) and call.target.verb != "watch"):
            return None
        schema, flow = self._now().find(call.user, call.target)
        level = self.levels.get(schema.level) if schema else None
        if schema is None or level is None:
            return None
        seated = not level.exempt
        if seated and not await level.enter(flow):
            raise errors.too_many_requests("too many requests, please try again later")
        return Place(level, schema.uid, seated)
