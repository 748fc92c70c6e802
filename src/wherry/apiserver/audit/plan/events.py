"""One event of a request. Source: audit.k8s.io/v1 Event and apiserver's pkg/audit/request.go."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wherry.api import Obj
from wherry.apiserver.audit.plan import policy
from wherry.apiserver.audit.plan.policy import Verdict
from wherry.apiserver.authn.user import User, info
from wherry.apiserver.authz import Question
from wherry.lib import timestamps

AGENT_LENGTH = 1024
CUT = "...TRUNCATED"
_STATUS = ("status", "message", "reason", "details", "code")  # of a Status, what every event may show


@dataclass(slots=True)
class Facts:
    """What is known of a request when it comes. `version`: of its API group; `received`: seconds since the epoch."""

    audit_id: str
    verdict: Verdict
    question: Question
    version: str
    uri: str
    received: float
    sources: tuple[str, ...] = ()
    agent: str = ""


@dataclass(slots=True)
class Outcome:
    """What became of it so far. `status`: a Status object, if that was the answer; `request`, `answer`: the objects
    themselves, None where there are none or the level leaves them out."""

    code: int = 0
    status: Obj | None = None
    impersonated: User | None = None
    constraint: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    request: Any = None
    answer: Any = None


def event(facts: Facts, stage: str, at: float, outcome: Outcome) -> Obj:
    """The event, its fields in upstream's order. `at`: when the stage was reached."""
    level, omit = facts.verdict.level, facts.verdict.omit_managed_fields
    made: Obj = {
        "kind": "Event",
        "apiVersion": policy.API_VERSION,
        "level": level,
        "auditID": facts.audit_id,
        "stage": stage,
        "requestURI": facts.uri,
        "verb": facts.question.verb,
        "user": info(facts.question.user),
        "impersonatedUser": info(outcome.impersonated) if outcome.impersonated else None,
        "authenticationMetadata": {"impersonationConstraint": outcome.constraint} if outcome.constraint else None,
        "sourceIPs": facts.sources,
        "userAgent": facts.agent if len(facts.agent) <= AGENT_LENGTH else facts.agent[:AGENT_LENGTH] + CUT,
        "objectRef": None if facts.question.path else _reference(facts, outcome.request),
        "responseStatus": _status(outcome) if outcome.code else None,
    }
    if level in (policy.REQUEST, policy.REQUEST_RESPONSE):
        made["requestObject"] = without_managed_fields(outcome.request) if omit else outcome.request
    if level == policy.REQUEST_RESPONSE:
        made["responseObject"] = without_managed_fields(outcome.answer) if omit else outcome.answer
    made["requestReceivedTimestamp"] = timestamps.rfc3339_micro(facts.received)
    made["stageTimestamp"] = timestamps.rfc3339_micro(facts.received if stage == policy.RECEIVED else at)
    made["annotations"] = outcome.annotations
    return {name: value for name, value in made.items() if name == "user" or value not in (None, "", (), {})}


def _reference(facts: Facts, request: Any) -> Obj:
    """What the request is about; the body of a whole object says what the path does not."""
    question = facts.question
    whole = isinstance(request, dict) and question.verb in ("create", "update")
    metadata = request.get("metadata") if whole else None
    metadata = metadata if isinstance(metadata, dict) else {}
    named = {
        "resource": question.resource,
        "namespace": question.namespace or metadata.get("namespace"),
        "name": question.name or metadata.get("name"),
        "uid": metadata.get("uid"),
        "apiGroup": question.group,
        "apiVersion": facts.version,
        "resourceVersion": metadata.get("resourceVersion"),
        "subresource": question.subresource,
    }
    return {name: value for name, value in named.items() if value}


def _status(outcome: Outcome) -> Obj:
    shown = {name: outcome.status[name] for name in _STATUS if name in outcome.status} if outcome.status else {}
    return {"metadata": {}, **shown, "code": outcome.code}


def sources(forwarded: str, real: str, remote: str) -> tuple[str, ...]:
    """Where a request comes from: the addresses in X-Forwarded-For, that in X-Real-Ip, and the connection's."""
    found = list(_addresses(forwarded.split(",")))
    found += [address for address in _addresses([real]) if address not in found]
    found += [address for address in _addresses([remote]) if address not in found[-1:]]
    return tuple(found)


def _addresses(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        try:
            yield str(ipaddress.ip_address(text.strip()))
        except ValueError:
            continue


def attempted(authorization: str, certificate: bool) -> str:
    """What a request with wrong credentials tried."""
    scheme, _, credentials = authorization.strip().partition(" ")
    tried: list[str] = [name for name in ("basic", "bearer") if credentials and scheme.lower() == name]
    tried += ["x509"] if certificate else []
    why = f"attempted: {', '.join(tried)}" if tried else "no credentials provided"
    return f"Authentication failed, {why}"


def without_managed_fields(value: Any) -> Any:
    """An object, list or table without the managed fields of what is in it; `value` stays as it was."""
    if not isinstance(value, dict):
        return value
    changed = dict(value)
    metadata = value.get("metadata")
    if isinstance(metadata, dict) and "managedFields" in metadata:
        changed["metadata"] = {name: item for name, item in metadata.items() if name != "managedFields"}
    if isinstance(value.get("items"), list):
        changed["items"] = [without_managed_fields(item) for item in value["items"]]
    if isinstance(value.get("rows"), list):
        changed["rows"] = [{**row, "object": without_managed_fields(row.get("object"))} for row in value["rows"]]
    return changed
