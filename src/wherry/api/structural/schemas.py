"""The schemas within a schema."""

from collections.abc import Iterator

from wherry.api import Obj


def below(schema: Obj) -> Iterator[Obj]:
    """Every schema directly within one."""
    items, more = schema.get("items"), schema.get("additionalProperties")
    if items is not None:
        yield from items if isinstance(items, list) else (items,)
    for key in ("allOf", "anyOf", "oneOf"):
        yield from schema.get(key) or ()
    if schema.get("not") is not None:
        yield schema["not"]
    yield from (schema.get("properties") or {}).values()
    if isinstance(more, dict):
        yield more


def every(schema: Obj) -> Iterator[Obj]:
    """A schema and all within it."""
    yield schema
    for each in below(schema):
        yield from every(each)


def of_versions(spec: Obj) -> list[Obj]:
    """The schemas of a CustomResourceDefinition's versions."""
    found = [each.get("schema") or {} for each in spec.get("versions") or ()]
    return [each["openAPIV3Schema"] for each in found if each.get("openAPIV3Schema") is not None]
