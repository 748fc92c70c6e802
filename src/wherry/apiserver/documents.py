"""Paths that are no resource: health, version, discovery, OpenAPI, keys, metrics."""

from collections.abc import Awaitable, Callable

import orjson

from wherry.aio.http.messages import Response, Upgrade
from wherry.api import errors
from wherry.apiserver import discovery
from wherry.apiserver.core import Api, Call

Verb = Callable[[Api, Call], Awaitable[Response | Upgrade]]
TEXT = "text/plain; charset=utf-8"

VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2+wherry",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "cpython",
    "platform": "linux/amd64",
}


async def version(api: Api, call: Call) -> Response:
    return Response(200, orjson.dumps(VERSION, option=orjson.OPT_INDENT_2))


async def health(api: Api, call: Call) -> Response:
    return Response(200, b"ok", TEXT, [("X-Content-Type-Options", "nosniff")])


async def keys(api: Api, call: Call) -> Response:
    return Response(200, orjson.dumps(api.accounts.signer.jwks()), "application/jwk-set+json")


async def openid(api: Api, call: Call) -> Response:
    body = {
        "issuer": api.settings.issuer,
        "jwks_uri": f"https://{api.settings.advertise_address}:{api.settings.port}/openid/v1/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }
    return Response(200, orjson.dumps(body))


async def not_found(api: Api, call: Call) -> Response:
    return Response(404, b"404 page not found\n", TEXT, [("X-Content-Type-Options", "nosniff")])


PATHS: dict[str, Verb] = {
    "/version": version,
    "/openid/v1/jwks": keys,
    "/.well-known/openid-configuration": openid,
    "/healthz": health,
    "/livez": health,
    "/readyz": health,
    "/api": discovery.core_versions,
    "/apis": discovery.groups,
}


def find(call: Call) -> Verb:
    """What answers a path that is no resource."""
    path = call.target.path.rstrip("/")
    parts = path.split("/")
    if path in PATHS:
        return PATHS[path]
    if parts[1:2] in (["api"], ["apis"]):
        return discovery.group_or_version
    return not_found


def find_in_group(call: Call) -> Verb:
    """A resource path of a kind that the server does not have."""
    raise errors.no_such_path()
