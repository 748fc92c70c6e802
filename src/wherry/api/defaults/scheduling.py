"""Defaults of scheduling.k8s.io/v1."""

from collections.abc import Mapping
from typing import Any

VALUES: Mapping[str, Mapping[str, Any]] = {
    "scheduling.v1.PriorityClass": {"preemptionPolicy": "PreemptLowerPriority"}
}

RULES: Mapping[str, Any] = {}
