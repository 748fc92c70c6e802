"""Security contexts of pods and containers."""

import re

from wherry.api import Obj
from wherry.api.errors import duplicate, forbidden_field, invalid_value, required, too_long, unsupported
from wherry.api.validation import fields, internal, metadata
from wherry.api.validation.fields import Check

_ID = (0, 2**31 - 1)


def _identity(context: Obj, path: str, *keys: str) -> Check:
    for key in keys:
        if context.get(key) is not None:
            yield from fields.in_range(context[key], f"{path}.{key}", *_ID)


def container(context: Obj | None, host_users: bool, path: str) -> Check:
    if not context:
        return
    yield from _identity(context, path, "runAsUser", "runAsGroup")
    mount = context.get("procMount")
    if mount is not None:
        yield from fields.one_of(mount, f"{path}.procMount", ("Default", "Unmasked"))
        if host_users and mount == "Unmasked":
            yield invalid_value(f"{path}.procMount", mount, "`hostUsers` must be false to use `Unmasked`")
    yield from _seccomp(context.get("seccompProfile"), f"{path}.seccompProfile")
    if context.get("allowPrivilegeEscalation") is False:
        message = "cannot set `allowPrivilegeEscalation` to false and "
        if context.get("privileged"):
            yield invalid_value(
                path, internal.shown("core.SecurityContext", context), f"{message}`privileged` to true"
            )
        for name in (context.get("capabilities") or {}).get("add") or ():
            if name == "CAP_SYS_ADMIN":
                yield invalid_value(
                    path,
                    internal.shown("core.SecurityContext", context),
                    f"{message}`capabilities.Add` CAP_SYS_ADMIN",
                )
    yield from _windows(context.get("windowsOptions"), f"{path}.windowsOptions")
    yield from _app_armor(context.get("appArmorProfile"), f"{path}.appArmorProfile")


def pod(context: Obj | None, spec: Obj, path: str) -> Check:
    """spec.securityContext."""
    if context is None:
        return
    yield from _identity(context, path, "fsGroup", "runAsUser", "runAsGroup")
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        yield from fields.in_range(group, f"{path}.supplementalGroups[{index}]", *_ID)
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        message = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield invalid_value(f"{path}.shareProcessNamespace", True, message)
    yield from _sysctls(context.get("sysctls"), spec, f"{path}.sysctls")
    if context.get("fsGroupChangePolicy") is not None:
        policies = ("Always", "OnRootMismatch")
        yield from fields.one_of(context["fsGroupChangePolicy"], f"{path}.fsGroupChangePolicy", policies)
    yield from _seccomp(context.get("seccompProfile"), f"{path}.seccompProfile")
    yield from _windows(context.get("windowsOptions"), f"{path}.windowsOptions")
    yield from _app_armor(context.get("appArmorProfile"), f"{path}.appArmorProfile")
    if context.get("supplementalGroupsPolicy") is not None:
        policies = ("Merge", "Strict")
        yield from fields.one_of(context["supplementalGroupsPolicy"], f"{path}.supplementalGroupsPolicy", policies)
    if context.get("seLinuxChangePolicy") is not None:
        # "MountOption" belongs to a feature that is off unless somebody asks for it.
        yield from fields.one_of(context["seLinuxChangePolicy"], f"{path}.seLinuxChangePolicy", ("Recursive",))


_SYSCTL_PART = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL = rf"({_SYSCTL_PART}[\./])*{_SYSCTL_PART}"
_IPC_SYSCTLS = ("kernel.shm", "kernel.msg", "fs.mqueue.")


def _sysctls(found: list[Obj] | None, spec: Obj, path: str) -> Check:
    names: set[str] = set()
    for index, each in enumerate(found or ()):
        name, at = each.get("name", ""), f"{path}[{index}].name"
        dotted = name.replace("/", ".")
        if not name:
            yield required(at)
        elif len(name) > 253 or not re.fullmatch(_SYSCTL, name):
            yield invalid_value(at, name, f"must have at most 253 characters and match regex ^{_SYSCTL}$")
        elif name in names:
            yield duplicate(at, name)
        if spec.get("hostNetwork") and dotted.startswith("net."):
            yield invalid_value(at, name, "may not be specified when 'hostNetwork' is true")
        elif spec.get("hostIPC") and (dotted.startswith(_IPC_SYSCTLS) or dotted == "kernel.sem"):
            yield invalid_value(at, name, "may not be specified when 'hostIPC' is true")
        names.add(name)


_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")


def _seccomp(profile: Obj | None, path: str) -> Check:
    if profile is None:
        return
    kind, file = profile.get("type", ""), profile.get("localhostProfile")
    if not kind:
        yield required(f"{path}.type", "type is required when seccompProfile is set")
    else:
        yield from fields.one_of(kind, f"{path}.type", _PROFILES)
    if kind == "Localhost":
        if file is None:
            yield required(f"{path}.localhostProfile", "must be set when seccomp type is Localhost")
        else:
            yield from fields.descending_path(file, f"{path}.localhostProfile")
    elif file is not None:
        shown = internal.shown("core.SeccompProfile", profile)
        yield invalid_value(f"{path}.localhostProfile", shown, "can only be set when seccomp type is Localhost")


def _app_armor(profile: Obj | None, path: str) -> Check:
    if profile is None:
        return
    kind, name, at = profile.get("type", ""), profile.get("localhostProfile"), f"{path}.localhostProfile"
    if kind == "Localhost":
        if name is None:
            yield required(at, "must be set when AppArmor type is Localhost")
            return
        if name.strip() != name:
            yield invalid_value(at, name, "must not be padded with whitespace")
        elif not name:
            yield required(at, "must be set when AppArmor type is Localhost")
        if len(name) > 4095:
            yield too_long(at, 4095)
    elif kind in _PROFILES:
        if name is not None:
            yield invalid_value(at, name, "can only be set when AppArmor type is Localhost")
    elif not kind:
        yield required(f"{path}.type", "type is required when appArmorProfile is set")
    else:
        yield unsupported(f"{path}.type", kind, _PROFILES)


_NET_BIOS = re.compile(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}')
_DOMAIN_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DOMAIN = re.compile(rf"{_DOMAIN_LABEL}(?:\.{_DOMAIN_LABEL})*")
_BAD_USER = re.compile(r'["/\\:;|=,+*?<>@\[\]]')


def _windows(options: Obj | None, path: str) -> Check:
    if options is None:
        return
    name, spec = options.get("gmsaCredentialSpecName"), options.get("gmsaCredentialSpec")
    if name is not None:
        yield from fields.said(f"{path}.gmsaCredentialSpecName", name, metadata.subdomain(name))
    if spec is not None:
        if not spec:
            message = "gmsaCredentialSpec cannot be an empty string"
            yield invalid_value(f"{path}.gmsaCredentialSpec", spec, message)
        elif len(spec) > 64 * 1024:
            message = "gmsaCredentialSpec size must be under 64 KiB"
            yield invalid_value(f"{path}.gmsaCredentialSpec", spec, message)
    user = options.get("runAsUserName")
    if user is not None:
        for message in _windows_user(user):
            yield invalid_value(f"{path}.runAsUserName", user, message)


def _windows_user(text: str) -> list[str]:
    if not text:
        return ["runAsUserName cannot be an empty string"]
    if re.search(r"[\x00-\x1f\x7f]", text):
        return ["runAsUserName cannot contain control characters"]
    if text.count("\\") > 1:
        return ["runAsUserName cannot contain more than one backslash"]
    errors = []
    domain, backslash, user = text.rpartition("\\")
    if len(domain) >= 256:
        errors.append("runAsUserName's Domain length must be under 256 characters")
    if backslash and not (_NET_BIOS.fullmatch(domain) or _DOMAIN.fullmatch(domain)):
        errors.append("runAsUserName's Domain doesn't match the NetBios nor the DNS format")
    if not user:
        errors.append("runAsUserName's User cannot be empty")
    elif len(user) > 104:
        errors.append("runAsUserName's User length must not be longer than 104 characters")
    if re.fullmatch("[. ]+", user):
        errors.append("runAsUserName's User cannot contain only periods or spaces")
    if _BAD_USER.search(user):
        errors.append("runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]")
    return errors


_WINDOWS_POD = ("appArmorProfile", "seLinuxOptions")
_WINDOWS_SPEC = ("hostUsers", "hostPID", "hostIPC")
_WINDOWS_POD_REST = ("seccompProfile", "fsGroup", "fsGroupChangePolicy", "sysctls")
_WINDOWS_POD_LAST = (
    "runAsUser", "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy", "seLinuxChangePolicy",
)  # fmt: skip
_WINDOWS_CONTAINER = (
    "appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem", "privileged",
    "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup",
)  # fmt: skip


def linux_pod(spec: Obj, containers: list[tuple[str, Obj]], path: str) -> Check:
    """What a pod with spec.os.name linux must not have. `containers`: with their paths."""
    message = "windows options cannot be set for a linux pod"
    if (spec.get("securityContext") or {}).get("windowsOptions") is not None:
        yield forbidden_field(f"{path}.securityContext.windowsOptions", message)
    for at, each in containers:
        if (each.get("securityContext") or {}).get("windowsOptions") is not None:
            yield forbidden_field(f"{at}.securityContext.windowsOptions", message)


def windows_pod(spec: Obj, containers: list[tuple[str, Obj]], path: str) -> Check:
    """What a pod with spec.os.name windows must not have."""
    message = "cannot be set for a windows pod"
    context, at = spec.get("securityContext") or {}, f"{path}.securityContext"
    for holder, where, keys in (
        (context, at, _WINDOWS_POD),
        (spec, path, _WINDOWS_SPEC),
        (context, at, _WINDOWS_POD_REST),
        (spec, path, ("shareProcessNamespace",)),
        (context, at, _WINDOWS_POD_LAST),
    ):
        for key in keys:
            if holder.get(key) not in (None, [], False) or (key in _POINTERS and holder.get(key) is not None):
                yield forbidden_field(f"{where}.{key}", message)
    for where, each in containers:
        for key in _WINDOWS_CONTAINER:
            if (each.get("securityContext") or {}).get(key) is not None:
                yield forbidden_field(f"{where}.securityContext.{key}", message)


_POINTERS = {"hostUsers", "shareProcessNamespace", "fsGroup", "runAsUser", "runAsGroup"}


def host_process(spec: Obj, containers: list[tuple[str, Obj]], path: str) -> Check:
    """Windows host processes: all containers of a pod or none."""
    of_pod = ((spec.get("securityContext") or {}).get("windowsOptions") or {}).get("hostProcess")
    count = 0
    for at, each in containers:
        own = ((each.get("securityContext") or {}).get("windowsOptions") or {}).get("hostProcess")
        if of_pod is not None and own is not None and of_pod != own:
            shown = "true" if of_pod else "false"
            message = f"pod hostProcess value must be identical if both are specified, was {shown}"
            yield invalid_value(f"{at}.securityContext.windowsOptions.hostProcess", own, message)
        count += bool(own if own is not None else of_pod)
    if not count:
        return
    if count != len(containers):
        message = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        yield invalid_value(path, "", message)
    if not spec.get("hostNetwork"):
        message = "hostNetwork must be true if pod contains any hostProcess containers"
        yield invalid_value(f"{path}.hostNetwork", False, message)
