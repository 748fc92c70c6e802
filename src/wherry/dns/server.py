"""The cluster's DNS on one node: answers for the zone, asks the machine's resolvers for the rest.

Each node runs its own, on its own address. The service `kube-dns` (see `publish`) leads every pod to the server of
its node, and to another node's when that one is not ready.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from wherry.aio.tasks import Tasks
from wherry.api import Obj, kinds, meta
from wherry.api.slices import service_of
from wherry.client.informer import Informer
from wherry.client.interface import Client
from wherry.dns import plan
from wherry.dns.listener import Listener
from wherry.dns.plan import Zone
from wherry.dns.responder import Responder
from wherry.dns.upstream import Upstream
from wherry.lib.clock import SystemClock


@dataclass(frozen=True, slots=True)
class DnsConfig:
    """`listen`: addresses of this node. `address`: the ClusterIP of kube-dns. `netns`: where to listen, when the
    process is not there. `upstream_netns`: where the machine's resolvers are reached (None: where the process is)."""

    listen: tuple[tuple[str, int], ...]
    domain: str = "cluster.local"
    address: str = ""
    netns: str | None = None
    resolv_conf: Path = Path("/etc/resolv.conf")
    upstream_netns: str | None = None


class DnsServer:
    """`services` and `slices` are informers of all namespaces that somebody else runs; left out, it has its own."""

    def __init__(
        self, client: Client, config: DnsConfig, services: Informer | None = None, slices: Informer | None = None
    ) -> None:
        self._config = config
        self._services = services or Informer(client, kinds.SERVICE)
        self._slices = slices or Informer(client, kinds.ENDPOINT_SLICE)
        self._namespaces = Informer(client, kinds.NAMESPACE)
        self._informers = (self._services, self._slices)
        self._own = [self._namespaces, *(each for each in self._informers if each not in (services, slices))]
        self._zone = Zone(config.domain, config.address)
        self._listening = asyncio.Event()

    async def ready(self) -> None:
        """Until it listens and knows the cluster."""
        await self._listening.wait()
        for informer in self._informers:
            await informer.synced()

    async def run(self) -> None:
        """Until cancelled. Until the cluster is known its names are answered with SERVFAIL: ask again. Raises OSError
        if it cannot listen."""
        self._slices.index("service", lambda slice: filter(None, [service_of(slice)]))
        self._services.on_change(self._service_changed)
        self._slices.on_change(self._slice_changed)
        self._namespaces.on_change(self._namespace_changed)
        clock = SystemClock()
        config = self._config
        own = [address for address, _ in config.listen] + [config.address]
        upstream = Upstream(clock, config.resolv_conf, own, config.upstream_netns)
        responder = Responder(self._zone, upstream, clock, self._synced)
        async with Tasks() as tasks, Listener(responder.respond, config.netns) as listener:
            for address in config.listen:
                await listener.listen(address)
            self._listening.set()
            for informer in self._own:
                tasks.start(informer.run(), f"dns: {informer.kind.plural}")
            try:
                await tasks.wait()
            finally:
                await responder.close()

    def _synced(self) -> bool:
        """Namespaces are not waited for: they only tell an empty answer from a name that does not exist."""
        return all(informer.has_synced for informer in self._informers)

    def _service_changed(self, old: Obj | None, new: Obj | None) -> None:
        for each in (old, new):
            if each:
                self._update(meta.key(each))

    def _slice_changed(self, old: Obj | None, new: Obj | None) -> None:
        for key in {service_of(each) for each in (old, new) if each} - {None}:
            self._update(str(key))

    def _update(self, key: str) -> None:
        service = self._services.get(key)
        if service is None:
            self._zone.replace(key, frozenset())
        else:
            self._zone.replace(key, plan.records(service, self._slices.by("service", key), self._zone.domain))

    def _namespace_changed(self, old: Obj | None, new: Obj | None) -> None:
        if (old is None) != (new is None):
            self._zone.set_namespaces(self._namespaces.store)
