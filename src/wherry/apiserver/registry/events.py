"""A watch's events: the changes that its selection concerns, in the form that its client asked for.

Watchers whose forms are equal share every event's bytes. A Table form is its watcher's own, because columns are
described in a stream's first event only.
"""

from dataclasses import dataclass

import orjson

from wherry.api import Obj, schema
from wherry.api.decoding import normalize
from wherry.api.kinds import Kind
from wherry.apiserver import encoding
from wherry.apiserver.core import Api, Call
from wherry.apiserver.negotiation import PROTOBUF, Accepted
from wherry.apiserver.registry import forms
from wherry.apiserver.selection import Selection
from wherry.store import Change, Record


def event_type(change: Change, selection: Selection | None) -> str:
    """What happened as far as these watchers see: leaving the selection is a deletion. "" if nothing."""
    record, previous = change.record, change.previous
    if selection is None:
        return "DELETED" if record is None else "ADDED" if previous is None else "MODIFIED"
    before = previous is not None and selection.matches(previous)
    after = record is not None and selection.matches(record)
    if after:
        return "MODIFIED" if before else "ADDED"
    return "DELETED" if before else ""


def shown(change: Change, kind: str) -> Record:
    """The state that an event shows; for a deletion the last one, at the deletion's revision."""
    record = change.previous if kind == "DELETED" else change.record
    assert record is not None
    return record if record.revision == change.revision else record._replace(revision=change.revision)


def bookmark_object(kind: Kind, revision: int, initial_events_end: bool) -> Obj:
    """An empty object of the kind that carries a revision."""
    metadata: Obj = {"resourceVersion": str(revision)}
    if initial_events_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    obj: Obj = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}
    try:
        node = schema.definition(kind.api_version, kind.kind)
    except KeyError:  # a custom resource: nothing more is known of its zero value
        return obj
    return normalize(obj, node).object


@dataclass(frozen=True, slots=True)
class WholeForm:
    """The objects themselves, in JSON."""

    kind: Kind
    selection: Selection | None = None

    def event(self, change: Change) -> bytes:
        kind = event_type(change, self.selection)
        return self.line(kind, shown(change, kind)) if kind else b""

    def line(self, kind: str, record: Record) -> bytes:
        return b'{"type":"%s","object":%s}\n' % (kind.encode(), encoding.whole(self.kind, record))

    def bookmark(self, revision: int, initial_events_end: bool = False) -> bytes:
        obj = bookmark_object(self.kind, revision, initial_events_end)
        return orjson.dumps({"type": "BOOKMARK", "object": obj}) + b"\n"


@dataclass(frozen=True, slots=True)
class ShapedForm:
    """Decoded objects: metadata only, or in protobuf."""

    kind: Kind
    accepted: Accepted
    selection: Selection | None = None

    def event(self, change: Change) -> bytes:
        kind = event_type(change, self.selection)
        return self.line(kind, shown(change, kind)) if kind else b""

    def line(self, kind: str, record: Record) -> bytes:
        return self._frame(kind, encoding.decode(self.kind, record))

    def bookmark(self, revision: int, initial_events_end: bool = False) -> bytes:
        return self._frame("BOOKMARK", bookmark_object(self.kind, revision, initial_events_end))

    def _frame(self, kind: str, obj: Obj) -> bytes:
        if self.accepted.transform:
            obj = forms.metadata_only(self.kind, obj, self.accepted.version)
        if self.accepted.media_type == PROTOBUF:
            from wherry.wire.protobuf import envelope

            return envelope.watch_event(kind, obj)
        return orjson.dumps({"type": kind, "object": obj}) + b"\n"


class TableForm:
    """Rows of a Table; one a watcher."""

    def __init__(self, api: Api, call: Call, version: str, selection: Selection | None) -> None:
        self.selection = selection
        self._api, self._call, self._version = api, call, version
        self._described = False

    def event(self, change: Change) -> bytes:
        kind = event_type(change, self.selection)
        return self.line(kind, shown(change, kind)) if kind else b""

    def line(self, kind: str, record: Record) -> bytes:
        return self._frame(kind, encoding.decode(self._call.kind, record))

    def bookmark(self, revision: int, initial_events_end: bool = False) -> bytes:
        return self._frame("BOOKMARK", bookmark_object(self._call.kind, revision, initial_events_end))

    def _frame(self, kind: str, obj: Obj) -> bytes:
        metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        table = forms.table(self._api, self._call, [obj], metadata, self._version)
        if self._described:
            table["columnDefinitions"] = None
        self._described = True
        return orjson.dumps({"type": kind, "object": table}) + b"\n"


EventForm = WholeForm | ShapedForm | TableForm


def event_form(api: Api, call: Call, accepted: Accepted, selection: Selection | None) -> EventForm:
    if accepted.transform == "Table":
        return TableForm(api, call, accepted.version, selection)
    if accepted.transform or accepted.media_type == PROTOBUF:
        return ShapedForm(call.kind, accepted, selection)
    return WholeForm(call.kind, selection)
