"""How a kind states its rules."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from wherry.api import Obj
from wherry.api.errors import FieldError
from wherry.api.validation import metadata
from wherry.api.validation.metadata import Errors, NameRule

Body = Callable[[Obj], Iterable[FieldError]]
Change = Callable[[Obj, Obj], Iterable[FieldError]]


@dataclass(frozen=True, slots=True)
class Rules:
    """A kind's rules. `name`: what it may be called. `body`: a new object, metadata apart. `change`: a new object
    against the old one, metadata apart; without it the new object is checked by `body` again. `subresources`:
    changes made through a sub-resource."""

    name: NameRule = metadata.subdomain
    body: Body | None = None
    change: Change | None = None
    subresources: Mapping[str, Change] = field(default_factory=dict)
    kube_finalizers: bool = True

    def check_new(self, obj: Obj, namespaced: bool) -> Errors:
        errors = metadata.check(obj, namespaced, self.name) + self._finalizers(obj)
        return [*errors, *self.body(obj)] if self.body else errors

    def check_change(self, new: Obj, old: Obj, subresource: str) -> Errors:
        errors = metadata.check_update(new, old) + self._finalizers(new)
        if subresource:
            change = self.subresources.get(subresource)
            return [*errors, *change(new, old)] if change else errors
        if self.change:
            return [*errors, *self.change(new, old)]
        return [*errors, *self.body(new)] if self.body else errors

    def _finalizers(self, obj: Obj) -> Errors:
        return metadata.kube_finalizers(obj.get("metadata") or {}) if self.kube_finalizers else []
