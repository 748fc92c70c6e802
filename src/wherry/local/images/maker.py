"""A recipe's name -> an archive in the cache.

The cache is keyed by the recipe and by what apt knows: while neither changes, nothing is downloaded or even asked.
"""

import logging
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from wherry.local.errors import PackageError
from wherry.local.images import packages
from wherry.local.images.archive import docker_archive, image_config, tags
from wherry.local.images.layers import Layer, file_in, make_layer
from wherry.local.images.recipes import RECIPES, Recipe, chain, find
from wherry.pki.files import locked, write_atomically

log = logging.getLogger(__name__)

FORMAT = 1  # raise when the same recipe gives other bytes


class Maker:
    """Makes images into `cache`. Safe among processes; one set of downloads serves all images of a Maker."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def make(self, names: Sequence[str], progress: Callable[[str], None] = lambda name: None) -> list[Path]:
        """An archive for each name, in order; `progress` hears of each before it is made. Raises PackageError."""
        wanted = [_recipe(name) for name in names]
        archives = [self._path(recipe) for recipe in wanted]
        with locked(self._cache / ".lock"):
            missing = [recipe for recipe, path in zip(wanted, archives, strict=True) if not path.exists()]
            if missing:
                self._make_all(missing, progress)
        return archives

    def _make_all(self, recipes: Sequence[Recipe], progress: Callable[[str], None]) -> None:
        needed = {package for recipe in recipes for part in chain(recipe) for package in part.packages}
        graph = packages.dependencies(needed)
        with tempfile.TemporaryDirectory(dir=self._cache, prefix="packages.") as directory:
            contents = {recipe.name: _packages_by_layer(graph, recipe) for recipe in recipes}
            everything = {name for layers in contents.values() for layer in layers for name in layer}
            archives = packages.download(everything, Path(directory))
            made: dict[str, Layer] = {}
            for recipe in recipes:
                progress(recipe.name)
                layers = _layers(recipe, contents[recipe.name], archives, made)
                self._write(recipe, layers, packages.upstream_version(archives[recipe.version_of]))

    def _write(self, recipe: Recipe, layers: list[Layer], version: str) -> None:
        config = image_config(recipe, layers, platform.machine())
        path = self._path(recipe)
        for old in self._cache.glob(f"{recipe.name}-*.tar"):
            old.unlink()
        write_atomically(path, docker_archive(config, layers, tags(recipe.name, version)))
        log.info("made image %s %s: %s", recipe.name, version, path)

    def _path(self, recipe: Recipe) -> Path:
        key = repr((FORMAT, chain(recipe), packages.lists_state())).encode()
        return self._cache / f"{recipe.name}-{sha256(key).hexdigest()[:16]}.tar"


def _recipe(name: str) -> Recipe:
    recipe = find(name)
    if recipe is None:
        raise PackageError(f"no recipe makes an image {name!r}; there are {', '.join(r.name for r in RECIPES)}")
    return recipe


def _packages_by_layer(graph: packages.Graph, recipe: Recipe) -> list[list[str]]:
    """The packages of each layer, the lowest first; a package is in the lowest layer that needs it."""
    layers: list[list[str]] = []
    for part in chain(recipe):
        below = {name for layer in layers for name in layer}
        names = packages.closure(graph, part.packages, (*part.without, *below))
        layers.append(names)
    return layers


def _layers(
    recipe: Recipe, contents: list[list[str]], archives: dict[str, Path], made: dict[str, Layer]
) -> list[Layer]:
    for part, names in zip(chain(recipe), contents, strict=True):
        if part.name not in made:
            trees = [packages.files(archives[name]) for name in names]
            made[part.name] = make_layer(trees, part, _applets(trees) if part.applets else ())
    return [made[part.name] for part in chain(recipe)]


def _applets(trees: Sequence[bytes]) -> list[str]:
    """The paths that this busybox can stand for; it is asked, because builds differ."""
    program = next(filter(None, (file_in(tree, "usr/bin/busybox") for tree in trees)), None)
    if program is None:
        raise PackageError("the busybox package has no /bin/busybox")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "busybox")
        path.write_bytes(program)
        os.chmod(path, 0o755)
        return subprocess.run([path, "--list-full"], capture_output=True, text=True, check=True).stdout.split()
