"""Objects that pods of this node refer to (ConfigMaps, Secrets, claims and their volumes): each one watched, as long
as a pod wants it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from wherry.aio.clock import WaitableClock
from wherry.api import Obj
from wherry.api.kinds import Kind
from wherry.client.informer import Informer
from wherry.client.interface import Client

_PATIENCE = 10.0
_Key = tuple[Kind, str, str]


@dataclass(slots=True)
class _Entry:
    informer: Informer
    task: asyncio.Task[None]
    users: set[str] = field(default_factory=set)


class Objects:
    """A cache of single objects. `changed` is told the uid of each pod that uses one when it changes."""

    def __init__(self, client: Client, clock: WaitableClock) -> None:
        self._client, self._clock = client, clock
        self._entries: dict[_Key, _Entry] = {}
        self.changed: Callable[[str], None] = lambda uid: None

    async def get(self, pod_uid: str, kind: Kind, namespace: str, name: str) -> Obj | None:
        """The object, None if there is none; `namespace` is empty for cluster-scoped kinds. From now on the pod is
        told of its changes. Raises TimeoutError when the API server does not answer."""
        key = (kind, namespace, name)
        entry = self._entries.get(key) or self._follow(key)
        entry.users.add(pod_uid)
        if not entry.informer.has_synced:
            async with asyncio.timeout(_PATIENCE):
                await entry.informer.synced()
        return entry.informer.get(f"{namespace}/{name}" if namespace else name)

    def release(self, pod_uid: str) -> None:
        """The pod needs nothing any more."""
        for key, entry in list(self._entries.items()):
            entry.users.discard(pod_uid)
            if not entry.users:
                self._drop(key)

    def close(self) -> None:
        for key in list(self._entries):
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        self._entries.pop(key).task.cancel()

    def _follow(self, key: _Key) -> _Entry:
        kind, namespace, name = key
        informer = Informer(
            self._client, kind, namespace or None, field_selector=f"metadata.name={name}", clock=self._clock
        )
        task = asyncio.create_task(informer.run(), name=f"{kind.plural} {namespace}/{name}")
        entry = self._entries[key] = _Entry(informer, task)

        def changed(old: Obj | None, new: Obj | None) -> None:
            if informer.has_synced:
                for uid in list(entry.users):
                    self.changed(uid)

        informer.on_change(changed)
        return entry
