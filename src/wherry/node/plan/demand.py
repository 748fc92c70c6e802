"""What a pod asks of its node: the sum of what runs together, or a single init container's share if that is more."""

from decimal import Decimal

from wherry.api import Obj
from wherry.lib import quantity
from wherry.node.plan.podspec import containers, init_containers, is_sidecar

Amounts = dict[str, Decimal]


def _read(resources: Obj | None) -> Amounts:
    return {name: quantity.parse(amount) for name, amount in (resources or {}).items()}


def _of(container: Obj) -> Amounts:
    return _read((container.get("resources") or {}).get("requests"))


def add(left: Amounts, right: Amounts) -> Amounts:
    return left | {name: left.get(name, Decimal(0)) + amount for name, amount in right.items()}


def _most(left: Amounts, right: Amounts) -> Amounts:
    return left | {name: max(left.get(name, Decimal(0)), amount) for name, amount in right.items()}


def requests(pod: Obj) -> Amounts:
    """By resource name."""
    running: Amounts = {}
    starting: Amounts = {}
    for container in init_containers(pod):
        if is_sidecar(container):
            running = add(running, _of(container))
            starting = _most(starting, running)
        else:
            starting = _most(starting, add(running, _of(container)))
    for container in containers(pod):
        running = add(running, _of(container))
    total = _most(running, starting) | _read((pod["spec"].get("resources") or {}).get("requests"))
    return add(total, _read(pod["spec"].get("overhead")))
