"""A node with a busybox image; real containers, so only for root."""

import shutil
from pathlib import Path

import pytest

from wherry import engine as engines
from wherry.local.images.maker import Maker
from wherry.local.layout import cache


@pytest.fixture(scope="session")
def busybox_archive() -> Path:
    return Maker(cache() / "images").make(["busybox"])[0]


@pytest.fixture
async def node(tmp_path, busybox_archive):
    from nodehost import NodeHost

    state, images = tmp_path / "state", tmp_path / "images"
    state.mkdir()
    store = await engines.open(tmp_path / "loader", images, subreaper=False)
    await store.images.load(busybox_archive)
    await store.close()
    async with NodeHost(state, images) as host:
        yield host
    shutil.rmtree(images, ignore_errors=True)
