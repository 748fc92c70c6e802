"""The spec of a pod, whether of a pod itself or of a template.

Source: ValidatePodSpec of pkg/apis/core/validation; the order of the rules is the order of the messages.
"""

from collections.abc import Iterator

from wherry.api import Obj, podresources
from wherry.api.errors import (
    duplicate,
    forbidden_field,
    invalid_value,
    not_found_field,
    required,
    too_long,
)
from wherry.api.validation import (
    addresses,
    containers,
    fields,
    internal,
    metadata,
    resources,
    scheduling,
    security,
    volumes,
)
from wherry.api.validation.containers import Surroundings
from wherry.api.validation.fields import Check
from wherry.lib import names

RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
MIRROR = "kubernetes.io/config.mirror"


def check(spec: Obj, meta: Obj | None, path: str, is_pod: bool = False) -> Check:
    """Everything about a pod's spec. `meta`: the metadata of the pod, if it is one (or of its template)."""
    name = (meta or {}).get("name", "")
    if spec.get("terminationGracePeriodSeconds") is None:
        yield required(f"{path}.terminationGracePeriodSeconds")
    valid_volumes, wrong = volumes.volumes(spec.get("volumes"), name, is_pod, f"{path}.volumes")
    yield from wrong
    claims = {each["name"] for each in spec.get("resourceClaims") or () if each.get("name")}
    yield from _resource_claims(spec.get("resourceClaims"), meta, f"{path}.resourceClaims")
    pod = Surroundings(valid_volumes, claims, spec, is_pod)
    yield from containers.containers(spec.get("containers"), pod, f"{path}.containers")
    yield from containers.init_containers(spec.get("initContainers"), pod, f"{path}.initContainers")
    yield from containers.ephemeral_containers(spec.get("ephemeralContainers"), pod, f"{path}.ephemeralContainers")
    yield from _pod_resources(spec, claims, path)
    yield from _host_network_ports(spec, is_pod, path)
    yield from fields.one_of_or_needed(spec.get("restartPolicy"), f"{path}.restartPolicy", RESTART_POLICIES)
    yield from fields.one_of_or_needed(spec.get("dnsPolicy"), f"{path}.dnsPolicy", _DNS_POLICIES)
    yield from metadata.labels(spec.get("nodeSelector"), f"{path}.nodeSelector")
    yield from security.pod(spec.get("securityContext"), spec, f"{path}.securityContext")
    yield from scheduling.affinity(spec.get("affinity"), f"{path}.affinity")
    yield from _dns(spec, f"{path}.dnsConfig")
    for index, gate in enumerate(spec.get("readinessGates") or ()):
        at = f"{path}.readinessGates[{index}].conditionType"
        yield from fields.qualified_name(gate.get("conditionType", ""), at)
    yield from _scheduling_gates(spec.get("schedulingGates"), f"{path}.schedulingGates")
    spread = f"{path}.topologySpreadConstraints"
    yield from scheduling.topology_spread(spec.get("topologySpreadConstraints"), spread)
    listed = list(with_paths(spec, path))
    yield from security.host_process(spec, listed, path)
    yield from _host_users(spec, listed, path)
    yield from _hostname_override(spec, path)
    yield from _names(spec, path)
    yield from scheduling.tolerations(spec.get("tolerations"), f"{path}.tolerations")
    yield from _rest(spec, path)
    yield from _os(spec, listed, path)
    yield from _file_volumes(spec, listed)


def with_paths(spec: Obj, path: str) -> Iterator[tuple[str, Obj]]:
    """Every container with its path: init containers, containers, ephemeral containers."""
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(key) or ()):
            yield f"{path}.{key}[{index}]", container


def _resource_claims(found: list[Obj] | None, meta: Obj | None, path: str) -> Check:
    if found and MIRROR in ((meta or {}).get("annotations") or {}):
        yield from (forbidden_field("", "static pods do not support resource claims") for _ in found)
        return
    seen: set[str] = set()
    for index, claim in enumerate(found or ()):
        at, name = f"{path}[{index}]", claim.get("name", "")
        if not name:
            yield required(f"{at}.name")
        elif name in seen:
            yield duplicate(f"{at}.name", name)
        else:
            yield from fields.label(name, f"{at}.name")
            seen.add(name)
        named, template = claim.get("resourceClaimName"), claim.get("resourceClaimTemplateName")
        shown = internal.shown("core.PodResourceClaim", claim)
        if named is not None and template is not None:
            message = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            yield invalid_value(at, shown, message)
        if named is None and template is None:
            message = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            yield invalid_value(at, shown, message)
        for key in ("resourceClaimName", "resourceClaimTemplateName"):
            if claim.get(key) is not None:
                yield from fields.subdomain(claim[key], f"{at}.{key}")


def _pod_resources(spec: Obj, claims: set[str], path: str) -> Check:
    """Requests and limits of the pod as a whole."""
    found, at = spec.get("resources"), f"{path}.resources"
    if found is None:
        return
    if (spec.get("os") or {}).get("name") == "windows":
        yield forbidden_field(at, "may not be set for a windows pod")
        return
    if found.get("claims") is not None:
        yield forbidden_field(f"{at}.claims", "claims may not be set for Resources at pod-level")
    yield from resources.requirements(found, claims, at, resources.pod_name)
    requests, limits = found.get("requests") or {}, found.get("limits") or {}
    for name, total in podresources.aggregate(spec, "requests").items():
        if name in requests and total > fields.amount(requests[name]):
            shown = podresources.shown(total, requests[name])
            message = f"must be greater than or equal to aggregate container requests of {shown}"
            yield invalid_value(f"{at}.requests[{name}]", requests[name], message)
    for name, total in podresources.aggregate(spec, "limits").items():
        if resources.is_huge_page(name) and name in limits and total > fields.amount(limits[name]):
            shown = podresources.shown(total, limits[name])
            message = f"must be greater than or equal to aggregate container limits of {shown}"
            yield invalid_value(f"{at}.limits[{name}]", limits[name], message)
    for index, container in enumerate(spec.get("containers") or ()):
        for name, limit in ((container.get("resources") or {}).get("limits") or {}).items():
            if name in limits and fields.amount(limit) > fields.amount(limits[name]):
                message = f"must be less than or equal to pod limits of {limits[name]}"
                yield invalid_value(f"{at}.containers[{index}][{name}].limits", limit, message)


def _host_network_ports(spec: Obj, is_pod: bool, path: str) -> Check:
    if not spec.get("hostNetwork"):
        return
    for index, container in enumerate(spec.get("containers") or ()):
        for number, port in enumerate(container.get("ports") or ()):
            host, own = port.get("hostPort", 0), port.get("containerPort", 0)
            if (is_pod or host) and host != own:
                message = "must match `containerPort` when `hostNetwork` is true"
                yield invalid_value(f"{path}.containers[{index}].ports[{number}].hostPort", host, message)


def _dns(spec: Obj, path: str) -> Check:
    config = spec.get("dnsConfig")
    servers = (config or {}).get("nameservers") or []
    if spec.get("dnsPolicy") == "None":
        if config is None:
            yield required(path, "must provide `dnsConfig` when `dnsPolicy` is None")
            return
        if not servers:
            message = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            yield required(f"{path}.nameservers", message)
            return
    if config is None:
        return
    if len(servers) > 3:
        yield invalid_value(f"{path}.nameservers", servers, "must not have more than 3 nameservers")
    yield from fields.each(servers, f"{path}.nameservers", addresses.legacy_ip)
    searches = config.get("searches") or []
    if len(searches) > 32:
        yield invalid_value(f"{path}.searches", searches, "must not have more than 32 search paths")
    if len(" ".join(searches)) > 2048:
        message = "must not have more than 2048 characters (including spaces) in the search list"
        yield invalid_value(f"{path}.searches", searches, message)
    for index, search in enumerate(searches):
        if search != ".":
            name = search.removesuffix(".")
            yield from fields.said(f"{path}.searches[{index}]", name, _search_errors(name))
    for index, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            yield required(f"{path}.options[{index}]", "must not be empty")


_SEARCH = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SEARCHES = rf"{_SEARCH}(\.{_SEARCH})*"


def _search_errors(name: str) -> list[str]:
    """A search domain: a subdomain in which underscores may stand."""
    if not names.dns_subdomain_errors(name.replace("_", "a")):
        return []
    errors = [names.too_long(253)] if len(name) > 253 else []
    message = (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and "
        "must start and end with an alphanumeric character"
    )
    return [*errors, names.pattern_error(message, _SEARCHES, "example.com")]


def _scheduling_gates(found: list[Obj] | None, path: str) -> Check:
    seen: set[str] = set()
    for index, gate in enumerate(found or ()):
        name = gate.get("name", "")
        yield from fields.qualified_name(name, f"{path}[{index}]")
        if name in seen:
            yield duplicate(f"{path}[{index}]", name)
        seen.add(name)


def _host_users(spec: Obj, listed: list[tuple[str, Obj]], path: str) -> Check:
    if spec.get("hostUsers") is not False:
        return
    message = "when `hostUsers` is false"
    for key, shown in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")):
        if spec.get(key):
            yield forbidden_field(f"{path}.{shown}", message)
    for at, container in listed:
        if container.get("volumeDevices"):
            yield forbidden_field(f"{at}.volumeDevices", message)


def _hostname_override(spec: Obj, path: str) -> Check:
    name, at = spec.get("hostnameOverride"), f"{path}.hostnameOverride"
    if name is None:
        return
    if spec.get("setHostnameAsFQDN"):
        yield forbidden_field(at, "may not be specified when setHostnameAsFQDN is true")
    if spec.get("hostNetwork"):
        yield forbidden_field(at, "may not be specified when hostNetwork is true")
    if len(name) > 64:
        yield too_long(at, 64)
    yield from fields.subdomain(name, at)


def _names(spec: Obj, path: str) -> Check:
    for key in ("serviceAccountName", "nodeName"):
        if spec.get(key):
            yield from fields.subdomain(spec[key], f"{path}.{key}")
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None:
        yield from fields.in_range(deadline, f"{path}.activeDeadlineSeconds", 1, 2**31 - 1)
    for key in ("hostname", "subdomain"):
        if spec.get(key):
            yield from fields.label(spec[key], f"{path}.{key}")


def _rest(spec: Obj, path: str) -> Check:
    for index, alias in enumerate(spec.get("hostAliases") or ()):
        at = f"{path}.hostAliases[{index}]"
        yield from addresses.legacy_ip(alias.get("ip", ""), f"{at}.ip")
        yield from fields.each(alias.get("hostnames"), f"{at}.hostnames", fields.subdomain)
    if spec.get("priorityClassName"):
        yield from fields.subdomain(spec["priorityClassName"], f"{path}.priorityClassName")
    if spec.get("runtimeClassName") is not None:
        yield from fields.subdomain(spec["runtimeClassName"], f"{path}.runtimeClassName")
    if spec.get("preemptionPolicy") is not None:
        policies = ("PreemptLowerPriority", "Never")
        yield from fields.one_of_or_needed(spec["preemptionPolicy"], f"{path}.preemptionPolicy", policies)
    if spec.get("overhead") is not None:
        found = {"limits": spec["overhead"]}
        yield from resources.requirements(found, None, f"{path}.overhead", resources.container_name)


def _os(spec: Obj, listed: list[tuple[str, Obj]], path: str) -> Check:
    if spec.get("os") is None:
        return
    name = spec["os"].get("name", "")
    if not name:
        yield required(f"{path}.os.name")
    elif name == "linux":
        yield from security.linux_pod(spec, listed, path)
    elif name == "windows":
        yield from security.windows_pod(spec, listed, path)
    else:
        yield from fields.one_of(name, f"{path}.os", ("linux", "windows"))


def _file_volumes(spec: Obj, listed: list[tuple[str, Obj]]) -> Check:
    """Variables read from files: the file must be in an emptyDir."""
    by_name = {each.get("name", ""): each for each in spec.get("volumes") or ()}
    for at, container in listed:
        for index, variable in enumerate(container.get("env") or ()):
            reference = (variable.get("valueFrom") or {}).get("fileKeyRef")
            if reference is None:
                continue
            name, where = reference.get("volumeName", ""), f"{at}.env[{index}].valueFrom.fileKeyRef.volumeName"
            if name not in by_name:
                yield not_found_field(where, name)
            elif by_name[name].get("emptyDir") is None:
                yield invalid_value(where, name, "referenced volume must be of type emptyDir")
