"""Defaults of apiextensions.k8s.io/v1."""

from collections.abc import Mapping
from typing import Any

from wherry.api import Obj

VALUES: Mapping[str, Mapping[str, Any]] = {
    "apiextensions.v1.CustomResourceDefinitionSpec": {"conversion": {"strategy": "None"}},
    "apiextensions.v1.ServiceReference": {"port": 443},
}


def _names(names: Obj, now: float) -> None:
    kind = names.get("kind", "")
    if not names.get("singular") and kind:
        names["singular"] = kind.lower()
    if not names.get("listKind") and kind:
        names["listKind"] = kind + "List"


def _definition(crd: Obj, now: float) -> None:
    _names(crd["spec"].get("names") or {}, now)
    if not crd["status"].get("storedVersions"):
        stored = [each["name"] for each in crd["spec"].get("versions") or () if each.get("storage")]
        crd["status"]["storedVersions"] = stored[:1] or None


RULES = {"apiextensions.v1.CustomResourceDefinition": _definition}
