"""Which profile has which index on this machine, also among profiles of different homes.

A claim is a link /run/wherry/<index> -> the profile's directory. Making a link is atomic, so two `start`s never take
the same index. A claim whose profile is gone, or has another index by now, is free.
"""

import os
from collections.abc import Collection
from pathlib import Path

from wherry.local import config
from wherry.local.config import MAX_PROFILES
from wherry.local.errors import ChoiceError, ConfigError
from wherry.pki.files import locked_directory

DIRECTORY = Path("/run/wherry")
LINKS = Path("/sys/class/net")


def claim(
    directory: Path,
    wanted: int | None = None,
    avoid: Collection[int] = (),
    claims: Path = DIRECTORY,
    links: Path = LINKS,
) -> int:
    """An index for the profile in `directory`: the one it has, else `wanted`, else the first free one that is not in
    `avoid`. Raises ChoiceError when `wanted`, or every index, is another's."""
    with locked_directory(claims):
        holders = {index: _holder(claims, index) for index in range(MAX_PROFILES)}
        own = next((index for index, holder in holders.items() if holder == directory), None)
        if own is not None and wanted in (None, own):
            return own
        unclaimed = [index for index, holder in holders.items() if holder is None and index not in avoid]
        free = [index for index in unclaimed if index == wanted or not _bridge(links, index)]
        if wanted is not None and wanted not in free:
            raise ChoiceError(f"the networks of this profile are in use by {holders[wanted]}; delete one of the two")
        if not free:
            raise ChoiceError(f"{MAX_PROFILES} profiles are all that one machine can have; `wherry delete` one first")
        chosen = free[0] if wanted is None else wanted
        link = claims / str(chosen)
        link.unlink(missing_ok=True)
        os.symlink(directory, link)
        return chosen


def release(directory: Path, claims: Path = DIRECTORY) -> None:
    """Give up what the profile in `directory` holds."""
    if not claims.is_dir():
        return
    with locked_directory(claims):
        for index in range(MAX_PROFILES):
            if _target(claims / str(index)) == directory:
                (claims / str(index)).unlink()
        try:
            claims.rmdir()
        except OSError:
            pass  # others have claims


def index_of(directory: Path, claims: Path = DIRECTORY) -> int | None:
    """The index that the profile in `directory` holds."""
    return next((index for index in range(MAX_PROFILES) if _target(claims / str(index)) == directory), None)


def _bridge(links: Path, index: int) -> bool:
    """A bridge of that number which nobody claims is somebody else's."""
    return (links / f"wherry{index}").exists()


def _holder(claims: Path, index: int) -> Path | None:
    directory = _target(claims / str(index))
    if directory is None or not directory.is_dir():
        return None
    try:
        found = config.load(directory / "config.json")
    except ConfigError:
        return directory
    return directory if found is None or found.index == index else None


def _target(link: Path) -> Path | None:
    try:
        return Path(os.readlink(link))
    except OSError:
        return None
