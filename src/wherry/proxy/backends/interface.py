"""What a backend of the service proxy is.

A backend makes the kernel (or whatever moves packets) follow a table of rules: `Frontend -> Rule`, both explained in
`wherry.proxy.plan`. The proxy calls `load` once with everything, then `change` with what changed, one call at a time
from a thread in the node's network namespace. What a backend left in the kernel goes on working when the process
ends; the next `load` takes it over without a gap.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from wherry.proxy.plan import Frontend, Rule


class BackendError(Exception):
    """The rules could not be applied; the kernel still has the ones before. The proxy loads everything anew."""


@dataclass(frozen=True, slots=True)
class NodeAddresses:
    """`ip`: the node's own, which answers must come back to. `pods`: networks (CIDR) of this node's pods; clients
    with other addresses are outside."""

    ip: str
    pods: Collection[str]


class Backend(Protocol):
    """All methods may raise BackendError."""

    def load(self, node: NodeAddresses, table: Mapping[Frontend, Rule]) -> None:
        """Make the kernel's rules these, whatever was there, without a moment in between."""

    def change(self, changes: Mapping[Frontend, Rule | None]) -> None:
        """Change some frontends; None takes one away. After a successful `load`."""

    def intact(self) -> bool:
        """Whether the rules are still there, by a cheap look: somebody may have flushed everything."""

    def close(self) -> None:
        """Let go of handles; the rules stay."""
