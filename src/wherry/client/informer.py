"""A watched copy of one kind's objects: list, watch, resume, and tell what changed.

    pods = Informer(client, kinds.POD, field_selector="spec.nodeName=n1")
    pods.index("owner", lambda pod: [owner["uid"] for owner in meta.owners(pod)])
    pods.on_change(lambda old, new: ...)
    tasks.start(pods.run(), "pods")
    await pods.synced()

Handlers see every object's life in order, each step once, also across lost connections and restarts of the server:
(None, new) it came, (old, new) it changed, (old, None) it went. An object that was replaced by another of the same
name while nobody watched goes and comes. The objects are shared: nobody may change them.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from wherry.aio.clock import RealClock, WaitableClock
from wherry.api import Obj, meta
from wherry.api.kinds import Kind
from wherry.client.interface import ApiError, Client, Event, Gone, Unreachable

log = logging.getLogger(__name__)

Handler = Callable[[Obj | None, Obj | None], object]
Keys = Callable[[Obj], Iterable[str]]
Projection = Callable[[Obj], Obj]

WATCH_SECONDS = 300  # a watch is asked for so long, up to twice as long by chance
SILENCE = 60.0  # more seconds than it was asked for, and the connection counts as dead
FIRST_DELAY, LONGEST_DELAY = 0.05, 3.0  # seconds before another attempt, doubling, each up to half longer by chance
STEADY = 5.0  # a watch that lasted so many seconds ends the back-off, as an event does


class Index:
    """Objects by a value that is computed from each."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._objects: dict[str, dict[str, Obj]] = {}

    def replace(self, key: str, old: Obj | None, new: Obj | None) -> None:
        before = set(self._keys(old)) if old is not None else set()
        after = set(self._keys(new)) if new is not None else set()
        for value in before - after:
            bucket = self._objects[value]
            del bucket[key]
            if not bucket:
                del self._objects[value]
        for value in after:
            assert new is not None
            self._objects.setdefault(value, {})[key] = new

    def get(self, value: str) -> list[Obj]:
        return list(self._objects.get(value, {}).values())


def without_managed_fields(obj: Obj) -> Obj:
    """The default projection: half of an object's bytes, and no component's business."""
    obj["metadata"].pop("managedFields", None)
    return obj


@dataclass(eq=False)
class Informer:
    """See the module. `project` may take fields away from an object before it is kept. `clock` and `random` serve
    the back-off."""

    client: Client
    kind: Kind
    namespace: str | None = None
    label_selector: str = ""
    field_selector: str = ""
    project: Projection = without_managed_fields
    clock: WaitableClock = field(default_factory=RealClock)
    random: Random = field(default_factory=Random)
    store: dict[str, Obj] = field(default_factory=dict, init=False)
    resource_version: str = field(default="", init=False)  # the copy shows everything up to here

    def __post_init__(self) -> None:
        self._indexes: dict[str, Index] = {}
        self._handlers: list[Handler] = []
        self._synced = asyncio.Event()
        self._delay = 0.0

    # what others read

    def get(self, key: str) -> Obj | None:
        """By `namespace/name` or `name`."""
        return self.store.get(key)

    def by(self, index: str, value: str) -> list[Obj]:
        """The objects for which the index computed `value`."""
        return self._indexes[index].get(value)

    def index(self, name: str, keys: Keys) -> None:
        """From now on `by(name, value)`. Asking for the same name again changes nothing."""
        if name in self._indexes:
            return
        self._indexes[name] = index = Index(keys)
        for key, obj in self.store.items():
            index.replace(key, None, obj)

    def on_change(self, handler: Handler) -> None:
        """Call `handler` with each change; at once with the objects that are there already."""
        self._handlers.append(handler)
        for obj in list(self.store.values()):
            self._call(handler, None, obj)

    async def synced(self) -> None:
        """Until the first list is in the store and the handlers know it."""
        await self._synced.wait()

    @property
    def has_synced(self) -> bool:
        return self._synced.is_set()

    # following the server

    async def run(self) -> None:
        """Until cancelled. Failures are logged and tried again."""
        while True:
            try:
                if not self.resource_version:
                    await self._list()
                began = self.clock.monotonic()
                await self._watch()
                if self.clock.monotonic() - began >= STEADY:
                    self._delay = 0.0
            except Gone:
                log.debug("%s: version %s is too old, listing again", self.kind.plural, self.resource_version)
                self.resource_version = ""
            except ApiError as error:
                level = logging.DEBUG if isinstance(error, Unreachable) else logging.WARNING
                log.log(level, "watching %s: %s", self.kind.plural, error)
            await self.clock.sleep(self._next_delay())

    def _next_delay(self) -> float:
        delay, self._delay = self._delay, min(max(self._delay * 2, FIRST_DELAY), LONGEST_DELAY)
        return delay * (1 + self.random.random() / 2)

    async def _list(self) -> None:
        found = await self.client.list(
            self.kind, self.namespace, label_selector=self.label_selector, field_selector=self.field_selector
        )
        listed = {meta.key(obj): self.project(obj) for obj in found.items}
        for key in [key for key in self.store if key not in listed]:
            self._put(key, None)
        for key, obj in listed.items():
            self._put(key, obj)
        self.resource_version = found.resource_version
        self._synced.set()

    async def _watch(self) -> None:
        seconds = WATCH_SECONDS + int(self.random.random() * WATCH_SECONDS)
        events = self.client.watch(
            self.kind,
            self.namespace,
            resource_version=self.resource_version,
            label_selector=self.label_selector,
            field_selector=self.field_selector,
            timeout=seconds,
        )
        try:
            async with asyncio.timeout(seconds + SILENCE):
                async for event in events:
                    self._take(event)
        except TimeoutError:
            raise Unreachable(f"a watch of {self.kind.plural} did not end in time") from None
        finally:
            await events.aclose()

    def _take(self, event: Event) -> None:
        obj = event.object
        version = obj["metadata"]["resourceVersion"]
        if event.type != "BOOKMARK":
            self._put(meta.key(obj), None if event.type == "DELETED" else self.project(obj))
        self.resource_version = version
        self._delay = 0.0

    def _put(self, key: str, new: Obj | None) -> None:
        old = self.store.get(key)
        if old is None and new is None:
            return
        if old is not None and new is not None:
            was, now = old["metadata"], new["metadata"]
            if was["resourceVersion"] == now["resourceVersion"]:
                return
            if was.get("uid") != now.get("uid"):
                self._put(key, None)
                old = None
        if new is None:
            del self.store[key]
        else:
            self.store[key] = new
        for index in self._indexes.values():
            index.replace(key, old, new)
        for handler in self._handlers:
            self._call(handler, old, new)

    def _call(self, handler: Handler, old: Obj | None, new: Obj | None) -> None:
        try:
            handler(old, new)
        except Exception:
            log.exception("a handler of %s failed", self.kind.plural)
