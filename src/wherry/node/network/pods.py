"""PodNetwork: gives pods their addresses and links, and takes them back."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakValueDictionary

from wherry.linux import netns
from wherry.linux.nft import NftError
from wherry.node.network import plan, rules
from wherry.node.network.kernel import NetworkConfig, NodeKernel
from wherry.node.network.plan import HostPort, NetworkError, PodAddress, PortTaken, Record
from wherry.node.network.records import Records

T = TypeVar("T")

_THREADS = 4


class PodNetwork:
    """The network of one node's pods. Methods may be called from many tasks; all raise NetworkError. Effects happen
    in threads that live in the node's namespace; what is given to whom is decided here, on the event loop."""

    def __init__(self, config: NetworkConfig) -> None:
        self.config = config
        self._records = Records(config.state_dir / "network")
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._table_lock = asyncio.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._kernel = NodeKernel(config)

    async def recover(self, live_uids: Collection[str]) -> None:
        """First of all, once: rebuild the node's tables, connect the live pods whose links are gone, and take back
        what pods had that are not in `live_uids`."""
        self._records.load()
        self._threads = netns.executor(self.config.netns, _THREADS)
        await self._do(self._kernel.open, self._records.all())
        for record in self._records.all():
            if record.uid not in live_uids:
                await self.teardown(record.uid)
        await self._do(self._kernel.reconnect, self._records.all())

    async def setup(self, pod_uid: str, namespace: str, name: str, host_ports: Iterable[HostPort] = ()) -> PodAddress:
        """Give a pod its namespace, address and host ports; again for the same uid: what it has. Raises
        NoAddressLeft, PortTaken, NetworkError."""
        async with self._lock(pod_uid):
            record = self._records.get(pod_uid)
            if record is None:
                self._open_threads()
                record = self._give(Record(pod_uid, namespace, name, "", tuple(host_ports)))
            await self._do(self._kernel.connect, record)
            if record.host_ports:
                await self._sync_host_ports()
            return self._address(record)

    async def teardown(self, pod_uid: str) -> None:
        """Take everything back; no error when there is nothing."""
        async with self._lock(pod_uid):
            record = self._records.get(pod_uid)
            if record is not None:
                await self._do(self._kernel.disconnect, record)
                self._records.remove(pod_uid)
                if record.host_ports:
                    await self._sync_host_ports()

    def address(self, pod_uid: str) -> PodAddress | None:
        """What a pod was given."""
        record = self._records.get(pod_uid)
        return self._address(record) if record else None

    async def close(self) -> None:
        """Let go of the sockets; links and namespaces stay."""
        if self._threads is not None:
            await self._do(self._kernel.close)
            self._threads.shutdown()
            self._threads = None

    def _lock(self, pod_uid: str) -> asyncio.Lock:
        """One pod's calls come one after the other."""
        lock = self._locks.get(pod_uid) or asyncio.Lock()
        self._locks[pod_uid] = lock
        return lock

    def _give(self, wanted: Record) -> Record:
        """Choose an address and remember it, before anything is made with it."""
        others = self._records.all()
        problem = plan.port_conflict(wanted.host_ports, others)
        if problem:
            raise PortTaken(problem)
        ip = plan.allocate(self.config.pod_cidr, [record.ip for record in others], self._records.last)
        record = Record(wanted.uid, wanted.namespace, wanted.name, ip, wanted.host_ports)
        self._records.put(record)
        return record

    async def _sync_host_ports(self) -> None:
        async with self._table_lock:
            await self._do(self._kernel.apply, rules.host_ports(self._records.all()))

    async def _do(self, work: Callable[..., T], *arguments: object) -> T:
        """Run in a thread of the node's namespace; the kernel's refusals become NetworkError."""
        threads = self._open_threads()
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work, *arguments)
        except (OSError, NftError) as error:
            raise NetworkError(f"pod network: {error}") from error

    def _open_threads(self) -> ThreadPoolExecutor:
        if self._threads is None:
            raise NetworkError("the pod network is closed, or `recover` was not called")
        return self._threads

    def _address(self, record: Record) -> PodAddress:
        return PodAddress(record.ip, str(self._kernel.namespace(record)))
