"""Sub-resources: what follows an object's name in a path. `SUBRESOURCES` is the one list."""

from collections.abc import Awaitable, Callable

from wherry.aio.http.messages import Response, Upgrade
from wherry.api import errors
from wherry.api.kinds import Kind
from wherry.apiserver.core import Api, Call
from wherry.apiserver.registry import reading, updating
from wherry.apiserver.subresources import binding, eviction, proxy, scale, streams, token

Verb = Callable[[Api, Call], Awaitable[Response | Upgrade]]

_OF_OBJECT: dict[str, Verb] = {"get": reading.get, "update": updating.update, "patch": updating.patch}

# Sub-resource -> verb -> what answers.
SUBRESOURCES: dict[str, dict[str, Verb]] = {
    "status": _OF_OBJECT,
    "scale": {"get": scale.get, "update": scale.update, "patch": scale.patch},
    "token": {"create": token.create},
    "binding": {"create": binding.create},
    "eviction": {"create": eviction.create},
    "log": {"get": streams.log},
    "exec": {"get": streams.execute, "create": streams.execute},
    "attach": {"get": streams.attach, "create": streams.attach},
    "portforward": {"get": streams.portforward, "create": streams.portforward},
    "proxy": dict.fromkeys(("get", "create", "update", "patch", "delete", "options", "head"), proxy.proxy),
    "finalize": {"update": updating.update},
    "approval": _OF_OBJECT,
    "ephemeralcontainers": _OF_OBJECT,
    "resize": _OF_OBJECT,
}


def find(kind: Kind, call: Call) -> Verb:
    """The function that answers. Raises StatusError (404, 405)."""
    verbs = SUBRESOURCES.get(call.target.subresource)
    if verbs is None or call.target.subresource not in kind.subresources:
        raise errors.no_such_path()
    verb = verbs.get(call.target.verb)
    if verb is None:
        raise errors.method_not_allowed()
    return verb
