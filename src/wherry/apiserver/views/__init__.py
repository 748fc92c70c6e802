"""Kinds that show another kind's objects: `CONVERSIONS` is the one list.

A view's object is what its client sends and gets; the stored object is of the kind that `Kind.stored` names.
"""

from collections.abc import Callable
from dataclasses import dataclass

from wherry.api import Obj, decoding, kinds, schema
from wherry.api.kinds import Kind
from wherry.apiserver.views import autoscaling, events


@dataclass(frozen=True, slots=True)
class Conversion:
    """Both directions, each from an object to a new one without apiVersion and kind."""

    to_view: Callable[[Obj], Obj]
    to_stored: Callable[[Obj], Obj]


CONVERSIONS: dict[Kind, Conversion] = {
    kinds.EVENTS_EVENT: Conversion(events.to_view, events.to_stored),
    kinds.HORIZONTAL_POD_AUTOSCALER_V1: Conversion(autoscaling.to_v1, autoscaling.to_v2),
}


def to_view(kind: Kind, stored: Obj) -> Obj:
    """A stored object as a view shows it."""
    return _typed(kind, CONVERSIONS[kind].to_view(stored))


def to_stored(kind: Kind, shown: Obj) -> Obj:
    """What a view's client sent, as it is stored."""
    assert kind.stored is not None
    return _typed(kind.stored, CONVERSIONS[kind].to_stored(shown))


def converter(kind: Kind) -> Callable[[Obj, str], Obj | None]:
    """How objects of a kind look in another version of it; None for a version that does not exist."""

    def convert(obj: Obj, api_version: str) -> Obj | None:
        if kind.stored is not None:
            return to_stored(kind, obj) if api_version == kind.stored.api_version else None
        other = next((view for view in CONVERSIONS if view.stored is kind and view.api_version == api_version), None)
        return to_view(other, obj) if other else None

    return convert


def _typed(kind: Kind, obj: Obj) -> Obj:
    """With its type, and with the zero values that the type writes."""
    typed = {"kind": kind.kind, "apiVersion": kind.api_version, **obj}
    return decoding.normalize(typed, schema.definition(kind.api_version, kind.kind)).object
