"""How answers look: objects and lists themselves, metadata only, or a Table; in JSON, YAML or protobuf."""

from dataclasses import dataclass
from typing import Any

import orjson

from wherry.aio.http.messages import Response
from wherry.api import Obj, errors, tables
from wherry.api.kinds import Kind
from wherry.apiserver import canonical, encoding, views
from wherry.apiserver.core import Api, Call
from wherry.apiserver.negotiation import JSON, PROTOBUF, YAML, Accepted
from wherry.store import Record

INCLUDES = ("", "None", "Metadata", "Object")
PLAIN = ["Name", "Created At"]  # kinds without columns of their own, whose empty tables have no list of rows


def document(body: Any, accepted: Accepted, status: int = 200) -> Response:
    """An answer made from plain values."""
    if accepted.media_type == YAML:
        return Response(status, _yaml(body), YAML)
    if accepted.media_type == PROTOBUF:
        data = _protobuf(body)
        if data is not None:
            return Response(status, data, PROTOBUF)
    return Response(status, orjson.dumps(body) + b"\n", JSON)


def _yaml(body: Any) -> bytes:
    from wherry.apiserver import yamltext  # 10 ms that most servers never need

    return yamltext.dump(body)


def _protobuf(body: Obj) -> bytes | None:
    from wherry.wire.protobuf import envelope

    return envelope.encode(body)


def one(api: Api, call: Call, record: Record, accepted: Accepted, status: int = 200) -> Response:
    """The answer for one object."""
    if record.revision and not accepted.transform and accepted.media_type == JSON:
        return Response(status, encoding.whole(call.kind, record), JSON)
    obj = encoding.decode(call.kind, record)
    if not record.revision:
        del obj["metadata"]["resourceVersion"]
    return document(shaped(api, call, obj, accepted), accepted, status)


def shaped(api: Api, call: Call, obj: Obj, accepted: Accepted) -> Obj:
    """One object in the form asked for. Raises StatusError."""
    match accepted.transform:
        case "PartialObjectMetadata":
            return metadata_only(call.kind, obj, accepted.version)
        case "PartialObjectMetadataList":
            raise errors.not_acceptable(
                f"you requested {accepted.transform}, but the requested object is not a list (*core.{call.kind.kind})"
            )
        case "Table":
            version = obj["metadata"].get("resourceVersion")
            metadata = {"resourceVersion": version} if version else {}
            return table(api, call, [obj], metadata, accepted.version)
    return obj


def metadata_only(kind: Kind, obj: Obj, version: str) -> Obj:
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": canonical.inner(kind, obj)["metadata"],
    }


def table(api: Api, call: Call, objects: list[Obj], metadata: Obj, version: str) -> Obj:
    """Objects as rows. Raises StatusError."""
    include = call.query.get("includeObject", "")
    if include not in INCLUDES:
        found = errors.invalid_value("includeObject", include, "must be 'Metadata', 'Object', 'None', or empty")
        raise errors.bad_request(f"Unable to convert to Table as requested: {found}")
    kind = call.kind
    shown = objects if kind.stored is None else [views.to_stored(kind, obj) for obj in objects]
    columns, rows = tables.render(kind.stored or kind, shown, api.clock.now())
    for row, obj, inner in zip(rows, objects, shown, strict=True):
        if include == "Object":
            row["object"] = obj
        else:
            row["object"] = None if include == "None" else metadata_only(kind, inner, version)
    return {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows if rows or [column["name"] for column in columns] != PLAIN else None,
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


def many(api: Api, call: Call, records: list[Record], page: Page, accepted: Accepted) -> Response:
    """The answer for a list: fragments that are never joined here, nothing decoded."""
    kind = call.kind
    if accepted.transform or accepted.media_type != JSON or kind.stored is not None:
        return document(_list_document(api, call, records, page, accepted), accepted)
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


def _list_document(api: Api, call: Call, records: list[Record], page: Page, accepted: Accepted) -> Obj:
    kind = call.kind
    objects = [encoding.decode(kind, record) for record in records]
    list_kind, api_version = kind.list_kind, kind.api_version
    match accepted.transform:
        case "Table":
            return table(api, call, objects, page.metadata(), accepted.version)
        case "PartialObjectMetadata":
            raise errors.not_acceptable(
                f"you requested {accepted.transform}, but the requested object is a list (*core.{kind.list_kind})"
            )
        case "PartialObjectMetadataList":
            items = [metadata_only(kind, obj, accepted.version) for obj in objects]
            list_kind, api_version = "PartialObjectMetadataList", f"meta.k8s.io/{accepted.version}"
        case _:
            items = [{key: obj[key] for key in obj if key not in ("kind", "apiVersion")} for obj in objects]
    return {"kind": list_kind, "apiVersion": api_version, "metadata": page.metadata(), "items": items}
