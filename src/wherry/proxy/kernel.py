"""The proxy's hands: a backend, and the tracked connections, in a thread of the node's network namespace."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from wherry.linux import netns
from wherry.linux.conntrack import UDP, Conntrack
from wherry.proxy import plan
from wherry.proxy.backends import BACKENDS, Backend, BackendError, NodeAddresses
from wherry.proxy.plan import Frontend, Rule

log = logging.getLogger(__name__)
T = TypeVar("T")


class Kernel:
    """One call at a time. Methods raise BackendError."""

    def __init__(self, space: str | None, backend: str) -> None:
        self._thread = netns.executor(space)
        self._make = BACKENDS[backend]
        self._backend: Backend | None = None

    async def open(self) -> None:
        self._backend = await self._do(self._make)

    async def load(self, node: NodeAddresses, table: Mapping[Frontend, Rule]) -> None:
        """Everything anew."""
        assert self._backend is not None
        await self._do(self._backend.load, node, table)
        await self._forget(table, table)

    async def change(self, changes: Mapping[Frontend, Rule | None], table: Mapping[Frontend, Rule]) -> None:
        """`table` is what holds after the changes."""
        assert self._backend is not None
        await self._do(self._backend.change, changes)
        await self._forget(table, changes)

    async def check(self) -> None:
        """Raises BackendError when the rules are gone."""
        assert self._backend is not None
        if not await self._do(self._backend.intact):
            raise BackendError("the services' rules are gone")

    async def close(self) -> None:
        if self._backend is not None:
            await self._do(self._backend.close)
        self._thread.shutdown()

    async def _forget(self, table: Mapping[Frontend, Rule], changed: Collection[Frontend]) -> None:
        """Drop UDP flows to endpoints that are gone: their clients would send into the void for ever."""
        udp = {frontend: table[frontend] for frontend in changed if frontend.protocol == "UDP" and frontend in table}
        if not udp:
            return
        try:
            await self._do(_forget_flows, udp)
        except OSError as error:
            log.warning("stale UDP flows are not forgotten: %s", error)

    async def _do(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def _forget_flows(table: Mapping[Frontend, Rule]) -> None:
    with Conntrack() as conntrack:
        stale = plan.stale_flows(conntrack.flows(UDP), table, table)
        if stale:
            log.debug("forgot %d stale UDP flows", conntrack.forget(stale))
