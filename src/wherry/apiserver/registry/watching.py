"""Watch: a stream of changes, from now, from a version, or after the objects that exist."""

import asyncio

import orjson

from wherry.aio.http.messages import Response
from wherry.api import errors
from wherry.apiserver import negotiation, options
from wherry.apiserver.core import Api, Call
from wherry.apiserver.hub import Watcher
from wherry.apiserver.options import ListOptions
from wherry.apiserver.registry import storage
from wherry.apiserver.registry.events import EventForm, event_form
from wherry.apiserver.registry.reading import version_of, wait_for
from wherry.apiserver.selection import select
from wherry.store import Compacted

BOOKMARK_SECONDS = 60.0
MINIMUM_SECONDS = 1800  # a watch without a time limit ends after this to twice this


async def watch(api: Api, call: Call) -> Response:
    accepted = negotiation.accept(call.request.headers.get("Accept"), collection=True, watch=True)
    target = call.target
    wanted = options.list_options(call.query, watch=True)
    fields = wanted.fields
    if target.name:  # the old /watch/ paths name one object
        fields = f"metadata.name={target.name}" + (f",{fields}" if fields else "")
    selection = select(call.kind, wanted.labels, fields)
    namespace = target.namespace if call.kind.namespaced else ""
    prefix = storage.prefix(call.kind, namespace or selection.equals("metadata.namespace"))
    form = event_form(api, call, accepted, None if selection.everything else selection)
    version = version_of(wanted.version)
    if version:
        await wait_for(api, version)
    try:
        watcher = await _begin(api, prefix, form, wanted, version)
    except Compacted as error:
        return Response(200, _expired(error))
    limit = wanted.timeout or api.random.uniform(MINIMUM_SECONDS, 2 * MINIMUM_SECONDS)
    _Timers(watcher, limit, wanted.bookmarks)
    return Response(200, watcher, accepted.stream_type)


def _expired(error: Compacted) -> bytes:
    """A watch that cannot start is one event long."""
    status = errors.expired(f"too old resource version: {error.revision} ({error.oldest})").status()
    return orjson.dumps({"type": "ERROR", "object": status}) + b"\n"


async def _begin(api: Api, prefix: str, form: EventForm, wanted: ListOptions, version: int) -> Watcher:
    """A watcher that has what comes first already. Raises Compacted."""
    if wanted.initial_events:
        found = await api.store.range(prefix)
        await api.hub.reach(found.revision, 1.0)
        selection = form.selection
        lines = [
            form.line("ADDED", record) for record in found.records if selection is None or selection.matches(record)
        ]
        if wanted.bookmarks:
            lines.append(form.bookmark(found.revision, initial_events_end=True))
        return api.hub.subscribe(prefix, form, found.revision, b"".join(lines))
    if not version:
        version = await api.store.revision()
        await api.hub.reach(version, 1.0)
    return api.hub.subscribe(prefix, form, version)


class _Timers:
    """Ends a watch at its time, and sends bookmarks until then."""

    def __init__(self, watcher: Watcher, limit: float, bookmarks: bool) -> None:
        self._watcher = watcher
        loop = asyncio.get_running_loop()
        self._end = loop.call_later(limit, watcher.end)
        self._bookmark = loop.call_later(BOOKMARK_SECONDS, self._send) if bookmarks else None
        watcher.on_detach = self.cancel

    def _send(self) -> None:
        self._watcher.bookmark()
        self._bookmark = asyncio.get_running_loop().call_later(BOOKMARK_SECONDS, self._send)

    def cancel(self) -> None:
        self._end.cancel()
        if self._bookmark:
            self._bookmark.cancel()
