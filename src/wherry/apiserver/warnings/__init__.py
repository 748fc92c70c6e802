"""What a client is told about a write that is allowed: deprecated fields, settings that do nothing, traps.

`WARNINGS` has a function for each kind that warns: (new, old) -> texts; `old` is None for a create. Those of a
status stand in `OF_STATUS`. Source: the strategies' WarningsOnCreate and WarningsOnUpdate upstream.
"""

from collections.abc import Callable
from typing import Any

from wherry.api import Obj, kinds
from wherry.api.kinds import Kind
from wherry.apiserver.warnings import definitions, network, nodes, pods, storage, workloads

Warn = Callable[[Obj, Obj | None], list[str]]

DEPRECATED = {
    kinds.ENDPOINTS: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    kinds.COMPONENT_STATUS: "v1 ComponentStatus is deprecated in v1.19+",
}


def _service_account(new: Obj, old: Obj | None) -> list[str]:
    name = "kubernetes.io/enforce-mountable-secrets"
    if name not in _annotations(new) or (old is not None and name in _annotations(old)):
        return []
    why = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
    return [f"metadata.annotations[{name}]: {why}"]


def _annotations(obj: Obj) -> dict[str, Any]:
    return obj["metadata"].get("annotations") or {}


WARNINGS: dict[Kind, Warn] = {
    kinds.POD: pods.of_pod,
    kinds.POD_TEMPLATE: workloads.of_pod_template,
    kinds.REPLICATION_CONTROLLER: workloads.of_named,
    kinds.REPLICA_SET: workloads.of_named,
    kinds.DEPLOYMENT: workloads.of_named,
    kinds.DAEMON_SET: workloads.of_daemon_set,
    kinds.STATEFUL_SET: workloads.of_stateful_set,
    kinds.JOB: workloads.of_job,
    kinds.CRON_JOB: workloads.of_cron_job,
    kinds.SERVICE: network.of_service,
    kinds.INGRESS: network.of_ingress,
    kinds.ENDPOINT_SLICE: network.of_endpoint_slice,
    kinds.NETWORK_POLICY: network.of_network_policy,
    kinds.NODE: nodes.of_node,
    kinds.RUNTIME_CLASS: nodes.of_runtime_class,
    kinds.SERVICE_ACCOUNT: _service_account,
    kinds.PERSISTENT_VOLUME: storage.of_volume,
    kinds.PERSISTENT_VOLUME_CLAIM: storage.of_claim,
    kinds.STORAGE_CLASS: storage.of_class,
    kinds.CSI_DRIVER: storage.of_driver,
    kinds.CSI_STORAGE_CAPACITY: storage.of_capacity,
    kinds.CUSTOM_RESOURCE_DEFINITION: definitions.of_definition,
}

OF_STATUS: dict[Kind, Warn] = {
    kinds.POD: pods.of_status,
    kinds.SERVICE: network.of_load_balancer,
    kinds.INGRESS: network.of_load_balancer,
}


def of(kind: Kind, new: Obj, old: Obj | None, subresource: str) -> list[str]:
    """The texts for one write."""
    table = OF_STATUS if subresource == "status" else WARNINGS if not subresource else {}
    warn = table.get(kind)
    return warn(new, old) if warn else []
