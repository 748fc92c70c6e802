"""The service `kube-dns`, as users expect it in kube-system, and this node's place behind it.

The service has no selector: no pods stand behind it, but the nodes' own servers. Each node keeps one EndpointSlice
with its address and the hint that the endpoint is for that node, so a proxy prefers the near server and falls back to
the others. The slice belongs to the Node and goes with it.
"""

from wherry.api import Obj, kinds, meta
from wherry.api.slices import SERVICE_NAME
from wherry.client.interface import AlreadyExists, Client, NotFound

NAMESPACE, NAME = "kube-system", "kube-dns"
PORT = 53
_MANAGER = "dns.wherry"
_PORTS = (("dns", "UDP"), ("dns-tcp", "TCP"))


def service(address: str) -> Obj:
    """The Service with ClusterIP `address`, labelled as add-ons of other clusters are."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": {"k8s-app": NAME, "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"},
        },
        "spec": {
            "clusterIP": address,
            "ports": [
                {"name": name, "port": PORT, "protocol": protocol, "targetPort": PORT} for name, protocol in _PORTS
            ],
        },
    }


def endpoint_slice(node: Obj, address: str, port: int = PORT) -> Obj:
    """What says that `node` serves DNS on `address`."""
    name = meta.name(node)
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{NAME}-{name}",
            "namespace": NAMESPACE,
            "labels": {
                SERVICE_NAME: NAME,
                "endpointslice.kubernetes.io/managed-by": _MANAGER,
            },
            "ownerReferences": [meta.owner_reference(kinds.NODE, node, controller=False)],
        },
        "addressType": "IPv4",
        "ports": [{"name": each, "port": port, "protocol": protocol} for each, protocol in _PORTS],
        "endpoints": [
            {
                "addresses": [address],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": name,
                "hints": {"forNodes": [{"name": name}]},
            }
        ],
    }


async def ensure_service(client: Client, address: str) -> None:
    """Create kube-dns if it is not there. Raises ApiError."""
    try:
        await client.get(kinds.SERVICE, NAME, NAMESPACE)
    except NotFound:
        try:
            await client.create(kinds.SERVICE, service(address))
        except AlreadyExists:
            pass  # another node was faster


async def publish(client: Client, node_name: str, address: str, port: int = PORT) -> None:
    """Put this node's server behind kube-dns, or correct its entry. Raises ApiError (NotFound: no such Node yet)."""
    node = await client.get(kinds.NODE, node_name)
    wanted = endpoint_slice(node, address, port)
    try:
        await client.create(kinds.ENDPOINT_SLICE, wanted)
    except AlreadyExists:
        change = {"metadata": {"ownerReferences": wanted["metadata"]["ownerReferences"]}}
        change |= {key: wanted[key] for key in ("ports", "endpoints")}
        await client.patch(kinds.ENDPOINT_SLICE, meta.name(wanted), NAMESPACE, change, type="merge")
