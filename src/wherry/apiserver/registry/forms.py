"""How answers look: the object itself, metadata only, or a Table; JSON or YAML; whole, in lists and in watches."""

from dataclasses import dataclass
from typing import Any

import orjson

from wherry.aio.http.messages import Response
from wherry.api import Obj
from wherry.api.kinds import Kind
from wherry.apiserver import encoding
from wherry.apiserver.negotiation import JSON, YAML, Accepted
from wherry.apiserver.selection import Selection
from wherry.store import Change, Record


def _yaml(body: Any) -> bytes:
    from wherry.apiserver import yamltext  # 10 ms that most servers never need

    return yamltext.dump(body)


def document(body: Any, accepted: Accepted, status: int = 200) -> Response:
    """An answer made from plain values."""
    if accepted.media_type == YAML:
        return Response(status, _yaml(body), YAML)
    return Response(status, orjson.dumps(body), JSON)


def one(kind: Kind, record: Record, accepted: Accepted, status: int = 200) -> Response:
    """The answer for one object."""
    if not accepted.transform and accepted.media_type == JSON:
        return Response(status, encoding.whole(kind, record), JSON)
    return document(shaped(kind, encoding.decode(kind, record), accepted), accepted, status)


def shaped(kind: Kind, obj: Obj, accepted: Accepted) -> Obj:
    """One object in the form asked for."""
    if accepted.transform == "PartialObjectMetadata":
        return metadata_only(obj, accepted.version)
    return obj


def metadata_only(obj: Obj, version: str) -> Obj:
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": obj["metadata"],
    }


@dataclass(frozen=True, slots=True)
class Page:
    """A list's metadata."""

    revision: int
    token: str = ""
    remaining: int | None = None

    def metadata(self) -> Obj:
        found: Obj = {"resourceVersion": str(self.revision)}
        if self.token:
            found["continue"] = self.token
        if self.remaining:
            found["remainingItemCount"] = self.remaining
        return found


def many(kind: Kind, records: list[Record], page: Page, accepted: Accepted) -> Response:
    """The answer for a list: fragments that are never joined here, nothing decoded."""
    if accepted.transform or accepted.media_type != JSON:
        return document(_list_document(kind, records, page, accepted), accepted)
    head = b'{"kind":"%s","apiVersion":"%s","metadata":%s,"items":[' % (
        kind.list_kind.encode(),
        kind.api_version.encode(),
        orjson.dumps(page.metadata()),
    )
    body = [head]
    separator = b""
    for record in records:
        body.append(separator + encoding.ITEM % record.revision)
        body.append(record.value)
        separator = b","
    body.append(b"]}\n")
    return Response(200, body, JSON)


def _list_document(kind: Kind, records: list[Record], page: Page, accepted: Accepted) -> Obj:
    objects = [encoding.decode(kind, record) for record in records]
    if accepted.transform == "PartialObjectMetadataList":
        items = [metadata_only(obj, accepted.version) for obj in objects]
        list_kind, api_version = accepted.transform, f"meta.k8s.io/{accepted.version}"
    else:
        items = [{key: value for key, value in obj.items() if key not in ("kind", "apiVersion")} for obj in objects]
        list_kind, api_version = kind.list_kind, kind.api_version
    return {"kind": list_kind, "apiVersion": api_version, "metadata": page.metadata(), "items": items}


@dataclass(frozen=True, slots=True)
class EventForm:
    """A watch's events: the changes that its selection concerns, in the form that its client asked for."""

    kind: Kind
    accepted: Accepted
    selection: Selection | None = None

    def event(self, change: Change) -> bytes:
        kind = self._event_type(change)
        if not kind:
            return b""
        record = change.record if change.record is not None and kind != "DELETED" else change.previous
        assert record is not None
        if record.revision != change.revision:  # a deletion: the last state at the deletion's revision
            record = record._replace(revision=change.revision)
        return self.line(kind, record)

    def _event_type(self, change: Change) -> str:
        """What happened as far as these watchers see: leaving the selection is a deletion."""
        selection, record, previous = self.selection, change.record, change.previous
        if selection is None:
            return "DELETED" if record is None else "ADDED" if previous is None else "MODIFIED"
        before = previous is not None and selection.matches(previous)
        after = record is not None and selection.matches(record)
        if after:
            return "MODIFIED" if before else "ADDED"
        return "DELETED" if before else ""

    def line(self, kind: str, record: Record) -> bytes:
        if not self.accepted.transform:
            return b'{"type":"%s","object":%s}\n' % (kind.encode(), encoding.whole(self.kind, record))
        obj = shaped(self.kind, encoding.decode(self.kind, record), self.accepted)
        return orjson.dumps({"type": kind, "object": obj}) + b"\n"

    def bookmark(self, revision: int, initial_events_end: bool = False) -> bytes:
        metadata: Obj = {"resourceVersion": str(revision)}
        if initial_events_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        obj: Obj = {"kind": self.kind.kind, "apiVersion": self.kind.api_version, "metadata": metadata}
        obj = shaped(self.kind, obj, self.accepted)
        return orjson.dumps({"type": "BOOKMARK", "object": obj}) + b"\n"
