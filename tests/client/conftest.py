"""The API server over the memory store, reached in process and over a socket."""

from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from wherry.aio.http.client import Pool
from wherry.aio.http.messages import Request
from wherry.aio.http.server import Server, serve
from wherry.apiserver.authn import User
from wherry.apiserver.server import ApiServer
from wherry.client.rest import RestClient
from wherry.client.transports import InProcess
from wherry.store.memory import MemoryStore


def pytest_asyncio_loop_factories():
    """What runs in production runs in the tests."""
    return {"uvloop": uvloop.new_event_loop}


async def master(request: Request) -> User:
    return User("tester", ("system:masters",))


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    server = ApiServer(MemoryStore(), methods=[master])
    await server.start()
    yield server
    await server.close()


class Listener:
    """The same API server behind a port that can be closed and opened again."""

    def __init__(self, api: ApiServer) -> None:
        self.api, self.port = api, 0
        self._server: Server | None = None

    async def open(self) -> None:
        self._server = await serve(self.api.handler, port=self.port)
        self.port = self._server.port

    async def close(self) -> None:
        if self._server is not None:
            await self._server.close(timeout=0.1)


@pytest.fixture
async def listener(api: ApiServer) -> AsyncIterator[Listener]:
    listener = Listener(api)
    await listener.open()
    yield listener
    await listener.close()


@pytest.fixture(params=["http", "in process"])
async def client(request: pytest.FixtureRequest, api: ApiServer, listener: Listener) -> AsyncIterator[RestClient]:
    ways: dict[str, Callable[[], RestClient]] = {
        "http": lambda: RestClient(Pool(f"http://127.0.0.1:{listener.port}")),
        "in process": lambda: RestClient(InProcess(api.handler)),
    }
    client = ways[request.param]()
    yield client
    await client.close()


@pytest.fixture
async def remote(listener: Listener) -> AsyncIterator[RestClient]:
    client = RestClient(Pool(f"http://127.0.0.1:{listener.port}"))
    yield client
    await client.close()
