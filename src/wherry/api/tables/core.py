"""Tables of core/v1 and of what belongs to it: events, discovery."""

from collections.abc import Mapping
from typing import Any

from wherry.api import Obj, meta
from wherry.api.tables.columns import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    Cells,
    Column,
    Table,
    age,
    deleting,
    labels,
    name_and_age,
    pod_containers,
    since,
    some,
    spec,
    status,
    table,
    text,
    wide,
)  # fmt: skip


def _pod_template(obj: Obj, now: float) -> Cells:
    template = obj.get("template") or {}
    return [meta.name(obj), *pod_containers(template), labels((template.get("metadata") or {}).get("labels"))]


def _replication_controller(obj: Obj, now: float) -> Cells:
    desired, current = spec(obj).get("replicas", 0), status(obj).get("replicas", 0)
    ready, template = status(obj).get("readyReplicas", 0), spec(obj).get("template")
    selected = labels(spec(obj).get("selector"))
    return [meta.name(obj), desired, current, ready, age(obj, now), *pod_containers(template), selected]


def _service(obj: Obj, now: float) -> Cells:
    found = spec(obj)
    ports = ",".join(_port(port) for port in found.get("ports") or ())
    address = next(iter(found.get("clusterIPs") or ()), "")
    kind = found.get("type", "")
    return [
        meta.name(obj), kind, text(address), _external(obj, kind), text(ports), age(obj, now),
        labels(found.get("selector")),
    ]  # fmt: skip


def _port(port: Obj) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node}/{port.get('protocol', '')}"


def load_balancer(obj: Obj) -> str:
    """The addresses in a status.loadBalancer."""
    ingress = (status(obj).get("loadBalancer") or {}).get("ingress") or ()
    return ",".join(sorted({each.get("ip") or each.get("hostname", "") for each in ingress} - {""}))


def _external(obj: Obj, kind: str) -> str:
    addresses = ",".join(spec(obj).get("externalIPs") or ())
    match kind:
        case "ClusterIP" | "NodePort":
            return addresses or "<none>"
        case "LoadBalancer":
            return ",".join(filter(None, (load_balancer(obj), addresses))) or "<pending>"
        case "ExternalName":
            return str(spec(obj).get("externalName", ""))
    return "<unknown>"


def _endpoints(obj: Obj, now: float) -> Cells:
    found = []
    for subset in obj.get("subsets") or ():
        addresses = [each.get("ip", "") for each in subset.get("addresses") or ()]
        if not subset.get("ports"):
            found += addresses
        for port in subset.get("ports") or ():
            found += [_host_port(address, port.get("port", 0)) for address in addresses]
    shown = some(found, 3, empty="") if obj.get("subsets") else "<none>"
    return [meta.name(obj), shown, age(obj, now)]


def _host_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _endpoint_slice(obj: Obj, now: float) -> Cells:
    ports = [_slice_port(port) for port in obj.get("ports") or ()]
    addresses = [address for each in obj.get("endpoints") or () for address in each.get("addresses") or ()]
    return [meta.name(obj), obj.get("addressType", ""), some(ports, 3), some(addresses, 3), age(obj, now)]


def _slice_port(port: Obj) -> str:
    if port.get("port") is not None:
        return str(port["port"])
    return "*" if port.get("name") is None else str(port["name"])


_ROLE = "node-role.kubernetes.io/"


def _node(obj: Obj, now: float) -> Cells:
    ready = meta.condition(obj, "Ready")
    state = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    if spec(obj).get("unschedulable"):
        state += ",SchedulingDisabled"
    info = status(obj).get("nodeInfo") or {}
    kernel = text(info.get("kernelVersion"), "<unknown>")
    if info.get("architecture"):
        kernel += f" ({info['architecture']})"
    return [
        meta.name(obj), state, _roles(obj), age(obj, now), info.get("kubeletVersion", ""),
        _node_address(obj, "InternalIP"), _node_address(obj, "ExternalIP"), text(info.get("osImage"), "<unknown>"),
        kernel, text(info.get("containerRuntimeVersion"), "<unknown>"),
    ]  # fmt: skip


def _roles(obj: Obj) -> str:
    found = {key[len(_ROLE) :] for key in meta.labels(obj) if key.startswith(_ROLE)}
    found.add(meta.labels(obj).get("kubernetes.io/role", ""))
    return ",".join(sorted(found - {""})) or "<none>"


def _node_address(obj: Obj, kind: str) -> str:
    found = (each for each in status(obj).get("addresses") or () if each.get("type") == kind)
    return str(next(found, {"address": "<none>"}).get("address", ""))


def _event(obj: Obj, now: float) -> Cells:
    about, source, series = obj.get("involvedObject") or {}, obj.get("source") or {}, obj.get("series")
    first = since(obj.get("firstTimestamp") or obj.get("eventTime"), now)
    last = since(obj["lastTimestamp"], now) if obj.get("lastTimestamp") else first
    count = obj.get("count") or 1
    if series is not None:
        last, count = since(series.get("lastObservedTime"), now), series.get("count", 0)
    target = "/".join(filter(None, (about.get("kind", "").lower(), about.get("name"))))
    component = source.get("component") or obj.get("reportingComponent", "")
    host = source.get("host") or obj.get("reportingInstance", "")
    return [
        last, obj.get("type", ""), obj.get("reason", ""), target, about.get("fieldPath", ""),
        f"{component}, {host}" if host else component, obj.get("message", "").strip(), first, count, meta.name(obj),
    ]  # fmt: skip


def _namespace(obj: Obj, now: float) -> Cells:
    return [meta.name(obj), status(obj).get("phase", ""), age(obj, now)]


def _secret(obj: Obj, now: float) -> Cells:
    return [meta.name(obj), obj.get("type", ""), len(obj.get("data") or ()), age(obj, now)]


def _config_map(obj: Obj, now: float) -> Cells:
    return [meta.name(obj), len(obj.get("data") or ()) + len(obj.get("binaryData") or ()), age(obj, now)]


_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def _access_modes(modes: Any) -> str:
    return ",".join(short for mode, short in _MODES.items() if mode in (modes or ()))


def _phase(obj: Obj) -> str:
    return "Terminating" if deleting(obj) else str(status(obj).get("phase", ""))


def _class(obj: Obj) -> str:
    old = meta.annotations(obj).get("volume.beta.kubernetes.io/storage-class")
    return str(spec(obj).get("storageClassName") or "") if old is None else old


def _persistent_volume(obj: Obj, now: float) -> Cells:
    found, claim = spec(obj), spec(obj).get("claimRef")
    return [
        meta.name(obj), (found.get("capacity") or {}).get("storage", "0"), _access_modes(found.get("accessModes")),
        found.get("persistentVolumeReclaimPolicy", ""), _phase(obj),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "", _class(obj),
        found.get("volumeAttributesClassName", "<unset>"), status(obj).get("reason", ""), age(obj, now),
        found.get("volumeMode", "<unset>"),
    ]  # fmt: skip


def _claim(obj: Obj, now: float) -> Cells:
    found, capacity, modes = spec(obj), "", ""
    if found.get("volumeName"):
        capacity = (status(obj).get("capacity") or {}).get("storage", "0")
        modes = _access_modes(status(obj).get("accessModes"))
    return [
        meta.name(obj), _phase(obj), found.get("volumeName", ""), capacity, modes, _class(obj),
        found.get("volumeAttributesClassName", "<unset>"), age(obj, now), found.get("volumeMode", "<unset>"),
    ]  # fmt: skip


def _resource_quota(obj: Obj, now: float) -> Cells:
    hard, used = status(obj).get("hard") or {}, status(obj).get("used") or {}
    shown: dict[bool, list[str]] = {False: [], True: []}
    for name in sorted(hard):
        shown[name.startswith("limits.")].append(f"{name}: {used.get(name, '0')}/{hard[name]}")
    return [meta.name(obj), ", ".join(shown[False]), ", ".join(shown[True]), age(obj, now)]


def _component_status(obj: Obj, now: float) -> Cells:
    found = next((each for each in obj.get("conditions") or () if each.get("type") == "Healthy"), None)
    if found is None:
        return [meta.name(obj), "Unknown", "", ""]
    state = "Healthy" if found.get("status") == "True" else "Unhealthy"
    return [meta.name(obj), state, found.get("message", ""), found.get("error", "")]


def _count(name: str, description: str) -> Column:
    return Column(name, description, "integer")


TABLES: Mapping[str, Table] = {
    "v1/PodTemplate": table(
        NAME,
        Column("Containers", CONTAINERS.description),
        Column("Images", IMAGES.description),
        Column("Pod Labels", "The labels for the pod template."),
        cells=_pod_template,
    ),
    "v1/ReplicationController": table(
        NAME,
        _count("Desired", "@core.v1.ReplicationControllerSpec.replicas"),
        _count("Current", "@core.v1.ReplicationControllerStatus.replicas"),
        _count("Ready", "@core.v1.ReplicationControllerStatus.readyReplicas"),
        AGE,
        CONTAINERS,
        IMAGES,
        wide("Selector", "@core.v1.ReplicationControllerSpec.selector"),
        cells=_replication_controller,
    ),
    "v1/Service": table(
        NAME,
        Column("Type", "@core.v1.ServiceSpec.type"),
        Column("Cluster-IP", "@core.v1.ServiceSpec.clusterIP"),
        Column("External-IP", "@core.v1.ServiceSpec.externalIPs"),
        Column("Port(s)", "@core.v1.ServiceSpec.ports"),
        AGE,
        wide("Selector", "@core.v1.ServiceSpec.selector"),
        cells=_service,
    ),
    "v1/Endpoints": table(NAME, Column("Endpoints", "@core.v1.Endpoints.subsets"), AGE, cells=_endpoints),
    "discovery.k8s.io/v1/EndpointSlice": table(
        NAME,
        Column("AddressType", "@discovery.v1.EndpointSlice.addressType"),
        Column("Ports", "@discovery.v1.EndpointSlice.ports"),
        Column("Endpoints", "@discovery.v1.EndpointSlice.endpoints"),
        AGE,
        cells=_endpoint_slice,
    ),
    "v1/Node": table(
        NAME,
        Column("Status", "The status of the node"),
        Column("Roles", "The roles of the node"),
        AGE,
        Column("Version", "@core.v1.NodeSystemInfo.kubeletVersion"),
        wide("Internal-IP", "@core.v1.NodeStatus.addresses"),
        wide("External-IP", "@core.v1.NodeStatus.addresses"),
        wide("OS-Image", "@core.v1.NodeSystemInfo.osImage"),
        wide("Kernel-Version", "@core.v1.NodeSystemInfo.kernelVersion"),
        wide("Container-Runtime", "@core.v1.NodeSystemInfo.containerRuntimeVersion"),
        cells=_node,
    ),
    "v1/Event": table(
        Column("Last Seen", "@core.v1.Event.lastTimestamp"),
        Column("Type", "@core.v1.Event.type"),
        Column("Reason", "@core.v1.Event.reason"),
        Column("Object", "@core.v1.Event.involvedObject"),
        wide("Subobject", "@core.v1.ObjectReference.fieldPath"),
        wide("Source", "@core.v1.Event.source"),
        Column("Message", "@core.v1.Event.message"),
        wide("First Seen", "@core.v1.Event.firstTimestamp"),
        wide("Count", "@core.v1.Event.count"),
        wide("Name", NAME.description, "name"),
        cells=_event,
    ),
    "v1/Namespace": table(NAME, Column("Status", "The status of the namespace"), AGE, cells=_namespace),
    "v1/Secret": table(
        NAME, Column("Type", "@core.v1.Secret.type"), Column("Data", "@core.v1.Secret.data"), AGE, cells=_secret
    ),
    "v1/ServiceAccount": table(NAME, AGE, cells=name_and_age),
    "v1/ConfigMap": table(NAME, Column("Data", "@core.v1.ConfigMap.data"), AGE, cells=_config_map),
    "v1/PersistentVolume": table(
        NAME,
        Column("Capacity", "@core.v1.PersistentVolumeSpec.capacity"),
        Column("Access Modes", "@core.v1.PersistentVolumeSpec.accessModes"),
        Column("Reclaim Policy", "@core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy"),
        Column("Status", "@core.v1.PersistentVolumeStatus.phase"),
        Column("Claim", "@core.v1.PersistentVolumeSpec.claimRef"),
        Column("StorageClass", "StorageClass of the pv"),
        Column("VolumeAttributesClass", "VolumeAttributesClass of the pv"),
        Column("Reason", "@core.v1.PersistentVolumeStatus.reason"),
        AGE,
        wide("VolumeMode", "@core.v1.PersistentVolumeSpec.volumeMode"),
        cells=_persistent_volume,
    ),
    "v1/PersistentVolumeClaim": table(
        NAME,
        Column("Status", "@core.v1.PersistentVolumeClaimStatus.phase"),
        Column("Volume", "@core.v1.PersistentVolumeClaimSpec.volumeName"),
        Column("Capacity", "@core.v1.PersistentVolumeClaimStatus.capacity"),
        Column("Access Modes", "@core.v1.PersistentVolumeClaimStatus.accessModes"),
        Column("StorageClass", "StorageClass of the pvc"),
        Column("VolumeAttributesClass", "VolumeAttributesClass of the pvc"),
        AGE,
        wide("VolumeMode", "@core.v1.PersistentVolumeClaimSpec.volumeMode"),
        cells=_claim,
    ),
    "v1/ResourceQuota": table(
        NAME,
        Column("Request", "Request represents a minimum amount of cpu/memory that a container may consume."),
        Column(
            "Limit",
            "Limits control the maximum amount of cpu/memory that a container may use independent of contention on "
            "the node.",
        ),
        AGE,
        cells=_resource_quota,
    ),
    "v1/ComponentStatus": table(
        NAME,
        Column("Status", "Status of the component conditions"),
        Column("Message", "Message of the component conditions"),
        Column("Error", "Error of the component conditions"),
        cells=_component_status,
    ),
}
