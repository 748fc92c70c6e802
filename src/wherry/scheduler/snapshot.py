"""The cluster as arrays: one row a node, changed in place by events.

Resources are rows of `allocatable` and `requested` (milli cores, bytes, units), by `resource(name)`; a new extended
resource adds one. `size` rows are in use; rows of nodes that left are not `alive` and are given to the next node.
Arrays double when they are full.

Whoever keeps something computed from rows asks `changes` which ones to compute again.
"""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from wherry.scheduler.columns import Column, Mask, Numbers, Rows, grown
from wherry.scheduler.demand import CPU, MEMORY, PODS, STORAGE, Demand, HostPort
from wherry.scheduler.facts import NodeFacts, PodFacts, Taint

V = TypeVar("V")

LOG = 65536  # changes remembered


@dataclass(slots=True)
class Changes:
    """Rows that changed since a mark. `facts` is a subset of `rows`: nodes that changed by themselves, not only in
    the pods they have. `everything`: too much to tell."""

    rows: NDArray[np.intp]
    facts: NDArray[np.intp]
    everything: bool = False


@dataclass(slots=True)
class _Log:
    """Rows in the order of their changes, repeatedly; `base` is the number of the first that is kept."""

    base: int = 0
    rows: list[int] = field(default_factory=list)

    def add(self, row: int) -> None:
        self.rows.append(row)
        if len(self.rows) > LOG:
            self.base += LOG // 2
            del self.rows[: LOG // 2]

    @property
    def end(self) -> int:
        return self.base + len(self.rows)

    def since(self, mark: int) -> NDArray[np.intp] | None:
        if mark < self.base:
            return None
        return np.array(list(set(self.rows[mark - self.base :])), np.intp)


class Snapshot:
    """See the module."""

    def __init__(self, capacity: int = 16) -> None:
        self.size = 0
        self.nodes: list[NodeFacts | None] = []
        self.alive: Mask = np.zeros(capacity, np.bool_)
        self.unschedulable: Mask = np.zeros(capacity, np.bool_)
        self.taints: Column[tuple[Taint, ...]] = Column((), capacity)
        self.allocatable: Numbers = np.zeros((4, capacity), np.int64)
        self.requested: Numbers = np.zeros((4, capacity), np.int64)
        self.usual: Numbers = np.zeros((2, capacity), np.int64)  # cpu and memory with the defaults, see Demand
        self._resources: dict[str, int] = {CPU: 0, MEMORY: 1, STORAGE: 2, PODS: 3}
        self._labels: dict[str, Column[str | None]] = {}
        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self._pods: dict[str, tuple[str, PodFacts]] = {}  # uid -> node and pod
        self._on_node: dict[str, dict[str, PodFacts]] = {}  # also for nodes that are not (yet) there
        self._priorities: Counter[int] = Counter()
        self._ports: dict[tuple[str, int], dict[int, Counter[str]]] = {}  # protocol and port -> row -> addresses
        self._images: dict[str, dict[int, int]] = {}  # image -> row -> bytes
        self._all, self._facts = _Log(), _Log()

    # reading

    @property
    def node_count(self) -> int:
        return len(self._rows)

    @property
    def capacity(self) -> int:
        return len(self.alive)

    def count(self, rows: Rows) -> int:
        """How many `rows` are."""
        return len(self.alive[rows])

    def row(self, node: str) -> int | None:
        return self._rows.get(node)

    def name(self, row: int) -> str:
        facts = self.nodes[row]
        assert facts is not None
        return facts.name

    def resource(self, name: str) -> int:
        """The index of a resource in `allocatable` and `requested`."""
        index = self._resources.get(name)
        if index is None:
            index = self._resources[name] = len(self._resources)
            extra = np.zeros((1, self.capacity), np.int64)
            self.allocatable = np.concatenate([self.allocatable, extra])
            self.requested = np.concatenate([self.requested, extra])
            for row in self._rows.values():
                facts = self.nodes[row]
                assert facts is not None
                self.allocatable[index, row] = facts.allocatable.get(name, 0)
        return index

    def label(self, key: str) -> Column[str | None]:
        """The column of a label's values (None: the node does not have it), kept from the first question on."""
        column = self._labels.get(key)
        if column is None:
            column = self._labels[key] = Column(None, self.capacity)
            for row in self._rows.values():
                facts = self.nodes[row]
                assert facts is not None
                column.set(row, facts.labels.get(key))
        return column

    def port_users(self, port: HostPort) -> Iterable[tuple[int, Iterable[str]]]:
        """Rows where the port is in use, with the addresses."""
        return self._ports.get((port.protocol, port.port), {}).items()

    def image_sizes(self, image: str) -> dict[int, int]:
        """Row -> bytes, for the nodes that have an image."""
        return self._images.get(image, {})

    def pods_on(self, node: str) -> list[PodFacts]:
        return list(self._on_node.get(node, {}).values())

    def has_lower(self, priority: int) -> bool:
        """Whether any pod anywhere has a lower priority."""
        return min(self._priorities, default=priority) < priority

    def node_of(self, uid: str) -> str | None:
        """Where a pod is counted, None for one that is not."""
        known = self._pods.get(uid)
        return known[0] if known else None

    def mark(self) -> tuple[int, int]:
        """For `changes`."""
        return self._all.end, self._facts.end

    def changes(self, mark: tuple[int, int]) -> Changes:
        rows, facts = self._all.since(mark[0]), self._facts.since(mark[1])
        if rows is None or facts is None:
            empty: NDArray[np.intp] = np.zeros(0, np.intp)
            return Changes(empty, empty, everything=True)
        return Changes(rows, facts)

    # nodes

    def set_node(self, facts: NodeFacts) -> bool:
        """Add or replace a node; False if nothing changed."""
        row = self._rows.get(facts.name)
        if row is None:
            row = self._take_row(facts)
        elif self.nodes[row] == facts:
            return False
        else:
            self._forget_facts(row)
        self.nodes[row] = facts
        self.unschedulable[row] = facts.unschedulable
        self.taints.set(row, facts.taints)
        for key, column in self._labels.items():
            column.set(row, facts.labels.get(key))
        for name in facts.allocatable:
            self.resource(name)
        for name, index in self._resources.items():
            self.allocatable[index, row] = facts.allocatable.get(name, 0)
        for image, size in facts.images.items():
            self._images.setdefault(image, {})[row] = size
        self._changed(row, facts=True)
        return True

    def remove_node(self, name: str) -> None:
        """Its pods stay known, should it come back."""
        row = self._rows.pop(name, None)
        if row is None:
            return
        for pod in self._on_node.get(name, {}).values():
            self._count(row, pod.demand, -1)
        self._forget_facts(row)
        self.alive[row] = False
        self.nodes[row] = None
        self._free.append(row)
        self._changed(row, facts=True)

    def _take_row(self, facts: NodeFacts) -> int:
        if self._free:
            row = self._free.pop()
        else:
            if self.size == self.capacity:
                self._grow(self.capacity * 2)
            row, self.size = self.size, self.size + 1
            self.nodes.append(None)
        self._rows[facts.name] = row
        self.alive[row] = True
        for pod in self._on_node.get(facts.name, {}).values():
            self._count(row, pod.demand, 1)
        return row

    def _grow(self, capacity: int) -> None:
        self.taints.grow(capacity)
        for column in self._labels.values():
            column.grow(capacity)
        self.alive, self.unschedulable = grown(self.alive, capacity), grown(self.unschedulable, capacity)
        self.allocatable, self.requested = grown(self.allocatable, capacity), grown(self.requested, capacity)
        self.usual = grown(self.usual, capacity)

    def _forget_facts(self, row: int) -> None:
        facts = self.nodes[row]
        if facts is not None:
            for image in facts.images:
                _drop(self._images, image, row)

    # pods

    def add_pod(self, pod: PodFacts, node: str) -> None:
        """Count a pod on a node, whether the node is known or not. Again with another node: it is there now."""
        known = self._pods.get(pod.uid)
        if known is not None:
            if known[0] == node and known[1].demand is pod.demand:
                self._pods[pod.uid] = (node, pod)
                self._on_node[node][pod.uid] = pod
                return
            self.remove_pod(pod.uid)
        self._pods[pod.uid] = (node, pod)
        self._on_node.setdefault(node, {})[pod.uid] = pod
        self._priorities[pod.priority] += 1
        row = self._rows.get(node)
        if row is not None:
            self._count(row, pod.demand, 1)
            self._changed(row)

    def remove_pod(self, uid: str) -> str | None:
        """The node where it was counted."""
        known = self._pods.pop(uid, None)
        if known is None:
            return None
        node, pod = known
        _drop(self._on_node, node, uid)
        self._priorities[pod.priority] -= 1
        if not self._priorities[pod.priority]:
            del self._priorities[pod.priority]
        row = self._rows.get(node)
        if row is not None:
            self._count(row, pod.demand, -1)
            self._changed(row)
        return node

    def _count(self, row: int, demand: Demand, sign: int) -> None:
        self.requested[self._resources[PODS], row] += sign
        for name, amount in demand.requests.items():
            self.requested[self.resource(name), row] += sign * amount
        self.usual[0, row] += sign * demand.usual.get(CPU, 0)
        self.usual[1, row] += sign * demand.usual.get(MEMORY, 0)
        for port in demand.ports:
            users = self._ports.setdefault((port.protocol, port.port), {})
            addresses = users.setdefault(row, Counter())
            addresses[port.address] += sign
            if addresses[port.address] <= 0:
                del addresses[port.address]
            if not addresses:
                _drop(self._ports, (port.protocol, port.port), row)

    def _changed(self, row: int, facts: bool = False) -> None:
        self._all.add(row)
        if facts:
            self._facts.add(row)


K = TypeVar("K", bound=Hashable)
L = TypeVar("L", bound=Hashable)


def _drop(table: dict[K, dict[L, V]], key: K, inner: L) -> None:
    """Remove an entry of an entry, and the outer one when it is empty."""
    entries = table.get(key)
    if entries is not None:
        entries.pop(inner, None)
        if not entries:
            del table[key]
