"""A layer's tar -> a folder that overlayfs can use as a lower layer.

Nothing in a layer can reach outside of the folder: every path is opened by the kernel as if the folder were the root
(openat2), symlinks made by earlier entries included. Whiteouts (`.wh.name`, `.wh..wh..opq`) become what overlayfs
understands: a character device 0/0, the attribute `trusted.overlay.opaque`. The folder stands in a store that only
root can enter, so set-user-id files and device nodes in it serve nobody on the host.
"""

import errno
import os
import posixpath
import shutil
import stat
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, cast

from wherry.engine.images.blobs import CHUNK, Readable
from wherry.engine.interface import ImageInvalid
from wherry.linux import mounts

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_OPAQUE_ATTRIBUTE = "trusted.overlay.opaque"
_PAX_ATTRIBUTE = "SCHILY.xattr."
_SYMLINKS = 40  # that may lead from one to the next, as in the kernel
_DIRECTORY = os.O_DIRECTORY | os.O_RDONLY
_KEPT_ATTRIBUTES = ("security.capability", "user.", "system.posix_acl_")


def unpack(source: Readable, folder: Path, below: Sequence[Path] = ()) -> int:
    """Unpack into the empty `folder`; the bytes of its files. `below`: the unpacked layers that it stands on, the top
    one first. Raises ImageInvalid, OSError (no space)."""
    with _Unpacker(folder, below) as unpacker:
        try:
            with tarfile.open(fileobj=cast(IO[bytes], source), mode="r|", bufsize=CHUNK // 4) as archive:
                for member in archive:
                    unpacker.add(archive, member)
                    archive.members.clear()  # type: ignore[attr-defined]  # or it keeps every header
        except (tarfile.TarError, EOFError, UnicodeError) as error:
            raise ImageInvalid(f"a layer is not a tar archive: {error}") from error
        unpacker.finish()
        return unpacker.size


class _Unpacker:
    def __init__(self, folder: Path, below: Sequence[Path]) -> None:
        self._root = os.open(folder, _DIRECTORY)
        self._below = below
        self._cached: tuple[str, int] | None = None  # the folder that the last entry went to
        self._times: list[tuple[str, float]] = []
        self._opaque: set[str] = set()
        self._hidden: set[str] = set()  # whiteouts that this layer made
        self._followed = 0
        self.size = 0

    def __enter__(self) -> "_Unpacker":
        return self

    def __exit__(self, *_: object) -> None:
        self._forget()
        os.close(self._root)

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        path = _clean(member.name)
        if not path:
            if member.isdir():
                self._attributes(self._root, ".", member)
            return
        parent_path, name = os.path.split(path)
        parent = self._folder(parent_path)
        if name.startswith(_WHITEOUT):
            self._whiteout(parent, parent_path, name)
            return
        self._clear(parent, path, name, member)
        self._make(archive, member, parent, path, name)

    def finish(self) -> None:
        """Folders' times, which their content changed."""
        self._forget()
        for path, at in reversed(self._times):
            try:
                fd = mounts.open_in_root(self._root, path, _DIRECTORY | os.O_NOFOLLOW)
            except OSError:
                continue  # a later entry replaced it
            os.utime(fd, (at, at))
            os.close(fd)

    def _make(self, archive: tarfile.TarFile, member: tarfile.TarInfo, parent: int, path: str, name: str) -> None:
        if member.isdir():
            _mkdir(name, parent)
            self._times.append((path, member.mtime))
            if path in self._hidden:
                self._hide_below(parent, name)
        elif member.islnk():
            self._link(member, parent, name)
            return
        elif member.issym():
            os.symlink(member.linkname, name, dir_fd=parent)
        elif member.ischr() or member.isblk() or member.isfifo():
            if not _special(member, parent, name):
                return
        else:
            self._file(archive, member, parent, name)
        self._attributes(parent, name, member)

    def _file(self, archive: tarfile.TarFile, member: tarfile.TarInfo, parent: int, name: str) -> None:
        content = archive.extractfile(member)
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=parent)
        with os.fdopen(fd, "wb", buffering=0) as file:
            while content and (data := content.read(CHUNK)):
                file.write(data)
        self.size += member.size

    def _link(self, member: tarfile.TarInfo, parent: int, name: str) -> None:
        target = _clean(member.linkname)
        folder, base = os.path.split(target)
        try:
            source = mounts.open_in_root(self._root, folder, _DIRECTORY)
        except OSError:
            return self._link_below(member, target, parent, name)
        try:
            os.link(base, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            self._link_below(member, target, parent, name)
        finally:
            os.close(source)

    def _link_below(self, member: tarfile.TarInfo, target: str, parent: int, name: str) -> None:
        """A hard link to a file of a lower layer: only a copy can stand here."""
        for folder in self._below:
            root = os.open(folder, _DIRECTORY)
            try:
                source = mounts.open_in_root(root, target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError:
                continue
            finally:
                os.close(root)
            with os.fdopen(source, "rb", buffering=0) as file:
                status = os.fstat(source)
                fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=parent)
                with os.fdopen(fd, "wb", buffering=0) as copy:
                    while data := file.read(CHUNK):
                        copy.write(data)
                    os.fchown(fd, status.st_uid, status.st_gid)
                    os.fchmod(fd, stat.S_IMODE(status.st_mode))
                    os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))
            self.size += status.st_size
            return
        raise ImageInvalid(f"a layer has a hard link {member.name} to {member.linkname}, which is nowhere")

    def _whiteout(self, parent: int, parent_path: str, name: str) -> None:
        if name == _OPAQUE:
            os.setxattr(f"/proc/self/fd/{parent}", _OPAQUE_ATTRIBUTE, b"y")
            self._opaque.add(parent_path)
            return
        hidden = name.removeprefix(_WHITEOUT)
        if not hidden or hidden in (".", "..") or hidden.startswith(_WHITEOUT):
            return  # AUFS' own notes
        self._hidden.add(os.path.join(parent_path, hidden))
        try:
            os.mknod(hidden, stat.S_IFCHR, os.makedev(0, 0), dir_fd=parent)
        except FileExistsError:  # this layer has its own of that name
            if stat.S_ISDIR(os.stat(hidden, dir_fd=parent, follow_symlinks=False).st_mode):
                self._hide_below(parent, hidden)

    def _hide_below(self, parent: int, name: str) -> None:
        os.setxattr(f"/proc/self/fd/{parent}/{name}", _OPAQUE_ATTRIBUTE, b"y", follow_symlinks=False)

    def _clear(self, parent: int, path: str, name: str, member: tarfile.TarInfo) -> None:
        """A later entry of the same name replaces the earlier; a folder stays a folder."""
        try:
            mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(mode):
            os.unlink(name, dir_fd=parent)
        elif not member.isdir():
            shutil.rmtree(name, dir_fd=parent)

    def _folder(self, path: str) -> int:
        """The folder at `path`, opened; it and those above it are made if they are not there."""
        if self._cached and self._cached[0] == path:
            return self._cached[1]
        self._forget()
        try:
            fd = mounts.open_in_root(self._root, path, _DIRECTORY)
        except FileNotFoundError:
            fd = self._make_folders(path)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            raise ImageInvalid(f"a layer has {path} both as a folder and as something else") from error
        self._cached = (path, fd)
        return fd

    def _make_folders(self, path: str) -> int:
        """With the owner and rights that they have in the layers below, since theirs would be covered."""
        above, name = os.path.split(path)
        parent = self._folder(above)
        try:
            os.mkdir(name, 0o755, dir_fd=parent)
        except FileExistsError:
            return self._follow(path, os.readlink(name, dir_fd=parent))
        fd = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        for folder in self._below:
            root = os.open(folder, _DIRECTORY)
            try:
                lower = mounts.open_in_root(root, path, _DIRECTORY | os.O_NOFOLLOW)
            except OSError:
                continue
            finally:
                os.close(root)
            status = os.fstat(lower)
            os.close(lower)
            os.fchown(fd, status.st_uid, status.st_gid)
            os.fchmod(fd, stat.S_IMODE(status.st_mode))
            break
        return fd

    def _follow(self, path: str, target: str) -> int:
        """The folder that a symlink at `path` leads to, in a layer that has the link but not the folder."""
        self._followed += 1
        if self._followed > _SYMLINKS:
            raise ImageInvalid(f"a layer's symlinks lead in circles at {path}")
        inside = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), target)).lstrip("/")
        fd = os.dup(self._folder(inside))
        self._forget()
        self._followed -= 1
        return fd

    def _attributes(self, parent: int, name: str, member: tarfile.TarInfo) -> None:
        os.chown(name, member.uid, member.gid, dir_fd=parent, follow_symlinks=False)
        if not member.issym():
            os.chmod(f"/proc/self/fd/{parent}/{name}", member.mode & 0o7777)
        for key, value in member.pax_headers.items():
            attribute = key.removeprefix(_PAX_ATTRIBUTE)
            if attribute != key and attribute.startswith(_KEPT_ATTRIBUTES):
                _set_attribute(f"/proc/self/fd/{parent}/{name}", attribute, value)
        if not member.isdir():
            os.utime(name, (member.mtime, member.mtime), dir_fd=parent, follow_symlinks=False)

    def _forget(self) -> None:
        if self._cached:
            os.close(self._cached[1])
            self._cached = None


def _clean(name: str) -> str:
    """A path relative to the root, "" for the root itself. Raises ImageInvalid: `..`."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ImageInvalid(f"a layer has a path that leads out of it: {name}")
    return "/".join(parts)


def _mkdir(name: str, parent: int) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        pass


def _special(member: tarfile.TarInfo, parent: int, name: str) -> bool:
    """A device or a pipe. False: left out, since 0/0 would be a whiteout to overlayfs."""
    if member.isfifo():
        os.mkfifo(name, 0o600, dir_fd=parent)
        return True
    number = os.makedev(member.devmajor, member.devminor)
    if number == 0:
        return False
    os.mknod(name, 0o600 | (stat.S_IFCHR if member.ischr() else stat.S_IFBLK), number, dir_fd=parent)
    return True


def _set_attribute(path: str, name: str, value: str) -> None:
    try:
        os.setxattr(path, name, value.encode("utf-8", "surrogateescape"), follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EPERM):  # the filesystem has none of that kind
            raise
