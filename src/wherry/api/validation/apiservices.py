"""APIService."""

from wherry.api import Obj, meta
from wherry.api.errors import invalid_value, required, unsupported
from wherry.api.validation import fields, metadata
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules
from wherry.lib import names


def _service(obj: Obj) -> Check:
    spec, name = obj.get("spec") or {}, meta.name(obj)
    group, version = spec.get("group", ""), spec.get("version", "")
    if name and not metadata.path_segment(name) and name != f"{version}.{group}":
        message = f'must be `spec.version+"."+spec.group`: "{version}.{group}"'
        yield invalid_value("metadata.name", name, message)
    if group:
        yield from fields.subdomain(group, "spec.group")
    elif version != "v1":
        yield required("spec.group", "only v1 may have an empty group and it better be legacy kube")
    yield from fields.said("spec.version", version, names.dns_1035_label_errors(version))
    for key, most in (("groupPriorityMinimum", 20000), ("versionPriority", 1000)):
        if not 0 < spec.get(key, 0) <= most:
            yield invalid_value(f"spec.{key}", spec.get(key, 0), f"must be positive and less than {most}")
    yield from _backend(spec)


def _backend(spec: Obj) -> Check:
    service, bundle, insecure = spec.get("service"), spec.get("caBundle"), spec.get("insecureSkipTLSVerify")
    if service is None:
        if bundle:
            shown = f"{fields.size_of(bundle)} bytes"
            yield invalid_value("spec.caBundle", shown, "local APIServices may not have a caBundle")
        if insecure:
            message = "local APIServices may not have insecureSkipTLSVerify"
            yield invalid_value("spec.insecureSkipTLSVerify", True, message)
        return
    yield from fields.needed(service, "spec.service", "namespace", "name")
    port = service.get("port", 0)
    if not 1 <= port <= 65535:
        message = f"port is not valid: {fields.inclusive(1, 65535)}"
        yield invalid_value("spec.service.port", port, message)
    if insecure and bundle:
        yield invalid_value("spec.insecureSkipTLSVerify", True, "may not be true if caBundle is present")


def _status(new: Obj, old: Obj) -> Check:
    for index, condition in enumerate((new.get("status") or {}).get("conditions") or ()):
        status = condition.get("status", "")
        if status not in ("True", "False", "Unknown"):
            yield unsupported(f"status.conditions[{index}].status", status, ("True", "False", "Unknown"))


RULES = {
    "apiregistration.k8s.io/v1/APIService": Rules(
        metadata.path_segment, _service, recheck=True, subresources={"status": _status}, kube_finalizers=False
    ),
}
