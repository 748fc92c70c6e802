"""Where objects rest: a revisioned key-value store behind one interface.

`interface` teaches the vocabulary; the backends below are the one list of what `--store` accepts. A backend knows
keys, bytes and revisions, nothing of Kubernetes. Called by the API server alone.
"""

from wherry.store.interface import (
    Change,
    Compacted,
    Delete,
    Mismatch,
    Put,
    Range,
    Record,
    Store,
    StoreError,
    Unavailable,
)

# Name on the command line -> module that offers `open(location: str) -> Store`. Imported when chosen.
BACKENDS = {
    "memory": "wherry.store.memory",
    "sqlite": "wherry.store.sqlite",
}

__all__ = [
    "BACKENDS",
    "Change",
    "Compacted",
    "Delete",
    "Mismatch",
    "Put",
    "Range",
    "Record",
    "Store",
    "StoreError",
    "Unavailable",
]
