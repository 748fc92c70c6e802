"""Engines on this machine, with an image of busybox."""

import shutil
from pathlib import Path

import pytest
from enginelab import Lab

from wherry.local.images.maker import Maker
from wherry.local.layout import cache


@pytest.fixture(scope="session")
def busybox() -> Path:
    return Maker(cache() / "images").make(["busybox"])[0]


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory):
    """One image store for all tests that only use images."""
    folder = tmp_path_factory.mktemp("images")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def lab(tmp_path, image_folder, busybox):
    async with Lab(tmp_path / "engine", image_folder, busybox) as laboratory:
        yield laboratory
