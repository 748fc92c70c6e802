"""What commands print: aligned tables, JSON, YAML. Colour is for terminals; click takes it out of pipes."""

import json
from collections.abc import Sequence
from typing import Any

import click


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their longest cell, three spaces apart, as kubectl prints them."""
    lines = [[heading.upper() for heading in headings], *rows]
    widths = [max(len(click.unstyle(line[column])) for line in lines) for column in range(len(headings))]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(cells, widths, strict=True))
    return "   ".join(padded).rstrip()


def document(data: Any, form: str) -> str:
    """`form`: json or yaml."""
    if form == "json":
        return json.dumps(data, indent=2)
    import yaml  # 25 ms

    return str(yaml.safe_dump(data, sort_keys=False)).rstrip()


def good(text: str) -> str:
    return click.style(text, fg="green")


def bad(text: str) -> str:
    return click.style(text, fg="red")


def faint(text: str) -> str:
    return click.style(text, dim=True)
