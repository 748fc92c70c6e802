"""What nothing names any more, and what a crash left."""

import fcntl
import os
import time
import uuid
from pathlib import Path

from wherry.engine.images.index import Catalog, Index, locked

PARTIAL = "partial"  # folder of unfinished downloads, by digest
_PARTIAL_AGE = 24 * 3600.0  # seconds

EMPTY_LAYER = "empty"  # what an image without layers stands on


def collect(root: Path, index: Index) -> Path | None:
    """Take away unfinished work, layers and blobs without an owner: they are in the folder returned, which is the
    caller's to delete. None while somebody imports: the import's layers are not named yet, and whoever comes next
    collects."""
    try:
        with locked(root / "work", fcntl.LOCK_EX | fcntl.LOCK_NB), index.change() as catalog:
            _drop_unused(root, catalog)
            doomed = _unfinished(root) + _unowned(root, catalog)
            trash = root / "tmp" / uuid.uuid4().hex
            trash.mkdir()
            for place, path in enumerate(doomed):
                _move(path, trash / str(place))  # at once, so that nobody finds half of one
    except BlockingIOError:
        return None
    return trash


def _move(path: Path, to: Path) -> None:
    try:
        os.rename(path, to)
    except FileNotFoundError:  # an earlier collection is just deleting it
        pass


def _drop_unused(root: Path, catalog: Catalog) -> None:
    """Forget images that were removed while a container still used them, once it is gone."""
    for image_id in [image_id for image_id, entry in catalog.images.items() if entry.removed]:
        if not users(root, image_id):
            catalog.forget(image_id)


def users(root: Path, image_id: str) -> list[Path]:
    """The folders of containers made from an image; those that are gone are forgotten."""
    found = []
    for link in _entries(root / "uses" / image_id.partition(":")[2]):
        if link.exists():
            found.append(link.readlink())
        else:
            link.unlink(missing_ok=True)
    return found


def _unfinished(root: Path) -> list[Path]:
    """Half-made things; of downloads only the old, since a pull that is tried again goes on where one broke off."""
    old = time.time() - _PARTIAL_AGE
    partial = root / "tmp" / PARTIAL
    stale = [path for path in _entries(partial) if path.stat().st_mtime < old]
    return [path for path in _entries(root / "tmp") if path != partial] + stale


def _unowned(root: Path, catalog: Catalog) -> list[Path]:
    layers = {layer.chain for entry in catalog.images.values() for layer in entry.layers} | {EMPTY_LAYER}
    blobs = {layer.blob for entry in catalog.images.values() for layer in entry.layers}
    blobs |= {digest for image_id, entry in catalog.images.items() for digest in (image_id, entry.manifest) if digest}
    names = {blob.removeprefix("sha256:").replace(":", "-") for blob in blobs}
    return [path for path in _entries(root / "layers") if path.name not in layers] + [
        path for path in _entries(root / "blobs") if path.name not in names
    ]


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []
