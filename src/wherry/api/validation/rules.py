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
    changes made through a sub-resource. `recheck`: an update checks all of the metadata again; `only_whole`: and not
    what changed in it, which is checked for every kind before. `own_metadata`: whether the kind adds to those common
    checks at all."""

    name: NameRule = metadata.subdomain
    body: Body | None = None
    change: Change | None = None
    subresources: Mapping[str, Change] = field(default_factory=dict)
    kube_finalizers: bool = True
    recheck: bool = False
    only_whole: bool = False
    own_metadata: bool = True

    def check_new(self, obj: Obj, namespaced: bool) -> Errors:
        errors = self._whole(obj, namespaced) if self.own_metadata else []
        return [*errors, *self.body(obj)] if self.body else errors

    def check_change(self, new: Obj, old: Obj, namespaced: bool, subresource: str, changed: Errors) -> Errors:
        """`changed`: what `metadata.check_update` said of the same change."""
        if subresource:
            change = self.subresources.get(subresource)
            errors = changed + self._finalizers(new) if self.own_metadata else []
            return [*errors, *change(new, old)] if change else errors
        errors = []
        if self.own_metadata and not self.only_whole:
            errors = changed + self._finalizers(new)
        if self.recheck or self.only_whole:
            errors = errors + self._whole(new, namespaced)
        if self.change:
            return [*errors, *self.change(new, old)]
        return [*errors, *self.body(new)] if self.body else errors

    def _whole(self, obj: Obj, namespaced: bool) -> Errors:
        return metadata.check(obj, namespaced, self.name) + self._finalizers(obj)

    def _finalizers(self, obj: Obj) -> Errors:
        return metadata.kube_finalizers(obj.get("metadata") or {}) if self.kube_finalizers else []
