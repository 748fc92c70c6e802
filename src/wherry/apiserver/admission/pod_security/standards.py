"""The checks behind the levels `baseline` and `restricted`: `CHECKS`, in the order in which they report.

A check is a function from a pod's metadata and spec to what violates it, and applies from one minor version of
Kubernetes to the next version of itself. Source: pod-security-admission/policy.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from wherry.api import Obj
from wherry.api.errors import quote

LATEST = 1 << 16
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
_PROFILES = ("RuntimeDefault", "Localhost")
_CAPABILITIES = frozenset(
    ("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP")
) | {"SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}
_SYSCTLS_1_0 = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_unprivileged_port_start",
    )
)
_SYSCTLS_1_27 = _SYSCTLS_1_0 | {"net.ipv4.ip_local_reserved_ports"}
_SYSCTLS_1_29 = _SYSCTLS_1_27 | {
    f"net.ipv4.tcp_{name}" for name in ("keepalive_time", "fin_timeout", "keepalive_intvl", "keepalive_probes")
}
_SYSCTLS_1_32 = _SYSCTLS_1_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}
_SELINUX_1_0 = ("", "container_t", "container_init_t", "container_kvm_t")
_SELINUX_1_31 = (*_SELINUX_1_0, "container_engine_t")
_VOLUMES = frozenset(
    ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected")
) | {"secret"}


class Violation(NamedTuple):
    reason: str
    detail: str


Rule = Callable[[Obj, Obj], Violation | None]  # metadata, spec


class Check(NamedTuple):
    """`since`: minor versions with what the check is from then on. `instead`: baseline checks that it replaces."""

    name: str
    level: str
    since: tuple[tuple[int, Rule], ...]
    instead: str = ""


def violations(level: str, minor: int, metadata: Obj, spec: Obj) -> list[Violation]:
    """All that a pod does against a level, as of a minor version."""
    if level == "privileged":
        return []
    return [found for rule in _rules(level, minor) if (found := rule(metadata, spec))]


def _rules(level: str, minor: int) -> Iterator[Rule]:
    current = [(check, rule) for check in CHECKS if (rule := _as_of(check, minor))]
    replaced = {check.instead for check, _ in current if check.level == "restricted"}
    for check, rule in current:
        if check.level == "baseline":
            if level == "baseline" or check.name not in replaced:
                yield rule
        elif level == "restricted":
            yield rule


def _as_of(check: Check, minor: int) -> Rule | None:
    return next((rule for since, rule in reversed(check.since) if since <= minor), None)


# Helpers


def _containers(spec: Obj) -> Iterator[Obj]:
    for part in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(part) or ()


def _context(owner: Obj) -> Obj:
    return owner.get("securityContext") or {}


def _named(names: list[str], plural: str = "container") -> str:
    """`container "a"` or `containers "a", "b"`."""
    return f"{plural}{'s' if len(names) > 1 else ''} {_quoted(names)}"


def _quoted(values: Iterable[str]) -> str:
    return ", ".join(map(quote, values))


def _plural(text: str, count: int) -> str:
    return text if count == 1 else f"{text}s"


def _setters(pod: bool, containers: list[str]) -> str:
    return " and ".join((["pod"] if pod else []) + ([_named(containers)] if containers else []))


def _in_user_namespace(spec: Obj) -> bool:
    return spec.get("hostUsers") is False


def _windows(spec: Obj) -> bool:
    return (spec.get("os") or {}).get("name") == "windows"


# Baseline


def _apparmor(metadata: Obj, spec: Obj) -> Violation | None:
    values: set[str] = set()

    def bad(owner: Obj) -> bool:
        profile = _context(owner).get("appArmorProfile")
        if profile is None or profile.get("type") in _PROFILES:
            return False
        values.add(profile.get("type", ""))
        return True

    setters = ["pod"] if bad(spec) else []
    containers = [each["name"] for each in _containers(spec) if bad(each)]
    setters += [_named(containers)] if containers else []
    annotations = sorted(
        f"{name}={quote(value)}"
        for name, value in (metadata.get("annotations") or {}).items()
        if name.startswith(APPARMOR) and value not in ("", "runtime/default") and not value.startswith("localhost/")
    )
    setters += [_plural("annotation", len(annotations))] if annotations else []
    if not setters:
        return None
    listed = [*sorted(values), *annotations]
    detail = f"{' and '.join(setters)} must not set AppArmor profile type to {_quoted(listed)}"
    return Violation(_plural("forbidden AppArmor profile", len(listed)), detail)


def _capabilities(metadata: Obj, spec: Obj) -> Violation | None:
    containers, added = _adding(spec, _CAPABILITIES)
    if not containers:
        return None
    detail = f"{_named(containers)} must not include {_quoted(added)} in securityContext.capabilities.add"
    return Violation("non-default capabilities", detail)


def _adding(spec: Obj, allowed: Iterable[str]) -> tuple[list[str], list[str]]:
    """Containers that add other capabilities, and which."""
    containers, found = [], set()
    for container in _containers(spec):
        capabilities = _context(container).get("capabilities") or {}
        others = [name for name in capabilities.get("add") or () if name not in allowed]
        if others:
            containers.append(container["name"])
            found.update(others)
    return containers, sorted(found)


def _host_namespaces(metadata: Obj, spec: Obj) -> Violation | None:
    shared = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    return Violation("host namespaces", ", ".join(shared)) if shared else None


def _host_path(metadata: Obj, spec: Obj) -> Violation | None:
    volumes = [volume["name"] for volume in spec.get("volumes") or () if "hostPath" in volume]
    return Violation("hostPath volumes", _named(volumes, "volume")) if volumes else None


def _host_ports(metadata: Obj, spec: Obj) -> Violation | None:
    containers, ports = [], set()
    for container in _containers(spec):
        found = {str(port["hostPort"]) for port in container.get("ports") or () if port.get("hostPort")}
        if found:
            containers.append(container["name"])
            ports |= found
    if not containers:
        return None
    uses = "uses" if len(containers) == 1 else "use"
    detail = f"{_named(containers)} {uses} {_plural('hostPort', len(ports))} {', '.join(sorted(ports))}"
    return Violation("hostPort", detail)


def _handler_hosts(metadata: Obj, spec: Obj) -> Violation | None:
    containers, hosts = set(), set()
    for container in _containers(spec):
        lifecycle = container.get("lifecycle") or {}
        handlers = [container.get(name) for name in ("livenessProbe", "readinessProbe", "startupProbe")]
        handlers += [lifecycle.get(name) for name in ("postStart", "preStop")]
        found = {host for handler in handlers for host in _hosts(handler or {}) if host}
        if found:
            containers.add(container["name"])
            hosts |= found
    if not containers:
        return None
    what, uses = "probe or lifecycle host", "uses" if len(containers) == 1 else "use"
    listed = _quoted(sorted(hosts))
    return Violation(what, f"{_named(sorted(containers))} {uses} {_plural(what, len(hosts))} {listed}")


def _hosts(handler: Obj) -> list[str]:
    return [(handler.get(name) or {}).get("host", "") for name in ("httpGet", "tcpSocket")]


def _privileged(metadata: Obj, spec: Obj) -> Violation | None:
    containers = [each["name"] for each in _containers(spec) if _context(each).get("privileged")]
    detail = f"{_named(containers)} must not set securityContext.privileged=true"
    return Violation("privileged", detail) if containers else None


def _proc_mount(metadata: Obj, spec: Obj) -> Violation | None:
    containers, values = [], set()
    for container in _containers(spec):
        value = _context(container).get("procMount", "Default")
        if value != "Default":
            containers.append(container["name"])
            values.add(value)
    detail = f"{_named(containers)} must not set securityContext.procMount to {_quoted(sorted(values))}"
    return Violation("procMount", detail) if containers else None


def _selinux(types: tuple[str, ...]) -> Rule:
    def check(metadata: Obj, spec: Obj) -> Violation | None:
        wrong: set[str] = set()
        named: set[str] = set()

        def bad(owner: Obj) -> bool:
            options = _context(owner).get("seLinuxOptions") or {}
            kind = options.get("type", "")
            fields = {field for field in ("user", "role") if options.get(field)}
            wrong.update({kind} if kind not in types else ())
            named.update(fields)
            return bool(fields) or kind not in types

        pod = bad(spec)
        setters = _setters(pod, [each["name"] for each in _containers(spec) if bad(each)])
        if not setters:
            return None
        what = [f"{_plural('type', len(wrong))} {_quoted(sorted(wrong))}"] if wrong else []
        what += [f"{field} may not be set" for field in ("user", "role") if field in named]
        return Violation(
            "seLinuxOptions", f"{setters} set forbidden securityContext.seLinuxOptions: {'; '.join(what)}"
        )

    return check


def _seccomp_annotations(metadata: Obj, spec: Obj) -> Violation | None:
    annotations = metadata.get("annotations") or {}
    names = [SECCOMP_POD, *(SECCOMP_CONTAINER + each["name"] for each in _containers(spec))]
    found = sorted(
        f"{name}={quote(annotations[name])}"
        for name in set(names)
        if name in annotations
        and annotations[name] not in ("runtime/default", "docker/default")
        and not annotations[name].startswith("localhost/")
    )
    detail = f"forbidden {_plural('annotation', len(found))} {', '.join(found)}"
    return Violation("seccompProfile", detail) if found else None


def _seccomp(metadata: Obj, spec: Obj) -> Violation | None:
    values: set[str] = set()

    def bad(owner: Obj) -> bool:
        profile = _context(owner).get("seccompProfile")
        if profile is None or profile.get("type") in _PROFILES:
            return False
        values.add(profile.get("type", ""))
        return True

    pod = bad(spec)
    setters = _setters(pod, [each["name"] for each in _containers(spec) if bad(each)])
    detail = f"{setters} must not set securityContext.seccompProfile.type to {_quoted(sorted(values))}"
    return Violation("seccompProfile", detail) if setters else None


def _sysctls(allowed: frozenset[str]) -> Rule:
    def check(metadata: Obj, spec: Obj) -> Violation | None:
        names = [each["name"] for each in _context(spec).get("sysctls") or () if each["name"] not in allowed]
        return Violation("forbidden sysctls", ", ".join(names)) if names else None

    return check


def _host_process(metadata: Obj, spec: Obj) -> Violation | None:
    def bad(owner: Obj) -> bool:
        return bool((_context(owner).get("windowsOptions") or {}).get("hostProcess"))

    setters = _setters(bad(spec), [each["name"] for each in _containers(spec) if bad(each)])
    detail = f"{setters} must not set securityContext.windowsOptions.hostProcess=true"
    return Violation("hostProcess", detail) if setters else None


# Restricted


def _unless(exempt: Callable[[Obj], bool], rule: Rule) -> Rule:
    return lambda metadata, spec: None if exempt(spec) else rule(metadata, spec)


def _escalation(metadata: Obj, spec: Obj) -> Violation | None:
    containers = [each["name"] for each in _containers(spec) if _context(each).get("allowPrivilegeEscalation", True)]
    detail = f"{_named(containers)} must set securityContext.allowPrivilegeEscalation=false"
    return Violation("allowPrivilegeEscalation != false", detail) if containers else None


def _all_dropped(metadata: Obj, spec: Obj) -> Violation | None:
    keeping = [
        each["name"]
        for each in _containers(spec)
        if "ALL" not in ((_context(each).get("capabilities") or {}).get("drop") or ())
    ]
    details = [f'{_named(keeping)} must set securityContext.capabilities.drop=["ALL"]'] if keeping else []
    containers, added = _adding(spec, ("NET_BIND_SERVICE",))
    if containers:
        details.append(f"{_named(containers)} must not include {_quoted(added)} in securityContext.capabilities.add")
    return Violation("unrestricted capabilities", "; ".join(details)) if details else None


def _volumes(metadata: Obj, spec: Obj) -> Violation | None:
    volumes, types = [], set()
    for volume in spec.get("volumes") or ():
        sources: set[Any] = set(volume) - {"name"}
        if not sources & _VOLUMES:
            volumes.append(volume["name"])
            types.add(min(sources, default="unknown"))
    if not volumes:
        return None
    uses, kind = "uses" if len(volumes) == 1 else "use", _plural("restricted volume type", len(types))
    detail = f"{_named(volumes, 'volume')} {uses} {kind} {_quoted(sorted(types))}"
    return Violation("restricted volume types", detail)


def _non_root(metadata: Obj, spec: Obj) -> Violation | None:
    whole = _context(spec).get("runAsNonRoot")
    said = [(each["name"], _context(each).get("runAsNonRoot")) for each in _containers(spec)]
    setters = _setters(whole is False, [name for name, value in said if value is False])
    silent = [name for name, value in said if value is None] if whole is not True else []
    if setters:
        detail = f"{setters} must not set securityContext.runAsNonRoot=false"
    elif silent:
        detail = f"pod or {_named(silent)} must set securityContext.runAsNonRoot=true"
    else:
        return None
    return Violation("runAsNonRoot != true", detail)


def _root_user(metadata: Obj, spec: Obj) -> Violation | None:
    containers = [each["name"] for each in _containers(spec) if _context(each).get("runAsUser") == 0]
    setters = _setters(_context(spec).get("runAsUser") == 0, containers)
    return Violation("runAsUser=0", f"{setters} must not set runAsUser=0") if setters else None


def _seccomp_set(metadata: Obj, spec: Obj) -> Violation | None:
    found = _seccomp(metadata, spec)
    if found or _context(spec).get("seccompProfile") is not None:
        return found
    silent = [each["name"] for each in _containers(spec) if _context(each).get("seccompProfile") is None]
    if not silent:
        return None
    must = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return Violation("seccompProfile", f"pod or {_named(silent)} {must}")


_SYSCTLS = ((0, _SYSCTLS_1_0), (27, _SYSCTLS_1_27), (29, _SYSCTLS_1_29), (32, _SYSCTLS_1_32))

CHECKS: tuple[Check, ...] = (
    Check("appArmorProfile", "baseline", ((0, _apparmor),)),
    Check("capabilities_baseline", "baseline", ((0, _capabilities),)),
    Check("hostNamespaces", "baseline", ((0, _host_namespaces),)),
    Check("hostPathVolumes", "baseline", ((0, _host_path),)),
    Check("hostPorts", "baseline", ((0, _host_ports),)),
    Check("hostProbesAndHostLifecycle", "baseline", ((34, _handler_hosts),)),
    Check("privileged", "baseline", ((0, _privileged),)),
    Check("procMount", "baseline", ((0, _proc_mount), (35, _unless(_in_user_namespace, _proc_mount)))),
    Check("seLinuxOptions", "baseline", ((0, _selinux(_SELINUX_1_0)), (31, _selinux(_SELINUX_1_31)))),
    Check("seccompProfile_baseline", "baseline", ((0, _seccomp_annotations), (19, _seccomp))),
    Check("sysctls", "baseline", tuple((since, _sysctls(allowed)) for since, allowed in _SYSCTLS)),
    Check("windowsHostProcess", "baseline", ((0, _host_process),)),
    Check("allowPrivilegeEscalation", "restricted", ((8, _escalation), (25, _unless(_windows, _escalation)))),
    Check(
        "capabilities_restricted",
        "restricted",
        ((22, _all_dropped), (25, _unless(_windows, _all_dropped))),
        "capabilities_baseline",
    ),
    Check("procMount_restricted", "restricted", ((35, _proc_mount),), "procMount"),
    Check("restrictedVolumes", "restricted", ((0, _volumes),), "hostPathVolumes"),
    Check("runAsNonRoot", "restricted", ((0, _non_root), (35, _unless(_in_user_namespace, _non_root)))),
    Check("runAsUser", "restricted", ((23, _root_user), (35, _unless(_in_user_namespace, _root_user)))),
    Check(
        "seccompProfile_restricted",
        "restricted",
        ((19, _seccomp_set), (25, _unless(_windows, _seccomp_set))),
        "seccompProfile_baseline",
    ),
)
