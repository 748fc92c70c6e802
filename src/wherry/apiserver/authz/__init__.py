"""Whether they may: decisions about who does what to which resource or path."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wherry.api import errors
from wherry.api.kinds import Kind
from wherry.apiserver.authn.user import User

if TYPE_CHECKING:
    from wherry.apiserver.core import Call
    from wherry.apiserver.routes import Target

__all__ = ["Authorizer", "Decider", "Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """May `user` do `verb`? Either of a resource (with sub-resource, name and namespace) or of a `path`."""

    user: User
    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    namespace: str = ""
    path: str = ""


class Decider(Protocol):
    """True: allowed. False: refused. None: no opinion."""

    def __call__(self, question: Question) -> bool | None: ...


class Authorizer:
    """Asks the deciders in turn; nobody's opinion is a refusal."""

    def __init__(self, deciders: list[Decider]) -> None:
        self._deciders = deciders

    def allows(self, question: Question) -> bool:
        if question.user.is_master:
            return True
        for decide in self._deciders:
            decision = decide(question)
            if decision is not None:
                return decision
        return False

    def require(self, call: "Call", verb: str = "") -> None:
        """Refuse (StatusError) unless the caller may do what the request is about."""
        if call.user.is_master:
            return
        question = ask(call.user, call.target, verb)
        if not self.allows(question):
            raise refusal(question)


def ask(user: User, target: "Target", verb: str = "") -> Question:
    verb = verb or target.verb
    if not target.is_resource:
        return Question(user, verb, path=target.path)
    return Question(user, verb, target.group, target.plural, target.subresource, target.name, target.namespace)


def refusal(question: Question) -> errors.StatusError:
    """Forbidden, in upstream's words."""
    name = question.user.name
    if question.path:
        return errors.forbidden(None, "", f'User "{name}" cannot {question.verb} path "{question.path}"')
    resource = f"{question.resource}/{question.subresource}" if question.subresource else question.resource
    scope = f'in the namespace "{question.namespace}"' if question.namespace else "at the cluster scope"
    why = f'User "{name}" cannot {question.verb} resource "{resource}" in API group "{question.group}" {scope}'
    return errors.forbidden(Kind(question.group, "", "", question.resource), question.name, why)
