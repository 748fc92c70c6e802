"""PersistentVolume and PersistentVolumeClaim."""

import posixpath
from collections.abc import Iterable

from wherry.api import Obj, meta
from wherry.api.errors import forbidden_field, invalid_value, required, unsupported
from wherry.api.patch.values import clone, same
from wherry.api.validation import claims, fields, internal, metadata, resources, scheduling, volumes
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules
from wherry.lib import names

_RECLAIM = ("Delete", "Recycle", "Retain")
_INLINE = "may not be specified in the context of inline volumes"
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"


def access_modes(modes: Iterable[str], path: str) -> Check:
    """Access modes, of which ReadWriteOncePod stands alone."""
    listed = list(modes)
    for mode in listed:
        yield from fields.one_of(mode, path, claims.ACCESS_MODES)
    if "ReadWriteOncePod" in listed and any(mode in claims.ACCESS_MODES[:3] for mode in listed):
        yield forbidden_field(path, "may not use ReadWriteOncePod with other access modes")


def _basic(value: str, path: str) -> Check:
    if fields.amount(value) < 0:
        yield invalid_value(path, int(fields.amount(value)), "must be a valid resource quantity")


# Sources of volumes


def _azure_file(source: Obj, path: str) -> Check:
    yield from fields.needed(source, path, "secretName", "shareName")
    if source.get("secretNamespace") == "":
        yield required(f"{path}.secretNamespace")


def _local(source: Obj, path: str) -> Check:
    if not source.get("path"):
        yield required(f"{path}.path")
    else:
        yield from fields.no_backsteps(source["path"], f"{path}.path")


def _csi(source: Obj, path: str) -> Check:
    yield from volumes.csi_driver_name(source.get("driver", ""), f"{path}.driver")
    yield from fields.needed(source, path, "volumeHandle")
    for use in ("controllerPublish", "controllerExpand", "nodePublish", "nodeExpand"):
        secret, at = source.get(f"{use}SecretRef"), f"{path}.{use}SecretRef"
        if secret is None:
            continue
        for key, rule in (("name", names.dns_subdomain_errors), ("namespace", names.dns_label_errors)):
            if not secret.get(key):
                yield required(f"{at}.{key}")
            else:
                yield from fields.said(f"{at}.{key}", secret[key], rule(secret[key]))


def _iscsi(source: Obj, path: str) -> Check:
    yield from volumes.iscsi_common(source, path, "must be valid format")


_SOURCES: dict[str, tuple[str, volumes.Source]] = {
    "hostPath": ("hostPath", volumes.host_path),
    "gcePersistentDisk": ("persistentDisk", volumes.disk_partition("pdName")),
    "awsElasticBlockStore": ("awsElasticBlockStore", volumes.disk_partition("volumeID")),
    "glusterfs": ("glusterfs", volumes.glusterfs),
    "flocker": ("flocker", volumes.flocker),
    "nfs": ("nfs", volumes.nfs),
    "rbd": ("rbd", volumes.simple("monitors", "image")),
    "quobyte": ("quobyte", volumes.quobyte),
    "cephfs": ("cephfs", volumes.simple("monitors")),
    "iscsi": ("iscsi", _iscsi),
    "cinder": ("cinder", volumes.with_secret("volumeID", namespaced=True)),
    "fc": ("fc", volumes.fibre_channel),
    "flexVolume": ("flexVolume", volumes.flex),
    "azureFile": ("azureFile", _azure_file),
    "vsphereVolume": ("vsphereVolume", volumes.simple("volumePath")),
    "photonPersistentDisk": ("photonPersistentDisk", volumes.simple("pdID")),
    "portworxVolume": ("portworxVolume", volumes.simple("volumeID")),
    "azureDisk": ("azureDisk", volumes.azure_disk),
    "scaleIO": ("scaleIO", volumes.simple("gateway", "system", "volumeName")),
    "local": ("local", _local),
    "storageos": ("storageos", volumes.storage_os(namespaced=True)),
    "csi": ("csi", _csi),
}


def _sources(spec: Obj, name: str, path: str) -> Check:
    found = 0
    for key, (shown, check) in _SOURCES.items():
        source = spec.get(key)
        if source is None:
            continue
        if found and key != "flexVolume":
            at = "cephFS" if key == "cephfs" else key
            yield forbidden_field(f"{path}.{at}", "may not specify more than 1 volume type")
            continue
        found += 1
        if key == "iscsi":
            portal = source.get("targetPortal", "")
            yield from fields.needed(source, f"{path}.{shown}", "targetPortal")
            yield from volumes.iscsi_name(source, name, f"{path}.{shown}.targetportal", portal)
        yield from check(source, f"{path}.{shown}")
        if key == "local" and spec.get("nodeAffinity") is None:
            yield required(f"{path}.nodeAffinity", "Local volume requires node affinity")
    if not found:
        yield required(path, "must specify a volume type")


# PersistentVolume


def _volume(obj: Obj) -> Check:
    yield from volume_spec(obj["spec"], obj["metadata"].get("name", ""), "spec")


def _new_volume(obj: Obj) -> Check:
    yield from _volume(obj)
    yield from _mount_options(obj)


_WITH_MOUNT_OPTIONS = (
    "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "nfs", "rbd", "quobyte", "iscsi", "cinder", "cephfs",
    "azureFile", "vsphereVolume", "azureDisk", "photonPersistentDisk",
)  # fmt: skip
_MOUNT_OPTIONS = "volume.beta.kubernetes.io/mount-options"


def _mount_options(obj: Obj) -> Check:
    if _MOUNT_OPTIONS in meta.annotations(obj) and not any(obj["spec"].get(key) for key in _WITH_MOUNT_OPTIONS):
        message = "may not specify mount options for this volume type"
        yield forbidden_field(f"metadata.annotations.{_MOUNT_OPTIONS}", message)


def volume_spec(spec: Obj, name: str, path: str, inline: bool = False) -> Check:
    """The spec of a volume, or (inline) one that a VolumeAttachment carries."""
    if inline:
        yield from _only_inline(spec, path)
    if not spec.get("accessModes"):
        yield required(f"{path}.accessModes")
    yield from access_modes(spec.get("accessModes") or (), f"{path}.accessModes")
    if not inline:
        yield from _capacity(spec.get("capacity"), f"{path}.capacity")
    policy, at = spec.get("persistentVolumeReclaimPolicy"), f"{path}.persistentVolumeReclaimPolicy"
    if policy and inline and policy != "Retain":
        yield forbidden_field(at, "may only be Retain in the context of inline volumes")
    elif policy and not inline:
        yield from fields.one_of(policy, at, _RECLAIM)
    if spec.get("nodeAffinity") is not None:
        yield from _affinity(spec["nodeAffinity"], f"{path}.nodeAffinity", inline)
    yield from _sources(spec, name, path)
    root = (spec.get("hostPath") or {}).get("path")
    if policy == "Recycle" and root is not None and posixpath.normpath(root or ".") in ("/", "//"):
        yield forbidden_field(at, "may not be 'recycle' for a hostPath mount of '/'")
    yield from _classes(spec, path, inline)


def _only_inline(spec: Obj, path: str) -> Check:
    for key in ("claimRef", "capacity"):
        if spec.get(key) is not None and spec.get(key) != {}:
            yield forbidden_field(f"{path}.{key}", _INLINE)
    if spec.get("csi") is None:
        yield required(f"{path}.csi", "has to be specified in the context of inline volumes")


def _capacity(found: Obj | None, path: str) -> Check:
    if not found:
        yield required(path)
    if not found or "storage" not in found or len(found) > 1:
        yield unsupported(path, found or None, ("storage",))
    for name, value in sorted((found or {}).items()):
        yield from _basic(value, f"{path}[{name}]")
        if fields.amount(value) <= 0:
            yield invalid_value(f"{path}[{name}]", value, fields.NOT_POSITIVE)


def _affinity(found: Obj, path: str, inline: bool) -> Check:
    if inline:
        yield forbidden_field(path, _INLINE)
    elif found.get("required") is None:
        yield required(f"{path}.required", "must specify required node constraints")
    else:
        yield from scheduling.node_selector(found["required"], f"{path}.required")


def _classes(spec: Obj, path: str, inline: bool) -> Check:
    name, mode, attributes = (
        spec.get(key) for key in ("storageClassName", "volumeMode", "volumeAttributesClassName")
    )
    if name and inline:
        yield forbidden_field(f"{path}.storageClassName", _INLINE)
    elif name:
        yield from fields.subdomain(name, f"{path}.storageClassName")
    if mode is not None and inline:
        if mode != "Filesystem":
            message = "may not specify volumeMode other than Filesystem in the context of inline volumes"
            yield forbidden_field(f"{path}.volumeMode", message)
    elif mode is not None:
        yield from fields.one_of(mode, f"{path}.volumeMode", claims.VOLUME_MODES)
    if attributes is None:
        return
    at = f"{path}.volumeAttributesClassName"
    if not attributes:
        yield required(at, "an empty string is disallowed")
    else:
        yield from fields.subdomain(attributes, at)
    if spec.get("csi") is None:
        yield required(f"{path}.csi", "has to be specified when using volumeAttributesClassName")


def _volume_update(new: Obj, old: Obj) -> Check:
    yield from _volume(new)
    yield from _mount_options(new)
    yield from metadata.check(new, False)
    yield from metadata.kube_finalizers(new["metadata"])
    yield from _volume(new)
    spec, before = new["spec"], old["spec"]
    sources, previous = ({key: each[key] for key in _SOURCES if each.get(key)} for each in (spec, before))
    csi, then = sources.get("csi"), previous.get("csi")
    if csi and then and then.get("controllerExpandSecretRef") is None:
        sources["csi"] = {key: value for key, value in csi.items() if key != "controllerExpandSecretRef"}
    if not same(sources, previous):
        message = "spec.persistentvolumesource is immutable after creation\n"
        message += internal.diff("core.PersistentVolumeSource", previous, sources)
        yield forbidden_field("spec.persistentvolumesource", message)
    yield from metadata.immutable(spec.get("volumeMode"), before.get("volumeMode"), "volumeMode")
    if before.get("nodeAffinity") is not None and not same(spec.get("nodeAffinity"), before["nodeAffinity"]):
        shown = internal.shown("core.VolumeNodeAffinity", spec.get("nodeAffinity"))
        message = f"{metadata.IMMUTABLE}, except for updating from beta label to GA"
        yield invalid_value("nodeAffinity", shown, message)
    if before.get("volumeAttributesClassName") is not None and spec.get("volumeAttributesClassName") is None:
        yield forbidden_field("spec.volumeAttributesClassName", "update from non-nil value to nil is forbidden")


def _versioned(new: Obj, old: Obj) -> Check:
    if not new["metadata"].get("resourceVersion"):
        yield required("resourceVersion")


# PersistentVolumeClaim


def _claim(obj: Obj) -> Check:
    yield from claims.spec(obj["spec"], "spec")


def _claim_update(new: Obj, old: Obj) -> Check:
    yield from claims.spec(new["spec"], "spec", known_groups=True)
    spec, before = clone(new["spec"]), clone(old["spec"])
    bound = (new.get("status") or {}).get("phase") == "Bound"
    size, then = (_requests(each).get("storage", "0") for each in (spec, before))
    if not before.get("volumeName") and spec.get("volumeName"):
        before["volumeName"] = spec["volumeName"]
    yield from _class_change(new, old, spec)
    if bound:
        if _requests(spec):
            _requests(spec)["storage"] = then
        spec["volumeAttributesClassName"] = before.get("volumeAttributesClassName")
    if not same(_present(spec), _present(before)):
        message = "spec is immutable after creation except resources.requests and volumeAttributesClassName "
        message += f"for bound claims\n{internal.diff('core.PersistentVolumeClaimSpec', before, spec)}"
        yield forbidden_field("spec", message)
    status = old.get("status") or {}
    reached = (status.get("capacity") or {}).get("storage", "0")
    if fields.amount(size) < fields.amount(then) and fields.amount(size) <= fields.amount(reached):
        yield forbidden_field("spec.resources.requests.storage", "field can not be less than status.capacity")
    yield from metadata.immutable(new["spec"].get("volumeMode"), before.get("volumeMode"), "volumeMode")
    yield from _attributes_class(new["spec"], before, status)


def _requests(spec: Obj) -> Obj:
    found: Obj = (spec.get("resources") or {}).get("requests") or {}
    return found


def _present(spec: Obj) -> Obj:
    return {key: value for key, value in spec.items() if value not in (None, [], {})}


def _class_change(new: Obj, old: Obj, spec: Obj) -> Check:
    """A class may be named where there was none, or move from its old annotation into the spec."""
    now, then = meta.annotations(new), meta.annotations(old)
    name, previous = spec.get("storageClassName"), old["spec"].get("storageClassName")
    unnamed = name is not None and previous is None
    if unnamed and then.get(_BETA_CLASS) == name and now.get(_BETA_CLASS, name) == name:
        spec.pop("storageClassName")
        return
    if now.get(_BETA_CLASS, "") != then.get(_BETA_CLASS, ""):
        path = f"metadata.annotations.{_BETA_CLASS}"
        yield invalid_value(path, now.get(_BETA_CLASS, ""), metadata.IMMUTABLE)
    if unnamed and then.get(_BETA_CLASS, name) == name:
        spec.pop("storageClassName")


def _attributes_class(spec: Obj, before: Obj, status: Obj) -> Check:
    now, path = spec.get("volumeAttributesClassName"), "spec.volumeAttributesClassName"
    if now == before.get("volumeAttributesClassName") or status.get("currentVolumeAttributesClassName") is None:
        return
    ending = "is forbidden when status.currentVolumeAttributesClassName is not nil"
    if now is None:
        yield forbidden_field(path, f"update to nil {ending}")
    elif not now:
        yield forbidden_field(path, f"update to empty string {ending}")


_RESIZE = (
    "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible",
    "NodeResizePending",
)  # fmt: skip


def _claim_status(new: Obj, old: Obj) -> Check:
    yield from _versioned(new, old)
    if not new["spec"].get("accessModes"):
        yield required("Spec.accessModes")
    status = new.get("status") or {}
    for name, value in sorted((status.get("capacity") or {}).items()):
        yield from _basic(value, f"status.capacity[{name}]")
    path = "status.allocatedResourceStatuses"
    for name, state in sorted((status.get("allocatedResourceStatuses") or {}).items()):
        yield from _resource_key(name, path)
        if state not in _RESIZE:
            yield unsupported(path, name, _RESIZE)
    path = "status.allocatedResources"
    for name, value in sorted((status.get("allocatedResources") or {}).items()):
        wrong = list(_resource_key(name, path))
        yield from wrong
        if not wrong:
            wrong = list(_basic(value, f"{path}[{name}]"))
            yield from wrong or resources.amount("storage", value, f"{path}[{name}]")


def _resource_key(name: str, path: str) -> Check:
    wrong = names.qualified_name_errors(name)
    yield from fields.said(path, name, wrong)
    if not wrong and resources.is_native(name) and name != "storage":
        yield unsupported(path, name, ("storage",))


RULES = {
    "v1/PersistentVolume": Rules(
        body=_new_volume, change=_volume_update, subresources={"status": _versioned}, only_whole=True
    ),
    "v1/PersistentVolumeClaim": Rules(
        body=_claim, change=_claim_update, subresources={"status": _claim_status}, recheck=True
    ),
}
