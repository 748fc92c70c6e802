"""Paths that are no resource: health, version, discovery, OpenAPI, keys, metrics."""

from collections.abc import Awaitable, Callable
from functools import lru_cache

import orjson

from wherry.aio.http.messages import Response, Upgrade
from wherry.api import errors, openapi
from wherry.apiserver import discovery, health, metrics, negotiation
from wherry.apiserver.core import Api, Call

Verb = Callable[[Api, Call], Awaitable[Response | Upgrade]]
TEXT = "text/plain; charset=utf-8"
# OpenAPI v2 in protobuf; clients of before 2023 ask for the second, which is no proper media type.
OPENAPI_V2 = (
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
)

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


async def openapi_v2(api: Api, call: Call) -> Response:
    accepts = call.request.headers.get("Accept")
    if any(each in accepts for each in OPENAPI_V2):
        return Response(200, _v2_protobuf(openapi.v2(api.kinds)), OPENAPI_V2[0])
    if accepts and not any(each in accepts for each in ("json", "*/*", "application/*")):
        raise errors.not_acceptable(f"only the following media types are accepted: {negotiation.JSON}")
    return Response(200, openapi.v2(api.kinds))


@lru_cache(1)
def _v2_protobuf(document: bytes) -> bytes:
    """Go's clients prefer this form, which they decode faster."""
    from wherry.wire.protobuf.openapi import encode  # most servers never need it

    return encode(orjson.loads(document))


async def openapi_v3(api: Api, call: Call) -> Response:
    path = call.target.path.removeprefix("/openapi/v3").strip("/")
    if not path:
        return Response(200, openapi.v3_index(api.kinds), TEXT)
    found = openapi.v3(api.kinds, path)
    return Response(200, found) if found else Response(404, b"", "")


async def not_found(api: Api, call: Call) -> Response:
    return discovery.not_found()


async def wrong_method(api: Api, call: Call) -> Response:
    raise errors.method_not_allowed()


PATHS: dict[str, Verb] = {
    "/version": version,
    "/openid/v1/jwks": keys,
    "/.well-known/openid-configuration": openid,
    "/openapi/v2": openapi_v2,
    "/metrics": metrics.answer,
    "/api": discovery.core_versions,
    "/apis": discovery.groups,
}
ONLY_GET = ("/api", "/apis", "/version", "/openid/v1/jwks", "/.well-known/openid-configuration", "/openapi/v2")


def find(call: Call) -> Verb:
    """What answers a path that is no resource."""
    path = call.target.path.rstrip("/")
    parts = path.split("/")
    if path in ONLY_GET and call.request.method != "GET":
        return wrong_method
    if path in PATHS:
        return PATHS[path]
    if health.concerns(path):
        return health.answer
    if path.startswith("/openapi/v3"):
        return openapi_v3
    if parts[1:2] in (["api"], ["apis"]):
        return discovery.group_or_version
    return not_found


def find_in_group(api: Api, call: Call) -> Verb:
    """A resource path of a kind that the server does not have."""
    group = call.target.group
    if all(kind.group != group for kind in api.kinds):
        return not_found
    raise errors.no_such_path()
