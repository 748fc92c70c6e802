"""How rules become packets' ways. `BACKENDS` is the one list of them; the first is the default.

    interface   what a backend must do
    nftables/   one map for all services, changed element by element

To add one see docs/how-to/add-a-proxy-backend.md.
"""

from collections.abc import Callable

from wherry.proxy.backends.interface import Backend, BackendError, NodeAddresses
from wherry.proxy.backends.nftables import NftablesBackend

BACKENDS: dict[str, Callable[[], Backend]] = {
    "nftables": NftablesBackend,
}

__all__ = ["BACKENDS", "Backend", "BackendError", "NodeAddresses"]
