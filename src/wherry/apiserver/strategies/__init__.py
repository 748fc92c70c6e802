"""What a kind does differently when it is written: a file a group, each with `STRATEGIES` by kind.

To add a kind, add its row to its group's file; a kind without a row has upstream's defaults.
"""

from wherry.api.kinds import Kind
from wherry.apiserver.strategies import core, others, pods, services, workloads
from wherry.apiserver.strategies.base import Strategy

GROUPS: tuple[dict[Kind, Strategy], ...] = (
    core.STRATEGIES,
    pods.STRATEGIES,
    services.STRATEGIES,
    workloads.STRATEGIES,
    others.STRATEGIES,
)

STRATEGIES: dict[Kind, Strategy] = {kind: strategy for group in GROUPS for kind, strategy in group.items()}

PLAIN = Strategy()
WITH_STATUS = Strategy(status=True)


def of(kind: Kind) -> Strategy:
    """A kind's strategy."""
    found = STRATEGIES.get(kind.stored or kind)
    if found is None:
        found = WITH_STATUS if "status" in kind.subresources else PLAIN
    return found
