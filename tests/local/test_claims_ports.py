"""Indexes that profiles of any home share, and who holds a port."""

import os
import socket

import pytest

from wherry.local import claims, config, ports
from wherry.local.claims import claim, release
from wherry.local.config import MAX_PROFILES, ClusterConfig
from wherry.local.errors import ChoiceError


@pytest.fixture
def machine(tmp_path):
    """Where claims and links are; a function that makes a profile's directory."""
    links = tmp_path / "net"
    links.mkdir()

    def profile(name: str, index: int | None = None):
        directory = tmp_path / name
        directory.mkdir()
        if index is not None:
            config.save(directory / "config.json", ClusterConfig(name, index))
        return directory

    return {"claims": tmp_path / "claims", "links": links}, profile


def test_each_profile_has_an_index_of_its_own_and_keeps_it(machine):
    where, profile = machine
    a, b = profile("a"), profile("b")
    assert [claim(a, **where), claim(b, **where), claim(a, **where)] == [0, 1, 0]


def test_an_index_that_was_given_up_is_free_again(machine):
    where, profile = machine
    a, b, c = profile("a"), profile("b"), profile("c")
    assert [claim(a, **where), claim(b, **where)] == [0, 1]
    release(a, where["claims"])
    assert claim(c, **where) == 0


def test_a_profile_that_vanished_or_moved_on_holds_nothing(machine):
    where, profile = machine
    gone, moved = profile("gone"), profile("moved", index=5)
    claim(gone, **where)
    gone.rmdir()
    os.symlink(moved, where["claims"] / "1")
    assert [claim(profile("x"), **where), claim(profile("y"), **where)] == [0, 1]


def test_a_bridge_that_nobody_claims_is_left_alone(machine):
    where, profile = machine
    (where["links"] / "wherry0").mkdir()
    assert claim(profile("a"), **where) == 1


def test_after_a_reboot_a_profile_takes_its_index_back(machine):
    where, profile = machine
    (where["links"] / "wherry3").mkdir()
    assert claim(profile("a", index=3), 3, **where) == 3


def test_an_index_that_another_profile_took_meanwhile_is_refused(machine):
    where, profile = machine
    other = profile("other", index=0)
    claim(other, 0, **where)
    with pytest.raises(ChoiceError, match=f"in use by {other}"):
        claim(profile("a", index=0), 0, **where)


def test_a_machine_has_room_for_so_many_profiles(machine):
    where, profile = machine
    assert [claim(profile(f"p{i}"), **where) for i in range(MAX_PROFILES)] == list(range(MAX_PROFILES))
    with pytest.raises(ChoiceError, match="wherry delete"):
        claim(profile("one-more"), **where)


def test_the_last_release_leaves_nothing(machine):
    where, profile = machine
    a, b = profile("a"), profile("b")
    claim(a, **where)
    claim(b, **where)
    release(a, where["claims"])
    assert where["claims"].is_dir()
    release(b, where["claims"])
    assert not where["claims"].exists()
    release(b, where["claims"])


def test_a_port_in_use_has_an_owner():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not ports.is_free("127.0.0.1", port)
        found = ports.owner(port)
        assert found.pid == os.getpid() and f"process {os.getpid()}" in str(found)
    assert ports.is_free("127.0.0.1", port)
    assert str(ports.owner(port)) == "another process"


def test_an_address_that_the_machine_does_not_have_yet_is_free():
    assert ports.is_free("198.51.100.7", 8443)


def test_listeners_are_the_listening_sockets_of_that_port_only():
    table = [
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        "   0: 0100007F:20FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0",
        "   1: 00000000:20FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0",
        "   2: 0100007F:20FC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 13 1 0",
        "   3: 0100007F:20FB 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 14 1 0",
    ]
    assert ports.listeners(table, 8443) == [11, 12]


def test_claims_are_kept_where_a_reboot_clears_them():
    assert str(claims.DIRECTORY).startswith("/run/")
