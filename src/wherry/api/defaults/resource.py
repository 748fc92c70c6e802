"""Defaults of resource.k8s.io/v1."""

from collections.abc import Mapping
from typing import Any

from wherry.api import Obj
from wherry.lib.timestamps import rfc3339

VALUES: Mapping[str, Mapping[str, Any]] = {
    "resource.v1.ExactDeviceRequest": {"allocationMode": "ExactCount"},
    "resource.v1.DeviceSubRequest": {"allocationMode": "ExactCount"},
    "resource.v1.NodeAllocatableResourceMapping": {"allocationMultiplier": "1"},
}


def _request(request: Obj, now: float) -> None:
    if request["allocationMode"] == "ExactCount" and not request.get("count"):
        request["count"] = 1


def _taint(taint: Obj, now: float) -> None:
    if taint.get("timeAdded") is None:
        taint["timeAdded"] = rfc3339(now)


RULES = {
    "resource.v1.ExactDeviceRequest": _request,
    "resource.v1.DeviceSubRequest": _request,
    "resource.v1.DeviceTaint": _taint,
}
