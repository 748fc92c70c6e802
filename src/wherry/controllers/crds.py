"""Custom resource definitions as kinds."""

from wherry.api import Obj, meta
from wherry.api.kinds import Kind


def served_kinds(definition: Obj) -> list[Kind]:
    """The kinds that an established definition serves, its stored version first."""
    if not meta.is_true(definition, "Established"):
        return []
    spec = definition["spec"]
    names = spec["names"]
    versions = sorted(spec.get("versions") or (), key=lambda version: not version.get("storage"))
    return [
        Kind(
            spec["group"], version["name"], names["kind"], names["plural"], spec.get("scope") == "Namespaced",
            tuple(names.get("shortNames") or ()), tuple(names.get("categories") or ()),
            subresources=tuple(version.get("subresources") or ()),
        )
        for version in versions
        if version.get("served")
    ]  # fmt: skip
