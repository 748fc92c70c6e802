"""What is told about CustomResourceDefinitions."""

from wherry.api import Obj
from wherry.api.errors import quote
from wherry.api.structural import formats, schemas


def of_definition(new: Obj, old: Obj | None) -> list[str]:
    """Formats that nothing checks."""
    known = _formats(old) if old is not None else []
    return [f"unrecognized format {quote(name)}" for name in _formats(new) if name not in known]


def _formats(crd: Obj) -> list[str]:
    found = [each for schema in schemas.of_versions(crd["spec"]) for each in schemas.every(schema)]
    named = [(each["format"], each.get("type", "")) for each in found if each.get("format")]
    return [name for name, kind in named if not formats.of_type(name, kind)]
