"""What the API answers when it refuses: Status bodies and the field errors behind Invalid, in upstream's words.

    raise errors.not_found(kinds.POD, "web-0")
    raise errors.invalid(kinds.POD, "web-0", [errors.required("spec.containers")])

`StatusError.status()` is the body, `.code` the HTTP status. Field paths are text: `spec.containers[0].name`.
Source: apimachinery, api/errors and util/validation/field.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from wherry.api import Obj
from wherry.api.kinds import Kind

OMITTED = "<value omitted>"

_TITLES = {
    "FieldValueNotFound": "Not found",
    "FieldValueRequired": "Required value",
    "FieldValueDuplicate": "Duplicate value",
    "FieldValueInvalid": "Invalid value",
    "FieldValueNotSupported": "Unsupported value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueTooLong": "Too long",
    "FieldValueTooMany": "Too many",
    "FieldValueTooFew": "Too few",
    "FieldValueTooShort": "Too short",
    "FieldValueTypeInvalid": "Invalid value",
    "InternalError": "Internal error",
}
_WITHOUT_VALUE = {
    "FieldValueRequired",
    "FieldValueForbidden",
    "FieldValueTooLong",
    "FieldValueTooShort",
    "InternalError",
}


class StatusError(Exception):
    """An answer other than success. `details` as in metav1.Status; None leaves it out."""

    def __init__(self, code: int, reason: str, message: str, details: Obj | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details

    def status(self) -> Obj:
        """The response body."""
        body: Obj = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body["message"] = self.message
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        return body | {"code": self.code}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field. `type` is the cause's reason; `value` is shown by the types that show it."""

    type: str
    field: str
    value: Any = ""
    detail: str = ""

    @property
    def body(self) -> str:
        """The message without the field."""
        text = _TITLES[self.type]
        if self.type not in _WITHOUT_VALUE and self.value is not OMITTED:
            text += f": {show(self.value)}"
        return f"{text}: {self.detail}" if self.detail else text

    def __str__(self) -> str:
        return f"{self.field}: {self.body}"

    def cause(self) -> Obj:
        """The entry in an Invalid status's details."""
        return {"reason": self.type, "message": self.body, "field": self.field}


def show(value: Any) -> str:
    """A value as messages print it: text quoted as in Go, anything else as JSON."""
    if isinstance(value, str):
        return quote(value)
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for char, escape in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        text = text.replace(char, escape)
    return text


_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_ESCAPES |= {'"': '\\"', "\\": "\\\\"}


def quote(text: str) -> str:
    """Go's %q."""
    return '"' + "".join(map(_escape, text)) + '"'


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


# Field errors


def invalid_value(field: str, value: Any, detail: str) -> FieldError:
    return FieldError("FieldValueInvalid", field, value, detail)


def required(field: str, detail: str = "") -> FieldError:
    return FieldError("FieldValueRequired", field, "", detail)


def duplicate(field: str, value: Any) -> FieldError:
    return FieldError("FieldValueDuplicate", field, value)


def forbidden_field(field: str, detail: str) -> FieldError:
    return FieldError("FieldValueForbidden", field, "", detail)


def not_found_field(field: str, value: Any) -> FieldError:
    return FieldError("FieldValueNotFound", field, value)


def unsupported(field: str, value: Any, supported: Iterable[str]) -> FieldError:
    """A value outside an enumeration; the supported ones are listed in the order given."""
    listed = ", ".join(map(quote, supported))
    return FieldError("FieldValueNotSupported", field, value, f"supported values: {listed}" if listed else "")


def too_long(field: str, limit: int, unit: str = "byte") -> FieldError:
    return FieldError("FieldValueTooLong", field, OMITTED, f"may not be more than {_count(limit, unit)}")


def too_short(field: str, limit: int) -> FieldError:
    return FieldError("FieldValueTooShort", field, OMITTED, f"must be at least {_count(limit, 'character')}")


def too_many(field: str, actual: int, limit: int) -> FieldError:
    return FieldError("FieldValueTooMany", field, actual, f"must have at most {_count(limit, 'item')}")


def too_few(field: str, actual: int, limit: int) -> FieldError:
    return FieldError("FieldValueTooFew", field, actual, f"must have at least {_count(limit, 'item')}")


def internal_field(field: str, detail: str) -> FieldError:
    return FieldError("InternalError", field, "", detail)


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


def aggregate(messages: Iterable[str]) -> str:
    """Several messages as one: `[a, b]`, each once; a single one stands alone."""
    distinct = list(dict.fromkeys(messages))
    return distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]"


# Statuses


def _details(kind: Kind | None, name: str = "", **more: Any) -> Obj:
    details: Obj = {"name": name, "group": kind.group if kind else "", "kind": kind.plural if kind else ""} | more
    return {key: value for key, value in details.items() if value not in ("", None, 0)}


def not_found(kind: Kind, name: str) -> StatusError:
    return StatusError(404, "NotFound", f"{kind.resource} {quote(name)} not found", _details(kind, name))


def no_such_path() -> StatusError:
    """A path or resource that the server does not have."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(kind: Kind, name: str, prefix: str = "") -> StatusError:
    message = f"{prefix}{kind.resource} {quote(name)} already exists"
    return StatusError(409, "AlreadyExists", message, _details(kind, name))


def name_not_generated(kind: Kind, name: str) -> StatusError:
    """No free name was found for a generateName."""
    why = "the server was not able to generate a unique name for the object"
    message = f"{kind.resource} {quote(name)} already exists, {why}"
    return StatusError(409, "AlreadyExists", message, _details(kind, name, retryAfterSeconds=1))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(kind: Kind, name: str, why: str = MODIFIED) -> StatusError:
    message = f"Operation cannot be fulfilled on {kind.resource} {quote(name)}: {why}"
    return StatusError(409, "Conflict", message, _details(kind, name))


def apply_conflict(message: str, causes: Sequence[Obj]) -> StatusError:
    """Another manager owns what was applied."""
    return StatusError(409, "Conflict", message, {"causes": list(causes)})


def invalid(kind: Kind, name: str, errors: Sequence[FieldError]) -> StatusError:
    """Everything that is wrong with an object at once."""
    title = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    message = f"{title} {quote(name)} is invalid"
    if errors:
        message += f": {aggregate(map(str, errors))}"
    details = {"name": name, "group": kind.group, "kind": kind.kind, "causes": [error.cause() for error in errors]}
    return StatusError(422, "Invalid", message, {key: value for key, value in details.items() if value})


def forbidden(kind: Kind | None, name: str, why: str) -> StatusError:
    target = f"{kind.resource} {quote(name)} is " if kind and name else f"{kind.resource} is " if kind else ""
    return StatusError(403, "Forbidden", f"{target}forbidden: {why}", _details(kind, name))


def unauthorized(message: str = "Unauthorized") -> StatusError:
    return StatusError(401, "Unauthorized", message)


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def undecodable(kind: Kind, why: str) -> StatusError:
    """A body that is not an object of its kind."""
    message = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}'
    return bad_request(message)


def method_not_allowed(kind: Kind | None = None) -> StatusError:
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, _details(kind))


def not_supported(kind: Kind, action: str) -> StatusError:
    message = f'{action} is not supported on resources of kind "{kind.resource}"'
    return StatusError(405, "MethodNotAllowed", message, _details(kind))


def expired(message: str) -> StatusError:
    """History that is gone: start again from a list."""
    return StatusError(410, "Expired", message)


def gone(message: str) -> StatusError:
    return StatusError(410, "Gone", message)


def too_large(message: str) -> StatusError:
    return StatusError(413, "RequestEntityTooLarge", f"Request entity too large: {message}")


def unsupported_media_type(message: str) -> StatusError:
    return StatusError(415, "UnsupportedMediaType", message)


def not_acceptable(message: str) -> StatusError:
    return StatusError(406, "NotAcceptable", message)


def too_many_requests(message: str, retry_after: int = 1) -> StatusError:
    return StatusError(429, "TooManyRequests", message, {"retryAfterSeconds": retry_after})


def internal(why: str) -> StatusError:
    return StatusError(500, "InternalError", f"Internal error occurred: {why}", {"causes": [{"message": why}]})


def server_timeout(kind: Kind, operation: str, retry_after: int = 0) -> StatusError:
    message = (
        f"The {operation} operation against {kind.resource} could not be completed at this time, please try again."
    )
    return StatusError(500, "ServerTimeout", message, _details(kind, operation, retryAfterSeconds=retry_after))


def service_unavailable(why: str) -> StatusError:
    return StatusError(503, "ServiceUnavailable", why)


def timeout(message: str, retry_after: int = 0) -> StatusError:
    details = {"retryAfterSeconds": retry_after} if retry_after else {}
    return StatusError(504, "Timeout", f"Timeout: {message}", details)
