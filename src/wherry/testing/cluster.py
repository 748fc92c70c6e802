"""The API server in this process, over the memory store, with clients that call it without sockets.

async with ApiServer() as api:
    await api.client.create(kinds.CONFIG_MAP, {"metadata": {"name": "a", "namespace": "default"}})
    jane = api.client_for("jane", "developers")
"""

import secrets
from collections.abc import Sequence
from typing import Self

from wherry.apiserver.authn.tokenfile import StaticTokens
from wherry.apiserver.authn.user import AUTHENTICATED, MASTERS, User
from wherry.apiserver.core import Settings
from wherry.apiserver.server import ApiServer as Server
from wherry.client.rest import RestClient
from wherry.client.transports import InProcess
from wherry.lib.clock import Clock
from wherry.store import Store
from wherry.store.memory import MemoryStore


class ApiServer:
    """An asynchronous context manager. `client` is the administrator's; `server` has the parts."""

    def __init__(
        self, store: Store | None = None, settings: Settings | None = None, clock: Clock | None = None
    ) -> None:
        self._tokens = StaticTokens({})
        self._clients: list[RestClient] = []
        self.server = Server(store or MemoryStore(), settings, [self._tokens])
        if clock:
            self.server.api.clock = clock
        self.client = self.client_for("admin", MASTERS)

    def client_for(self, name: str, *groups: str, headers: Sequence[tuple[str, str]] = ()) -> RestClient:
        """A client with an identity of its own, which sends these headers; closed with the server."""
        token = secrets.token_urlsafe()
        self._tokens.users[token] = User(name, (*groups, AUTHENTICATED))
        transport = InProcess(self.server.handler, headers=[("Authorization", f"Bearer {token}"), *headers])
        client = RestClient(transport)
        self._clients.append(client)
        return client

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.close()
        await self.server.close()
