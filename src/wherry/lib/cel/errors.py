"""What is wrong with an expression, shown as cel-go shows it: where, what, and the line with a mark below."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong. `offset`: characters from the beginning of the text."""

    offset: int
    message: str


class CelError(ValueError):
    """An expression that cannot be used; the message has every issue."""

    def __init__(self, text: str, issues: Iterable[Issue]) -> None:
        ordered = sorted(issues, key=lambda issue: issue.offset)
        super().__init__("\n".join(_shown(text, issue) for issue in ordered))


def _shown(text: str, issue: Issue) -> str:
    before = text[: issue.offset]
    line, column = before.count("\n"), len(before) - (before.rfind("\n") + 1)
    snippet = text.split("\n")[line].replace("\t", " ")
    mark = "".join("." if ord(char) < 0x80 else "．" for char in snippet[:column])
    pointer = "＾" if column < len(snippet) and ord(snippet[column]) >= 0x80 else "^"
    return f"ERROR: <input>:{line + 1}:{column + 1}: {issue.message}\n | {snippet}\n | {mark}{pointer}"
