"""The field numbers in numbers.txt, read when a message is first needed."""

from functools import cache
from importlib.resources import files

Numbers = dict[str, str]


@cache
def _lines() -> dict[str, str]:
    text = files("wherry.wire.protobuf").joinpath("numbers.txt").read_text()
    rows = (line.partition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: fields for name, _, fields in rows}


def of_message(name: str) -> Numbers:
    """{field: "3" or "3w"} of a message, as `core.v1.Pod`. Raises KeyError if the type has no protobuf form."""
    pairs = (field.rpartition("=") for field in _lines()[name].split())
    return {field: number for field, _, number in pairs}


def has_message(name: str) -> bool:
    return name in _lines()
