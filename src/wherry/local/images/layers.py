"""Files of packages -> one layer of an image.

The layer is deterministic: entries are sorted, owners are numbers, times are zero. Paths under /bin, /sbin, /lib and
/lib64 move below /usr, as Debian merged them, because packages still carry the old paths and a link is there.
"""

import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256

from wherry.local.images.recipes import DOCUMENTATION, Recipe

MERGED = ("bin", "sbin", "lib", "lib64")


@dataclass(frozen=True, slots=True)
class Layer:
    """An uncompressed tar and its digest (`sha256:...`)."""

    data: bytes
    digest: str


@dataclass(slots=True)
class Tree:
    """Paths (no leading slash) of a layer that is being made."""

    entries: dict[str, tuple[tarfile.TarInfo, bytes]] = field(default_factory=dict)

    def add(self, info: tarfile.TarInfo, data: bytes = b"") -> None:
        info.mtime, info.uname, info.gname, info.size = 0, "", "", len(data)
        self.entries[info.name] = (info, data)


def make_layer(packages: Iterable[bytes], recipe: Recipe, applets: Iterable[str] = ()) -> Layer:
    """`packages`: tars of files. `applets`: paths to link to busybox where nothing else stands."""
    tree = Tree()
    for package in packages:
        _add_package(tree, package, (*DOCUMENTATION, *recipe.drop))
    for path, directory in recipe.directories.items():
        _add_directory(tree, path, directory.mode, directory.uid)
    for path, text in recipe.files.items():
        info = tarfile.TarInfo(path)
        info.mode = 0o644
        tree.add(info, text.encode())
    _add_links(tree, recipe.links)
    _add_links(tree, {path: "/usr/bin/busybox" for path in map(merged, applets) if path not in tree.entries})
    _add_parents(tree)
    data = _pack(tree)
    return Layer(data, f"sha256:{sha256(data).hexdigest()}")


def file_in(package: bytes, path: str) -> bytes | None:
    """The bytes of one file of a package, by its merged path."""
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        for info in archive:
            if info.isreg() and merged(info.name) == path:
                file = archive.extractfile(info)
                return file.read() if file else None
    return None


def merged(path: str) -> str:
    """A path as packages write it, without `./` and below /usr."""
    path = path.removeprefix("./").strip("/")
    return f"usr/{path}" if path.split("/")[0] in MERGED else path


def _add_package(tree: Tree, package: bytes, drop: tuple[str, ...]) -> None:
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        for info in archive:
            path = merged(info.name)
            if path in ("", ".", *(f"usr/{name}" for name in MERGED)) or _dropped(path, info.isdir(), drop):
                continue
            file = archive.extractfile(info) if info.isreg() else None
            info.name = path
            if info.islnk():
                info.linkname = merged(info.linkname)
            info.pax_headers = {}
            tree.add(info, file.read() if file else b"")


def _dropped(path: str, directory: bool, drop: tuple[str, ...]) -> bool:
    path = f"{path}/" if directory else path
    return any(fnmatchcase(path, f"{prefix}*") for prefix in drop)


def _add_directory(tree: Tree, path: str, mode: int = 0o755, uid: int = 0) -> None:
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.uid, info.gid = tarfile.DIRTYPE, mode, uid, uid
    tree.add(info)


def _add_links(tree: Tree, links: Mapping[str, str]) -> None:
    for path, target in links.items():
        info = tarfile.TarInfo(path)
        info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, target
        tree.add(info)


def _add_parents(tree: Tree) -> None:
    for path in list(tree.entries):
        while "/" in path:
            path = path.rpartition("/")[0]
            if path not in tree.entries:
                _add_directory(tree, path)


def _pack(tree: Tree) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(tree.entries):
            info, data = tree.entries[path]
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
