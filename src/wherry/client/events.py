"""Events that people read with `kubectl describe`: written in the background, never a reason to fail.

A `Correlator` decides, purely, what to write: equal events become one with a count, ten similar ones in ten minutes
are combined, and one source may write 25 about one object and then one every five minutes. A `Recorder` writes.

Source: client-go's tools/record.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from wherry.api import Obj, meta
from wherry.api.kinds import EVENT, Kind
from wherry.client.interface import ApiError, Client, NotFound
from wherry.lib.clock import Clock
from wherry.lib.timestamps import rfc3339

log = logging.getLogger(__name__)

BURST = 25
REFILL_SECONDS = 300.0
SIMILAR = 10
SIMILAR_SECONDS = 600.0
REMEMBERED = 4096
T = TypeVar("T")


class _Recent(Generic[T]):
    """The newest `REMEMBERED` entries."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self._entries = make, OrderedDict[object, T]()

    def get(self, key: object) -> T:
        entry = self._entries.pop(key, None)
        self._entries[key] = entry = self._make() if entry is None else entry
        if len(self._entries) > REMEMBERED:
            self._entries.popitem(last=False)
        return entry


@dataclass(slots=True)
class _Similar:
    messages: set[str] = field(default_factory=set)
    last: float = 0.0


@dataclass(slots=True)
class _Seen:
    count: int = 0
    name: str = ""
    first: str = ""


@dataclass(slots=True)
class _Bucket:
    tokens: float = BURST
    filled: float | None = None


class Correlator:
    """What becomes of an event, from those before it."""

    def __init__(self) -> None:
        self._similar = _Recent(_Similar)
        self._seen = _Recent(_Seen)
        self._buckets = _Recent(_Bucket)

    def correlate(self, event: Obj, now: float) -> Obj | None:
        """The event to write, None to keep silent. A count above 1 means: update the one of that name."""
        about = event["involvedObject"]
        source = (event["source"].get("component"), about["kind"], about.get("uid"), about["name"], event["type"])
        event, key = self._combine(event, (*source, event["reason"]), now)
        seen = self._seen.get(key)
        seen.count += 1
        if seen.count == 1:
            seen.name, seen.first = event["metadata"]["name"], event["firstTimestamp"]
        if not self._may_write(source, now):
            return None
        metadata = {**event["metadata"], "name": seen.name}
        return {**event, "metadata": metadata, "firstTimestamp": seen.first, "count": seen.count}

    def _combine(self, event: Obj, group: tuple[object, ...], now: float) -> tuple[Obj, object]:
        similar = self._similar.get(group)
        if now - similar.last > SIMILAR_SECONDS:
            similar.messages.clear()
        similar.last = now
        similar.messages.add(event["message"])
        if len(similar.messages) < SIMILAR:
            return event, (*group, event["message"])
        similar.messages.pop()
        return {**event, "message": f"(combined from similar events): {event['message']}"}, group

    def _may_write(self, source: tuple[object, ...], now: float) -> bool:
        bucket = self._buckets.get(source)
        if bucket.filled is not None:
            bucket.tokens = min(BURST, bucket.tokens + (now - bucket.filled) / REFILL_SECONDS)
        bucket.filled = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


class Recorder:
    """Writes events of one component. `record` never waits; start `run` as a task beside the component."""

    def __init__(self, client: Client, clock: Clock, component: str, host: str = "", backlog: int = 1000) -> None:
        self._client, self._clock = client, clock
        self._component, self._host = component, host
        self._correlator = Correlator()
        self._pending: asyncio.Queue[Obj] = asyncio.Queue(backlog)
        self._last_stamp = 0

    def record(self, kind: Kind, obj: Obj, type: str, reason: str, message: str, field_path: str = "") -> None:
        """Note what happened to `obj`. `type`: Normal or Warning. Dropped if it repeats too much or if the server is
        too far behind."""
        event = self._correlator.correlate(
            self._event(kind, obj, type, reason, message, field_path), self._clock.monotonic()
        )
        if event is None:
            return
        try:
            self._pending.put_nowait(event)
        except asyncio.QueueFull:
            log.debug("event dropped, the server is behind: %s %s", reason, message)

    def _event(self, kind: Kind, obj: Obj, type: str, reason: str, message: str, field_path: str) -> Obj:
        now = self._clock.now()
        metadata = obj["metadata"]
        about = {
            "kind": kind.kind,
            "namespace": meta.namespace(obj),
            "name": meta.name(obj),
            "uid": meta.uid(obj),
            "apiVersion": kind.api_version,
            "resourceVersion": metadata.get("resourceVersion", ""),
            "fieldPath": field_path,
        }
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": self._name(meta.name(obj), now), "namespace": meta.namespace(obj) or "default"},
            "involvedObject": {key: value for key, value in about.items() if value},
            "reason": reason,
            "message": message[:1024],
            "source": {"component": self._component} | ({"host": self._host} if self._host else {}),
            "firstTimestamp": rfc3339(now),
            "lastTimestamp": rfc3339(now),
            "count": 1,
            "type": type,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }

    def _name(self, about: str, now: float) -> str:
        """Unique also when the clock did not move between two events."""
        self._last_stamp = max(self._last_stamp + 1, int(now * 1e9))
        return f"{about[:236]}.{self._last_stamp:x}"

    async def run(self) -> None:
        """Write what is recorded, in order, until cancelled."""
        while True:
            event = await self._pending.get()
            try:
                await self._write(event)
            except ApiError as error:
                log.debug("event not written: %s: %s", event["message"], error)

    async def _write(self, event: Obj) -> None:
        metadata = event["metadata"]
        if event["count"] > 1:
            change = {each: event[each] for each in ("count", "lastTimestamp", "message")}
            try:
                await self._client.patch(EVENT, metadata["name"], metadata["namespace"], change, type="merge")
                return
            except NotFound:
                pass  # it expired, or was kept silent the first time
        await self._client.create(EVENT, event, metadata["namespace"])
