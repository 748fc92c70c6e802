"""Registers the node and keeps its lease and status fresh."""

import logging

from wherry.aio.clock import WaitableClock
from wherry.api import Obj
from wherry.api.kinds import LEASE, NODE
from wherry.client.interface import AlreadyExists, ApiError, Client, NotFound
from wherry.engine.interface import Engine
from wherry.lib.timestamps import rfc3339_micro
from wherry.node import machine
from wherry.node.config import NodeConfig
from wherry.node.plan import nodestatus
from wherry.node.plan.nodestatus import Machine, StoredImage

log = logging.getLogger(__name__)

LEASE_EVERY = 10.0
LOOK_EVERY = 10.0
PUBLISH_EVERY = 300.0
_RETRY_FIRST, _RETRY_LONGEST = 0.1, 5.0


class NodeStatus:
    """The Node object of this machine."""

    def __init__(
        self, config: NodeConfig, facts: Machine, client: Client, engine: Engine, clock: WaitableClock
    ) -> None:
        self._config, self._machine = config, facts
        self._client, self._engine, self._clock = client, engine, clock
        self._node: Obj = {}
        self._published: Obj = {}
        self._published_at = 0.0

    async def register(self) -> str:
        """Make the Node, or take over the one that is there, and publish its status; the addresses of its pods, which
        somebody else may have to give it. Tries until it succeeds."""
        pause = _RETRY_FIRST
        while True:
            try:
                self._node = await self._ensure()
                await self._publish()
                if cidr := self._node["spec"].get("podCIDR"):
                    return str(cidr)
            except ApiError as error:
                log.info("cannot register node %s yet: %s", self._config.name, error)
                await self._clock.sleep(pause)
                pause = min(pause * 2, _RETRY_LONGEST)

    async def _ensure(self) -> Obj:
        wanted = nodestatus.node(self._config.name, self._config.pod_cidr, self._machine)
        try:
            return await self._client.create(NODE, wanted)
        except AlreadyExists:
            found = await self._client.get(NODE, self._config.name)
        patch: Obj = {"metadata": {"labels": wanted["metadata"]["labels"]}}
        if not found["spec"].get("podCIDR"):
            patch["spec"] = wanted["spec"]
        return await self._client.patch(NODE, self._config.name, None, patch)

    async def keep_lease(self) -> None:
        """Renew the lease until cancelled."""
        while True:
            try:
                await self._renew()
            except ApiError as error:
                log.warning("lease of node %s not renewed: %s", self._config.name, error)
                await self._clock.sleep(1.0)
                continue
            await self._clock.sleep(LEASE_EVERY)

    async def _renew(self) -> None:
        name, now = self._config.name, rfc3339_micro(self._clock.now())
        lease = nodestatus.lease(name, self._node, now)
        try:
            await self._client.patch(LEASE, name, "kube-node-lease", {"spec": lease["spec"]})
        except NotFound:
            await self._client.create(LEASE, lease)

    async def keep_status(self) -> None:
        """Publish changes, and a heartbeat every five minutes, until cancelled."""
        while True:
            await self._clock.sleep(LOOK_EVERY)
            try:
                await self._publish()
            except NotFound:
                log.warning("node %s was deleted: registering again", self._config.name)
                self._published = {}
                await self.register()
            except ApiError as error:
                log.warning("status of node %s not published: %s", self._config.name, error)

    async def _publish(self) -> None:
        now = self._clock.now()
        status = self._status(now)
        due = now - self._published_at >= PUBLISH_EVERY
        if self._published and not due and not nodestatus.worth_publishing(self._published, status):
            return
        self._node = await self._client.patch(
            NODE, self._config.name, None, {"status": status}, type="strategic", subresource="status"
        )
        self._published, self._published_at = status, now

    def _status(self, now: float) -> Obj:
        config, load = self._config, machine.load(self._config.state_dir)
        images = [StoredImage((*each.tags, *each.digests), each.size) for each in self._engine.images.all()]
        status = nodestatus.status(config.name, config.address, config.port, self._machine, load, images)
        before = self._published.get("conditions") or (self._node.get("status") or {}).get("conditions") or []
        status["conditions"] = nodestatus.conditions(self._machine, load, before, now)
        return status
