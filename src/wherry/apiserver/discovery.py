"""Discovery: which groups, versions and resources there are. Plain documents, and the aggregated form of v2."""

from collections.abc import Iterable

import orjson

from wherry.aio.http.messages import Response
from wherry.api import Obj, errors
from wherry.api.kinds import Kind
from wherry.apiserver.core import Api, Call


def _versions(kinds: Iterable[Kind]) -> dict[str, list[str]]:
    """Group -> versions, in the order of the kinds table."""
    found: dict[str, list[str]] = {}
    for kind in kinds:
        versions = found.setdefault(kind.group, [])
        if kind.version not in versions:
            versions.append(kind.version)
    return found


async def core_versions(api: Api, call: Call) -> Response:
    address = f"{api.settings.advertise_address}:{api.settings.port}"
    body = {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }
    return Response(200, orjson.dumps(body))


def _group(name: str, versions: list[str]) -> Obj:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


async def groups(api: Api, call: Call) -> Response:
    found = [_group(name, versions) for name, versions in _versions(api.kinds).items() if name]
    return Response(200, orjson.dumps({"kind": "APIGroupList", "apiVersion": "v1", "groups": found}))


async def group_or_version(api: Api, call: Call) -> Response:
    """`/apis/G`, `/apis/G/V` and `/api/V`."""
    parts = [part for part in call.target.path.split("/") if part]
    versions = _versions(api.kinds)
    if parts[0] == "apis" and len(parts) == 2:
        if parts[1] not in versions:
            return Response(404, b"404 page not found\n", "text/plain; charset=utf-8")
        body = {"kind": "APIGroup", "apiVersion": "v1", **_group(parts[1], versions[parts[1]])}
        return Response(200, orjson.dumps(body))
    group, version = (parts[1], parts[2]) if parts[0] == "apis" else ("", parts[1])
    if version not in versions.get(group, []):
        raise errors.no_such_path()
    return Response(200, orjson.dumps(_resources(api, group, version)))


def _resources(api: Api, group: str, version: str) -> Obj:
    rows: list[Obj] = []
    for kind in api.kinds:
        if (kind.group, kind.version) == (group, version):
            rows.append(_row(kind))
            rows += [_subresource_row(kind, name) for name in kind.subresources]
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "groupVersion": group_version, "resources": rows}


def _row(kind: Kind) -> Obj:
    row: Obj = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        row["shortNames"] = list(kind.short_names)
    if kind.categories:
        row["categories"] = list(kind.categories)
    return row


def _subresource_row(kind: Kind, name: str) -> Obj:
    return {
        "name": f"{kind.plural}/{name}",
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": ["get", "patch", "update"],
    }
