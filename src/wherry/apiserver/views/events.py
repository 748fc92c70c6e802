"""Events: v1 (stored) and events.k8s.io/v1 name the same fields differently."""

from wherry.api import Obj

# events.k8s.io -> v1
_NAMES = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_BACK = {stored: shown for shown, stored in _NAMES.items()}


def to_view(event: Obj) -> Obj:
    return {_BACK.get(name, name): value for name, value in event.items() if name not in ("kind", "apiVersion")}


def to_stored(event: Obj) -> Obj:
    return {_NAMES.get(name, name): value for name, value in event.items() if name not in ("kind", "apiVersion")}
