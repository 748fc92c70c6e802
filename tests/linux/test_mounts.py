"""Mounts, against the real kernel in a namespace of the test's own."""

import os
import threading

import pytest

from wherry.linux import mounts, procs

MOUNTINFO = """\
22 27 0:21 / /proc rw,relatime shared:5 - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
41 27 0:38 /sub /mnt/with\\040space\\134 rw,nosuid master:3 - cgroup2 none rw,nsdelegate
"""


def test_mountinfo_is_read():
    proc, root, odd = mounts.parse_mountinfo(MOUNTINFO)
    assert (proc.target, proc.fstype, proc.shared, proc.parent) == ("/proc", "proc", True, 27)
    assert (root.target, root.source, root.shared, root.data) == ("/", "/dev/vda", False, "rw,discard")
    assert (odd.target, odd.root, odd.options) == ("/mnt/with space\\", "/sub", "rw,nosuid")


def test_every_mount_of_this_machine_can_be_read():
    assert "/" in {point.target for point in mounts.all_mounts()}


def in_private_namespace(work):
    """Run `work` on a thread of its own in a mount namespace of its own; what it raises is raised here."""
    failures = []

    def body():
        try:
            procs.unshare(procs.CLONE_FS | procs.CLONE_NEWNS)
            mounts.make_private("/")
            work()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def targets():
    return {point.target for point in mounts.all_mounts()}


@pytest.mark.root
def test_mount_bind_and_unmount(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    def work():
        mounts.mount("tmpfs", tmp_path / "a", "tmpfs", mounts.MS_NOSUID, "size=64k")
        (tmp_path / "a" / "file").write_text("x")
        mounts.bind(tmp_path / "a", tmp_path / "b")
        assert (tmp_path / "b" / "file").read_text() == "x"
        assert mounts.unmount(tmp_path / "b")
        assert not mounts.unmount(tmp_path / "b")
        assert not mounts.unmount(tmp_path / "nowhere")

    in_private_namespace(work)
    assert not any(str(tmp_path) in target for target in targets())
    with pytest.raises(OSError, match="No such file"):
        mounts.mount("tmpfs", tmp_path / "nowhere", "tmpfs")


@pytest.mark.root
def test_a_detached_mount_travels_between_namespaces(tmp_path):
    source, place = tmp_path / "source", tmp_path / "place"
    source.mkdir()
    place.mkdir()
    (source / "note").write_text("here")
    tree = mounts.open_tree(source)

    def work():
        mounts.move_mount(tree, place)
        assert (place / "note").read_text() == "here"

    in_private_namespace(work)
    os.close(tree)
    assert list(place.iterdir()) == []


def test_opening_inside_a_root(tmp_path):
    root_path = tmp_path / "root"
    (root_path / "etc").mkdir(parents=True)
    (root_path / "etc/passwd").write_text("inside")
    (tmp_path / "passwd").write_text("outside")
    (root_path / "up").symlink_to("../passwd")
    (root_path / "absolute").symlink_to("/etc/passwd")
    (root_path / "magic").symlink_to(f"/proc/self/fd/{os.open(tmp_path / 'passwd', os.O_RDONLY)}")
    root = os.open(root_path, os.O_PATH)

    def read(path):
        fd = mounts.open_in_root(root, path, os.O_RDONLY)
        with os.fdopen(fd) as file:
            return file.read()

    assert read("etc/passwd") == read("/etc/passwd") == read("absolute") == "inside"
    for path in ("up", "../passwd", "magic", "none"):
        with pytest.raises(OSError, match=path):
            read(path)
    os.close(root)
