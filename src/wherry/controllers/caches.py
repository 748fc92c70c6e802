"""The informers of a process, one a kind, shared by all controllers."""

import asyncio
from collections.abc import Callable, Iterable, Iterator

from wherry.aio.clock import WaitableClock
from wherry.aio.tasks import Tasks
from wherry.api import Obj, meta
from wherry.api.kinds import BUILTIN, CUSTOM_RESOURCE_DEFINITION, EVENT, POD, Kind
from wherry.client.informer import Informer, without_managed_fields
from wherry.client.interface import Client
from wherry.controllers.crds import served_kinds
from wherry.controllers.essence import Essence

Handler = Callable[[Kind, Obj | None, Obj | None], object]


class Caches:
    """`of` gives a kind's informer, made when first asked for. What is asked for before `run` runs with it; what
    comes later starts at once."""

    def __init__(self, client: Client, clock: WaitableClock) -> None:
        self._client, self._clock = client, clock
        self._informers: dict[Kind, Informer] = {}
        self._custom: dict[str, Kind] = {}  # by the name of the definition
        self._by_kind: dict[tuple[str, str], Kind] = {}
        self._by_resource: dict[str, Kind] = {}
        self._index_kinds()
        self._everything: list[Handler] = []
        self._essence = Essence()
        self._tasks: Tasks | None = None

    def of(self, kind: Kind) -> Informer:
        """Objects of a kind: whole, but for pods, of which there are many (`essence`)."""
        informer = self._informer(kind)
        informer.project = self._essence if kind == POD else without_managed_fields
        return informer

    def watched(self, kind: Kind) -> Informer | None:
        """The informer, if anybody watches the kind."""
        return self._informers.get(kind)

    def every(self, handler: Handler) -> None:
        """Changes of every kind that can be listed, watched and deleted (but events), those of custom resources that
        come later too. Kinds that nobody asks for by `of` are kept as metadata only."""
        if not self._everything:
            self.of(CUSTOM_RESOURCE_DEFINITION).on_change(self._definition_changed)
        self._everything.append(handler)
        for kind in self.kinds:
            self._follow(kind, handler)

    @property
    def kinds(self) -> list[Kind]:
        """Every kind that the server serves, each once: no second views of the same objects."""
        return [*(kind for kind in BUILTIN if kind.stored is None), *self._custom.values()]

    def kind(self, api_version: str, name: str) -> Kind | None:
        """The served kind that an owner reference means: its version may be an older one of the same group."""
        return self._by_kind.get((api_version.rpartition("/")[0], name))

    def by_resource(self, resource: str) -> Kind | None:
        """From `Kind.resource`."""
        return self._by_resource.get(resource)

    async def synced(self, kinds: Iterable[Kind] | None = None) -> None:
        """Until the informers of these kinds (default: all there are) are complete."""
        wanted = list(self._informers.values()) if kinds is None else [self._informer(kind) for kind in kinds]
        await asyncio.gather(*(informer.synced() for informer in wanted))

    async def run(self) -> None:
        """Follow the server until cancelled."""
        async with Tasks() as tasks:
            self._tasks = tasks
            for kind, informer in self._informers.items():
                tasks.start(informer.run(), f"watch {kind.resource}")
            await asyncio.Event().wait()

    def __iter__(self) -> Iterator[Informer]:
        return iter(self._informers.values())

    def _informer(self, kind: Kind) -> Informer:
        informer = self._informers.get(kind)
        if informer is None:
            informer = Informer(self._client, kind, project=metadata_only, clock=self._clock)
            self._informers[kind] = informer
            if self._tasks is not None:
                self._tasks.start(informer.run(), f"watch {kind.resource}")
        return informer

    def _follow(self, kind: Kind, handler: Handler) -> None:
        if kind != EVENT and {"list", "watch", "delete"} <= set(kind.verbs):
            self._informer(kind).on_change(lambda old, new: handler(kind, old, new))

    def _definition_changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is None:
            self._custom.pop(meta.name(old or {}), None)
            self._index_kinds()
            return
        for kind in served_kinds(new)[:1]:
            if meta.name(new) not in self._custom:
                self._custom[meta.name(new)] = kind
                self._index_kinds()
                for handler in self._everything:
                    self._follow(kind, handler)

    def _index_kinds(self) -> None:
        self._by_kind = {(kind.group, kind.kind): kind for kind in self.kinds}
        self._by_resource = {kind.resource: kind for kind in self.kinds}


def metadata_only(obj: Obj) -> Obj:
    """For who needs to know only that an object is there, and whose it is."""
    metadata = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "ownerReferences", "finalizers", "deletionTimestamp")
    return {
        "apiVersion": obj.get("apiVersion", ""),
        "kind": obj.get("kind", ""),
        "metadata": {key: metadata[key] for key in kept if key in metadata},
    }
