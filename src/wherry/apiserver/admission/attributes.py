"""What an admission plug-in is told about a request."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from wherry.api import Obj, errors
from wherry.api.errors import StatusError
from wherry.api.kinds import Kind
from wherry.apiserver.authn.user import User

Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]


class Lister(Protocol):
    """Objects that rules may look at without waiting. Shared: nobody may change one."""

    def get(self, kind: Kind, name: str, namespace: str = "") -> Obj | None: ...

    def list(self, kind: Kind, namespace: str = "") -> list[Obj]: ...


@dataclass(slots=True)
class Attributes:
    """One request. `new` is None for a deletion, `old` for a creation. `warn` adds a Warning header."""

    operation: Operation
    kind: Kind
    namespace: str
    name: str
    subresource: str
    new: Obj | None
    old: Obj | None
    user: User
    dry_run: bool
    warn: Callable[[str], None]
    suffix: Callable[[], str]  # five random characters, for names that a plug-in invents
    seen: dict[Kind, list[Obj]] = field(default_factory=dict)  # what plug-ins wanted to see beside the lister's

    def forbidden(self, why: str) -> StatusError:
        """The refusal of this request, in upstream's words."""
        metadata = (self.new or {}).get("metadata") or {}
        name = self.name or metadata.get("name") or metadata.get("generateName") or "Unknown"
        return errors.forbidden(self.kind, name, why)

    def concerns(self, kind: Kind, *operations: Operation) -> bool:
        """Whether an object of `kind` itself, no sub-resource, is in such an operation."""
        return self.kind is kind and not self.subresource and self.operation in operations
