"""Environment variables of a container: env, envFrom, references, service variables (pure).

Values are found in this order, later ones win: envFrom, env. `$(NAME)` stands for a variable that came before, or a
service's; `$$(NAME)` is a literal `$(NAME)`.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wherry.api import Obj, meta
from wherry.node import downward

_REFERENCE = re.compile(r"\$(\$|\(([^)]*)\))")
_MASTER = ("default", "kubernetes")


class EnvironmentFailed(ValueError):
    """A reference leads nowhere: the container cannot be made."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What variables are made from. `config_maps` and `secrets` by name; absent: they do not exist. `allocatable`:
    the node's resources. `services`: of all namespaces."""

    host_ip: str = ""
    pod_ips: tuple[str, ...] = ()
    config_maps: Mapping[str, Obj] = field(default_factory=dict)
    secrets: Mapping[str, Obj] = field(default_factory=dict)
    services: Iterable[Obj] = ()
    allocatable: Mapping[str, str] = field(default_factory=dict)


def references(container: Obj) -> tuple[set[str], set[str]]:
    """Names of the ConfigMaps and Secrets that `build` will want."""
    whole = container.get("envFrom") or []
    keys = [each.get("valueFrom") or {} for each in container.get("env") or []]
    return _names(whole, "configMapRef") | _names(keys, "configMapKeyRef"), (
        _names(whole, "secretRef") | _names(keys, "secretKeyRef")
    )


def _names(sources: Iterable[Obj], field: str) -> set[str]:
    return {str(each[field].get("name", "")) for each in sources if field in each}


def expand(text: str, lookup: Mapping[str, str]) -> str:
    """`$(NAME)` for what `lookup` has; what it has not stays as it is."""

    def replace(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return lookup.get(match[2], match[0])

    return _REFERENCE.sub(replace, text)


def build(pod: Obj, container: Obj, sources: Sources) -> dict[str, str]:
    """All variables in order. Raises EnvironmentFailed."""
    from_services = service_variables(pod, sources.services)
    values: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        values |= _all_of(pod, source, sources)
    for variable in container.get("env") or []:
        value = _value(pod, container, variable, sources, from_services | values)
        if value is not None:
            values[variable["name"]] = value
    return values | {name: value for name, value in from_services.items() if name not in values}


def _all_of(pod: Obj, source: Obj, sources: Sources) -> dict[str, str]:
    for key, kind, found in (
        ("configMapRef", "configmap", sources.config_maps),
        ("secretRef", "secret", sources.secrets),
    ):
        reference = source.get(key)
        if reference is None:
            continue
        holder = found.get(reference.get("name", ""))
        if holder is None and not reference.get("optional"):
            raise EnvironmentFailed(f'{kind} "{reference.get("name", "")}" not found')
        prefix = source.get("prefix") or ""
        return {prefix + name: value for name, value in _data(holder or {}).items()}
    return {}


def _data(holder: Obj) -> dict[str, str]:
    """A ConfigMap's texts, or a Secret's bytes as text."""
    data = holder.get("data") or {}
    if holder.get("kind") == "Secret":
        return {name: base64.b64decode(data[name]).decode(errors="surrogateescape") for name in sorted(data)}
    return {name: data[name] for name in sorted(data)}


def _value(pod: Obj, container: Obj, variable: Obj, sources: Sources, known: Mapping[str, str]) -> str | None:
    """The variable's value; None: an optional reference that leads nowhere."""
    if variable.get("value"):
        return expand(variable["value"], known)
    source = variable.get("valueFrom") or {}
    try:
        if "fieldRef" in source:
            return downward.field(pod, source["fieldRef"]["fieldPath"], sources.host_ip, sources.pod_ips)
        if "resourceFieldRef" in source:
            reference = source["resourceFieldRef"]
            return downward.resource(_container(pod, reference, container), reference, sources.allocatable)
    except downward.UnsupportedField as error:
        raise EnvironmentFailed(str(error)) from error
    if "configMapKeyRef" in source:
        return _key(pod, source["configMapKeyRef"], "ConfigMap", sources.config_maps)
    if "secretKeyRef" in source:
        return _key(pod, source["secretKeyRef"], "Secret", sources.secrets)
    return ""


def _container(pod: Obj, reference: Obj, default: Obj) -> Obj:
    wanted = reference.get("containerName")
    spec = pod["spec"]
    every = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    return next((each for each in every if each["name"] == wanted), default)


def _key(pod: Obj, reference: Obj, kind: str, found: Mapping[str, Obj]) -> str | None:
    name, key = reference.get("name", ""), reference["key"]
    holder = found.get(name)
    value = _data(holder).get(key) if holder is not None else None
    if value is not None or reference.get("optional"):
        return value
    if holder is None:
        raise EnvironmentFailed(f'{kind.lower()} "{name}" not found')
    raise EnvironmentFailed(f"couldn't find key {key} in {kind} {meta.namespace(pod)}/{name}")


def service_variables(pod: Obj, services: Iterable[Obj]) -> dict[str, str]:
    """Of the services of the pod's namespace (unless enableServiceLinks is false), and always of the API server's."""
    links = pod["spec"].get("enableServiceLinks", True)
    chosen: dict[str, Obj] = {}
    for service in services:
        if service["spec"].get("clusterIP") in (None, "", "None"):
            continue
        space, name = meta.namespace(service), meta.name(service)
        if links and space == meta.namespace(pod):
            chosen[name] = service
        elif (space, name) == _MASTER:
            chosen.setdefault(name, service)
    out: dict[str, str] = {}
    for name in sorted(chosen):
        out |= _variables_of(chosen[name])
    return out


def _variables_of(service: Obj) -> dict[str, str]:
    prefix = _variable_name(meta.name(service))
    address, ports = service["spec"]["clusterIP"], service["spec"].get("ports") or []
    if not ports:
        return {}
    out = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(ports[0]["port"])}
    for port in ports:
        if port.get("name"):
            out[f"{prefix}_SERVICE_PORT_{_variable_name(port['name'])}"] = str(port["port"])
    host = f"[{address}]" if ":" in address else address
    for index, port in enumerate(ports):
        protocol = port.get("protocol") or "TCP"
        url = f"{protocol.lower()}://{host}:{port['port']}"
        if index == 0:
            out[f"{prefix}_PORT"] = url
        base = f"{prefix}_PORT_{port['port']}_{protocol.upper()}"
        out |= {base: url, f"{base}_PROTO": protocol.lower(), f"{base}_PORT": str(port["port"])}
        out[f"{base}_ADDR"] = address
    return out


def _variable_name(text: str) -> str:
    return text.upper().replace("-", "_")
