"""Who asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wherry.api import Obj

ANONYMOUS_NAME = "system:anonymous"
UNAUTHENTICATED = "system:unauthenticated"
AUTHENTICATED = "system:authenticated"
MASTERS = "system:masters"
NODES = "system:nodes"
SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class User:
    """An identity. `extra` is what its credentials say beside name and groups."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @property
    def is_master(self) -> bool:
        return MASTERS in self.groups


ANONYMOUS = User(ANONYMOUS_NAME, (UNAUTHENTICATED,))


def info(user: User) -> Obj:
    """A user as reviews and the audit log show one."""
    found: Obj = {"username": user.name, "uid": user.uid, "groups": list(user.groups)}
    found["extra"] = {key: list(user.extra[key]) for key in sorted(user.extra)}
    return {key: value for key, value in found.items() if value}
