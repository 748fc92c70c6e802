"""Containers of a pod: init containers, containers, ephemeral containers.

Source: pkg/apis/core/validation.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from wherry.api import Obj
from wherry.api.errors import (
    duplicate,
    forbidden_field,
    invalid_value,
    not_found_field,
    required,
    too_many,
    unsupported,
)
from wherry.api.validation import fields, probes, references, resources, security
from wherry.api.validation.fields import Check
from wherry.api.validation.volumes import PULL_POLICIES

PROTOCOLS = ("SCTP", "TCP", "UDP")
_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rules of a container need to know of its pod: the valid volumes by name, the names of its resource
    claims, its spec, and whether this is a pod and not a template."""

    volumes: Mapping[str, Obj]
    claims: Collection[str]
    spec: Obj
    is_pod: bool

    @property
    def grace(self) -> int | None:
        return self.spec.get("terminationGracePeriodSeconds")

    @property
    def os(self) -> str | None:
        return None if self.spec.get("os") is None else self.spec["os"].get("name", "")

    @property
    def restart_policy(self) -> str:
        return str(self.spec.get("restartPolicy", ""))

    @property
    def host_users(self) -> bool:
        return self.spec.get("hostUsers") is not False


def containers(found: list[Obj] | None, pod: Surroundings, path: str) -> Check:
    """The ordinary containers."""
    if not found:
        yield required(path)
        return
    names: set[str] = set()
    for index, container in enumerate(found):
        at = f"{path}[{index}]"
        yield from _common(container, pod, at)
        if container.get("name", "") in names:
            yield duplicate(f"{at}.name", container.get("name", ""))
        names.add(container.get("name", ""))
        yield from probes.lifecycle_and_probes(container, pod.grace, pod.os, at)
        yield from _restart_policy(container, at)
    yield from _host_ports(found, path)


def init_containers(found: list[Obj] | None, pod: Surroundings, path: str) -> Check:
    names = {each.get("name", "") for each in pod.spec.get("containers") or ()}
    for index, container in enumerate(found or ()):
        at, name = f"{path}[{index}]", container.get("name", "")
        always = container.get("restartPolicy") == "Always"
        yield from _common(container, pod, at)
        yield from _init_restart_policy(container, at)
        if name in names:
            yield duplicate(f"{at}.name", name)
        elif name:
            names.add(name)
        yield from _host_ports([container], path)
        if always:
            yield from probes.lifecycle_and_probes(container, pod.grace, pod.os, at)
        else:
            yield from _not_a_sidecar(container, at)


def _not_a_sidecar(container: Obj, path: str) -> Check:
    for key in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(key) is not None:
            message = "may not be set for init containers without restartPolicy=Always"
            yield forbidden_field(f"{path}.{key}", message)
    for index, policy in enumerate(container.get("resizePolicy") or ()):
        if policy.get("restartPolicy") == "RestartContainer":
            message = "must not be set to 'RestartContainer' for non-sidecar initContainers"
            yield invalid_value(f"{path}.resizePolicy[{index}].restartPolicy", "RestartContainer", message)


_NOT_EPHEMERAL = (
    "ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", "livenessProbe", "readinessProbe",
    "startupProbe", "lifecycle",
)  # fmt: skip


def ephemeral_containers(found: list[Obj] | None, pod: Surroundings, path: str) -> Check:
    spec = pod.spec
    others = {each.get("name", "") for key in ("containers", "initContainers") for each in spec.get(key) or ()}
    names = set(others)
    for index, container in enumerate(found or ()):
        at, name = f"{path}[{index}]", container.get("name", "")
        yield from _common(container, pod, at)
        yield from image_text(container, at)
        if name in names:
            yield duplicate(f"{at}.name", name)
        names.add(name)
        target = container.get("targetContainerName")
        if target and target not in others:
            yield not_found_field(f"{at}.targetContainerName", target)
        for key in _NOT_EPHEMERAL:
            if container.get(key):
                yield forbidden_field(f"{at}.{key}", "cannot be set for an Ephemeral Container")
        for number, mount in enumerate(container.get("volumeMounts") or ()):
            for key in ("subPath", "subPathExpr"):
                if mount.get(key):
                    message = "cannot be set for an Ephemeral Container"
                    yield forbidden_field(f"{at}.volumeMounts[{number}].{key}", message)


def image_text(container: Obj, path: str) -> Check:
    image = container.get("image", "")
    if image != image.strip():
        yield invalid_value(f"{path}.image", image, "must not have leading or trailing whitespace")


def _common(container: Obj, pod: Surroundings, path: str) -> Check:
    if not container.get("name"):
        yield required(f"{path}.name")
    else:
        yield from fields.label(container["name"], f"{path}.name")
    yield from fields.needed(container, path, "image")
    policy = container.get("terminationMessagePolicy")
    yield from fields.one_of_or_needed(policy, f"{path}.terminationMessagePolicy", _MESSAGE_POLICIES)
    if container.get("ports"):
        yield from _ports(container["ports"], f"{path}.ports")
    yield from fields.each(container.get("env"), f"{path}.env", _variable)
    yield from _env_from(container.get("envFrom"), f"{path}.envFrom")
    yield from _mounts(container, pod.volumes, f"{path}.volumeMounts")
    yield from _devices(container, pod.volumes, f"{path}.volumeDevices")
    pull = container.get("imagePullPolicy")
    yield from fields.one_of_or_needed(pull, f"{path}.imagePullPolicy", PULL_POLICIES)
    found, at = container.get("resources"), f"{path}.resources"
    if found:
        yield from resources.requirements(found, pod.claims, at, resources.container_name)
    yield from _resize_policy(container.get("resizePolicy"), pod.restart_policy, f"{path}.resizePolicy")
    yield from security.container(container.get("securityContext"), pod.host_users, f"{path}.securityContext")


def _ports(ports: list[Obj], path: str) -> Check:
    names: set[str] = set()
    for index, port in enumerate(ports):
        at, name = f"{path}[{index}]", port.get("name", "")
        if name:
            wrong = fields.port_name_errors(name)
            yield from fields.said(f"{at}.name", name, wrong)
            if not wrong and name in names:
                yield duplicate(f"{at}.name", name)
            if not wrong:
                names.add(name)
        if not port.get("containerPort"):
            yield required(f"{at}.containerPort")
        else:
            yield from fields.port_number(port["containerPort"], f"{at}.containerPort")
        if port.get("hostPort"):
            yield from fields.port_number(port["hostPort"], f"{at}.hostPort")
        yield from fields.one_of_or_needed(port.get("protocol"), f"{at}.protocol", PROTOCOLS)


def _host_ports(found: list[Obj], path: str) -> Check:
    taken: set[str] = set()
    for index, container in enumerate(found):
        for number, port in enumerate(container.get("ports") or ()):
            if port.get("hostPort"):
                key = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{port['hostPort']}"
                if key in taken:
                    yield duplicate(f"{path}[{index}].ports[{number}].hostPort", key)
                taken.add(key)


_VALUE_SOURCES = {
    "fieldRef": lambda found, path: references.field_selector(found, references.ENV_FIELDS, path),
    "resourceFieldRef": references.resource_selector,
    "configMapKeyRef": references.map_key,
    "secretKeyRef": references.map_key,
    "fileKeyRef": references.file_key,
}


def _variable(variable: Obj, path: str) -> Check:
    if not variable.get("name"):
        yield required(f"{path}.name")
    else:
        yield from fields.said(f"{path}.name", variable["name"], fields.variable_name_errors(variable["name"]))
    source, at = variable.get("valueFrom"), f"{path}.valueFrom"
    if source is None:
        return
    given = [name for name in _VALUE_SOURCES if source.get(name) is not None]
    for name in given:
        yield from _VALUE_SOURCES[name](source[name], f"{at}.{name}")
    if not given:
        names = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        yield invalid_value(at, "", f"must specify one of: {names}")
    elif variable.get("value"):
        yield invalid_value(at, "", "may not be specified when `value` is not empty")
    elif len(given) > 1:
        yield invalid_value(at, "", "may not have more than one field specified at a time")


def _env_from(found: list[Obj] | None, path: str) -> Check:
    for index, source in enumerate(found or ()):
        at, prefix = f"{path}[{index}]", source.get("prefix", "")
        if prefix:
            yield from fields.said(f"{at}.prefix", prefix, fields.variable_name_errors(prefix))
        given = [name for name in ("configMapRef", "secretRef") if source.get(name) is not None]
        for name in given:
            yield from references.whole_map(source[name], f"{at}.{name}")
        if not given:
            yield invalid_value(path, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(given) > 1:
            yield invalid_value(path, "", "may not have more than one field specified at a time")


def _mounts(container: Obj, volumes: Mapping[str, Obj], path: str) -> Check:
    devices = {each.get("name", ""): each.get("devicePath", "") for each in container.get("volumeDevices") or ()}
    places: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        at, name, place = f"{path}[{index}]", mount.get("name", ""), mount.get("mountPath", "")
        yield from fields.needed(mount, at, "name")
        if name not in volumes:
            yield not_found_field(f"{at}.name", name)
        yield from fields.needed(mount, at, "mountPath")
        if place in places:
            yield invalid_value(f"{at}.mountPath", place, "must be unique")
        places.add(place)
        if name in devices:
            yield invalid_value(f"{at}.name", name, "must not already exist in volumeDevices")
        if place in devices.values():
            yield invalid_value(f"{at}.mountPath", place, "must not already exist as a path in volumeDevices")
        yield from _mount_options(mount, container, at, path)


_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")


def _mount_options(mount: Obj, container: Obj, at: str, path: str) -> Check:
    """Upstream reports these under the list, not under the mount."""
    sub, expression = mount.get("subPath", ""), mount.get("subPathExpr", "")
    if sub:
        yield from fields.descending_path(sub, f"{path}.subPath")
    if expression:
        if sub:
            message = "subPathExpr and subPath are mutually exclusive"
            yield invalid_value(f"{at}.subPathExpr", expression, message)
        yield from fields.descending_path(expression, f"{path}.subPathExpr")
    propagation = mount.get("mountPropagation")
    if propagation is not None:
        yield from fields.one_of(propagation, f"{path}.mountPropagation", _PROPAGATIONS)
        privileged = (container.get("securityContext") or {}).get("privileged")
        if propagation == "Bidirectional" and not privileged:
            message = "Bidirectional mount propagation is available only to privileged containers"
            yield forbidden_field(f"{path}.mountPropagation", message)
    yield from _recursive_read_only(mount, f"{path}.recursiveReadOnly")


def _recursive_read_only(mount: Obj, path: str) -> Check:
    wanted = mount.get("recursiveReadOnly")
    if wanted in ("Enabled", "IfPossible"):
        if not mount.get("readOnly"):
            yield forbidden_field(path, "may only be specified when readOnly is true")
        if mount.get("mountPropagation") not in (None, "None"):
            message = "may only be specified when mountPropagation is None or not specified"
            yield forbidden_field(path, message)
    elif wanted not in (None, "Disabled"):
        yield unsupported(path, wanted, ("Disabled", "Enabled", "IfPossible"))


def _devices(container: Obj, volumes: Mapping[str, Obj], path: str) -> Check:
    mounts = {each.get("name", ""): each.get("mountPath", "") for each in container.get("volumeMounts") or ()}
    places: set[str] = set()
    names: set[str] = set()
    for index, device in enumerate(container.get("volumeDevices") or ()):
        at, name, place = f"{path}[{index}]", device.get("name", ""), device.get("devicePath", "")
        volume = volumes.get(name)
        yield from fields.needed(device, at, "name")
        if name in names:
            yield invalid_value(f"{at}.name", name, "must be unique")
        if volume is None:
            yield not_found_field(f"{at}.name", name)
        elif volume.get("persistentVolumeClaim") is None and volume.get("ephemeral") is None:
            message = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            yield invalid_value(f"{at}.name", name, message)
        yield from fields.needed(device, at, "devicePath")
        if place in places:
            yield invalid_value(f"{at}.devicePath", place, "must be unique")
        if place and any(fields.no_backsteps(place, "")):
            yield invalid_value(f"{at}.devicePath", place, "can not contain backsteps ('..')")
        else:
            places.add(place)
        if name in mounts:
            yield invalid_value(f"{at}.name", name, "must not already exist in volumeMounts")
        if place in mounts.values():
            yield invalid_value(f"{at}.devicePath", place, "must not already exist as a path in volumeMounts")
        names.add(name)


def _resize_policy(found: list[Obj] | None, pod_restart_policy: str, path: str) -> Check:
    seen: set[str] = set()
    for index, policy in enumerate(found or ()):
        resource, restart = policy.get("resourceName", ""), policy.get("restartPolicy", "")
        if resource in seen:
            yield duplicate(f"{path}[{index}]", resource)
        seen.add(resource)
        yield from fields.one_of_or_needed(resource, path, ("cpu", "memory"))
        yield from fields.one_of_or_needed(restart, path, ("NotRequired", "RestartContainer"))
        if pod_restart_policy == "Never" and restart != "NotRequired":
            message = "must be 'NotRequired' when pod `restartPolicy` is 'Never'"
            yield invalid_value(path, restart, message)


def _init_restart_policy(container: Obj, path: str) -> Check:
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or []
    if policy is None:
        if rules:
            yield required(f"{path}.restartPolicy", "must specify restartPolicy when restart rules are used")
    elif policy == "Always":
        if rules:
            message = "restartPolicyRules are not allowed for init containers with restart policy Always"
            yield forbidden_field(f"{path}.restartPolicyRules", message)
    else:
        yield from _restart_policy(container, path)


def _restart_policy(container: Obj, path: str) -> Check:
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or []
    if policy is None:
        if rules:
            yield required(f"{path}.restartPolicy", "must specify restartPolicy when restart rules are used")
    else:
        yield from fields.one_of(policy, f"{path}.restartPolicy", ("Always", "Never", "OnFailure"))
    if len(rules) > 20:
        yield too_many(f"{path}.restartPolicyRules", len(rules), 20)
    yield from fields.each(rules, f"{path}.restartPolicyRules", _restart_rule)


def _restart_rule(rule: Obj, path: str) -> Check:
    yield from fields.one_of(rule.get("action", ""), f"{path}.action", ("Restart", "RestartAllContainers"))
    codes: Any = rule.get("exitCodes")
    if codes is None:
        yield required(f"{path}.exitCodes", "must be specified")
        return
    yield from fields.one_of(codes.get("operator", ""), f"{path}.exitCodes.operator", ("In", "NotIn"))
    if len(codes.get("values") or ()) > 255:
        yield too_many(f"{path}.exitCodes.values", len(codes["values"]), 255)
