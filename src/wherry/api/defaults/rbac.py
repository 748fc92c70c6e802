"""Defaults of rbac.authorization.k8s.io/v1."""

from collections.abc import Mapping
from typing import Any

from wherry.api import Obj

GROUP = "rbac.authorization.k8s.io"

VALUES: Mapping[str, Mapping[str, Any]] = {"rbac.v1.RoleRef": {"apiGroup": GROUP}}


def _subject(subject: Obj, now: float) -> None:
    if not subject.get("apiGroup") and subject.get("kind") in ("User", "Group"):
        subject["apiGroup"] = GROUP


RULES = {"rbac.v1.Subject": _subject}
