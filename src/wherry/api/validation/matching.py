"""What admission webhooks and policies look at: operations on resources, conditions, selectors."""

from collections.abc import Collection
from urllib.parse import urlsplit

from wherry.api import Obj
from wherry.api.errors import duplicate, invalid_value, required, too_many
from wherry.api.validation import expressions, fields, metadata
from wherry.api.validation.fields import Check
from wherry.lib import names

FAILURE_POLICIES = ("Fail", "Ignore")
MATCH_POLICIES = ("Equivalent", "Exact")
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_MUTATING = ("*", "CONNECT", "CREATE", "UPDATE")
_SCOPES = ("*", "Cluster", "Namespaced")
_MOST_CONDITIONS = 64

# Rules with operations


def rule(found: Obj, path: str) -> Check:
    """Operations on resources of groups and versions."""
    operations = found.get("operations") or []
    yield from _star_alone(operations, "operations", f"{path}.operations")
    for index, operation in enumerate(operations):
        yield from fields.one_of(operation, f"{path}.operations[{index}]", _OPERATIONS)
    yield from _star_alone(found.get("apiGroups") or [], "API groups", f"{path}.apiGroups")
    versions = found.get("apiVersions") or []
    yield from _star_alone(versions, "API versions", f"{path}.apiVersions")
    for index, version in enumerate(versions):
        if not version:
            yield required(f"{path}.apiVersions[{index}]")
    yield from _resources(found.get("resources") or [], f"{path}.resources")
    if found.get("scope") is not None:
        yield from fields.one_of(found["scope"], f"{path}.scope", _SCOPES)


def _star_alone(values: list[str], what: str, path: str) -> Check:
    if not values:
        yield required(path)
    elif len(values) > 1 and "*" in values:
        yield invalid_value(path, values, f"if '*' is present, must not specify other {what}")


def _resources(resources: list[str], path: str) -> Check:
    """`pods`, `pods/status`, `pods/*`, `*/scale`, `*`, `*/*`: none covered by another."""
    if not resources:
        yield required(path)
    every_sub, of_every, plain = set[str](), set[str](), False
    for index, text in enumerate(resources):
        at = f"{path}[{index}]"
        resource, slash, sub = text.partition("/")
        if not text:
            yield required(at)
            continue
        if not slash:
            plain = text != "*"
            continue
        if resource in every_sub:
            yield invalid_value(at, text, f"if '{resource}/*' is present, must not specify {text}")
        if sub in of_every:
            yield invalid_value(at, text, f"if '*/{sub}' is present, must not specify {text}")
        if sub == "*":
            every_sub.add(resource)
        if resource == "*":
            of_every.add(sub)
    if len(resources) > 1 and "*/*" in resources:
        yield invalid_value(path, resources, "if '*/*' is present, must not specify other resources")
    if "*" in resources and plain:
        message = "if '*' is present, must not specify other resources without subresources"
        yield invalid_value(path, resources, message)


def _named_rule(found: Obj, path: str) -> Check:
    seen: set[str] = set()
    for index, name in enumerate(found.get("resourceNames") or ()):
        yield from fields.path_segment(name, f"{path}.resourceNames[{index}]")
        if name in seen:
            yield duplicate(f"{path}.resourceNames[{index}]", name)
        seen.add(name)
    yield from rule(found, path)


def resources(found: Obj, path: str) -> Check:
    """A policy's matchConstraints or a binding's matchResources."""
    if found.get("matchPolicy") is None:
        yield required(f"{path}.matchPolicy")
    else:
        yield from fields.one_of(found["matchPolicy"], f"{path}.matchPolicy", MATCH_POLICIES)
    for key in ("namespaceSelector", "objectSelector"):
        if found.get(key) is None:
            yield required(f"{path}.{key}")
        else:
            yield from metadata.label_selector(found[key], f"{path}.{key}")
    rules = found.get("resourceRules") or []
    yield from fields.each(rules, f"{path}.resourceRules", _named_rule)
    yield from fields.each(found.get("excludeResourceRules"), f"{path}.excludeResourceRules", _named_rule)


def mutating_operations(found: Obj, path: str) -> Check:
    """A policy that changes objects cannot when one is deleted."""
    for each in found.get("resourceRules") or ():
        for operation in each.get("operations") or ():
            yield from fields.one_of(operation, f"{path}.resourceRules.operations", _MUTATING)


# Conditions


def conditions(found: list[Obj], path: str, params: bool = False) -> Check:
    """Expressions that must all hold. `params`: they may use a policy's parameters."""
    if len(found) > _MOST_CONDITIONS:
        yield too_many(path, len(found), _MOST_CONDITIONS)
    seen: set[str] = set()
    for index, condition in enumerate(found):
        name, text = condition.get("name", ""), condition.get("expression", "").strip()
        at = f"{path}[{index}]"
        if not text:
            yield required(f"{at}.expression")
        else:
            yield from expressions.admission(text, f"{at}.expression", ("bool",), expressions.Sight(params))
        if not name:
            yield required(f"{at}.name")
            continue
        yield from fields.qualified_name(name, f"{at}.name")
        if name in seen:
            yield duplicate(f"{at}.name", name)
        seen.add(name)


# Where a webhook is

_FORM = "; desired format: https://host[/path]"


def client(found: Obj, path: str) -> Check:
    """A webhook's client configuration: a URL or a service."""
    url, service = found.get("url"), found.get("service")
    if (url is None) == (service is None):
        yield required(path, "exactly one of url or service is required")
    elif url is not None:
        yield from webhook_url(url, f"{path}.url")
    else:
        yield from webhook_service(service or {}, f"{path}.service", ("namespace", "name"))


def webhook_url(url: str, path: str) -> Check:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        yield required(path, f"url must be a valid URL: {error}{_FORM}")
        return
    user, at, host = parts.netloc.rpartition("@")
    if parts.scheme != "https":
        yield invalid_value(path, parts.scheme, f"'https' is the only allowed URL scheme{_FORM}")
    if not host:
        yield invalid_value(path, host, f"host must be specified{_FORM}")
    if at:
        yield invalid_value(path, user, "user information is not permitted in the URL")
    if parts.fragment:
        yield invalid_value(path, parts.fragment, "fragments are not permitted in the URL")
    if parts.query:
        yield invalid_value(path, parts.query, "query parameters are not permitted in the URL")


def webhook_service(found: Obj, path: str, needed: Collection[str] = ("name", "namespace")) -> Check:
    """A service. `needed`: what must be there, in the order in which it is told; admission webhooks have it the other
    way round, each with the other's name, as upstream passes them so."""
    shown = ("name", "namespace")
    for key, name in zip(needed, shown, strict=True):
        if not found.get(key):
            yield required(f"{path}.{name}")
    port, text = found.get("port", 0), found.get("path")
    if not 1 <= port <= 65535:
        message = f"port is not valid: {fields.inclusive(1, 65535)}"
        yield invalid_value(f"{path}.port", port, message)
    if text is not None:
        yield from _service_path(text, f"{path}.path")


def _service_path(text: str, path: str) -> Check:
    if text in ("", "/"):
        return
    if text == "//":
        yield invalid_value(path, text, "segment[0] may not be empty")
        return
    if not text.startswith("/"):
        yield invalid_value(path, text, "must start with a '/'")
    for index, step in enumerate(text[1:].removesuffix("/").split("/")):
        if not step:
            yield invalid_value(path, text, f"segment[{index}] may not be empty")
        else:
            for message in names.dns_subdomain_errors(step):
                yield invalid_value(path, text, f"segment[{index}]: {message}")
