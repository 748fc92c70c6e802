"""What a component may ask of the API server.

Objects are plain dicts. A `Kind` (from `wherry.api.kinds`) says where an object lives; `namespace` may be left out
where the object carries it. Every failure is an `ApiError` built from the server's Status, by reason:

    ApiError
    ├── NotFound (404)           ├── Invalid (422)
    ├── Conflict (409)           ├── Forbidden (403)
    ├── AlreadyExists (409)      ├── Unauthorized (401)
    ├── Gone (410): the resource version is too old, list again
    ├── TooManyRequests (429): `retry_after` seconds
    └── Unreachable: no answer (refused, reset, timed out); retry later
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from wherry.api import Obj
from wherry.api.kinds import Kind

PatchType = Literal["json", "merge", "strategic", "apply"]


class ApiError(Exception):
    """The server's answer, or the lack of one. `status` is the Status object (empty when unreachable)."""

    def __init__(self, message: str, code: int = 0, reason: str = "", status: Obj | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.status = code, reason, status or {}

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later without anyone changing it."""
        return self.code in (0, 429, 500, 502, 503, 504)


class NotFound(ApiError): ...


class Conflict(ApiError): ...


class AlreadyExists(Conflict): ...


class Invalid(ApiError): ...


class Forbidden(ApiError): ...


class Unauthorized(ApiError): ...


class Gone(ApiError): ...


class TooManyRequests(ApiError):
    retry_after: float = 1.0


class Unreachable(ApiError): ...


@dataclass(slots=True)
class ObjectList:
    """Part of a collection; `resource_version` is where a watch continues, `continue_token` where the next part
    starts (empty: this was the last)."""

    items: list[Obj]
    resource_version: str
    continue_token: str = ""


@dataclass(slots=True)
class Event:
    """One watch event. BOOKMARK carries only a resource version."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: Obj


@dataclass(slots=True)
class RawResponse:
    status: int
    headers: dict[str, str]
    body: bytes


class Client(Protocol):
    """Typed verbs over one server. All raise ApiError."""

    async def get(
        self, kind: Kind, name: str, namespace: str | None = None, *, subresource: str | None = None
    ) -> Obj: ...

    async def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
    ) -> ObjectList: ...

    async def create(
        self,
        kind: Kind,
        obj: Obj,
        namespace: str | None = None,
        *,
        name: str = "",
        subresource: str | None = None,
    ) -> Obj:
        """`name` is needed with a sub-resource (`eviction`, `binding`, `token`)."""

    async def update(self, kind: Kind, obj: Obj, *, subresource: str | None = None) -> Obj:
        """Replace; a resourceVersion in the object makes it conditional (Conflict)."""

    async def patch(
        self,
        kind: Kind,
        name: str,
        namespace: str | None,
        patch: Any,
        *,
        type: PatchType = "merge",
        subresource: str | None = None,
        field_manager: str = "",
        force: bool = False,
    ) -> Obj: ...

    async def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str | None = None,
        *,
        grace_period: int | None = None,
        propagation: str | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> Obj:
        """`uid` and `resource_version` are preconditions (Conflict)."""

    async def delete_collection(
        self, kind: Kind, namespace: str | None = None, *, label_selector: str = ""
    ) -> None: ...

    def watch(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        bookmarks: bool = True,
        timeout: int = 0,
    ) -> AsyncGenerator[Event, None]:
        """Ends when the server ends it, at the latest after `timeout` seconds (0: the server decides). Raises Gone
        when the version is too old. `informer` reconnects. Close with `aclose` what is not read to its end."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "",
    ) -> RawResponse:
        """Any path, nothing interpreted and no error raised for a status."""

    def stream(self, path: str, *, query: dict[str, str] | None = None) -> AsyncGenerator[bytes, None]:
        """GET a body that is read as it comes (followed logs). Raises the Status's error before the first item."""

    async def close(self) -> None: ...
