"""Addresses and ports that are taken, and the choice of a free one.

As upstream, what a user names explicitly comes from the lower part of a range by custom, so a free one is looked for
in the upper part first.
"""

import ipaddress
from random import Random

ATTEMPTS = 64


class PoolError(Exception):
    """The message is upstream's."""


class Full(PoolError):
    """Nothing is free."""


class Pool:
    """Integers of a range, some of them taken. `static`: how many at the range's start are chosen last."""

    def __init__(self, first: int, last: int, static: int, random: Random) -> None:
        self.first, self.last, self._static, self._random = first, last, static, random
        self.taken: set[int] = set()

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last

    def take_any(self) -> int:
        """A free number, now taken. Raises Full."""
        for first, last in ((self.first + self._static, self.last), (self.first, self.first + self._static - 1)):
            number = self._free(first, last)
            if number is not None:
                self.taken.add(number)
                return number
        raise Full("range is full")

    def _free(self, first: int, last: int) -> int | None:
        if first > last:
            return None
        for _ in range(ATTEMPTS):
            number = self._random.randint(first, last)
            if number not in self.taken:
                return number
        return next((number for number in range(first, last + 1) if number not in self.taken), None)


class Addresses:
    """The cluster IPs of one network; the first and last address of it belong to nobody."""

    def __init__(self, cidr: str, random: Random) -> None:
        self.network = ipaddress.ip_network(cidr, strict=False)
        last = int(self.network.broadcast_address) - (1 if self.network.version == 4 else 0)
        size = last - int(self.network.network_address)
        static = 0 if size < 16 else min(max(16, size // 16), 256)
        self._pool = Pool(int(self.network.network_address) + 1, last, static, random)

    @property
    def family(self) -> str:
        return f"IPv{self.network.version}"

    @property
    def first(self) -> str:
        """The address of the `kubernetes` Service."""
        return self._text(self._pool.first)

    def _text(self, number: int) -> str:
        return str(type(self.network.network_address)(number))

    def take_any(self) -> str:
        return self._text(self._pool.take_any())

    def take(self, address: str) -> None:
        """Raises PoolError."""
        number = self._number(address)
        if number is None or number not in self._pool:
            raise PoolError("the provided network does not match the current range")
        if number in self._pool.taken:
            raise PoolError("provided IP is already allocated")
        self._pool.taken.add(number)

    def free(self, address: str) -> None:
        number = self._number(address)
        if number is not None:
            self._pool.taken.discard(number)

    def _number(self, address: str) -> int | None:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return None
        return int(parsed) if parsed.version == self.network.version else None


class Ports:
    """Node ports."""

    def __init__(self, first: int, last: int, random: Random) -> None:
        size = last - first + 1
        static = 0 if size < 16 else min(max(16, size // 32), 128)
        self._pool = Pool(first, last, static, random)

    def take_any(self) -> int:
        return self._pool.take_any()

    def take(self, port: int) -> None:
        """Raises PoolError."""
        if port not in self._pool:
            valid = f"{self._pool.first}-{self._pool.last}"
            raise PoolError(f"provided port is not in the valid range. The range of valid ports is {valid}")
        if port in self._pool.taken:
            raise PoolError("provided port is already allocated")
        self._pool.taken.add(port)

    def free(self, port: int) -> None:
        self._pool.taken.discard(port)
