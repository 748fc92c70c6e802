"""The watch hub: one watch of the store, fanned out to every client's watch.

A **feed** is what several watchers have in common: which changes (a prefix) and in which form. An event is made into
bytes once a feed; the changes of one batch become one chunk, framed once and written to each watcher of the feed. A
**watcher** is one client's stream, a `Push` body: a client that does not read is cut off by the HTTP server.

The hub remembers changes since its start, so that a client resumes where its watch ended; asked for older ones it
raises Compacted (410 for the client).
"""

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Protocol

from wherry.aio.http.messages import Chunk, Sink
from wherry.store import Change, Compacted, Store, StoreError

log = logging.getLogger(__name__)

HISTORY = 50_000  # changes remembered in all
RESUMABLE = 10_000  # changes from before the start that are taken over from the store
RETRY_SECONDS = 1.0
START_SECONDS = 30.0

Listener = Callable[[Sequence[Change]], None]


class Form(Protocol):
    """How watchers want to see changes. Two forms that are equal give the same bytes."""

    def event(self, change: Change) -> bytes:
        """The event's line, or nothing if the change does not concern these watchers."""

    def bookmark(self, revision: int, initial_events_end: bool = False) -> bytes:
        """A line that says: you have seen everything up to `revision`."""


class Watcher:
    """One client's stream (a `Push`). `revision`: everything up to here was sent, or never will be."""

    def __init__(self, hub: "Hub", prefix: str, form: Form, revision: int) -> None:
        self._hub, self.prefix, self.form, self.revision = hub, prefix, form, revision
        self._sink: Sink | None = None
        self._before: list[Chunk] = []  # what came before there was anywhere to write
        self._ended = False
        self.on_detach: Callable[[], None] | None = None

    def attach(self, sink: Sink) -> None:
        self._sink = sink
        for chunk in self._before:
            sink.write(chunk)
        self._before.clear()
        if self._ended:
            sink.close()

    def detach(self) -> None:
        self._ended = True
        self._sink = None
        self._hub.unsubscribe(self)
        if self.on_detach:
            self.on_detach()

    def send(self, chunk: Chunk) -> None:
        if self._sink:
            self._sink.write(chunk)
        elif not self._ended:
            self._before.append(chunk)

    def bookmark(self, initial_events_end: bool = False) -> None:
        """Tell the client how far it is."""
        revision = max(self.revision, self._hub.revision)
        self.send(Chunk(self.form.bookmark(revision, initial_events_end)))

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        if self._sink:
            self._sink.close()


class _Feed:
    def __init__(self, prefix: str, form: Form) -> None:
        self.prefix, self.form = prefix, form
        self.watchers: set[Watcher] = set()

    def push(self, changes: Sequence[Change], revision: int) -> None:
        first = changes[0].revision
        data = _encode(self.form, self.prefix, changes)
        chunk = Chunk(data) if data else None
        for watcher in list(self.watchers):
            if watcher.revision >= first:  # it began in the middle of this batch
                late = [change for change in changes if change.revision > watcher.revision]
                rest = _encode(self.form, self.prefix, late)
                if rest:
                    watcher.send(Chunk(rest))
            elif chunk:
                watcher.send(chunk)
            watcher.revision = max(watcher.revision, revision)


def _encode(form: Form, prefix: str, changes: Sequence[Change]) -> bytes:
    return b"".join([form.event(change) for change in changes if change.key.startswith(prefix)])


class _History:
    """Remembered changes of one resource, oldest first."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.revisions: list[int] = []

    def add(self, changes: Sequence[Change]) -> None:
        self.changes += changes
        self.revisions += [change.revision for change in changes]

    def after(self, revision: int) -> list[Change]:
        return self.changes[bisect_right(self.revisions, revision) :]

    def drop_until(self, revision: int) -> None:
        count = bisect_right(self.revisions, revision)
        del self.changes[:count], self.revisions[:count]


class Hub:
    """Fans changes out. `listeners` are called with every batch before any watcher sees it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.revision = 0
        self.oldest = 0  # changes after this revision are remembered
        self.listeners: list[Listener] = []
        self._feeds: dict[str, dict[tuple[str, Form], _Feed]] = {}  # by resource, then by prefix and form
        self._history: dict[str, _History] = {}
        self._remembered = 0
        self._reached: list[tuple[int, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take over what the store still knows of the recent past, then follow it."""
        now = await self._store.revision()
        self.revision = self.oldest = max(now - RESUMABLE, 0)
        self._task = asyncio.create_task(self._follow(), name="watch hub")
        await self.reach(now, START_SECONDS)

    async def close(self) -> None:
        """End every watch, then the hub."""
        self.end_watches()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def end_watches(self) -> None:
        for feeds in self._feeds.values():
            for feed in list(feeds.values()):
                for watcher in list(feed.watchers):
                    watcher.end()

    async def _follow(self) -> None:
        while True:
            try:
                async for batch in self._store.watch("", self.revision):
                    self._publish(batch)
            except Compacted as error:
                self._restart(error)
            except StoreError as error:
                log.warning("following the store failed: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    def _restart(self, error: Compacted) -> None:
        """The store does not go so far back (at the start), or the hub fell behind: nobody's stream is whole then."""
        log.info("changes up to revision %d are not remembered", error.oldest)
        self.end_watches()
        self._history.clear()
        self._remembered = 0
        self.revision = self.oldest = error.oldest
        self._tell_reached()

    def _publish(self, batch: Sequence[Change]) -> None:
        for listener in self.listeners:
            listener(batch)
        grouped: dict[str, list[Change]] = {}
        for change in batch:
            resource = change.key[: change.key.index("/")]
            if resource in grouped:
                grouped[resource].append(change)
            else:
                grouped[resource] = [change]
        self.revision = revision = batch[-1].revision
        for resource, changes in grouped.items():
            self._remember(resource, changes)
            for feed in list(self._feeds.get(resource, {}).values()):
                feed.push(changes, revision)
        if self._reached:
            self._tell_reached()

    def _remember(self, resource: str, changes: list[Change]) -> None:
        if resource not in self._history:
            self._history[resource] = _History()
        self._history[resource].add(changes)
        self._remembered += len(changes)
        if self._remembered > HISTORY:
            revisions = sorted(revision for history in self._history.values() for revision in history.revisions)
            self.forget(revisions[len(revisions) // 2])

    def forget(self, revision: int) -> None:
        """Changes up to `revision` are not remembered any more."""
        self.oldest = max(self.oldest, min(revision, self.revision))
        for history in self._history.values():
            history.drop_until(self.oldest)
        self._remembered = sum(len(history.revisions) for history in self._history.values())

    def _tell_reached(self) -> None:
        waiting, self._reached = self._reached, []
        for revision, future in waiting:
            if revision > self.revision:
                self._reached.append((revision, future))
            elif not future.done():
                future.set_result(None)

    async def reach(self, revision: int, timeout: float) -> bool:
        """Wait until changes up to `revision` went out; False if that did not happen within `timeout` seconds."""
        if self.revision >= revision:
            return True
        future = asyncio.get_running_loop().create_future()
        self._reached.append((revision, future))
        try:
            async with asyncio.timeout(timeout):
                await future
        except TimeoutError:
            return False
        return True

    def subscribe(self, prefix: str, form: Form, after: int, first: bytes = b"") -> Watcher:
        """A watcher that gets `first`, then changes under `prefix` after revision `after`. Raises Compacted."""
        if after < self.oldest:
            raise Compacted(after, self.oldest)
        resource = prefix[: prefix.index("/")]
        watcher = Watcher(self, prefix, form, after)
        if first:
            watcher.send(Chunk(first))
        history = self._history.get(resource)
        if history and after < self.revision:
            backlog = _encode(form, prefix, history.after(after))
            if backlog:
                watcher.send(Chunk(backlog))
        watcher.revision = max(after, self.revision)
        feeds = self._feeds.setdefault(resource, {})
        feed = feeds.get((prefix, form))
        if feed is None:
            feed = feeds[prefix, form] = _Feed(prefix, form)
        feed.watchers.add(watcher)
        return watcher

    def unsubscribe(self, watcher: Watcher) -> None:
        feeds = self._feeds.get(watcher.prefix[: watcher.prefix.index("/")], {})
        feed = feeds.get((watcher.prefix, watcher.form))
        if feed:
            feed.watchers.discard(watcher)
            if not feed.watchers:
                del feeds[watcher.prefix, watcher.form]

    @property
    def watchers(self) -> int:
        return sum(len(feed.watchers) for feeds in self._feeds.values() for feed in feeds.values())
