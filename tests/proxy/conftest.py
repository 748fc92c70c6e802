import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "node_network"))  # netlab: the machine that both play on

import netlab


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[netlab.Lab]:
    yield from netlab.make_lab(monkeypatch, tmp_path)
