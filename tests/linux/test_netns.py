"""Network namespaces against the real kernel."""

import os
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from wherry.linux import netns

pytestmark = pytest.mark.root


@pytest.fixture
def prefix() -> Iterator[str]:
    prefix = f"t{uuid.uuid4().hex[:6]}"
    yield prefix
    for name in netns.names(prefix):
        netns.delete(name)


def here() -> str:
    return os.readlink("/proc/thread-self/ns/net")


def test_a_made_namespace_is_one_that_ip_netns_knows(prefix: str) -> None:
    path = netns.create(f"{prefix}-a")
    assert path == Path(f"/run/netns/{prefix}-a")
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert f"{prefix}-a" in listed.split()
    assert netns.names(prefix) == [f"{prefix}-a"]


def test_names_begin_with_the_prefix_only(prefix: str) -> None:
    netns.create(f"{prefix}-a")
    netns.create(f"{prefix}b")
    assert netns.names(f"{prefix}-") == [f"{prefix}-a"]


def test_a_namespace_bound_to_a_path(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "net"
    netns.create(str(path))
    assert netns.exists(str(path))
    assert netns.delete(str(path))
    assert not path.exists()


def test_entering_moves_only_this_thread_and_returns(prefix: str) -> None:
    path, outside = netns.create(f"{prefix}-a"), here()
    seen = []
    with netns.entered(path):
        inside = here()
        thread = threading.Thread(target=lambda: seen.append(here()))
        thread.start()
        thread.join()
    assert inside != outside == here()
    assert seen == [inside], "a thread starts where the one that started it is"
    assert f"net:[{path.stat().st_ino}]" == inside


def test_it_returns_after_a_failure_inside(prefix: str) -> None:
    path, outside = netns.create(f"{prefix}-a"), here()
    with pytest.raises(ValueError), netns.entered(path):
        raise ValueError
    assert here() == outside


def test_entering_nothing_stays() -> None:
    outside = here()
    with netns.entered(None):
        assert here() == outside


def test_an_executor_lives_in_its_namespace(prefix: str) -> None:
    path = netns.create(f"{prefix}-a")
    with netns.executor(path, threads=2) as executor:
        assert executor.submit(here).result() == f"net:[{path.stat().st_ino}]"


def test_creating_twice_is_refused_and_ensure_is_not(prefix: str) -> None:
    path, made = netns.ensure(f"{prefix}-a")
    inode = path.stat().st_ino
    with pytest.raises(FileExistsError):
        netns.create(f"{prefix}-a")
    assert made
    assert netns.ensure(f"{prefix}-a") == (path, False)
    assert path.stat().st_ino == inode


def test_a_file_without_its_mount_is_no_namespace_and_is_replaced(prefix: str) -> None:
    netns.create(f"{prefix}-a")
    subprocess.run(["umount", f"/run/netns/{prefix}-a"], check=True)
    assert not netns.exists(f"{prefix}-a")
    netns.create(f"{prefix}-a")
    assert netns.exists(f"{prefix}-a")


def test_deleting_what_is_not_there(prefix: str) -> None:
    assert netns.delete(f"{prefix}-none") is False
    assert netns.exists(f"{prefix}-none") is False


def test_deleting_leaves_nothing(prefix: str) -> None:
    netns.create(f"{prefix}-a")
    assert netns.delete(f"{prefix}-a") is True
    assert prefix not in Path("/proc/self/mounts").read_text()
    assert netns.names(prefix) == []


def test_entering_what_is_not_there_says_which(prefix: str) -> None:
    with pytest.raises(FileNotFoundError, match=prefix), netns.entered(f"{prefix}-none"):
        pass
