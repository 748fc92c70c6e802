"""Layers from real packages, built here with dpkg-deb."""

import io
import json
import os
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from wherry.local.images import packages
from wherry.local.images.archive import docker_archive, image_config, tags
from wherry.local.images.layers import Layer, file_in, make_layer, merged
from wherry.local.images.recipes import RECIPES, Directory, Recipe, chain


@pytest.fixture
def package(tmp_path: Path) -> bytes:
    """A package `tool` with a program, a hard link, a symbolic link, documentation and a dropped directory."""
    root = tmp_path / "root"
    for directory in ("DEBIAN", "bin", "lib/x86_64-linux-gnu", "usr/share/doc/tool", "usr/lib/tool/test"):
        (root / directory).mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        "Package: tool\nVersion: 1.0\nArchitecture: all\nMaintainer: tests\nDescription: for tests\n"
    )
    (root / "bin/tool").write_text("#!/bin/sh\n")
    (root / "bin/tool").chmod(0o4755)
    os.link(root / "bin/tool", root / "bin/tool-again")
    (root / "lib/x86_64-linux-gnu/libtool.so").symlink_to("libtool.so.1")
    (root / "usr/share/doc/tool/README").write_text("words")
    (root / "usr/lib/tool/test/test_tool.py").write_text("assert True")
    (root / "usr/lib/tool/tool.conf").write_text("a=b")
    archive = tmp_path / "tool_1.0_all.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", root, archive], check=True, stdout=subprocess.DEVNULL
    )
    return packages.files(archive)


RECIPE = Recipe(
    name="tool",
    packages=("tool",),
    version_of="tool",
    drop=("usr/lib/*/test/",),
    links={"usr/bin/t": "tool"},
    files={"etc/tool": "text\n"},
    directories={"data": Directory(0o1777, uid=999)},
    command=("tool",),
    user="tool",
)


def _members(layer: Layer) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(layer.data)) as archive:
        return {info.name: info for info in archive}


def test_files_are_merged_below_usr_and_trimmed(package):
    members = _members(make_layer([package], RECIPE))
    files = {name for name, info in members.items() if not info.isdir()}
    assert files == {
        "etc/tool",
        "usr/bin/t",
        "usr/bin/tool",
        "usr/bin/tool-again",
        "usr/lib/tool/tool.conf",
        "usr/lib/x86_64-linux-gnu/libtool.so",
    }


def test_modes_links_and_owners_are_kept(package):
    members = _members(make_layer([package], RECIPE))
    regular, hard = sorted((members["usr/bin/tool"], members["usr/bin/tool-again"]), key=lambda m: m.islnk())
    assert (regular.mode, hard.linkname) == (0o4755, regular.name)
    assert members["usr/lib/x86_64-linux-gnu/libtool.so"].linkname == "libtool.so.1"
    assert (members["data"].mode, members["data"].uid) == (0o1777, 999)


def test_every_entry_has_its_parents_before_it(package):
    seen: set[str] = set()
    for name in _members(make_layer([package], RECIPE)):
        assert "/" not in name or name.rpartition("/")[0] in seen
        seen.add(name)


def test_the_same_packages_give_the_same_bytes(package):
    first = make_layer([package], RECIPE)
    assert first == make_layer([package], RECIPE)
    assert first.digest == f"sha256:{sha256(first.data).hexdigest()}"


def test_applets_never_stand_in_for_a_real_file(package):
    members = _members(make_layer([package], RECIPE, applets=["bin/tool", "bin/ls", "usr/bin/t"]))
    assert members["usr/bin/tool"].isreg() and members["usr/bin/t"].linkname == "tool"
    assert members["usr/bin/ls"].linkname == "/usr/bin/busybox"


def test_a_file_of_a_package_is_found_by_its_merged_path(package):
    assert file_in(package, "usr/lib/tool/tool.conf") == b"a=b"
    assert file_in(package, "usr/lib/tool/other.conf") is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [("./bin/sh", "usr/bin/sh"), ("usr/bin/sh", "usr/bin/sh"), ("./binary", "binary"), ("./lib64/", "usr/lib64")],
)
def test_merged(path, expected):
    assert merged(path) == expected


def test_an_archive_names_its_config_and_layers_by_content(package):
    layer = make_layer([package], RECIPE)
    archive = docker_archive(image_config(RECIPE, [layer], "x86_64"), [layer], tags("tool", "1.0"))
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        content = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
    (entry,) = json.loads(content["manifest.json"])
    assert entry["RepoTags"] == ["tool:latest", "tool:1", "tool:1.0"]
    config = json.loads(content[entry["Config"]])
    assert entry["Config"] == f"{sha256(content[entry['Config']]).hexdigest()}.json"
    assert [f"sha256:{sha256(content[name]).hexdigest()}" for name in entry["Layers"]] == config["rootfs"]["diff_ids"]
    assert (config["architecture"], config["config"]["Cmd"], config["config"]["User"]) == ("amd64", ["tool"], "tool")


def test_recipes_have_bases_that_exist_and_names_of_their_own():
    names = [recipe.name for recipe in RECIPES]
    assert len(set(names)) == len(names)
    assert all(recipe.base in ("", *names) for recipe in RECIPES)
    assert [part.name for part in chain(RECIPES[-1])] == ["busybox", "libc", "nginx"]
