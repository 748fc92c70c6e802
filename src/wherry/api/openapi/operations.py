"""Paths and operations of the API, from the kinds table.

kubectl reads from here which operations take `fieldValidation`; code generators read everything.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wherry.api import schema
from wherry.api.kinds import Kind
from wherry.api.openapi.components import META_PREFIX, Dialect

Json = dict[str, Any]

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
PRODUCED = (JSON, PROTOBUF, YAML)
STREAMED = (JSON, f"{JSON};stream=watch", PROTOBUF, f"{PROTOBUF};stream=watch", YAML)
PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: str
    description: str
    place: str = "query"

    def show(self, dialect: Dialect) -> Json:
        out: Json = {"name": self.name, "in": self.place, "description": self.description}
        if self.place == "path":
            out["required"] = True
        kind = {"type": self.type, "uniqueItems": True}
        return out | ({"schema": kind} if dialect.modern else kind)


def _query(name: str, type: str, description: str) -> Parameter:
    return Parameter(name, type, description)


DRY_RUN = _query("dryRun", "string", "All: go through every stage of the request without storing anything.")
MANAGER = _query("fieldManager", "string", "The name under which the fields that this request sets are managed.")
VALIDATION = _query(
    "fieldValidation", "string", "What to do about unknown and duplicate fields: Ignore, Warn (the default), Strict."
)
FORCE = _query("force", "boolean", "Take over fields that other managers own (apply only).")
PRETTY = _query("pretty", "string", "If true, the answer is indented.")

WRITE = (DRY_RUN, MANAGER, VALIDATION)
LIST = (
    _query("allowWatchBookmarks", "boolean", "Send bookmark events now and then, which tell how far the watch is."),
    _query("continue", "string", "The token of a list's previous part."),
    _query("fieldSelector", "string", "Only objects whose fields match."),
    _query("labelSelector", "string", "Only objects whose labels match."),
    _query("limit", "integer", "At most so many objects; the rest follow with continue."),
    PRETTY,
    _query("resourceVersion", "string", "The version that the answer must show, or at least show."),
    _query("resourceVersionMatch", "string", "Exact or NotOlderThan."),
    _query("sendInitialEvents", "boolean", "Begin a watch with the objects that exist now."),
    _query("timeoutSeconds", "integer", "End the request after this time."),
    _query("watch", "boolean", "Send changes as they happen."),
)
DELETE = (
    DRY_RUN,
    _query("gracePeriodSeconds", "integer", "Seconds that the object may take to stop; zero deletes at once."),
    _query(
        "ignoreStoreReadErrorWithClusterBreakingPotential", "boolean", "Delete an object that can no longer be read."
    ),
    _query("orphanDependents", "boolean", "Deprecated: see propagationPolicy."),
    _query("propagationPolicy", "string", "What happens to dependents: Orphan, Background or Foreground."),
)
NAME = Parameter("name", "string", "The object's name", "path")
NAMESPACE = Parameter("namespace", "string", "The object's namespace", "path")
PATH = Parameter("path", "string", "The path at the target", "path")


@dataclass(frozen=True, slots=True)
class Subresource:
    """What a sub-resource exchanges (a definition, or "" for the object's own type) and which methods it has."""

    type: str
    methods: tuple[str, ...]
    gvk: tuple[str, str, str] | None = None


_READ_WRITE = ("get", "put", "patch")
_ANY_METHOD = ("get", "put", "post", "delete", "options", "head", "patch")
SUBRESOURCES: Mapping[str, Subresource] = {
    "status": Subresource("", _READ_WRITE),
    "approval": Subresource("", _READ_WRITE),
    "resize": Subresource("", _READ_WRITE),
    "ephemeralcontainers": Subresource("", _READ_WRITE),
    "finalize": Subresource("", ("put",)),
    "scale": Subresource("io.k8s.api.autoscaling.v1.Scale", _READ_WRITE, ("autoscaling", "v1", "Scale")),
    "binding": Subresource("io.k8s.api.core.v1.Binding", ("post",), ("", "v1", "Binding")),
    "eviction": Subresource("io.k8s.api.policy.v1.Eviction", ("post",), ("policy", "v1", "Eviction")),
    "token": Subresource(
        "io.k8s.api.authentication.v1.TokenRequest", ("post",), ("authentication.k8s.io", "v1", "TokenRequest")
    ),
    "log": Subresource("text", ("get",)),
    "exec": Subresource("text", ("get", "post"), ("", "v1", "PodExecOptions")),
    "attach": Subresource("text", ("get", "post"), ("", "v1", "PodAttachOptions")),
    "portforward": Subresource("text", ("get", "post"), ("", "v1", "PodPortForwardOptions")),
    "proxy": Subresource("text", _ANY_METHOD),
}
_ACTIONS = {"get": "read", "put": "replace", "patch": "patch", "post": "create", "delete": "delete"}


def paths(kinds: Iterable[Kind], dialect: Dialect) -> dict[str, Json]:
    """Every path of these kinds, sorted."""
    out: dict[str, Json] = {}
    for kind in kinds:
        maker = _Maker(kind, dialect)
        out.setdefault(f"{kind.prefix}/", maker.resources())
        out.update(maker.paths())
    return dict(sorted(out.items()))


class _Maker:
    """The operations of one kind."""

    def __init__(self, kind: Kind, dialect: Dialect) -> None:
        self._kind, self._dialect = kind, dialect
        found = schema.definitions().kinds.get(f"{kind.api_version}/{kind.kind}")
        self._type = found or META_PREFIX + "Status"
        self._list = schema.definitions().kinds.get(f"{kind.api_version}/{kind.list_kind}") or self._type
        group = (kind.group.partition(".")[0] or "core").replace("-", "")
        self._group = group[:1].upper() + group[1:] + kind.version.capitalize()
        self._tag = f"{group}_{kind.version}"
        self._scope = "Namespaced" if kind.namespaced else ""

    def paths(self) -> Iterator[tuple[str, Json]]:
        kind = self._kind
        namespace = "{namespace}" if kind.namespaced else None
        if kind.namespaced and "list" in kind.verbs:
            listing = self._operation("list", f"list{self._group}{kind.kind}ForAllNamespaces", self._list, STREAMED)
            yield kind.path(), {"get": listing, "parameters": self._shown(LIST)}
        collection = self._collection()
        if collection:
            yield kind.path(namespace), collection
        single = self._single()
        if single:
            yield kind.path(namespace, "{name}"), single
        for name in kind.subresources:
            found = SUBRESOURCES.get(name)
            if found is not None:
                yield kind.path(namespace, "{name}", name), self._subresource(name, found)
                if name == "proxy":
                    yield kind.path(namespace, "{name}", "proxy/{path}"), self._subresource(name, found, "WithPath")

    def resources(self) -> Json:
        """The discovery document of the group version."""
        type_name = META_PREFIX + "APIResourceList"
        operation = self._answered(f"get{self._group}APIResources", "get available resources", type_name, PRODUCED)
        return {"get": operation}

    def _shown(self, parameters: Iterable[Parameter]) -> list[Json]:
        return [parameter.show(self._dialect) for parameter in parameters]

    def _above(self, *more: Parameter) -> list[Json]:
        """The parameters of a path."""
        return self._shown([*more, *([NAMESPACE] if self._kind.namespaced else []), PRETTY])

    def _collection(self) -> Json:
        kind, out = self._kind, {}
        noun = f"{self._group}{self._scope}{kind.kind}"
        if "list" in kind.verbs:
            out["get"] = self._operation("list", f"list{noun}", self._list, STREAMED)
            out["get"]["parameters"] = self._shown(each for each in LIST if each is not PRETTY)
        if "create" in kind.verbs:
            out["post"] = self._write("post", f"create{noun}", self._type, WRITE)
        if "deletecollection" in kind.verbs:
            name = f"delete{self._group}Collection{self._scope}{kind.kind}"
            out["delete"] = self._delete("deletecollection", name, META_PREFIX + "Status", (*DELETE, *LIST[1:5]))
        return {**out, "parameters": self._above()} if out else {}

    def _single(self) -> Json:
        kind, out = self._kind, {}
        noun = f"{self._group}{self._scope}{kind.kind}"
        if "get" in kind.verbs:
            out["get"] = self._operation("get", f"read{noun}", self._type, PRODUCED)
        if "update" in kind.verbs:
            out["put"] = self._write("put", f"replace{noun}", self._type, WRITE)
        if "delete" in kind.verbs:
            out["delete"] = self._delete("delete", f"delete{noun}", META_PREFIX + "Status", DELETE)
        if "patch" in kind.verbs:
            out["patch"] = self._patch(f"patch{noun}", self._type)
        return {**out, "parameters": self._above(NAME)} if out else {}

    def _subresource(self, name: str, found: Subresource, suffix: str = "") -> Json:
        kind = self._kind
        noun = f"{self._group}{self._scope}{kind.kind}{name.capitalize()}{suffix}"
        out: Json = {}
        for method in found.methods:
            if found.type == "text":
                out[method] = self._connect(method, name, noun)
            elif method == "patch":
                out[method] = self._patch(f"patch{noun}", found.type or self._type)
            elif method == "get":
                out[method] = self._operation("get", f"read{noun}", found.type or self._type, PRODUCED)
            else:
                out[method] = self._write(method, f"{_ACTIONS[method]}{noun}", found.type or self._type, WRITE)
            if found.gvk is not None:
                out[method]["x-kubernetes-group-version-kind"] = self._gvk(*found.gvk)
        return {**out, "parameters": self._above(NAME, *([PATH] if suffix else []))}

    def _connect(self, method: str, name: str, noun: str) -> Json:
        if name == "log":
            operation = self._answered(f"read{noun}", f"{name} of the object", "", ("text/plain", *PRODUCED))
            return operation | {"x-kubernetes-action": "get", "x-kubernetes-group-version-kind": self._gvk()}
        noun = f"{self._group}{method.capitalize()}{noun.removeprefix(self._group)}"
        operation = self._answered(f"connect{noun}", f"{name} of the object", "", ("*/*",))
        gvk = self._gvk(self._kind.group, self._kind.version, f"{self._kind.kind}ProxyOptions")
        return operation | {"x-kubernetes-action": "connect", "x-kubernetes-group-version-kind": gvk}

    def _gvk(self, *named: str) -> Json:
        group, version, kind = named or (self._kind.group, self._kind.version, self._kind.kind)
        return {"group": group, "version": version, "kind": kind}

    def _operation(self, action: str, name: str, type_name: str, produced: tuple[str, ...]) -> Json:
        operation = self._answered(name, f"{action} {self._kind.kind}", type_name, produced)
        return operation | {"x-kubernetes-action": action, "x-kubernetes-group-version-kind": self._gvk()}

    def _write(self, action: str, name: str, type_name: str, parameters: Iterable[Parameter]) -> Json:
        operation = self._operation(action, name, type_name, PRODUCED)
        operation["parameters"] = self._shown(parameters)
        self._take(operation, type_name, ("*/*",))
        self._also(operation, type_name, ("201", "202") if action == "post" else ("201",))
        return operation

    def _patch(self, name: str, type_name: str) -> Json:
        operation = self._operation("patch", name, type_name, PRODUCED)
        operation["parameters"] = self._shown((*WRITE, FORCE))
        self._take(operation, META_PREFIX + "Patch", PATCHES)
        self._also(operation, type_name, ("201",))
        return operation

    def _delete(self, action: str, name: str, type_name: str, parameters: Iterable[Parameter]) -> Json:
        operation = self._operation(action, name, type_name, PRODUCED)
        operation["parameters"] = self._shown(parameters)
        self._take(operation, META_PREFIX + "DeleteOptions", ("*/*",), required=False)
        if action == "delete":
            self._also(operation, type_name, ("202",))
        return operation

    # What the two dialects write differently

    def _answer(self, type_name: str, produced: tuple[str, ...]) -> Json:
        kind = self._dialect.ref(type_name) if type_name else {"type": "string"}
        if not self._dialect.modern:
            return {"schema": kind}
        return {"content": {media: {"schema": kind} for media in produced}}

    def _answered(self, name: str, description: str, type_name: str, produced: tuple[str, ...]) -> Json:
        operation: Json = {"tags": [self._tag], "description": description, "operationId": name}
        if not self._dialect.modern:
            operation |= {"consumes": ["*/*"], "produces": list(produced), "schemes": ["https"]}
        ok = {"description": "OK", **self._answer(type_name, produced)}
        return operation | {"responses": {"200": ok, "401": {"description": "Unauthorized"}}}

    def _also(self, operation: Json, type_name: str, codes: Iterable[str]) -> None:
        words = {"201": "Created", "202": "Accepted"}
        for code in codes:
            operation["responses"][code] = {"description": words[code], **self._answer(type_name, PRODUCED)}

    def _take(self, operation: Json, type_name: str, consumed: tuple[str, ...], required: bool = True) -> None:
        kind = self._dialect.ref(type_name)
        if self._dialect.modern:
            body: Json = {"content": {media: {"schema": kind} for media in consumed}}
            operation["requestBody"] = body | ({"required": True} if required else {})
            return
        operation["consumes"] = list(consumed)
        parameter = {"name": "body", "in": "body", "schema": kind} | ({"required": True} if required else {})
        operation["parameters"] = [parameter, *operation.get("parameters", [])]
