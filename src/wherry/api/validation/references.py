"""References out of a pod's spec: to its own fields and resources, to keys of ConfigMaps, Secrets and files."""

import re

from wherry.api import Obj
from wherry.api.errors import invalid_value, required, unsupported
from wherry.api.validation import fields, metadata
from wherry.api.validation.fields import Check

VOLUME_FIELDS = {"metadata.name", "metadata.namespace", "metadata.labels", "metadata.annotations", "metadata.uid"}
ENV_FIELDS = {
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
}  # fmt: skip


def key_to_path(item: Obj, path: str) -> Check:
    yield from fields.needed(item, path, "key", "path")
    yield from fields.local_path(item.get("path", ""), f"{path}.path")
    yield from fields.file_mode(item.get("mode"), f"{path}.mode")


def downward_file(file: Obj, path: str) -> Check:
    from_field, from_resource = file.get("fieldRef"), file.get("resourceFieldRef")
    yield from fields.needed(file, path, "path")
    yield from fields.local_path(file.get("path", ""), f"{path}.path")
    if from_field is not None:
        yield from field_selector(from_field, VOLUME_FIELDS, f"{path}.fieldRef")
        if from_resource is not None:
            message = "fieldRef and resourceFieldRef can not be specified simultaneously"
            yield invalid_value(path, "resource", message)
    elif from_resource is not None:
        yield from resource_selector(from_resource, f"{path}.resourceFieldRef", volume=True)
    else:
        yield required(path, "one of fieldRef and resourceFieldRef is required")
    yield from fields.file_mode(file.get("mode"), f"{path}.mode")


_POD_FIELDS = {
    "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
    "spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "spec.schedulerName", "status.phase",
    "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
}  # fmt: skip
_RENAMED = {"spec.host": "spec.nodeName"}
_SUBSCRIPTED = re.compile(r"([^\[\]]+)\['(.*)'\]")


def field_selector(selector: Obj, supported: set[str], path: str) -> Check:
    """A reference to a field of the pod itself."""
    yield from fields.needed(selector, path, "apiVersion")
    text = selector.get("fieldPath", "")
    if not text:
        yield required(f"{path}.fieldPath")
        return
    why = _unknown_field(selector.get("apiVersion", ""), text)
    match = _SUBSCRIPTED.fullmatch(text)
    if why:
        yield invalid_value(f"{path}.fieldPath", text, f"error converting fieldPath: {why}")
    elif match:
        key = match[2].lower() if match[1] == "metadata.annotations" else match[2]
        yield from fields.qualified_name(key, path)
    elif (field := _RENAMED.get(text, text)) not in supported:
        yield unsupported(f"{path}.fieldPath", field, sorted(supported))


def _unknown_field(version: str, text: str) -> str:
    if version != "v1":
        return f"unsupported pod version: {version}"
    match = _SUBSCRIPTED.fullmatch(text)
    if match and match[1] not in ("metadata.annotations", "metadata.labels"):
        return f"field label does not support subscript: {text}"
    if not match and text not in _POD_FIELDS and text not in _RENAMED:
        return f"field label not supported: {text}"
    return ""


_RESOURCE_FIELDS = sorted(
    f"{way}.{name}" for way in ("limits", "requests") for name in ("cpu", "memory", "ephemeral-storage")
)
_HUGE_PAGES = ("requests.hugepages-", "limits.hugepages-")
_UNITS = {"1", *(f"1{unit}" for unit in ("k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))}
_UNITS_TEXT = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei"


def resource_selector(selector: Obj, path: str, volume: bool = False) -> Check:
    """A reference to a container's requests or limits."""
    name = selector.get("resource", "")
    if volume and not selector.get("containerName"):
        yield required(f"{path}.containerName")
    elif not name:
        yield required(f"{path}.resource")
    elif name not in _RESOURCE_FIELDS and not name.startswith(_HUGE_PAGES):
        yield unsupported(f"{path}.resource", name, _RESOURCE_FIELDS)
    divisor = selector.get("divisor", "0")
    if fields.amount(divisor) == 0:
        return
    kind = name.partition(".")[2]
    if kind == "cpu":
        if divisor not in ("1m", "1"):
            message = "only divisor's values 1m and 1 are supported with the cpu resource"
            yield invalid_value(f"{path}.divisor", name, message)
        return
    words = {"memory": "memory", "ephemeral-storage": "local ephemeral storage"}
    word = "hugepages" if name.startswith(_HUGE_PAGES) else words.get(kind)
    if word and divisor not in _UNITS:
        message = f"only divisor's values {_UNITS_TEXT} are supported with the {word} resource"
        yield invalid_value(f"{path}.divisor", name, message)


def map_key(reference: Obj, path: str) -> Check:
    """A key of a ConfigMap or a Secret."""
    yield from fields.said(f"{path}.name", reference.get("name", ""), metadata.subdomain(reference.get("name", "")))
    if not reference.get("key"):
        yield required(f"{path}.key")
    else:
        yield from fields.said(f"{path}.key", reference["key"], fields.config_key_errors(reference["key"]))


def file_key(reference: Obj, path: str) -> Check:
    """A variable in a file of a volume."""
    if not reference.get("key"):
        yield required(f"{path}.key")
    else:
        yield from fields.said(f"{path}.key", reference["key"], fields.variable_name_errors(reference["key"]))
    if not reference.get("volumeName"):
        yield required(f"{path}.volumeName")
    else:
        yield from fields.label(reference["volumeName"], f"{path}.volumeName")
    if not reference.get("path"):
        yield required(f"{path}.path")
    else:
        yield from fields.no_backsteps(reference["path"], f"{path}.path")


def whole_map(reference: Obj, path: str) -> Check:
    """All keys of a ConfigMap or a Secret."""
    if not reference.get("name"):
        yield required(f"{path}.name")
    else:
        name = reference["name"]
        masked = name[:-2] + "a" if len(name) > 1 and name.endswith("-") else name
        yield from fields.said(f"{path}.name", name, metadata.subdomain(masked))
