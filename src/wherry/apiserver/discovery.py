"""Discovery: which groups, versions and resources there are, in the plain form and in the aggregated one of v2."""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from wherry.aio.http.messages import Response
from wherry.api import Obj, errors
from wherry.api.kinds import Kind
from wherry.apiserver import negotiation
from wherry.apiserver.core import Api, Call
from wherry.apiserver.registry import forms

AGGREGATED = ("apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList")
CHANGE = ("get", "patch", "update")
ANY = ("create", "delete", "get", "patch", "update")


@dataclass(frozen=True, slots=True)
class Subresource:
    """Its verbs, and its kind where that is not the parent's ({} stands for the parent's name)."""

    verbs: tuple[str, ...] = CHANGE
    kind: str = ""
    group: str = ""
    version: str = ""


PARENTS_OWN = Subresource()
SUBRESOURCES = {
    "attach": Subresource(("create", "get"), "PodAttachOptions"),
    "binding": Subresource(("create",), "Binding"),
    "eviction": Subresource(("create",), "Eviction", "policy", "v1"),
    "exec": Subresource(("create", "get"), "PodExecOptions"),
    "finalize": Subresource(("update",)),
    "log": Subresource(("get",)),
    "portforward": Subresource(("create", "get"), "PodPortForwardOptions"),
    "proxy": Subresource(ANY, "{}ProxyOptions"),
    "scale": Subresource(CHANGE, "Scale", "autoscaling", "v1"),
    "token": Subresource(("create",), "TokenRequest", "authentication.k8s.io", "v1"),
}

# Kinds that upstream stores as another version than the one it serves; clients compare the hash, so it must be that.
_STORED_AS = {
    "MutatingAdmissionPolicy": "v1beta1",
    "MutatingAdmissionPolicyBinding": "v1beta1",
    "CustomResourceDefinition": "v1beta1",
}


def _versions(kinds: Iterable[Kind]) -> dict[str, list[str]]:
    """Group -> versions, in the order of the kinds table."""
    found: dict[str, list[str]] = {}
    for kind in kinds:
        versions = found.setdefault(kind.group, [])
        if kind.version not in versions:
            versions.append(kind.version)
    return found


async def core_versions(api: Api, call: Call) -> Response:
    if aggregated := _aggregated(call, lambda: [_aggregated_group(api, "", ["v1"])]):
        return aggregated
    address = f"{api.settings.advertise_address}:{api.settings.port}"
    body = {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }
    return _plain(call, body)


async def groups(api: Api, call: Call) -> Response:
    versions = {name: found for name, found in _versions(api.kinds).items() if name}
    if aggregated := _aggregated(call, lambda: [_aggregated_group(api, *each) for each in versions.items()]):
        return aggregated
    found = [_group(*each) for each in versions.items()]
    return _plain(call, {"kind": "APIGroupList", "apiVersion": "v1", "groups": found})


async def group_or_version(api: Api, call: Call) -> Response:
    """`/apis/G`, `/apis/G/V` and `/api/V`."""
    parts = [part for part in call.target.path.split("/") if part]
    versions = _versions(api.kinds)
    if parts[0] == "apis" and len(parts) == 2:
        if parts[1] not in versions:
            return not_found()
        return _plain(call, {"kind": "APIGroup", "apiVersion": "v1", **_group(parts[1], versions[parts[1]])})
    group, version = (parts[1], parts[2]) if parts[0] == "apis" else ("", parts[1])
    if version not in versions.get(group, []):
        raise errors.no_such_path()
    group_version = f"{group}/{version}" if group else version
    rows = [row for kind in _sorted(api.kinds, group, version) for row in _rows(kind)]
    body: Obj = {"kind": "APIResourceList", "groupVersion": group_version, "resources": rows}
    return _plain(call, {"apiVersion": "v1", **body} if group else body)


def not_found() -> Response:
    headers = [("X-Content-Type-Options", "nosniff")]
    return Response(404, b"404 page not found\n", "text/plain; charset=utf-8", headers)


def _plain(call: Call, body: Obj) -> Response:
    return forms.document(body, negotiation.accept(call.request.headers.get("Accept")))


def _sorted(kinds: Iterable[Kind], group: str, version: str) -> list[Kind]:
    found = (kind for kind in kinds if (kind.group, kind.version) == (group, version))
    return sorted(found, key=lambda kind: kind.plural)


def _group(name: str, versions: list[str]) -> Obj:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _rows(kind: Kind) -> Iterator[Obj]:
    row: Obj = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
        **_names(kind),
    }
    if "watch" in kind.verbs:
        row["storageVersionHash"] = storage_version_hash(kind)
    yield row
    for name in kind.subresources:
        found = SUBRESOURCES.get(name, PARENTS_OWN)
        row = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced}
        if found.group:
            row |= {"group": found.group, "version": found.version}
        yield row | {"kind": _kind_name(kind, found), "verbs": list(found.verbs)}


def _names(kind: Kind) -> Obj:
    names = {"shortNames": list(kind.short_names), "categories": list(kind.categories)}
    return {key: value for key, value in names.items() if value}


def _kind_name(parent: Kind, found: Subresource) -> str:
    return found.kind.format(parent.kind) if found.kind else parent.kind


def storage_version_hash(kind: Kind) -> str:
    """Which version objects are stored as, for clients that migrate them."""
    stored = kind.stored or kind
    version = _STORED_AS.get(stored.kind, stored.version)
    digest = hashlib.sha256(f"{stored.group}/{version}/{stored.kind}".encode()).digest()
    return b64encode(digest[:8]).decode()


def _aggregated_group(api: Api, name: str, versions: list[str]) -> Obj:
    listed = [
        {
            "version": version,
            "resources": [_aggregated_row(kind) for kind in _sorted(api.kinds, name, version)],
            "freshness": "Current",
        }
        for version in versions
    ]
    return {"metadata": {"name": name} if name else {}, "versions": listed}


def _aggregated_row(kind: Kind) -> Obj:
    row: Obj = {
        "resource": kind.plural,
        "responseKind": {"group": "", "version": "", "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
        **_names(kind),
    }
    below = []
    for name in kind.subresources:
        found = SUBRESOURCES.get(name, PARENTS_OWN)
        response = {"group": found.group, "version": found.version, "kind": _kind_name(kind, found)}
        below.append({"subresource": name, "responseKind": response, "verbs": list(found.verbs)})
    if below:
        row["subresources"] = below
    return row


def _aggregated(call: Call, items: Callable[[], list[Obj]]) -> Response | None:
    """The aggregated document, if that is what the client would rather have. It carries an ETag: clients keep it."""
    accepted = negotiation.accept_document(call.request.headers.get("Accept"), AGGREGATED)
    if accepted is None:
        return None
    group, version, kind = AGGREGATED
    body = {"kind": kind, "apiVersion": f"{group}/{version}", "metadata": {}, "items": items()}
    response = forms.document(body, accepted)
    assert isinstance(response.body, bytes)
    etag = f'"{hashlib.sha512(response.body).hexdigest().upper()}"'
    response.headers = [("Etag", etag), ("Vary", "Accept")]
    response.content_type = f"{response.content_type};g={group};v={version};as={kind}"
    if call.request.headers.get("If-None-Match") == etag:
        return Response(304, b"", response.content_type, response.headers)
    return response
