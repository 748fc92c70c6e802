"""libnftables against the real kernel, in a namespace of the test's own."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from wherry.linux import netns
from wherry.linux.nft import Nft, NftError

pytestmark = pytest.mark.root


@pytest.fixture
def space() -> Iterator[Path]:
    name = f"t{uuid.uuid4().hex[:6]}-nft"
    yield netns.create(name)
    netns.delete(name)


@pytest.fixture
def nft(space: Path) -> Iterator[Nft]:
    with netns.entered(space):
        nft = Nft()
    yield nft
    nft.close()


def test_rules_land_in_the_namespace_it_was_made_in(nft: Nft) -> None:
    nft.run("add table ip example")
    outside = Nft()
    assert nft.has_table("ip", "example")
    assert not outside.has_table("ip", "example")
    outside.close()


def test_a_transaction_is_all_or_nothing(nft: Nft) -> None:
    with pytest.raises(NftError):
        nft.run("add table ip one\nadd rule ip one nochain drop")
    assert not nft.has_table("ip", "one")


def test_the_error_points_at_the_place(nft: Nft) -> None:
    with pytest.raises(NftError, match=r"No such file or directory(.|\n)*add rule ip one nochain drop\n\s*\^"):
        nft.run("add rule ip one nochain drop")
    with pytest.raises(NftError, match="syntax error"):
        nft.run("no such command")


def test_it_works_on_after_an_error(nft: Nft) -> None:
    with pytest.raises(NftError):
        nft.run("bad")
    nft.run("add table ip one")
    assert nft.has_table("ip", "one")


def test_lists_as_text_and_as_objects(nft: Nft) -> None:
    nft.run("table ip one { set s { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }; }")
    assert "10.0.0.1, 10.0.0.2" in nft.run("list table ip one")
    sets = [entry["set"] for entry in nft.list_json("list set ip one s") if "set" in entry]
    assert sets[0]["elem"] == ["10.0.0.1", "10.0.0.2"]
    assert sets[0]["handle"] > 0


def test_deleting_a_table_that_is_not_there(nft: Nft) -> None:
    nft.delete_table("ip", "none")
    nft.run("add table ip one")
    nft.delete_table("ip", "one")
    assert not nft.has_table("ip", "one")


def test_a_closed_context_says_so(space: Path) -> None:
    with netns.entered(space):
        nft = Nft()
    nft.close()
    with pytest.raises(NftError, match="after close"):
        nft.run("list tables")
