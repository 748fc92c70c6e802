"""Values of nodes as arrays of codes, so that a rule is asked once a value instead of once a node."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

V = TypeVar("V", bound=Hashable)
A = TypeVar("A", bound=np.generic)
Rows = NDArray[np.intp] | slice  # some rows of the snapshot
Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]


class Column(Generic[V]):
    """One value a row. `ask(rule, rows)` gives `rule(value)` of each row."""

    def __init__(self, empty: V, capacity: int) -> None:
        self.values: list[V] = [empty]
        self._codes: dict[V, int] = {empty: 0}
        self._rows: NDArray[np.intp] = np.zeros(capacity, np.intp)

    def grow(self, capacity: int) -> None:
        self._rows = grown(self._rows, capacity)

    def set(self, row: int, value: V) -> None:
        code = self._codes.get(value)
        if code is None:
            if len(self.values) > 2 * len(self._rows):
                self._compact()
            code = self._codes[value] = len(self.values)
            self.values.append(value)
        self._rows[row] = code

    def ask(self, rule: Callable[[V], bool], rows: Rows) -> Mask:
        return self._map(rule, rows, np.bool_)

    def count(self, rule: Callable[[V], int], rows: Rows) -> Numbers:
        return self._map(rule, rows, np.int64)

    def _map(self, rule: Callable[[V], int], rows: Rows, dtype: type[A]) -> NDArray[A]:
        codes = self._rows[rows]
        if len(codes) < len(self.values):
            used, codes = np.unique(codes, return_inverse=True)
            values = [self.values[code] for code in used]
        else:
            values = self.values
        return np.fromiter((rule(value) for value in values), dtype, len(values))[codes]

    def _compact(self) -> None:
        """Forget values that no row has any more."""
        used, codes = np.unique(self._rows, return_inverse=True)
        self.values = [self.values[code] for code in used]
        self._codes = {value: code for code, value in enumerate(self.values)}
        self._rows = np.asarray(codes)


def grown(array: NDArray[A], capacity: int) -> NDArray[A]:
    """A longer copy (along the last axis), zero behind the old values."""
    longer = np.zeros((*array.shape[:-1], capacity), array.dtype)
    longer[..., : array.shape[-1]] = array
    return longer
