"""OpenAPI v3 documents of paths that are no resource: discovery, version, token keys."""

from typing import Any

Json = dict[str, Any]

META = "io.k8s.apimachinery.pkg.apis.meta.v1."
OBJECTS = ("application/json", "application/vnd.kubernetes.protobuf", "application/yaml")

# Path in the index -> (tag, description, operation, schema or "" for a string, content types)
PATHS: dict[str, tuple[str, str, str, str, tuple[str, ...]]] = {
    ".well-known/openid-configuration": (
        "WellKnown",
        "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
        "getServiceAccountIssuerOpenIDConfiguration",
        "",
        OBJECTS[:1],
    ),
    "api": ("core", "get available API versions", "getCoreAPIVersions", META + "APIVersions", OBJECTS),
    "apis": ("apis", "get available API versions", "getAPIVersions", META + "APIGroupList", OBJECTS),
    "openid/v1/jwks": (
        "openid",
        "get service account issuer OpenID JSON Web Key Set (contains public token verification keys)",
        "getServiceAccountIssuerOpenIDKeyset",
        "",
        ("application/jwk-set+json",),
    ),
    "version": (
        "version",
        "get the version information for this server",
        "getCodeVersion",
        "io.k8s.apimachinery.pkg.version.Info",
        OBJECTS[:1],
    ),
}


def group(path: str) -> str:
    """`apis/apps` for `apis/apps/v1`: every group has a document of its own; the core one is `api`."""
    return path.rpartition("/")[0]


def paths(path: str) -> dict[str, Json]:
    """The paths of one such document: a single GET."""
    if path in PATHS:
        tag, description, operation, schema, types = PATHS[path]
    else:
        tag = path.rpartition("/")[2].partition(".")[0]
        description, operation = "get information of a group", f"get{tag[:1].upper()}{tag[1:]}APIGroup"
        schema, types = META + "APIGroup", OBJECTS
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "string"}}
    answers = {
        "200": {"description": "OK", "content": dict.fromkeys(types, content)},
        "401": {"description": "Unauthorized"},
    }
    get = {"tags": [tag], "description": description, "operationId": operation, "responses": answers}
    return {f"/{path}/": {"get": get}}
