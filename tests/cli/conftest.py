from collections.abc import Iterator
from pathlib import Path

import pytest
from clusterlab import Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Not started; deleted in the end, whatever became of it."""
    made = Cluster(tmp_path)
    yield made
    made.wherry("delete")
    assert made.leftovers() == []
