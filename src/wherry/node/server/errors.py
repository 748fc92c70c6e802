"""Answers that are no success."""

from wherry.aio.http import Response


class Refused(Exception):
    """The request cannot be answered; the message is for whoever asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    def response(self) -> Response:
        return Response(self.status, str(self).encode() + b"\n", "text/plain; charset=utf-8")
