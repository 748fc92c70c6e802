"""A request and its answer as lines of the audit log."""

from typing import TYPE_CHECKING, Any

import orjson

from wherry.aio.http.messages import Response, Upgrade
from wherry.api import Obj
from wherry.apiserver.audit.policy import Level
from wherry.apiserver.authn.user import info
from wherry.lib.timestamps import rfc3339_micro

if TYPE_CHECKING:
    from wherry.apiserver.audit import Record
    from wherry.apiserver.core import Call

LARGEST = 1 << 20  # bytes of an object that is noted; a larger one is left out


def line(call: "Call", record: "Record", stage: str, now: float, response: Response | Upgrade | None) -> bytes:
    event = _head(call, record, stage)
    if call.user is not record.user:
        event["impersonatedUser"] = info(call.user)
    event |= {"sourceIPs": [call.request.remote] if call.request.remote else []}
    event["userAgent"] = call.request.headers.get("User-Agent")
    if call.target.is_resource:
        event["objectRef"] = _reference(call)
    if response is not None:
        status = response.status if isinstance(response, Response) else 101
        event["responseStatus"] = {"metadata": {}, "code": status} | _refusal(response, status)
    event |= _objects(call, record, response)
    event["requestReceivedTimestamp"] = rfc3339_micro(record.received)
    event["stageTimestamp"] = rfc3339_micro(now)
    if record.annotations and stage != "RequestReceived":
        event["annotations"] = record.annotations
    return orjson.dumps({key: value for key, value in event.items() if value not in ("", [], None)}) + b"\n"


def _head(call: "Call", record: "Record", stage: str) -> Obj:
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": record.noted.level.title,
        "auditID": record.id,
        "stage": stage,
        "requestURI": call.request.target or call.request.path,
        "verb": call.target.verb,
        "user": info(record.user),
    }


def _reference(call: "Call") -> Obj:
    target = call.target
    found = {
        "resource": target.plural,
        "namespace": target.namespace,
        "name": target.name,
        "apiGroup": target.group,
        "apiVersion": target.version,
        "subresource": target.subresource,
    }
    return {key: value for key, value in found.items() if value}


def _refusal(response: Response | Upgrade, status: int) -> Obj:
    """What a Status said."""
    if status < 400 or not isinstance(response, Response):
        return {}
    body = _parsed(response.body)
    fields = ("status", "message", "reason", "details")
    return {field: body[field] for field in fields if field in body} if isinstance(body, dict) else {}


def _objects(call: "Call", record: "Record", response: Response | Upgrade | None) -> Obj:
    """The objects of request and answer, as far as the level wants them."""
    level, found = record.noted.level, {}
    if not call.target.is_resource or response is None:
        return {}
    if level >= Level.REQUEST and call.request.body:
        found["requestObject"] = _bare(_parsed(call.request.body), record.noted.omit_managed_fields)
    if level >= Level.REQUEST_RESPONSE and isinstance(response, Response):
        found["responseObject"] = _bare(_parsed(response.body), record.noted.omit_managed_fields)
    return found


def _parsed(body: Any) -> Any:
    if isinstance(body, list):
        body = b"".join(body)
    if not isinstance(body, bytes) or len(body) > LARGEST:
        return None
    try:
        return orjson.loads(body)
    except ValueError:
        return None


def _bare(value: Any, omit: bool) -> Any:
    """Without managed fields, if they are not wanted."""
    if not omit or not isinstance(value, dict):
        return value
    for obj in (value, *(value.get("items") or ())):
        if isinstance(obj, dict) and isinstance(obj.get("metadata"), dict):
            obj["metadata"].pop("managedFields", None)
    return value
