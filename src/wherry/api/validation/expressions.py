"""CEL expressions in manifests: what each place lets them use, and what they must give."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from wherry.api.errors import FieldError, invalid_value
from wherry.api.validation.fields import Check
from wherry.lib import cel
from wherry.lib.cel import CelError, Environment, Type, parse_type

is_identifier = cel.is_identifier


def structs(tables: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Type]]:
    """Fields of types, their types written out."""
    return {name: {key: parse_type(text) for key, text in fields.items()} for name, fields in tables.items()}


_KIND = {"group": "string", "version": "string", "kind": "string"}
_METADATA = {
    **dict.fromkeys(("name", "generateName", "namespace", "UID", "resourceVersion"), "string"),
    **dict.fromkeys(("labels", "annotations"), "map(string, string)"),
    **dict.fromkeys(("creationTimestamp", "deletionTimestamp"), "timestamp"),
    **dict.fromkeys(("deletionGracePeriodSeconds", "generation"), "int"),
    "finalizers": "list(string)",
}
_CONDITION = {
    **dict.fromkeys(("status", "type", "message", "reason"), "string"),
    "lastTransitionTime": "timestamp",
}
_STRUCTS = {
    "kubernetes.GroupVersionKind": _KIND,
    "kubernetes.GroupVersionResource": {"group": "string", "version": "string", "resource": "string"},
    "kubernetes.UserInfo": {
        "username": "string",
        "uid": "string",
        "groups": "list(string)",
        "extra": "map(string, list(string))",
    },
    "kubernetes.AdmissionRequest": {
        **dict.fromkeys(("kind", "requestKind"), "kubernetes.GroupVersionKind"),
        **dict.fromkeys(("resource", "requestResource"), "kubernetes.GroupVersionResource"),
        **dict.fromkeys(("subResource", "requestSubResource", "name", "namespace", "operation"), "string"),
        "userInfo": "kubernetes.UserInfo",
        "dryRun": "bool",
        "options": "dyn",
    },
    "kubernetes.NamespaceMetadata": _METADATA,
    "kubernetes.NamespaceSpec": {"finalizers": "list(string)"},
    "kubernetes.NamespaceCondition": _CONDITION,
    "kubernetes.NamespaceStatus": {"conditions": "list(kubernetes.NamespaceCondition)", "phase": "string"},
    "kubernetes.Namespace": {
        "metadata": "kubernetes.NamespaceMetadata",
        "spec": "kubernetes.NamespaceSpec",
        "status": "kubernetes.NamespaceStatus",
    },
}
_PATCH = structs({"JSONPatch": {"op": "string", "path": "string", "from": "string", "value": "dyn"}})
_AUTHORIZER = {
    "authorizer": cel.struct("kubernetes.authorization.Authorizer"),
    "authorizer.requestResource": cel.struct("kubernetes.authorization.ResourceCheck"),
}
_VARIABLES = "kubernetes.variables"


_ADMISSION = (
    cel.base()
    .with_structs(structs(_STRUCTS))
    .with_variables(
        object=cel.DYN,
        oldObject=cel.DYN,
        namespaceObject=cel.struct("kubernetes.Namespace"),
        request=cel.struct("kubernetes.AdmissionRequest"),
    )
)


class Variables:
    """The variables of a policy: each expression sees those that were defined before it."""

    def __init__(self) -> None:
        self.types: dict[str, Type] = {}

    def define(self, name: str, text: str, path: str, params: bool) -> list[FieldError]:
        """Take note of a variable; what is wrong with its expression."""
        try:
            self.types[name] = cel.check(text, Sight(params, variables=self).environment())
        except CelError as error:
            self.types[name] = cel.DYN
            return [_refused(text, path, error)]
        return []


@dataclass(frozen=True, slots=True)
class Sight:
    """What an expression about a request sees beside it: a policy's parameters, the authorizer, the variables, and
    the types that changes are written in."""

    params: bool = False
    authorizer: bool = True
    variables: Variables | None = None
    patches: bool = False

    def environment(self) -> Environment:
        found = _ADMISSION
        if self.params:
            found = found.with_variables(params=cel.DYN)
        if self.authorizer:
            found = found.with_variables(**_AUTHORIZER)
        if self.variables is not None:
            fields = {_VARIABLES: self.variables.types}
            found = found.with_structs(fields).with_variables(variables=cel.struct(_VARIABLES))
        return found.with_structs(_PATCH).with_open("Object") if self.patches else found


def _refused(text: str, path: str, error: CelError) -> FieldError:
    return invalid_value(path, text, f"compilation failed: {error}")


def admission(text: str, path: str, results: Collection[str], sight: Sight) -> Check:
    """An expression about a request: of a webhook's conditions or a policy. `results`: the types that it may give."""
    yield from of_type(text, path, results, sight.environment())


def of_type(text: str, path: str, results: Collection[str], environment: Environment) -> Check:
    """An expression that must give one of some types."""
    try:
        found = cel.check(text, environment)
    except CelError as error:
        yield _refused(text, path, error)
        return
    if found not in map(parse_type, results):
        wanted = next(iter(results)) if len(results) == 1 else f"one of [{' '.join(results)}]"
        yield invalid_value(path, text, f"must evaluate to {wanted} but got {found}")
