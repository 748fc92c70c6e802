"""Be told of changes in a directory."""

import asyncio

import pytest

from wherry.linux.inotify import changes

PATIENCE = 10


async def test_every_kind_of_change_is_told(tmp_path):
    with changes(tmp_path) as changed:
        assert not changed.is_set()
        for change in (
            lambda: (tmp_path / "a").write_text("x"),
            lambda: (tmp_path / "a").write_text("more"),
            lambda: (tmp_path / "a").rename(tmp_path / "b"),
            lambda: (tmp_path / "b").unlink(),
        ):
            changed.clear()
            change()
            await asyncio.wait_for(changed.wait(), PATIENCE)


async def test_watchers_share_and_let_go(tmp_path):
    (tmp_path / "other").mkdir()
    with changes(tmp_path / "other") as elsewhere:
        with changes(tmp_path) as one, changes(tmp_path) as two:
            (tmp_path / "a").touch()
            await asyncio.wait_for(asyncio.gather(one.wait(), two.wait()), PATIENCE)
        (tmp_path / "b").touch()
        (tmp_path / "other" / "c").touch()
        await asyncio.wait_for(elsewhere.wait(), PATIENCE)
    with changes(tmp_path) as again:
        (tmp_path / "c").touch()
        await asyncio.wait_for(again.wait(), PATIENCE)


async def test_a_directory_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError), changes(tmp_path / "none"):
        pass
    with changes(tmp_path) as changed:
        (tmp_path / "a").touch()
        await asyncio.wait_for(changed.wait(), PATIENCE)
