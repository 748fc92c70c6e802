"""Defaults of authentication.k8s.io/v1."""

from collections.abc import Mapping
from typing import Any

VALUES: Mapping[str, Mapping[str, Any]] = {"authentication.v1.TokenRequestSpec": {"expirationSeconds": 3600}}

RULES: Mapping[str, Any] = {}
