"""Defaults of core/v1."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_UP, Decimal
from functools import lru_cache
from typing import Any

from wherry.api import Obj, podresources
from wherry.lib import quantity

MODE = 0o644

VALUES: Mapping[str, Mapping[str, Any]] = {
    "core.v1.PodSpec": {
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
        "schedulerName": "default-scheduler",
    },
    "core.v1.Pod": {},
    "core.v1.Container": {
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    },
    "core.v1.EphemeralContainer": {
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    },
    "core.v1.Probe": {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    "core.v1.HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    "core.v1.ObjectFieldSelector": {"apiVersion": "v1"},
    "core.v1.SecretVolumeSource": {"defaultMode": MODE},
    "core.v1.ConfigMapVolumeSource": {"defaultMode": MODE},
    "core.v1.DownwardAPIVolumeSource": {"defaultMode": MODE},
    "core.v1.ProjectedVolumeSource": {"defaultMode": MODE},
    "core.v1.ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    "core.v1.PodCertificateProjection": {"maxExpirationSeconds": 86400},
    "core.v1.HostPathVolumeSource": {"type": ""},
    "core.v1.Secret": {"type": "Opaque"},
    "core.v1.NamespaceStatus": {"phase": "Active"},
    "core.v1.PersistentVolumeSpec": {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"},
    "core.v1.PersistentVolumeStatus": {"phase": "Pending"},
    "core.v1.PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    "core.v1.EndpointPort": {"protocol": "TCP"},
}

_TAGGED = re.compile(r"[^@]*?(?::(?P<tag>[\w][\w.-]{0,127}))?(?P<digest>@[^@]+)?")


def image_tag(image: str) -> str:
    """The tag of an image reference; `latest` when it has neither a tag nor a digest."""
    if not image or image != image.strip() or re.search(r"[A-Z]", image.partition(":")[0].rpartition("/")[2]):
        return ""
    match = _TAGGED.fullmatch(image.rpartition("/")[2] if "@" not in image else image)
    if not match:
        return ""
    return match["tag"] or ("" if match["digest"] else "latest")


@lru_cache(1024)
def pull_policy(image: str) -> str:
    return "Always" if image_tag(image) == "latest" else "IfNotPresent"


def _container(container: Obj, now: float) -> None:
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = pull_policy(container.get("image", ""))


def _volume(volume: Obj, now: float) -> None:
    if len(volume) == 1 and "name" in volume:
        volume["emptyDir"] = {}
    image = volume.get("image")
    if image is not None and not image.get("pullPolicy"):
        image["pullPolicy"] = pull_policy(image.get("reference", ""))


def _resource_list(resources: Obj, now: float) -> None:
    """Amounts are kept to a thousandth, rounded up."""
    for name, amount in resources.items():
        rounded = _rounded(amount)
        if rounded != amount:
            resources[name] = rounded


@lru_cache(1024)
def _rounded(amount: str) -> str:
    exact = quantity.parse(amount)
    rounded = exact.quantize(Decimal("0.001"), ROUND_UP)
    return amount if rounded == exact else quantity.canonical(rounded)


def containers(spec: Obj) -> Iterator[Obj]:
    """Init containers and containers."""
    for name in ("containers", "initContainers"):
        yield from spec.get(name) or ()


def _pod(pod: Obj, now: float) -> None:
    spec = pod["spec"]
    for container in containers(spec):
        resources = container.get("resources") or {}
        if resources.get("limits"):
            resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}
    if spec.get("resources"):
        _of_whole_pod(spec)
    if spec.get("enableServiceLinks") is None:
        spec["enableServiceLinks"] = True
    if spec.get("hostNetwork"):
        for container in containers(spec):
            for port in container.get("ports") or ():
                port["hostPort"] = port.get("hostPort") or port["containerPort"]


def _of_whole_pod(spec: Obj) -> None:
    """Resources of the pod as a whole that are given in part are completed from its containers'."""
    resources = spec["resources"]
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    if limits or requests:
        for name, total in podresources.aggregate(spec, "limits").items():
            if name.startswith("hugepages-") and name not in requests and name not in limits:
                limits = {**limits, name: podresources.shown(total, podresources.like(spec, "limits", name))}
    if limits:
        for name, total in podresources.aggregate(spec, "requests").items():
            if name in ("cpu", "memory") and name not in requests:
                requests = {**requests, name: podresources.shown(total, podresources.like(spec, "requests", name))}
        asked = {name: limits[name] for name in limits if name in ("cpu", "memory") or name.startswith("hugepages-")}
        resources |= {"limits": limits, "requests": {**asked, **requests}}


def _service(service: Obj, now: float) -> None:
    spec = service["spec"]
    affinity = spec["sessionAffinity"] = spec.get("sessionAffinity") or "None"
    if affinity == "None":
        spec.pop("sessionAffinityConfig", None)
    elif affinity == "ClientIP":
        client = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        if client.get("timeoutSeconds") is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": 10800}}
    kind = spec["type"] = spec.get("type") or "ClusterIP"
    for port in spec.get("ports") or ():
        port["protocol"] = port.get("protocol") or "TCP"
        port["targetPort"] = port.get("targetPort") or port.get("port", 0)
    reachable = kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and spec.get("externalIPs"))
    if reachable and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if spec.get("internalTrafficPolicy") is None and kind in ("NodePort", "LoadBalancer", "ClusterIP"):
        spec["internalTrafficPolicy"] = "Cluster"
    if kind == "LoadBalancer":
        _load_balancer(service)


def _load_balancer(service: Obj) -> None:
    if service["spec"].get("allocateLoadBalancerNodePorts") is None:
        service["spec"]["allocateLoadBalancerNodePorts"] = True
    for ingress in (service.get("status") or {}).get("loadBalancer", {}).get("ingress") or ():
        if ingress.get("ip") and ingress.get("ipMode") is None:
            ingress["ipMode"] = "VIP"


def _replication_controller(controller: Obj, now: float) -> None:
    spec = controller["spec"]
    template_labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if template_labels:
        if not spec.get("selector"):
            spec["selector"] = dict(template_labels)
        if not controller["metadata"].get("labels"):
            controller["metadata"]["labels"] = dict(template_labels)


def _namespace(namespace: Obj, now: float) -> None:
    name = namespace["metadata"].get("name")
    if name:
        namespace["metadata"]["labels"] = {
            **(namespace["metadata"].get("labels") or {}),
            "kubernetes.io/metadata.name": name,
        }


def _pod_spec(spec: Obj, now: float) -> None:
    """The service account's name has an old spelling beside the new one."""
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if name:
        spec["serviceAccountName"] = spec["serviceAccount"] = name


def _secret(secret: Obj, now: float) -> None:
    """stringData is only a way to write data."""
    given = secret.pop("stringData", None)
    if given:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in given.items()}
        secret["data"] = {**(secret.get("data") or {}), **encoded}


def _first_of_many(one: str, many: str, key: str) -> Callable[[Obj, float], None]:
    """A field that became a list: both say the same, the single one wins where they differ."""

    def rule(obj: Obj, now: float) -> None:
        listed = [each[key] if key else each for each in obj.get(many) or ()]
        if obj.get(one) and (not listed or listed[0] != obj[one]):
            obj[many] = [{key: obj[one]} if key else obj[one]]
        elif listed and not obj.get(one):
            obj[one] = listed[0]

    return rule


def _node_status(status: Obj, now: float) -> None:
    if not status.get("allocatable") and status.get("capacity"):
        status["allocatable"] = dict(status["capacity"])


def _limit_range_item(item: Obj, now: float) -> None:
    if item.get("type") != "Container":
        return
    limits = {**(item.get("max") or {}), **(item.get("default") or {})}
    requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
    for name, value in (("default", limits), ("defaultRequest", requests)):
        if value:
            item[name] = value


def _claim(claim: Obj, now: float) -> None:
    claim["status"]["phase"] = claim["status"].get("phase") or "Pending"


RULES = {
    "core.v1.PodSpec": _pod_spec,
    "core.v1.PodStatus": _first_of_many("podIP", "podIPs", "ip"),
    "core.v1.NodeSpec": _first_of_many("podCIDR", "podCIDRs", ""),
    "core.v1.Secret": _secret,
    "core.v1.Container": _container,
    "core.v1.EphemeralContainer": _container,
    "core.v1.Volume": _volume,
    "core.v1.ResourceList": _resource_list,
    "core.v1.Pod": _pod,
    "core.v1.Service": _service,
    "core.v1.ReplicationController": _replication_controller,
    "core.v1.Namespace": _namespace,
    "core.v1.NodeStatus": _node_status,
    "core.v1.LimitRangeItem": _limit_range_item,
    "core.v1.PersistentVolumeClaim": _claim,
}
