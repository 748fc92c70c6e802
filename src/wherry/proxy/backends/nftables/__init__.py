"""Services in nftables: one table, one map of all endpoints, one transaction a change.

A packet to a service is looked up in `services` (or `node_ports`), which says how many endpoints there are by
naming a chain of that number; the chain draws a slot and finds the endpoint of that slot in `endpoints`:

    services      vip . protocol . port         -> goto internal-3          a chain a number, not a chain a service
    endpoints     vip . protocol . port . slot  -> address . port

So a service costs elements only, ten thousand of them load in half a second, and a change touches just its own
elements.

    elements   rules -> elements of sets and maps (pure)
    chains     the table's fixed part, and the chains that verdicts name (pure)
    backend    applies them by libnftables
"""

from wherry.proxy.backends.nftables.backend import NftablesBackend

__all__ = ["NftablesBackend"]
