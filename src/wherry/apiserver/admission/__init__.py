"""Admission: ordered plug-ins that change or refuse what is about to be written. `CHAIN` is the one list.

A plug-in is a module with `mutate(lister, attributes)` or `validate(lister, attributes)` or both, plain functions
that look at the request and at what the lister knows, change `attributes.new` in place, and refuse by StatusError.
"""

from types import ModuleType

from wherry.apiserver.admission import (
    ingress_class,
    limits,
    namespace_lifecycle,
    priority,
    runtime_class,
    service_account,
    storage,
    taint_nodes,
    tolerations,
)
from wherry.apiserver.admission.attributes import Attributes, Lister

CHAIN: tuple[ModuleType, ...] = (
    namespace_lifecycle,
    limits,
    service_account,
    taint_nodes,
    priority,
    tolerations,
    storage,
    runtime_class,
    ingress_class,
)

_MUTATING = tuple(plugin.mutate for plugin in CHAIN if hasattr(plugin, "mutate"))
_VALIDATING = tuple(plugin.validate for plugin in CHAIN if hasattr(plugin, "validate"))


def mutate(lister: Lister, attributes: Attributes) -> None:
    """Let every plug-in change the object. Raises StatusError."""
    for plugin in _MUTATING:
        plugin(lister, attributes)


def validate(lister: Lister, attributes: Attributes) -> None:
    """Let every plug-in refuse the object as it now is. Raises StatusError."""
    for plugin in _VALIDATING:
        plugin(lister, attributes)
