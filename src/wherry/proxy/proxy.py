"""The service proxy's shell: watches Services and EndpointSlices, plans what changed, and has a backend apply it."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from wherry.aio.tasks import Tasks
from wherry.api import Obj, kinds, meta
from wherry.api.slices import service_of
from wherry.client.informer import Informer
from wherry.client.interface import Client
from wherry.proxy import plan
from wherry.proxy.backends import BackendError, NodeAddresses
from wherry.proxy.kernel import Kernel
from wherry.proxy.plan import Frontend, Rule, Table, ThisNode

log = logging.getLogger(__name__)

GATHER = 0.005  # seconds in which changes come together into one transaction
FIRST_DELAY, LONGEST_DELAY = 0.2, 10.0  # seconds before everything is loaded anew after a refusal, doubling
LOOK = 30.0  # seconds between looks whether somebody has flushed the rules
CHUNK = 200  # services planned before the event loop has its turn


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """`node_ip`: the address that translated connections get. `pods`: networks (CIDR) of this node's pods. `netns`:
    path of the node's network namespace, when the process is not in it."""

    node_name: str
    node_ip: str
    pods: tuple[str, ...]
    netns: str | None = None
    backend: str = "nftables"


class Proxy:
    """One node's service proxy. `services` and `slices` are informers of all namespaces that somebody else runs; left
    out, it has its own. What an earlier process left in the kernel is replaced without a gap; the rules stay when
    this one ends.
    """

    def __init__(
        self, client: Client, config: ProxyConfig, services: Informer | None = None, slices: Informer | None = None
    ) -> None:
        self._config = config
        self._services = services or Informer(client, kinds.SERVICE)
        self._slices = slices or Informer(client, kinds.ENDPOINT_SLICE)
        self._nodes = Informer(client, kinds.NODE, field_selector=f"metadata.name={config.node_name}")
        shared = (services, slices)
        self._own = [each for each in (self._services, self._slices, self._nodes) if each not in shared]
        self._node = ThisNode(config.node_name)
        self._table = Table()
        self._dirty: set[str] = set()
        self._woken = asyncio.Event()
        self._loaded = asyncio.Event()

    async def loaded(self) -> None:
        """Until the kernel has the rules of everything that was there at the start."""
        await self._loaded.wait()

    async def run(self) -> None:
        """Until cancelled. What the kernel refuses is logged and tried again. Raises NftMissing (and what else a
        backend cannot do without)."""
        self._slices.index("service", lambda slice: filter(None, [service_of(slice)]))
        self._services.on_change(self._service_changed)
        self._slices.on_change(self._slice_changed)
        self._nodes.on_change(self._node_changed)
        kernel = Kernel(self._config.netns, self._config.backend)
        async with Tasks() as tasks:
            for informer in self._own:
                tasks.start(informer.run(), f"proxy: {informer.kind.plural}")
            await kernel.open()
            for informer in (self._services, self._slices, self._nodes):
                await informer.synced()
            try:
                await self._follow(kernel)
            finally:
                await kernel.close()

    async def _follow(self, kernel: Kernel) -> None:
        """Load everything, then apply changes, from the start again after a refusal."""
        delay = FIRST_DELAY
        while True:
            try:
                await self._load(kernel)
                delay = FIRST_DELAY
                while True:
                    await self._follow_once(kernel)
            except BackendError as error:
                log.error("%s; loading everything again in %.1f s", error, delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, LONGEST_DELAY)

    async def _follow_once(self, kernel: Kernel) -> None:
        """Wait for changes and apply them, or look after a while whether the rules are still there."""
        try:
            async with asyncio.timeout(LOOK):
                await self._woken.wait()
        except TimeoutError:
            await kernel.check()
            return
        await asyncio.sleep(GATHER)
        changes = await self._plan()
        if changes:
            await kernel.change(changes, self._table.all)

    async def _load(self, kernel: Kernel) -> None:
        await self._plan()
        await kernel.load(NodeAddresses(self._config.node_ip, self._config.pods), dict(self._table.all))
        log.info("loaded %d frontends of %d services", len(self._table.all), len(self._services.store))
        self._loaded.set()

    async def _plan(self) -> dict[Frontend, Rule | None]:
        """Bring the table up to date; what changed by it."""
        changes: dict[Frontend, Rule | None] = {}
        self._woken.clear()
        keys, self._dirty = list(self._dirty), set()
        for number, key in enumerate(keys, 1):
            changes |= self._table.replace(key, self._rules(key))
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        return changes

    def _rules(self, key: str) -> dict[Frontend, Rule]:
        service = self._services.get(key)
        return plan.rules(service, self._slices.by("service", key), self._node) if service else {}

    # what changed

    def _service_changed(self, old: Obj | None, new: Obj | None) -> None:
        self._wake(meta.key(each) for each in (old, new) if each)

    def _slice_changed(self, old: Obj | None, new: Obj | None) -> None:
        self._wake(key for each in (old, new) if each and (key := service_of(each)))

    def _node_changed(self, old: Obj | None, new: Obj | None) -> None:
        node = ThisNode(self._config.node_name, meta.labels(new).get(plan.ZONE, "") if new else "")
        if node != self._node:
            self._node = node
            self._wake(self._services.store)

    def _wake(self, keys: Iterable[str]) -> None:
        self._dirty.update(keys)
        self._woken.set()
