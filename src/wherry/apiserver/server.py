"""The API server put together: parts from a store and settings, made ready, and a handler for requests."""

import asyncio
import secrets
from collections.abc import Sequence
from random import Random

from wherry.aio.http.messages import Handler
from wherry.api import kinds
from wherry.apiserver import pipeline
from wherry.apiserver.authn import Authenticator, Method
from wherry.apiserver.authn.accounts import Accounts
from wherry.apiserver.authn.tokens import Keys, Signer
from wherry.apiserver.authz import Authorizer, policy, rbac
from wherry.apiserver.authz.node import Nodes
from wherry.apiserver.bootstrap import bootstrap
from wherry.apiserver.compaction import compact
from wherry.apiserver.core import Api, Settings
from wherry.apiserver.fairness import MIRRORED as FAIRNESS_MIRRORED
from wherry.apiserver.fairness import Fairness
from wherry.apiserver.fairness.upkeep import Upkeep
from wherry.apiserver.hub import Hub
from wherry.apiserver.mirror import Mirror
from wherry.apiserver.nodes import Tunnel
from wherry.apiserver.podindex import PodIndex
from wherry.apiserver.services import Services
from wherry.store import Store

BOOTSTRAP_SECONDS = 10.0

# What rules look at without waiting.
MIRRORED = (
    kinds.NAMESPACE,
    kinds.SERVICE_ACCOUNT,
    kinds.LIMIT_RANGE,
    kinds.RESOURCE_QUOTA,
    kinds.PRIORITY_CLASS,
    kinds.RUNTIME_CLASS,
    kinds.STORAGE_CLASS,
    kinds.INGRESS_CLASS,
    *rbac.MIRRORED,
    *FAIRNESS_MIRRORED,
)


class ApiServer:
    """`await start()`, then give `handler` requests; `await close()` ends watches and lets the store go."""

    def __init__(
        self,
        store: Store,
        settings: Settings | None = None,
        methods: Sequence[Method] = (),
        keys: Keys | None = None,
        tunnel: Tunnel | None = None,
    ) -> None:
        settings = settings or Settings()
        random = Random(secrets.randbits(64))
        accounts, mirror, pods = Accounts(Signer(keys)), Mirror(MIRRORED), PodIndex()
        roles, self._policy = rbac.Rbac(mirror), policy.load()
        self.api = Api(
            store,
            Hub(store),
            mirror,
            pods,
            Authenticator([*methods, accounts]),
            Authorizer([Nodes(store, pods, self._policy.rules("system:node")), roles]),
            roles,
            accounts,
            Fairness(mirror, settings.seats),
            Services(settings.service_cidr, settings.node_ports, random),
            tunnel or Tunnel(),
            settings,
            random=random,
        )
        accounts.api = self.api
        self._tasks: list[asyncio.Task[None]] = []
        self.handler: Handler = pipeline.handler(self.api)

    async def start(self) -> None:
        """Read what is stored, and make what every cluster has."""
        api = self.api
        new = not await api.store.revision()
        await api.hub.start()
        api.hub.listeners += [api.mirror.follow, api.pods.follow]
        await api.mirror.load(api.store)
        await api.pods.load(api.store)
        await api.services.load(api.store)
        await bootstrap(api, self._policy)
        upkeep = Upkeep(api)
        await upkeep.tidy()
        if new:
            await self._forget_bootstrap()
        self._tasks += [
            asyncio.create_task(compact(api.store), name="compaction"),
            asyncio.create_task(upkeep.run(), name="flow schemas"),
        ]

    async def _forget_bootstrap(self) -> None:
        """Nobody can have seen a version from before this moment; whoever names one starts again from a list."""
        revision = await self.api.store.revision()
        if await self.api.hub.reach(revision, BOOTSTRAP_SECONDS):
            self.api.hub.forget(revision)

    def end_watches(self) -> None:
        """Close every stream, so that clients reconnect elsewhere or later."""
        self.api.hub.end_watches()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.api.hub.close()
        await self.api.tunnel.close()
        if self.api.audit:
            await self.api.audit.close()
        await self.api.store.close()
