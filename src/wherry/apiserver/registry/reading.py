"""Get and list."""

import re

from wherry.aio.http.messages import Response
from wherry.api import errors, kinds
from wherry.api.kinds import Kind
from wherry.apiserver import negotiation, options
from wherry.apiserver.core import Api, Call
from wherry.apiserver.options import ListOptions
from wherry.apiserver.registry import forms, pages, storage
from wherry.apiserver.registry.forms import Page
from wherry.apiserver.selection import Selection, select
from wherry.store import Compacted, Range, Record

WAIT_FOR_VERSION = 3.0  # seconds until a version from the future is refused
UINT = re.compile(r"\d+")


async def get(api: Api, call: Call) -> Response:
    target = call.target
    accepted = negotiation.accept(call.request.headers.get("Accept"))
    record = await storage.current(api, call.kind, target.namespace if call.kind.namespaced else "", target.name)
    if record is None:
        raise errors.not_found(call.kind, target.name)
    return forms.one(api, call, record, accepted)


async def list_(api: Api, call: Call) -> Response:
    accepted = negotiation.accept(call.request.headers.get("Accept"), collection=True)
    wanted = options.list_options(call.query)
    records, page = await select_records(api, call.kind, call.target.namespace, wanted)
    return forms.many(api, call, records, page, accepted)


async def select_records(api: Api, kind: Kind, namespace: str, wanted: ListOptions) -> tuple[list[Record], Page]:
    """The part of a collection that is asked for. Raises StatusError."""
    selection = select(kind, wanted.labels, wanted.fields)
    namespace = namespace or selection.equals("metadata.namespace") if kind.namespaced else ""
    prefix = storage.prefix(kind, namespace)
    after, revision = await _start(api, wanted, prefix)
    keys = None if after or revision else await _indexed(api, kind, prefix, selection)
    if keys is not None:
        records, revision = await _by_key(api, keys, selection)
        return _cut(records, wanted.limit, revision, prefix, selection)
    limit = wanted.limit if selection.everything else 0
    found = await _range(api, prefix, after, limit, revision)
    records = found.records
    if not selection.everything:
        records = [record for record in records if selection.matches(record)]
        return _cut(records, wanted.limit, found.revision, prefix, selection)
    if found.remaining:
        token = pages.token(found.revision, prefix, records[-1].key)
        return records, Page(found.revision, token, found.remaining)
    return records, Page(found.revision)


async def _indexed(api: Api, kind: Kind, prefix: str, selection: Selection) -> list[str] | None:
    """The keys that can be meant, where a selector tells; None where it does not."""
    name = selection.equals("metadata.name")
    if name and (prefix.count("/") == 2 or not kind.namespaced):
        return [prefix + name]
    node = selection.equals("spec.nodeName") if kind is kinds.POD else ""
    if not node:
        return None
    await api.hub.reach(await api.store.revision(), WAIT_FOR_VERSION)  # what the client has written is in the index
    return sorted(key for key in api.pods.on(node) if key.startswith(prefix))


async def _by_key(api: Api, keys: list[str], selection: Selection) -> tuple[list[Record], int]:
    """Records one by one, and the revision of before, from which a watch misses nothing."""
    revision = await api.store.revision()
    found = [await api.store.get(key) for key in keys]
    return [record for record in found if record and selection.matches(record)], revision


def _cut(
    records: list[Record], limit: int, revision: int, prefix: str, selection: Selection
) -> tuple[list[Record], Page]:
    """A page of selected records; how many remain is not told, as upstream does."""
    if not limit or len(records) <= limit:
        return records, Page(revision)
    return records[:limit], Page(revision, pages.token(revision, prefix, records[limit - 1].key))


async def _range(api: Api, prefix: str, after: str, limit: int, revision: int) -> Range:
    try:
        return await api.store.range(prefix, after=after, limit=limit, revision=revision)
    except Compacted:
        raise errors.expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new "
            "list without the continue parameter, or use the continue token in this response to retrieve the "
            "remainder of the results. Continuing with the provided token results in an inconsistent list - "
            "objects that were created, modified, or deleted between the time the first chunk was returned and now "
            "may show up in the list."
        ) from None


async def _start(api: Api, wanted: ListOptions, prefix: str) -> tuple[str, int]:
    """The key after which a list begins, and the revision it shows (0: now)."""
    version = version_of(wanted.version)
    if wanted.token:
        if wanted.version not in ("", "0"):
            raise errors.bad_request("specifying resource version is not allowed when using continue")
        return pages.resume(wanted.token, prefix)
    if version:
        await wait_for(api, version)
        exact = wanted.match == "Exact" or (not wanted.match and wanted.limit)
        if exact:
            return "", version
    return "", 0


def version_of(text: str) -> int:
    """A resourceVersion as a number. Raises StatusError."""
    if not text:
        return 0
    if not UINT.fullmatch(text):
        why = f"strconv.ParseUint: parsing {errors.quote(text)}: invalid syntax"
        raise errors.StatusError(500, "", f"resourceVersion: Invalid value: {errors.quote(text)}: {why}")
    return int(text)


async def wait_for(api: Api, version: int) -> None:
    """Wait for a version that is not there yet; refuse it when it does not come."""
    if await api.store.revision() >= version or await api.hub.reach(version, WAIT_FOR_VERSION):
        return
    current = await api.store.revision()
    error = errors.timeout(f"Too large resource version: {version}, current: {current}", 1)
    error.details = (error.details or {}) | {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    }
    raise error
