"""Volumes of a pod: exactly one source each, and what each source needs.

Source: pkg/apis/core/validation. Old in-tree sources have few rules, so these stand in a table.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from wherry.api import Obj
from wherry.api.errors import duplicate, forbidden_field, invalid_value, required, too_long, unsupported
from wherry.api.validation import claims, fields, metadata, projections, references
from wherry.api.validation.fields import Check

Source = Callable[[Obj, str], Check]


def volumes(
    pod_volumes: list[Obj] | None, pod_name: str, is_pod: bool, path: str
) -> tuple[dict[str, Obj], list[Any]]:
    """The valid volumes by name, and what is wrong with the others. `pod_name`: empty when not known yet."""
    found: dict[str, Obj] = {}
    errors: list[Any] = []
    names: set[str] = set()
    made = {f"{pod_name}-{each.get('name', '')}" for each in pod_volumes or () if each.get("ephemeral") is not None}
    for index, volume in enumerate(pod_volumes or ()):
        at, name = f"{path}[{index}]", volume.get("name", "")
        wrong = list(_source(volume, at, pod_name, is_pod))
        wrong += list(fields.label(name, f"{at}.name")) if name else [required(f"{at}.name")]
        if name in names:
            wrong.append(duplicate(f"{at}.name", name))
        if wrong:
            errors += wrong
        else:
            names.add(name)
            found[name] = volume
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if pod_name and claim in made:
            message = "must not reference a PVC that gets created for an ephemeral volume"
            errors.append(invalid_value(f"{at}.persistentVolumeClaim.claimName", claim, message))
    return found, errors


_ODD_NAMES = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}


def _source(volume: Obj, path: str, pod_name: str, is_pod: bool) -> Check:
    given = [name for name in SOURCES if volume.get(name) is not None]
    for index, name in enumerate(given):
        if index and name != "emptyDir":
            shown = _ODD_NAMES.get(name, name)
            yield forbidden_field(f"{path}.{shown}", "may not specify more than 1 volume type")
            continue
        at = f"{path}.{'persistentDisk' if name == 'gcePersistentDisk' else name}"
        if name == "image":
            yield from _image(volume[name], at, is_pod)
        else:
            yield from SOURCES[name](volume[name], at)
        if name == "ephemeral" and pod_name and volume.get("name"):
            claim = f"{pod_name}-{volume['name']}"
            for message in metadata.subdomain(claim):
                yield invalid_value(f"{path}.name", volume["name"], f'PVC name "{claim}": {message}')
        if name == "iscsi":
            yield from iscsi_name(volume[name], volume.get("name", ""), f"{path}.name")
    if not given:
        yield required(path, "must specify a volume type")


def _empty_dir(source: Obj, path: str) -> Check:
    if source.get("sizeLimit") is not None and fields.amount(source["sizeLimit"]) < 0:
        yield forbidden_field(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")


_HOST_PATH_TYPES = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
)  # fmt: skip


def host_path(source: Obj, path: str) -> Check:
    yield from fields.needed(source, path, "path")
    yield from fields.no_backsteps(source.get("path", ""), f"{path}.path")
    if source.get("type") is not None:
        yield from fields.one_of(source["type"], f"{path}.type", _HOST_PATH_TYPES)


def _git_repo(source: Obj, path: str) -> Check:
    yield from fields.needed(source, path, "repository")
    yield from fields.descending_path(source.get("directory", ""), f"{path}.directory")


def disk_partition(key: str) -> Source:
    def check(source: Obj, path: str) -> Check:
        yield from fields.needed(source, path, key)
        if not 0 <= source.get("partition", 0) <= 255:
            yield invalid_value(f"{path}.partition", source["partition"], fields.inclusive(1, 255))

    return check


def simple(*keys: str) -> Source:
    """A source that only needs some fields."""

    def check(source: Obj, path: str) -> Check:
        yield from fields.needed(source, path, *keys)

    return check


def _secret(source: Obj, path: str) -> Check:
    yield from fields.needed(source, path, "secretName")
    yield from _files(source, path)


def _config_map(source: Obj, path: str) -> Check:
    yield from fields.needed(source, path, "name")
    yield from _files(source, path)


def _files(source: Obj, path: str) -> Check:
    yield from fields.file_mode(source.get("defaultMode"), f"{path}.defaultMode")
    yield from fields.each(source.get("items"), f"{path}.items", references.key_to_path)


def nfs(source: Obj, path: str) -> Check:
    yield from fields.needed(source, path, "server", "path")
    if not source.get("path", "").startswith("/"):
        yield invalid_value(f"{path}.path", source.get("path", ""), "must be an absolute path")


_IQN = re.compile(r"iqn\.\d{4}-\d{2}\.([A-Za-z0-9\-.]+)(:[^,;*&$|\s]+)$")
_IQN_FORMS = {"iqn": _IQN, "eui": re.compile(r"^eui.[A-Za-z0-9]{16}$"), "naa": re.compile(r"^naa.[A-Za-z0-9]{32}$")}


def iscsi_qualified_name(name: str, path: str, prefix_message: str) -> Check:
    form = _IQN_FORMS.get(name[:3])
    if form is None:
        yield invalid_value(path, name, prefix_message)
    elif not form.search(name):
        yield invalid_value(path, name, "must be valid format")


_IQN_PREFIX = "must be valid format starting with iqn, eui, or naa"


def _iscsi(source: Obj, path: str) -> Check:
    yield from fields.needed(source, path, "targetPortal")
    yield from iscsi_common(source, path, _IQN_PREFIX)


def iscsi_common(source: Obj, path: str, prefix_message: str) -> Check:
    """What volumes and persistent volumes have in common; these only differ in words."""
    if not source.get("iqn"):
        yield required(f"{path}.iqn")
    else:
        yield from iscsi_qualified_name(source["iqn"], f"{path}.iqn", prefix_message)
    yield from fields.in_range(source.get("lun", 0), f"{path}.lun", 0, 255)
    if (source.get("chapAuthDiscovery") or source.get("chapAuthSession")) and source.get("secretRef") is None:
        yield required(f"{path}.secretRef")
    if source.get("initiatorName") is not None:
        yield from iscsi_qualified_name(source["initiatorName"], f"{path}.initiatorname", prefix_message)


_ISCSI_TOO_LONG = (
    "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is "
    "specified."
)


def iscsi_name(source: Obj, volume: str, path: str, shown: str | None = None) -> Check:
    portal = source.get("targetPortal", "")
    if source.get("initiatorName") is not None and len(f"{volume}:{portal}") > 64:
        yield invalid_value(path, volume if shown is None else shown, _ISCSI_TOO_LONG)


def fibre_channel(source: Obj, path: str) -> Check:
    targets, wwids, lun = source.get("targetWWNs") or [], source.get("wwids") or [], source.get("lun")
    if not targets and not wwids:
        yield required(f"{path}.targetWWNs", "must specify either targetWWNs or wwids, but not both")
    if targets and wwids:
        message = "targetWWNs and wwids can not be specified simultaneously"
        yield invalid_value(f"{path}.targetWWNs", targets, message)
    if targets:
        if lun is None:
            yield required(f"{path}.lun", "lun is required if targetWWNs is specified")
        else:
            yield from fields.in_range(lun, f"{path}.lun", 0, 255)


def quobyte(source: Obj, path: str) -> Check:
    pair = "must be a host:port pair or multiple pairs separated by commas"
    registry = source.get("registry", "")
    if not registry:
        yield required(f"{path}.registry", pair)
    elif len(source.get("tenant", "")) >= 65:
        yield required(f"{path}.tenant", "must be a UUID and may not exceed a length of 64 characters")
    else:
        for each in registry.split(","):
            if not re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*):[^:\[\]]*", each):
                yield invalid_value(f"{path}.registry", registry, pair)
    yield from fields.needed(source, path, "volume")


def glusterfs(source: Obj, path: str) -> Check:
    yield from fields.needed(source, path, "endpoints", "path")
    namespace = source.get("endpointsNamespace")
    if namespace == "":
        message = "if the endpointnamespace is set, it must be a valid namespace name"
        yield invalid_value(f"{path}.endpointsNamespace", namespace, message)
    elif namespace is not None:
        yield from fields.label(namespace, f"{path}.endpointsNamespace")


def flocker(source: Obj, path: str) -> Check:
    name, uuid = source.get("datasetName", ""), source.get("datasetUUID", "")
    if not name and not uuid:
        yield required(path, "one of datasetName and datasetUUID is required")
    if name and uuid:
        message = "datasetName and datasetUUID can not be specified simultaneously"
        yield invalid_value(path, "resource", message)
    if "/" in name:
        yield invalid_value(f"{path}.datasetName", name, "must not contain '/'")


def with_secret(*keys: str, namespaced: bool = False) -> Source:
    """A source with a reference to a secret whose name (and namespace) must be set if it is there."""

    def check(source: Obj, path: str) -> Check:
        yield from fields.needed(source, path, *keys)
        if source.get("secretRef") is not None:
            wanted = ("name", "namespace") if namespaced else ("name",)
            yield from fields.needed(source["secretRef"], f"{path}.secretRef", *wanted)

    return check


def flex(source: Obj, path: str) -> Check:
    yield from fields.needed(source, path, "driver")
    for key in source.get("options") or ():
        normalized = "." + key.partition("/")[0].lower()
        if normalized.endswith((".kubernetes.io", ".k8s.io")):
            message = "kubernetes.io and k8s.io namespaces are reserved"
            yield invalid_value(f"{path}.options[{key}]", key, message)


_AZURE_MANAGED = ("/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",)
_AZURE_BLOB = ("https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd",)


def azure_disk(source: Obj, path: str) -> Check:
    yield from fields.needed(source, path, "diskName", "diskURI")
    uri, kind = source.get("diskURI", ""), source.get("kind")
    if source.get("cachingMode") is not None:
        modes = ("None", "ReadOnly", "ReadWrite")
        yield from fields.one_of(source["cachingMode"], f"{path}.cachingMode", modes)
    if kind is not None:
        yield from fields.one_of(kind, f"{path}.kind", ("Dedicated", "Managed", "Shared"))
    if kind == "Managed" and not uri.startswith("/subscriptions/"):
        yield unsupported(f"{path}.diskURI", uri, _AZURE_MANAGED)
    if kind not in (None, "Managed") and not uri.startswith("https://"):
        yield unsupported(f"{path}.diskURI", uri, _AZURE_BLOB)


def storage_os(namespaced: bool) -> Source:
    def check(source: Obj, path: str) -> Check:
        if not source.get("volumeName"):
            yield required(f"{path}.volumeName")
        else:
            yield from fields.label(source["volumeName"], f"{path}.volumeName")
        if source.get("volumeNamespace"):
            yield from fields.label(source["volumeNamespace"], f"{path}.volumeNamespace")
        yield from with_secret(namespaced=namespaced)(source, path)

    return check


def csi_driver_name(name: str, path: str) -> Check:
    if not name:
        yield required(path)
        return
    if len(name) > 63:
        yield too_long(path, 63)
    yield from fields.said(path, name, metadata.subdomain(name.lower()))


def _csi(source: Obj, path: str) -> Check:
    yield from csi_driver_name(source.get("driver", ""), f"{path}.driver")
    secret = source.get("nodePublishSecretRef")
    if secret is not None:
        if not secret.get("name"):
            yield required(f"{path}.nodePublishSecretRef.name")
        else:
            yield from fields.subdomain(secret["name"], f"{path}.name")


def _ephemeral(source: Obj, path: str) -> Check:
    template = source.get("volumeClaimTemplate")
    if template is None:
        yield required(f"{path}.volumeClaimTemplate")
    else:
        yield from claims.template(template, f"{path}.volumeClaimTemplate")


def _image(source: Obj, path: str, is_pod: bool) -> Check:
    if is_pod:
        yield from fields.needed(source, path, "reference")
    yield from fields.one_of_or_needed(source.get("pullPolicy"), f"{path}.pullPolicy", PULL_POLICIES)


PULL_POLICIES = ("Always", "IfNotPresent", "Never")


def _downward_api(source: Obj, path: str) -> Check:
    yield from fields.file_mode(source.get("defaultMode"), f"{path}.defaultMode")
    for file in source.get("items") or ():
        yield from references.downward_file(file, path)


def _projected(source: Obj, path: str) -> Check:
    yield from fields.file_mode(source.get("defaultMode"), f"{path}.defaultMode")
    yield from projections.sources(source, path)


SOURCES: Mapping[str, Source] = {
    "emptyDir": _empty_dir,
    "hostPath": host_path,
    "gitRepo": _git_repo,
    "gcePersistentDisk": disk_partition("pdName"),
    "awsElasticBlockStore": disk_partition("volumeID"),
    "secret": _secret,
    "nfs": nfs,
    "iscsi": _iscsi,
    "glusterfs": glusterfs,
    "flocker": flocker,
    "persistentVolumeClaim": simple("claimName"),
    "rbd": simple("monitors", "image"),
    "cinder": with_secret("volumeID"),
    "cephfs": simple("monitors"),
    "quobyte": quobyte,
    "downwardAPI": _downward_api,
    "fc": fibre_channel,
    "flexVolume": flex,
    "configMap": _config_map,
    "azureFile": simple("secretName", "shareName"),
    "vsphereVolume": simple("volumePath"),
    "photonPersistentDisk": simple("pdID"),
    "portworxVolume": simple("volumeID"),
    "azureDisk": azure_disk,
    "storageos": storage_os(False),
    "projected": _projected,
    "scaleIO": simple("gateway", "system", "volumeName"),
    "csi": _csi,
    "ephemeral": _ephemeral,
    "image": _image,  # type: ignore[dict-item]
}
