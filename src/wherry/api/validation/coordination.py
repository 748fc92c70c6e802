"""Lease, LeaseCandidate, Event."""

import re
from collections.abc import Iterable

from wherry.api import Obj, meta
from wherry.api.errors import forbidden_field, invalid_value, required, unsupported
from wherry.api.patch.values import same
from wherry.api.validation import fields, metadata
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules

_STRATEGIES = ("OldestEmulationVersion",)
_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)

# Lease


def _lease(obj: Obj) -> Check:
    spec = obj.get("spec") or {}
    seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if seconds is not None and seconds <= 0:
        yield invalid_value("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    if transitions is not None and transitions < 0:
        yield invalid_value("spec.leaseTransitions", transitions, metadata.NOT_NEGATIVE)
    if spec.get("strategy") is not None:
        yield from _strategy(spec["strategy"], "spec.strategy")
    if spec.get("preferredHolder") and not spec.get("strategy"):
        yield forbidden_field("spec.preferredHolder", "may only be specified if `strategy` is defined")


def _strategy(strategy: str, path: str) -> Check:
    if "/" in strategy:
        yield from fields.qualified_name(strategy, f"{path}.strategy")
    elif strategy not in _STRATEGIES:
        yield unsupported(f"{path}.strategy", strategy, _STRATEGIES)


def _lease_candidate(obj: Obj) -> Check:
    spec = obj["spec"]
    yield from fields.needed(spec, "spec", "leaseName")
    emulated, binary = spec.get("emulationVersion", ""), spec.get("binaryVersion", "")
    if emulated and not _SEMVER.fullmatch(emulated):
        yield invalid_value("spec.emulationVersion", emulated, "must be a valid semantic version")
    if not binary:
        yield required("spec.binaryVersion")
    elif not _SEMVER.fullmatch(binary):
        yield invalid_value("spec.binaryVersion", binary, "must be a valid semantic version")
    if emulated and binary and _release(binary) < _release(emulated):
        message = "must be greater than or equal to `emulationVersion`"
        yield invalid_value("spec.binaryVersion", binary, message)
    strategy = spec.get("strategy", "")
    if not strategy:
        yield required("spec.strategy")
        return
    if strategy in _STRATEGIES and _release(emulated) == (0, 0, 0):
        yield required("spec.emulationVersion", "must be specified when `strategy` is 'OldestEmulationVersion'")
    yield from _strategy(strategy, "spec.strategy")


def _release(version: str) -> tuple[int, ...]:
    found = _SEMVER.fullmatch(version)
    return tuple(int(part) for part in found.groups()[:3]) if found else (0, 0, 0)


def _lease_candidate_update(new: Obj, old: Obj) -> Check:
    yield from _lease_candidate(new)
    yield from metadata.immutable(new["spec"].get("leaseName"), old["spec"].get("leaseName"), "spec.leaseName")


# Event: objects are in the form of core/v1, whichever group the client used.

_TEXTS = (("reportingInstance", 128), ("action", 128), ("reason", 128))


def _event(event: Obj, controller_field: str) -> Check:
    namespace = meta.namespace(event)
    involved = (event.get("involvedObject") or {}).get("namespace", "")
    timed = bool(event.get("eventTime"))
    if timed:
        matches = bool(involved) or namespace in ("default", "kube-system")
    else:
        matches = namespace == involved or (not involved and namespace in ("", "default"))
    if not matches:
        yield invalid_value("involvedObject.namespace", involved, "does not match event.namespace")
    if timed:
        yield from _timed_event(event, controller_field)
    yield from fields.subdomain(namespace, "namespace")


def _timed_event(event: Obj, controller_field: str) -> Check:
    controller = event.get("reportingComponent", "")
    if not controller:
        yield required(controller_field)
    yield from fields.qualified_name(controller, controller_field)
    for key, most in _TEXTS:
        text = event.get(key, "")
        if not text:
            yield required(key)
        if len(text.encode()) > most:
            yield invalid_value(key, "", f"can have at most {most} characters")
    if len(event.get("message", "").encode()) > 1024:
        yield invalid_value("message", "", "can have at most 1024 characters")


def _core_event(event: Obj) -> Check:
    return _event(event, "reportingComponent")


def _new_event(event: Obj) -> Check:
    yield from _event(event, "reportingController")
    yield from metadata.check(event, True)
    yield from metadata.kube_finalizers(event["metadata"])
    yield from _series(event)
    if not event.get("eventTime"):
        yield required("eventTime")
    kind = event.get("type", "")
    if kind not in ("Normal", "Warning"):
        yield invalid_value("type", "", f"has invalid value: {kind}")
    source = event.get("source") or {}
    for key, is_set in (
        *((key, event.get(key)) for key in ("firstTimestamp", "lastTimestamp", "count")),
        ("source", source.get("component") or source.get("host")),
    ):
        if is_set:
            yield invalid_value(key, "", "needs to be unset")


def _series(event: Obj) -> Check:
    series = event.get("series")
    if series is None:
        return
    if series.get("count", 0) < 2:
        yield invalid_value("series.count", "", "should be at least 2")
    if not series.get("lastObservedTime"):
        yield required("series.lastObservedTime")


_FIXED: Iterable[tuple[str, str]] = (
    ("involvedObject", "involvedObject"), ("reason", "reason"), ("message", "message"), ("source", "source"),
    ("firstTimestamp", "firstTimestamp"), ("lastTimestamp", "lastTimestamp"), ("count", "count"),
    ("reason", "reason"), ("type", "type"), ("eventTime", "eventTime"), ("action", "action"), ("related", "related"),
    ("reportingComponent", "reportingController"), ("reportingInstance", "reportingInstance"),
)  # fmt: skip


def _new_event_update(new: Obj, old: Obj) -> Check:
    yield from _event(new, "reportingController")
    yield from metadata.check_update(new, old)
    yield from metadata.kube_finalizers(new["metadata"])
    if not same(new.get("series"), old.get("series")):
        yield from _series(new)
    for key, shown in _FIXED:
        yield from metadata.immutable(new.get(key), old.get(key), shown)


RULES = {
    "coordination.k8s.io/v1/Lease": Rules(body=_lease, kube_finalizers=False),
    "coordination.k8s.io/v1beta1/LeaseCandidate": Rules(
        name=fields.config_key_errors, body=_lease_candidate, change=_lease_candidate_update, kube_finalizers=False
    ),
    "v1/Event": Rules(body=_core_event, own_metadata=False),
    "events.k8s.io/v1/Event": Rules(body=_new_event, change=_new_event_update, own_metadata=False),
}
