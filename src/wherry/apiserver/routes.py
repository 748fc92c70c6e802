"""A request's path and method -> what is asked for.

The grammar is apiserver's RequestInfo: `/api/v1/namespaces/NS/pods/NAME/log`, `/apis/GROUP/VERSION/...`, the old
`/api/v1/watch/...` prefix, and everything else, which is no resource (health, documents, metrics).
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from wherry.api.kinds import Kind, Registry

_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_LONG_VERBS = ("watch", "proxy")
_LONG_SUBRESOURCES = ("attach", "exec", "proxy", "log", "portforward")
_NAMESPACE_SUBRESOURCES = {"status", "finalize"}


@dataclass(slots=True)
class Target:
    """What a request is about. `kind` is None for paths that are no resource, or no resource of this server.

    `verb`: get, list, watch, create, update, patch, delete, deletecollection; for other paths the method in small
    letters. `rest`: what follows the sub-resource (`.../proxy/a/b`).
    """

    verb: str
    path: str
    is_resource: bool = False
    group: str = ""
    version: str = ""
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    kind: Kind | None = None

    @property
    def resource(self) -> str:
        """`pods`, `deployments.apps`: as messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


class Query(dict[str, str]):
    """Query parameters, the first value of each; `all` has the repeated ones."""

    __slots__ = ("pairs",)

    def __init__(self, raw: str) -> None:
        self.pairs = parse_qsl(raw, keep_blank_values=True) if raw else []
        super().__init__(reversed(self.pairs))

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]


def is_true(text: str) -> bool:
    """A boolean query parameter: present means true unless it says otherwise (apimachinery's conversion)."""
    return text.lower() not in ("false", "0")


def resolve(method: str, path: str, query: Query, kinds: Registry) -> Target:
    """What `method` on `path` asks for."""
    parts = [part for part in path.split("/") if part] if "//" not in path or "/proxy/" in path else []
    if len(parts) >= 3 and parts[0] == "api":
        return _resource(method, path, "", parts[1:], query, kinds)
    if len(parts) >= 4 and parts[0] == "apis":
        return _resource(method, path, parts[1], parts[2:], query, kinds)
    return Target(method.lower(), path)


def is_long_running(target: Target) -> bool:
    """Whether a request may go on for as long as its client likes (apiserver's LongRunningRequestCheck)."""
    return target.verb in _LONG_VERBS or target.subresource in _LONG_SUBRESOURCES


def _resource(method: str, path: str, group: str, parts: list[str], query: Query, kinds: Registry) -> Target:
    target = Target(_VERBS.get(method, method.lower()), path, True, group, parts[0])
    parts = parts[1:]
    watching = parts[0] == "watch"
    if watching:
        parts = parts[1:]
    if len(parts) >= 2 and parts[0] == "namespaces":
        target.namespace = parts[1]
        if len(parts) > 2 and (parts[2] not in _NAMESPACE_SUBRESOURCES or group):
            parts = parts[2:]
    target.plural, target.name, target.subresource = (*parts[:3], "", "", "")[:3]
    target.rest = _after_subresource(path, parts)
    target.kind = kinds.by_path(group, target.version, target.plural)
    if target.plural == "namespaces" and not group and target.name:
        target.namespace = target.name
    if watching:
        target.verb = "watch"
    elif not target.name:
        _of_collection(target, query)
    return target


def _of_collection(target: Target, query: Query) -> None:
    if target.verb == "get":
        target.verb = "watch" if "watch" in query and is_true(query["watch"]) else "list"
    elif target.verb == "delete":
        target.verb = "deletecollection"


def _after_subresource(path: str, parts: list[str]) -> str:
    """The rest of a proxied path exactly as it was sent, slashes included."""
    if len(parts) < 4 and not (len(parts) == 3 and path.endswith("/")):
        return ""
    marker = f"/{parts[1]}/{parts[2]}/"
    return path.partition(marker)[2]
