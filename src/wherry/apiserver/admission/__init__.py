"""Admission: ordered plug-ins that change or refuse what is about to be written. `CHAIN` is the one list.

A plug-in is a module with `mutate(lister, attributes)` or `validate(lister, attributes)` or both, plain functions
that look at the request and at what the lister knows, change `attributes.new` in place, and refuse by StatusError.
`wants(attributes)` names objects that the lister does not have: all of a kind in a namespace. A plug-in that looks at
some kinds only says which: `KINDS`.
"""

from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

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


@lru_cache(1024)
def _asked(hook: str, kind: Kind) -> tuple[Callable[..., Any], ...]:
    """A hook of the plug-ins that look at a kind."""
    found = [plugin for plugin in CHAIN if hasattr(plugin, hook)]
    return tuple(getattr(plugin, hook) for plugin in found if kind in getattr(plugin, "KINDS", (kind,)))


def mutate(lister: Lister, attributes: Attributes) -> None:
    """Let every plug-in change the object. Raises StatusError."""
    for plugin in _asked("mutate", attributes.kind):
        plugin(lister, attributes)


def wants(attributes: Attributes) -> list[tuple[Kind, str]]:
    """Kinds and namespaces of objects that plug-ins look at before they decide."""
    return [each for plugin in _asked("wants", attributes.kind) for each in plugin(attributes)]


def validate(lister: Lister, attributes: Attributes) -> None:
    """Let every plug-in refuse the object as it now is. Raises StatusError."""
    for plugin in _asked("validate", attributes.kind):
        plugin(lister, attributes)
