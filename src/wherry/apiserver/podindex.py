"""Which pods are on which node, kept as pods come and go. Nodes ask for their pods; authorisation asks for both."""

from collections.abc import Sequence

import msgspec

from wherry.apiserver import encoding
from wherry.store import Change, Record, Store

PREFIX = "pods/"
PAGE = 1000


class _Spec(msgspec.Struct):
    nodeName: str = ""


class _Bound(msgspec.Struct):
    spec: _Spec


_bound = msgspec.json.Decoder(_Bound)


def node_of(value: bytes) -> str:
    """The node of a stored pod, "" before it has one."""
    if b'"nodeName":"' not in value:
        return ""
    return _bound.decode(encoding.HEAD + value).spec.nodeName


class PodIndex:
    """Keys of pods by node. Current as of the last batch that the hub published."""

    def __init__(self) -> None:
        self._by_node: dict[str, dict[str, None]] = {}
        self._nodes: dict[str, str] = {}

    async def load(self, store: Store) -> None:
        after = ""
        while True:
            page = await store.range(PREFIX, after=after, limit=PAGE)
            for record in page.records:
                self.put(record)
            if not page.remaining:
                return
            after = page.records[-1].key

    def follow(self, batch: Sequence[Change]) -> None:
        """A hub listener."""
        for change in batch:
            if not change.key.startswith(PREFIX):
                continue
            if change.record is None:
                self._remove(change.key)
            elif change.key not in self._nodes or change.previous is None:  # a pod's node never changes
                self.put(change.record)

    def put(self, record: Record) -> None:
        node = node_of(record.value)
        if self._nodes.get(record.key, "") != node:
            self._remove(record.key)
            if node:
                self._nodes[record.key] = node
                self._by_node.setdefault(node, {})[record.key] = None

    def _remove(self, key: str) -> None:
        node = self._nodes.pop(key, "")
        if node:
            keys = self._by_node[node]
            del keys[key]
            if not keys:
                del self._by_node[node]

    def on(self, node: str) -> list[str]:
        """Keys of the pods on a node, in no order."""
        return list(self._by_node.get(node, ()))

    def node(self, key: str) -> str:
        """The node of the pod with this key."""
        return self._nodes.get(key, "")
