"""Pod addresses, links and the routes between nodes.

A pod has a network namespace of its own with `eth0 <address>/32` and a default route through 169.254.1.1, which is
the other end of its veth pair (a permanent neighbour; no ARP, no bridge). The node's namespace has one /32 route a
pod. Routes to other nodes' pods come from Node objects (`spec.podCIDR` through the InternalIP).

    plan      allocation of addresses, the table of host ports, routes from Nodes (pure)
    records   what a pod was given, one small file a pod: the memory across restarts of the agent
    pods      PodNetwork: the shell the node agent calls
    routes    NodeRoutes: watches Nodes and keeps the routes

How the node agent uses it:

    network = PodNetwork(NetworkConfig(state_dir=..., pod_cidr="10.244.0.0/24", node_ip="192.168.49.2",
                                       netns_prefix="wherry-wherry-wherry"))
    await network.recover(live_uids)          # once, at start: forgets pods that are gone, keeps the others'
    address = await network.setup(uid, namespace, name, host_ports=(HostPort(8080, 80, "TCP", ""),))
    address.ip, address.netns_path            # netns_path goes into engine.SandboxSpec.netns
    await network.teardown(uid)               # no error when it is gone already
    network.address(uid)                      # PodAddress or None, no I/O
    await network.close()                     # links stay

`setup` is idempotent: the same uid gets the same address again, and a namespace that vanished (reboot) is made anew.
Pods with `hostNetwork: true` are not its business.
"""

from wherry.node.network.plan import HostPort, NetworkError, NoAddressLeft, PodAddress, PortTaken
from wherry.node.network.pods import NetworkConfig, PodNetwork
from wherry.node.network.routes import NodeRoutes

__all__ = [
    "HostPort",
    "NetworkConfig",
    "NetworkError",
    "NoAddressLeft",
    "NodeRoutes",
    "PodAddress",
    "PodNetwork",
    "PortTaken",
]
