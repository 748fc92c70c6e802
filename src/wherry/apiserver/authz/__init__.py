"""Whether they may: decisions about who does what to which resource or path.

A **decider** answers a question with yes, no, or no opinion. The deciders are asked in turn; nobody's opinion is a
refusal. Those of a cluster are `node.Nodes` and `rbac.Rbac`.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from wherry.api import errors
from wherry.api.kinds import Kind
from wherry.apiserver.authn.user import User
from wherry.lib import selectors

if TYPE_CHECKING:
    from wherry.apiserver.core import Call

__all__ = ["ALLOWED", "NO_OPINION", "Authorizer", "Decider", "Decision", "Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """May `user` do `verb`? Either of a resource (with sub-resource, name and namespace) or of a `path`.
    `selector`: the field selector of a list or watch."""

    user: User
    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    namespace: str = ""
    path: str = ""
    selector: str = ""


class Decision(NamedTuple):
    """`allowed`: None for no opinion. `reason`: for whoever wonders why."""

    allowed: bool | None
    reason: str = ""


NO_OPINION = Decision(None)
ALLOWED = Decision(True)


class Decider(Protocol):
    def __call__(self, question: Question) -> Awaitable[Decision]: ...


class Authorizer:
    """Asks the deciders in turn. The group system:masters may do everything."""

    def __init__(self, deciders: Sequence[Decider]) -> None:
        self.deciders = list(deciders)

    async def decide(self, question: Question) -> Decision:
        if question.user.is_master:
            return ALLOWED
        reasons = []
        for decide in self.deciders:
            decision = await decide(question)
            if decision.allowed is not None:
                return decision
            if decision.reason:
                reasons.append(decision.reason)
        return Decision(None, "\n".join(reasons))

    async def require(self, question: Question) -> None:
        """Refuse (StatusError) unless the answer is yes."""
        decision = await self.decide(question)
        if not decision.allowed:
            raise refusal(question, decision.reason)


def ask(call: "Call") -> Question:
    """The question that a request is."""
    target = call.target
    if not target.is_resource:
        return Question(call.user, target.verb, path=target.path)
    selector = call.query.get("fieldSelector", "") if target.verb in ("list", "watch", "deletecollection") else ""
    name = target.name or _selected_name(selector)
    return Question(
        call.user, target.verb, target.group, target.plural, target.subresource, name, target.namespace,
        selector=selector,
    )  # fmt: skip


def _selected_name(selector: str) -> str:
    """The one object that a field selector names, if it does."""
    if "metadata.name" not in selector:
        return ""
    try:
        wanted = selectors.parse_fields(selector)
    except selectors.SelectorError:
        return ""
    return next((value for field, sign, value in wanted if field == "metadata.name" and sign == "="), "")


def refusal(question: Question, reason: str = "") -> errors.StatusError:
    """Forbidden, in upstream's words."""
    name = question.user.name
    why = f": {reason}" if reason else ""
    if question.path:
        return errors.forbidden(None, "", f'User "{name}" cannot {question.verb} path "{question.path}"{why}')
    resource = f"{question.resource}/{question.subresource}" if question.subresource else question.resource
    scope = f'in the namespace "{question.namespace}"' if question.namespace else "at the cluster scope"
    what = f'User "{name}" cannot {question.verb} resource "{resource}" in API group "{question.group}" {scope}{why}'
    return errors.forbidden(Kind(question.group, "", "", question.resource), question.name, what)
