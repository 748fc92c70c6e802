"""pytest fixtures. Use with `pytest_plugins = ["wherry.testing.plugin"]`."""

from collections.abc import AsyncIterator

import pytest_asyncio

from wherry.client.rest import RestClient
from wherry.testing.cluster import ApiServer


@pytest_asyncio.fixture
async def api() -> AsyncIterator[ApiServer]:
    """An API server over the memory store, new for each test."""
    async with ApiServer() as server:
        yield server


@pytest_asyncio.fixture
async def client(api: ApiServer) -> RestClient:
    """The administrator's client of `api`."""
    return api.client
