from collections.abc import Iterator
from pathlib import Path

import netlab
import pytest


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[netlab.Lab]:
    yield from netlab.make_lab(monkeypatch, tmp_path)
