"""Who a container's process is: "", "uid", "uid:gid", "name", "name:group" against an image's own user files."""

from dataclasses import dataclass

MAX_ID = 2**31 - 1


class UnknownUser(ValueError):
    """The image's files do not have the name."""


@dataclass(frozen=True, slots=True)
class User:
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    home: str = "/"


def resolve(text: str, passwd: str, group: str) -> User:
    """Numbers need no entry; names do. Without a group the user's own is taken (0 if it has no entry). The groups
    that list the user as member come with it. Raises UnknownUser in Docker's words."""
    user_text, _, group_text = text.partition(":")
    name, uid, gid, home = _user(user_text or "0", passwd)
    if group_text:
        gid = _group(group_text, group)
    groups = {int(fields[2]) for fields in _lines(group, 4) if name and name in fields[3].split(",")}
    return User(uid, gid, tuple(sorted(groups)), home or "/")


def _user(text: str, passwd: str) -> tuple[str, int, int, str]:
    number = _number(text)
    for fields in _lines(passwd, 7):
        if fields[0] == text or (number is not None and int(fields[2]) == number):
            return fields[0], int(fields[2]), int(fields[3]) if fields[3].isdigit() else 0, fields[5]
    if number is None:
        raise UnknownUser(f"unable to find user {text}: no matching entries in passwd file")
    return "", number, 0, "/"


def _group(text: str, group: str) -> int:
    for fields in _lines(group, 4):
        if fields[0] == text:
            return int(fields[2])
    number = _number(text)
    if number is None:
        raise UnknownUser(f"unable to find group {text}: no matching entries in group file")
    return number


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()):
        return None
    if int(text) > MAX_ID:
        raise UnknownUser(f"uids and gids must be in range 0-{MAX_ID}")
    return int(text)


def _lines(text: str, width: int) -> list[list[str]]:
    rows = (line.strip().split(":") for line in text.splitlines())
    return [row for row in rows if len(row) >= width and row[2].isdigit() and not row[0].startswith("#")]
