"""An answer's Status -> the error that is raised."""

import orjson

from wherry.api import Obj
from wherry.client.interface import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    TooManyRequests,
    Unauthorized,
)

BY_REASON: dict[str, type[ApiError]] = {
    "AlreadyExists": AlreadyExists,
    "Conflict": Conflict,
    "Expired": Gone,
    "Forbidden": Forbidden,
    "Gone": Gone,
    "Invalid": Invalid,
    "NotFound": NotFound,
    "TooManyRequests": TooManyRequests,
    "Unauthorized": Unauthorized,
}
BY_CODE: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def from_status(status: Obj, code: int = 0) -> ApiError:
    """The error for a Status object; `code` stands in when it has none."""
    reason = str(status.get("reason") or "")
    code = int(status.get("code") or code)
    message = str(status.get("message") or f"the server answered {code}")
    kind = BY_REASON.get(reason) or BY_CODE.get(code, ApiError)
    error = kind(message, code, reason, status)
    if isinstance(error, TooManyRequests):
        error.retry_after = float((status.get("details") or {}).get("retryAfterSeconds") or 1.0)
    return error


def from_answer(code: int, body: bytes) -> ApiError:
    """The error for an answer of 400 and above, whatever its body is."""
    try:
        status = orjson.loads(body)
    except orjson.JSONDecodeError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return from_status(status, code)
    text = body[:500].decode(errors="replace").strip()
    return from_status({"message": text} if text else {}, code)
