"""Defaults of apiregistration.k8s.io/v1."""

from collections.abc import Mapping
from typing import Any

VALUES: Mapping[str, Mapping[str, Any]] = {"apiregistration.v1.ServiceReference": {"port": 443}}

RULES: Mapping[str, Any] = {}
