"""The network of a local cluster: a bridge, a namespace a node, routes from the host.

                     host  (routes: pods of node n via .(1+n), services via the first node)
                       │ wherry<i>  192.168.(49+i).1      a bridge; masqueraded on the way outside
          ┌────────────┴──────────┐
    eth0 .2                  eth0 .3                      network namespaces wherry-<profile>-<node>
    first node               second node

    plan      a MachineNetwork -> links, routes, rules and settings; what is in the way (pure)
    kernel    the shell: `ensure` makes what is missing, `remove` takes everything away, also what is half there
    firewall  room in a host firewall that drops by default

`ensure` and `remove` block for some milliseconds and need root. Both may be called again at any time.
"""

from wherry.local.network.kernel import ensure, remove
from wherry.local.network.plan import LocalNode, MachineNetwork, NetworkConflict, machine_network

__all__ = ["LocalNode", "MachineNetwork", "NetworkConflict", "ensure", "machine_network", "remove"]
