"""Layers on disk: what they become for overlayfs, and that nothing in one reaches outside."""

import io
import os
import stat
import tarfile

import pytest
from imagemaking import entry, link, tar

from wherry.engine.images.unpack import unpack
from wherry.engine.interface import ImageInvalid

pytestmark = pytest.mark.root  # owners, devices and trusted attributes


def layer(tmp_path, entries, below=(), name="layer"):
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    unpack(io.BytesIO(tar(entries)), folder, below)
    return folder


def test_files_keep_owner_rights_time_and_attributes(tmp_path):
    pax = {"SCHILY.xattr.user.note": "hi", "SCHILY.xattr.trusted.overlay.opaque": "y"}
    folder = layer(
        tmp_path,
        [
            entry("bin", mode=0o751, uid=3, gid=4, mtime=1000),
            entry("bin/su", b"program", mode=0o4755, uid=1, gid=2, mtime=2000, pax_headers=pax),
            link("sh", "bin/su"),
        ],
    )
    status = (folder / "bin/su").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime) == (0o4755, 1, 2, 2000)
    status = (folder / "bin").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime) == (0o751, 3, 4, 1000)
    assert os.readlink(folder / "sh") == "bin/su"
    assert os.listxattr(folder / "bin/su") == ["user.note"]


def test_size_is_that_of_the_files(tmp_path):
    folder = tmp_path / "layer"
    folder.mkdir()
    assert unpack(io.BytesIO(tar([entry("a", b"12345"), entry("d"), link("l", "a")])), folder) == 5


def test_whiteouts_become_overlay_s(tmp_path):
    folder = layer(tmp_path, [entry("etc"), entry("etc/.wh.gone", b""), entry("opt"), entry("opt/.wh..wh..opq", b"")])
    status = (folder / "etc/gone").lstat()
    assert stat.S_ISCHR(status.st_mode)
    assert status.st_rdev == 0
    assert os.getxattr(folder / "opt", "trusted.overlay.opaque") == b"y"
    assert not (folder / "opt/.wh..wh..opq").exists()


@pytest.mark.parametrize("whiteout_first", [True, False])
def test_a_whiteout_beside_a_new_folder_hides_the_old_one_below(tmp_path, whiteout_first):
    new = [entry("data"), entry("data/new", b"x")]
    whiteout = [entry(".wh.data", b"")]
    folder = layer(tmp_path, whiteout + new if whiteout_first else new + whiteout)
    assert (folder / "data/new").read_bytes() == b"x"
    assert os.getxattr(folder / "data", "trusted.overlay.opaque") == b"y"


def test_a_whiteout_beside_a_new_file_is_the_new_file(tmp_path):
    for order in (0, 1):
        entries = [entry(".wh.note", b""), entry("note", b"new")]
        folder = layer(tmp_path, entries[::-1] if order else entries, name=f"layer{order}")
        assert (folder / "note").read_bytes() == b"new"


def test_hard_links_in_and_below_the_layer(tmp_path):
    base = layer(tmp_path, [entry("usr"), entry("usr/tool", b"tool", mode=0o755, uid=9)], name="base")
    folder = layer(
        tmp_path,
        [entry("a", b"one"), link("b", "a", tarfile.LNKTYPE), link("usr/alias", "usr/tool", tarfile.LNKTYPE)],
        [base],
    )
    assert (folder / "a").stat().st_ino == (folder / "b").stat().st_ino
    status = (folder / "usr/alias").stat()
    assert (folder / "usr/alias").read_bytes() == b"tool"
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (9, 0o755)


def test_a_hard_link_to_nothing_is_refused(tmp_path):
    with pytest.raises(ImageInvalid, match="hard link"):
        layer(tmp_path, [link("b", "nowhere", tarfile.LNKTYPE)])


def test_folders_that_a_layer_does_not_name_are_like_those_below(tmp_path):
    base = layer(tmp_path, [entry("tmp", mode=0o1777), entry("home", mode=0o750, uid=7)], name="base")
    folder = layer(tmp_path, [entry("tmp/x", b""), entry("home/y", b""), entry("new/z", b"")], [base])
    assert stat.S_IMODE((folder / "tmp").stat().st_mode) == 0o1777
    assert (folder / "home").stat().st_uid == 7
    assert stat.S_IMODE((folder / "new").stat().st_mode) == 0o755


def test_a_later_entry_replaces_an_earlier(tmp_path):
    folder = layer(
        tmp_path,
        [
            entry("a", b"old"), entry("a", b"new"), entry("d"), entry("d/x", b""), entry("d", b"file"),
            link("s", "a"), entry("s"), entry("s/inside", b""),
            entry("k"), entry("k/keep", b""), entry("k", mode=0o700),
        ],
    )  # fmt: skip
    assert (folder / "a").read_bytes() == b"new"
    assert (folder / "d").read_bytes() == b"file"
    assert (folder / "s/inside").exists()
    assert not (folder / "s").is_symlink()
    assert (folder / "k/keep").exists()


def test_devices_and_pipes(tmp_path):
    folder = layer(
        tmp_path,
        [
            entry("null", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
            entry("zero-zero", b"", type=tarfile.CHRTYPE, devmajor=0, devminor=0),
            entry("pipe", b"", type=tarfile.FIFOTYPE),
        ],
    )
    assert (folder / "null").stat().st_rdev == os.makedev(1, 3)
    assert stat.S_ISFIFO((folder / "pipe").stat().st_mode)
    assert not (folder / "zero-zero").exists()  # it would hide what is below


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "a/.."])
def test_paths_that_climb_are_refused(tmp_path, name):
    with pytest.raises(ImageInvalid, match="leads out"):
        layer(tmp_path, [entry(name, b"x")])
    assert not (tmp_path / "outside").exists()


def test_absolute_paths_are_inside(tmp_path):
    folder = layer(tmp_path, [entry("/etc/passwd", b"x")])
    assert (folder / "etc/passwd").read_bytes() == b"x"


@pytest.mark.parametrize("target", ["/", "..", "../..", "{outside}", "/proc/self/root", "/proc/self/cwd"])
def test_symlinks_lead_nowhere_but_inside(tmp_path, target):
    outside = tmp_path / "outside"
    outside.mkdir()
    before = set(os.listdir("/")) | set(os.listdir(tmp_path))
    entries = [link("way", target.format(outside=outside)), entry("way/caught", b"x"), entry("way/.wh.outside", b"")]
    try:
        layer(tmp_path, entries)
    except ImageInvalid:
        pass
    assert list(outside.iterdir()) == []
    assert set(os.listdir("/")) | set(os.listdir(tmp_path)) == before | {"layer"}


def test_a_symlink_to_a_folder_that_only_the_merged_root_has(tmp_path):
    base = layer(tmp_path, [entry("usr"), entry("usr/lib", mode=0o700)], name="base")
    folder = layer(tmp_path, [link("lib", "/usr/lib"), link("deep", "lib/more"), entry("deep/x", b"x")], [base])
    assert (folder / "usr/lib/more/x").read_bytes() == b"x"
    assert stat.S_IMODE((folder / "usr/lib").stat().st_mode) == 0o700
    assert (folder / "lib").is_symlink()
    with pytest.raises(ImageInvalid):
        layer(tmp_path, [link("a", "b/c"), link("b", "a/c"), entry("a/x", b"")], name="circle")


def test_a_file_is_not_written_through_a_symlink(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("safe")
    folder = layer(
        tmp_path,
        [link("f", str(victim)), entry("f", b"overwritten"), link("g", str(victim)), entry("g", b"", mode=0o777)],
    )
    assert victim.read_text() == "safe"
    assert stat.S_IMODE(victim.stat().st_mode) != 0o777
    assert (folder / "f").read_bytes() == b"overwritten"


def test_a_hard_link_cannot_take_a_file_from_outside(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    entries = [link("way", str(tmp_path)), link("mine", "way/secret", tarfile.LNKTYPE)]
    with pytest.raises(ImageInvalid):
        layer(tmp_path, entries)
    with pytest.raises(ImageInvalid):
        layer(tmp_path, [link("mine", "../secret", tarfile.LNKTYPE)], name="other")


def test_what_is_no_tar_is_refused(tmp_path):
    folder = tmp_path / "layer"
    folder.mkdir()
    with pytest.raises(ImageInvalid, match="tar"):
        unpack(io.BytesIO(b"certainly not a tar archive" * 100), folder)
    cut = tar([entry("a", b"x" * 5000)])[:2000]
    with pytest.raises(ImageInvalid):
        unpack(io.BytesIO(cut), folder)


def test_sparse_and_long_names(tmp_path):
    long = "/".join(["folder" * 10] * 4) + "/" + "n" * 200
    assert (layer(tmp_path, [entry(long, b"x")]) / long).read_bytes() == b"x"
