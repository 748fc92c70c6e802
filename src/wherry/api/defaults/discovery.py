"""Defaults of discovery.k8s.io/v1."""

from collections.abc import Mapping
from typing import Any

VALUES: Mapping[str, Mapping[str, Any]] = {"discovery.v1.EndpointPort": {"name": "", "protocol": "TCP"}}

RULES: Mapping[str, Any] = {}
