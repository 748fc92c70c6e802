"""StorageClass, CSIDriver, CSINode, CSIStorageCapacity, VolumeAttachment, VolumeAttributesClass."""

from typing import Any

from wherry.api import Obj
from wherry.api.errors import duplicate, forbidden_field, invalid_value, required, too_long
from wherry.api.patch.values import same
from wherry.api.validation import fields, internal, metadata, persistentvolumes, volumes
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules

_LARGEST_MAP = 256 * 1024


def _driver(name: str, path: str) -> Check:
    """Who provides volumes."""
    if not name:
        yield required(path)
    else:
        yield from fields.qualified_name(name.lower(), path)


def _parameters(found: Obj, path: str) -> Check:
    if len(found) > 512:
        yield too_long(path, 512)
        return
    if "" in found:
        yield invalid_value(path, "", "field can not be empty.")
    if _size(found) > _LARGEST_MAP:
        yield too_long(path, _LARGEST_MAP)


def _size(found: Obj) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in found.items())


# StorageClass

_RECLAIM = ("Delete", "Retain")
_MODES = ("Immediate", "WaitForFirstConsumer")


def _storage_class(obj: Obj) -> Check:
    yield from _driver(obj.get("provisioner", ""), "provisioner")
    yield from _parameters(obj.get("parameters") or {}, "parameters")
    if obj.get("reclaimPolicy"):
        yield from fields.one_of(obj["reclaimPolicy"], "reclaimPolicy", _RECLAIM)
    if obj.get("volumeBindingMode") is None:
        yield required("volumeBindingMode")
    else:
        yield from fields.one_of(obj["volumeBindingMode"], "volumeBindingMode", _MODES)
    yield from _topologies(obj.get("allowedTopologies") or [], "allowedTopologies")


def _topologies(terms: list[Obj], path: str) -> Check:
    known: list[dict[str, Any]] = [{} for _ in terms]  # upstream's list begins with as many empty terms
    for index, term in enumerate(terms):
        at, found = f"{path}[{index}].matchLabelExpressions", {}
        for position, expression in enumerate(term.get("matchLabelExpressions") or ()):
            key = expression.get("key", "")
            yield from _topology(expression, f"{at}[{position}]")
            if key in found:
                yield duplicate(f"{at}[{position}].key", key)
            found[key] = set(expression.get("values") or ())
        yield from (duplicate(at, "") for each in known if each == found)
        known.append(found)


def _topology(expression: Obj, path: str) -> Check:
    values = expression.get("values") or []
    if not values:
        yield required(f"{path}.values")
    for index, value in enumerate(values):
        if value in values[:index]:
            yield duplicate(f"{path}.values[{index}]", value)
    yield from metadata.label_name(expression.get("key", ""), f"{path}.key")


def _storage_class_update(new: Obj, old: Obj) -> Check:
    yield from _storage_class(new)
    for key in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"):
        yield from metadata.immutable(new.get(key), old.get(key), key)


# VolumeAttributesClass


def _attributes_class(obj: Obj) -> Check:
    parameters = obj.get("parameters") or {}
    yield from _driver(obj.get("driverName", ""), "driverName")
    yield from _parameters(parameters, "parameters")
    if not parameters:
        yield required("parameters", "must contain at least one key/value pair")


def _attributes_class_update(new: Obj, old: Obj) -> Check:
    for key in ("driverName", "parameters"):
        if not same(new.get(key), old.get(key)):
            yield forbidden_field(key, f"updates to {key} are forbidden.")
    yield from _attributes_class(new)


# VolumeAttachment


def _attachment(obj: Obj) -> Check:
    spec, status = obj["spec"], obj.get("status") or {}
    yield from volumes.csi_driver_name(spec.get("attacher", ""), "spec.attacher")
    source = spec.get("source") or {}
    yield from _attachment_source(source, "spec.source")
    yield from fields.subdomain(spec.get("nodeName", ""), "spec.nodeName")
    if _size(status.get("attachmentMetadata") or {}) > _LARGEST_MAP:
        yield too_long("status.attachmentMetadata", _LARGEST_MAP)
    for key in ("attachError", "detachError"):
        yield from _volume_error(status.get(key) or {}, f"status.{key}")
    if source.get("persistentVolumeName") is not None:
        yield from fields.subdomain(source["persistentVolumeName"], "spec.source.persistentVolumeName")


def _attachment_source(source: Obj, path: str) -> Check:
    name, inline = source.get("persistentVolumeName"), source.get("inlineVolumeSpec")
    message = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
    if name is None and inline is None:
        yield required(path, message)
    elif name is not None and inline is not None:
        yield forbidden_field(path, message)
    elif name == "":
        yield required(f"{path}.persistentVolumeName", "must specify non empty persistentVolumeName")
    elif inline is not None:
        yield from persistentvolumes.volume_spec(inline, "", f"{path}.inlineVolumeSpec", inline=True)


def _volume_error(found: Obj, path: str) -> Check:
    if len(found.get("message", "").encode()) > 1024:
        yield too_long(f"{path}.message", _LARGEST_MAP)
    code = found.get("errorCode")
    if code is not None and code < 0:
        yield invalid_value(f"{path}.errorCode", code, fields.inclusive(0, 2**31 - 1))


def _attachment_update(new: Obj, old: Obj) -> Check:
    yield from _attachment(new)
    yield from internal.immutable("storage.VolumeAttachmentSpec", new["spec"], old["spec"], "spec")


# CSINode


def _node(obj: Obj) -> Check:
    seen: set[str] = set()
    for index, driver in enumerate(obj["spec"].get("drivers") or ()):
        yield from _node_driver(driver, seen, f"spec.drivers[{index}]")
        seen.add(driver.get("name", ""))


def _node_driver(driver: Obj, seen: set[str], path: str) -> Check:
    name, node_id = driver.get("name", ""), driver.get("nodeID", "")
    yield from volumes.csi_driver_name(name, f"{path}.name")
    if not node_id:
        yield required(f"{path}.nodeID")
    if len(node_id.encode()) > 256:
        yield invalid_value(f"{path}.nodeID", node_id, "must be 256 characters or less")
    yield from fields.not_negative((driver.get("allocatable") or {}).get("count"), f"{path}.allocatable.count")
    if name in seen:
        yield duplicate(f"{path}.name", name)
    keys = driver.get("topologyKeys") or []
    for index, key in enumerate(keys):
        if not key:
            yield required(path)
        if key in keys[:index]:
            yield duplicate(path, key)
        yield from fields.qualified_name(key, path)


def _node_update(new: Obj, old: Obj) -> Check:
    yield from _node(new)
    for before in old["spec"].get("drivers") or ():
        for driver in new["spec"].get("drivers") or ():
            if driver.get("name", "") == before.get("name", ""):
                now, then = ({key: each[key] for key in each if key != "allocatable"} for each in (driver, before))
                yield from internal.immutable("storage.CSINodeDriver", now, then, "spec.drivers")


# CSIDriver

_FS_GROUP_POLICIES = ("File", "None", "ReadWriteOnceWithFSType")
_SHORTEST_TOKEN, _LONGEST_TOKEN = 600, 2**32


def _csi_driver(obj: Obj) -> Check:
    spec = obj["spec"]
    for key, shown in (("attachRequired", "attachedRequired"), *((key, key) for key in _FLAGS)):
        if spec.get(key) is None:
            yield required(f"spec.{shown}")
    if spec.get("fsGroupPolicy") is not None:
        yield from fields.one_of(spec["fsGroupPolicy"], "spec.fsGroupPolicy", _FS_GROUP_POLICIES)
    yield from _token_requests(spec.get("tokenRequests") or [], "spec.tokenRequests")
    for mode in spec.get("volumeLifecycleModes") or ():
        yield from fields.one_of(mode, "spec.volumeLifecycleModes", ("Persistent", "Ephemeral"))
    if spec.get("seLinuxMount") is None:
        yield required("spec.seLinuxMount")
    period, in_secrets = spec.get("nodeAllocatableUpdatePeriodSeconds"), spec.get("serviceAccountTokenInSecrets")
    if period is not None and period < 10:
        message = "must be greater than or equal to 10 seconds"
        yield invalid_value("spec.nodeAllocatableUpdatePeriodSeconds", period, message)
    if in_secrets is not None and not spec.get("tokenRequests"):
        message = "serviceAccountTokenInSecrets is set but no tokenRequests are specified"
        yield invalid_value("spec.serviceAccountTokenInSecrets", in_secrets, message)


_FLAGS = ("podInfoOnMount", "storageCapacity")


def _token_requests(found: list[Obj], path: str) -> Check:
    seen: set[str] = set()
    for index, request in enumerate(found):
        audience, seconds = request.get("audience", ""), request.get("expirationSeconds")
        if audience in seen:
            yield duplicate(f"{path}[{index}].audience", audience)
            continue
        seen.add(audience)
        at = f"{path}[{index}].expirationSeconds"
        if seconds is not None and seconds < _SHORTEST_TOKEN:
            yield invalid_value(at, seconds, "may not specify a duration less than 10 minutes")
        if seconds is not None and seconds > _LONGEST_TOKEN:
            yield invalid_value(at, seconds, "may not specify a duration larger than 2^32 seconds")


def _csi_driver_update(new: Obj, old: Obj) -> Check:
    yield from _csi_driver(new)
    for key, shown in (("attachRequired", "attachedRequired"), ("volumeLifecycleModes", "volumeLifecycleModes")):
        yield from metadata.immutable(new["spec"].get(key), old["spec"].get(key), f"spec.{shown}")


# CSIStorageCapacity


def _capacity(obj: Obj, check_values: bool = True) -> Check:
    yield from metadata.label_selector(obj.get("nodeTopology"), "nodeTopology", check_values)
    yield from fields.subdomain(obj.get("storageClassName", ""), "storageClassName")
    if obj.get("capacity") is not None:
        yield from fields.amount_not_negative(obj["capacity"], "capacity")


def _new_capacity(obj: Obj) -> Check:
    yield from _capacity(obj)


def _capacity_update(new: Obj, old: Obj) -> Check:
    was_valid = not metadata.label_selector(old.get("nodeTopology"), "")
    yield from _capacity(new, was_valid)
    for key in ("nodeTopology", "storageClassName"):
        yield from metadata.immutable(new.get(key), old.get(key), key)


RULES = {
    "storage.k8s.io/v1/StorageClass": Rules(body=_storage_class, change=_storage_class_update, recheck=True),
    "storage.k8s.io/v1/VolumeAttributesClass": Rules(
        body=_attributes_class, change=_attributes_class_update, recheck=True
    ),
    "storage.k8s.io/v1/VolumeAttachment": Rules(
        body=_attachment, change=_attachment_update, only_whole=True, subresources={"status": _attachment_update}
    ),
    "storage.k8s.io/v1/CSINode": Rules(body=_node, change=_node_update, only_whole=True),
    "storage.k8s.io/v1/CSIDriver": Rules(body=_csi_driver, change=_csi_driver_update),
    "storage.k8s.io/v1/CSIStorageCapacity": Rules(body=_new_capacity, change=_capacity_update, recheck=True),
}
