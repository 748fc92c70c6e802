"""The maker with apt replaced at its own boundary: a repository on this machine that apt itself reads."""

import json
import subprocess
import tarfile
from pathlib import Path
from typing import IO

import pytest

from wherry.local.errors import PackageError
from wherry.local.images import maker, packages
from wherry.local.images.recipes import Recipe

SHELL = Recipe(name="shell", packages=("t-shell",), version_of="t-shell", command=("sh",))
TOOL = Recipe(name="tool", base="shell", packages=("t-tool",), version_of="t-tool", without=("t-admin",))
CONTROL = "Package: {}\nVersion: {}\nArchitecture: all\nMaintainer: tests\nDescription: for tests\nDepends: {}\n"


def _build(directory: Path, name: str, version: str, depends: str) -> str:
    """A package with one file named after it; its entry in the repository's index."""
    root = directory / f"root-{name}"
    (root / "DEBIAN").mkdir(parents=True)
    control = CONTROL.format(name, version, depends).replace("Depends: \n", "")
    (root / "DEBIAN/control").write_text(control)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin" / name).write_text(f"{name} {version}\n")
    archive = directory / f"{name}_{version}_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", root, archive], check=True, capture_output=True)
    digest = subprocess.run(["sha256sum", archive], check=True, capture_output=True, text=True).stdout.split()[0]
    return f"{control}Filename: ./{archive.name}\nSize: {archive.stat().st_size}\nSHA256: {digest}\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch) -> Path:
    """t-tool needs t-shell, t-library and t-admin; apt is pointed to it and to nothing else."""
    directory = tmp_path / "repository"
    directory.mkdir()
    entries = [
        _build(directory, "t-shell", "1.2.3-1", ""),
        _build(directory, "t-library", "0.1", "t-shell"),
        _build(directory, "t-admin", "9", ""),
        _build(directory, "t-tool", "2:4.5-1", "t-shell, t-library, t-admin"),
    ]
    (directory / "Packages").write_text("\n".join(entries))
    sources, state = tmp_path / "sources.list", tmp_path / "state"
    sources.write_text(f"deb [trusted=yes] copy:{directory} ./\n")
    (state / "lists/partial").mkdir(parents=True)
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": state / "lists",
        "Dir::Cache": state,
    }
    flags = (*packages.APT_OPTIONS, *(part for item in options.items() for part in ("-o", f"{item[0]}={item[1]}")))
    subprocess.run(["apt-get", *flags, "-q", "update"], check=True, capture_output=True)
    monkeypatch.setattr(packages, "APT_OPTIONS", flags)
    monkeypatch.setattr(packages, "LISTS", state / "lists")
    monkeypatch.setattr(maker, "RECIPES", (SHELL, TOOL))
    monkeypatch.setattr("wherry.local.images.recipes.RECIPES", (SHELL, TOOL))
    return directory


def _layers(archive: Path) -> list[set[str]]:
    """The files in each layer."""
    with tarfile.open(archive) as tar:
        (entry,) = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        return [_files(tar.extractfile(name)) for name in entry["Layers"]]


def _files(layer: IO[bytes] | None) -> set[str]:
    with tarfile.open(fileobj=layer) as tar:
        return {Path(info.name).name for info in tar if info.isreg()}


def test_each_layer_has_what_the_layers_below_lack(repository, tmp_path):
    (archive,) = maker.Maker(tmp_path / "cache").make(["tool"])
    assert _layers(archive) == [{"t-shell"}, {"t-tool", "t-library"}]


def test_images_share_the_layers_of_their_base(repository, tmp_path):
    heard: list[str] = []
    shell, tool = maker.Maker(tmp_path / "cache").make(["shell", "tool"], heard.append)
    assert _layers(shell) == _layers(tool)[:1]
    assert heard == ["shell", "tool"]


def test_an_image_that_was_made_needs_neither_apt_nor_packages(repository, tmp_path):
    first = maker.Maker(tmp_path / "cache").make(["tool"])
    for package in repository.glob("*.deb"):
        package.unlink()
    heard: list[str] = []
    assert maker.Maker(tmp_path / "cache").make(["tool"], heard.append) == first
    assert heard == []


def test_a_package_that_cannot_be_fetched_is_an_error_and_leaves_nothing(repository, tmp_path):
    next(repository.glob("t-library*.deb")).unlink()
    with pytest.raises(PackageError, match="t-library"):
        maker.Maker(tmp_path / "cache").make(["tool"])
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_an_unknown_recipe_names_the_known_ones(repository, tmp_path):
    with pytest.raises(PackageError, match="there are shell, tool"):
        maker.Maker(tmp_path / "cache").make(["postgres"])
