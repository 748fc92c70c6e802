"""Admission: ordered plug-ins that change or refuse what is about to be written. `CHAIN` is the one list.

A plug-in is a module with `mutate(lister, attributes)` or `validate(lister, attributes)` or both, plain functions
that look at the request and at what the lister knows, change `attributes.new` in place, and refuse by StatusError.
`wants(attributes)` names objects that the lister does not have: all of a kind in a namespace.
"""

from types import ModuleType

from wherry.api.kinds import Kind
from wherry.apiserver.admission import (
    ingress_class,
    limits,
    namespace_lifecycle,
    node_restriction,
    pod_security,
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
    node_restriction,
    taint_nodes,
    pod_security,
    priority,
    tolerations,
    storage,
    runtime_class,
    ingress_class,
)

_MUTATING = tuple(plugin.mutate for plugin in CHAIN if hasattr(plugin, "mutate"))
_WANTING = tuple(plugin.wants for plugin in CHAIN if hasattr(plugin, "wants"))
_VALIDATING = tuple(plugin.validate for plugin in CHAIN if hasattr(plugin, "validate"))


def mutate(lister: Lister, attributes: Attributes) -> None:
    """Let every plug-in change the object. Raises StatusError."""
    for plugin in _MUTATING:
        plugin(lister, attributes)


def wants(attributes: Attributes) -> list[tuple[Kind, str]]:
    """Kinds and namespaces of objects that plug-ins look at before they decide."""
    return [each for plugin in _WANTING for each in plugin(attributes)]


def validate(lister: Lister, attributes: Attributes) -> None:
    """Let every plug-in refuse the object as it now is. Raises StatusError."""
    for plugin in _VALIDATING:
        plugin(lister, attributes)
