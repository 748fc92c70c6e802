"""What the loop tells a plan about the pass beside the objects."""

from dataclasses import dataclass

from wherry.controllers.actions import Action


@dataclass(frozen=True, slots=True)
class Failure:
    """The action that ended the last pass over this key, and the server's words. Conflicts are not failures."""

    action: Action
    message: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One pass over a key. `now`: seconds since the epoch. `failure` stays until a pass gets through. `retry`: the
    last pass did not get through, be it only for a conflict."""

    now: float
    failure: Failure | None = None
    retry: bool = False

    def failed(self, *actions: type) -> str | None:
        """The message, if the last failure was of one of these actions."""
        return self.failure.message if self.failure and isinstance(self.failure.action, actions) else None
