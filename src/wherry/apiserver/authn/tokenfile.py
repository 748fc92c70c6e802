"""Static tokens, and upstream's CSV file of them: `token,user,uid,"group1,group2"` a line."""

import csv
from pathlib import Path

from wherry.aio.http.messages import Request
from wherry.apiserver.authn.user import AUTHENTICATED, User


class TokenFileError(ValueError):
    """The file cannot be used; the message names the file and the line."""


def bearer(request: Request) -> str:
    """The token of a request, or nothing."""
    header = request.headers.get("Authorization")
    if header[:7].lower() != "bearer ":
        return ""
    return header[7:].strip()


def read(path: Path) -> "StaticTokens":
    """The users of a token file. Raises TokenFileError."""
    try:
        text = path.read_text()
    except OSError as error:
        raise TokenFileError(f"token file {path}: {error.strerror}") from error
    users: dict[str, User] = {}
    for number, row in enumerate(csv.reader(text.splitlines(), skipinitialspace=True), 1):
        if not row or row[0].startswith("#"):
            continue
        if len(row) < 3 or not row[0] or not row[1]:
            raise TokenFileError(f'token file {path}, line {number}: want token,user,uid,"groups"')
        groups = [group.strip() for group in row[3].split(",") if group.strip()] if len(row) > 3 else []
        users[row[0]] = User(row[1], (*groups, AUTHENTICATED), row[2])
    return StaticTokens(users)


class StaticTokens:
    """Users by token. `users` may change while the server runs."""

    def __init__(self, users: dict[str, User]) -> None:
        self.users = users

    async def __call__(self, request: Request) -> User | None:
        return self.users.get(bearer(request))
