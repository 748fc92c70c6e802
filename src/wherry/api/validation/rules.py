"""How a kind states its rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from wherry.api import Obj
from wherry.api.validation import metadata
from wherry.api.validation.metadata import Errors, NameRule

Change = Callable[[Obj, Obj], Errors]


@dataclass(frozen=True, slots=True)
class Rules:
    """A kind's rules. `name`: what it may be called. `body`: the rest of a new object. `change`: a new object against
    the old one, metadata apart. `whole`: an update checks the new object as a new one would be.
    `subresources`: changes made through a sub-resource."""

    name: NameRule = metadata.subdomain
    body: Callable[[Obj], Errors] | None = None
    change: Change | None = None
    whole: bool = True
    subresources: Mapping[str, Change] = field(default_factory=dict)

    def check_new(self, obj: Obj, namespaced: bool) -> Errors:
        errors = metadata.check(obj, namespaced, self.name) + metadata.kube_finalizers(obj.get("metadata") or {})
        return errors + self.body(obj) if self.body else errors

    def check_change(self, new: Obj, old: Obj, namespaced: bool, subresource: str) -> Errors:
        errors = metadata.check_update(new, old) + metadata.kube_finalizers(new.get("metadata") or {})
        if subresource:
            change = self.subresources.get(subresource)
            return errors + change(new, old) if change else errors
        if self.change:
            errors += self.change(new, old)
        return errors + self.check_new(new, namespaced) if self.whole else errors
