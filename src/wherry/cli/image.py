"""`wherry image`: the image store that all nodes of a cluster share."""

import asyncio
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wherry.cli.errors import NO_INPUT, Failure
from wherry.cli.options import existing, failures, output_option, profile_option
from wherry.cli.output import document, table
from wherry.cli.progress import Progress

if TYPE_CHECKING:  # the engine's images take 100 ms
    from wherry.engine.interface import Image, ImageStore


@click.group()
def image() -> None:
    """Images of a cluster: what pods on any of its nodes can use without a registry."""


@image.command()
@profile_option
@click.argument("names", nargs=-1)
@failures
def make(profile: str, names: tuple[str, ...]) -> None:
    """Make images from Debian packages, without a registry: NAMES, or all there are recipes for.

    The packages are downloaded and unpacked into an image; nothing is installed on this machine.
    """
    from wherry.local.images.maker import Maker
    from wherry.local.images.recipes import RECIPES
    from wherry.local.layout import cache

    paths, _ = existing(profile)
    progress = Progress()
    with progress.step("Making images from packages"):
        archives = Maker(cache() / "images").make(names or [recipe.name for recipe in RECIPES])
    with progress.step("Loading them"):
        loaded = asyncio.run(_load(_open(paths.images), archives))
    for each in loaded:
        click.echo(", ".join(_familiar(tag) for tag in each.tags))


@image.command()
@profile_option
@click.argument("archives", nargs=-1, required=True, type=click.Path(path_type=Path))
@failures
def load(profile: str, archives: tuple[Path, ...]) -> None:
    """Load images from ARCHIVES, as `docker save` or an OCI layout in a tar has them."""
    missing = next((path for path in archives if not path.is_file()), None)
    if missing:
        raise Failure(f"{missing}: no such file", NO_INPUT)
    paths, _ = existing(profile)
    for each in asyncio.run(_load(_open(paths.images), archives)):
        click.echo(f"loaded {', '.join(_familiar(tag) for tag in each.tags) or each.id}")


@image.command()
@profile_option
@click.argument("references", nargs=-1, required=True)
@failures
def pull(profile: str, references: tuple[str, ...]) -> None:
    """Pull REFERENCES from their registries."""
    paths, _ = existing(profile)
    progress = Progress()
    for reference in references:
        with progress.step(f"Pulling {reference}"):
            asyncio.run(_open(paths.images).pull(reference))


@image.command(name="ls")
@profile_option
@output_option("json", "yaml")
@failures
def list_images(profile: str, output: str | None) -> None:
    """List images."""
    paths, _ = existing(profile)
    images = _open(paths.images).all()
    if output:
        rows = [
            {"id": each.id, "tags": list(each.tags), "digests": list(each.digests), "size": each.size}
            for each in images
        ]
        click.echo(document(rows, output))
    else:
        cells = [
            [_familiar(tag), _short(each), f"{each.size / 1e6:.1f} MB"]
            for each in images
            for tag in each.tags or ("<none>",)
        ]
        click.echo(table(["image", "id", "size"], sorted(cells)))


@image.command()
@profile_option
@click.argument("references", nargs=-1, required=True)
@failures
def rm(profile: str, references: tuple[str, ...]) -> None:
    """Remove images by name or id."""
    paths, _ = existing(profile)
    store = _open(paths.images)
    gone = [reference for reference in references if not store.remove(reference)]
    if gone:
        raise Failure(f"there is no image {', '.join(gone)}; see `wherry image ls`", NO_INPUT)


async def _load(store: "ImageStore", archives: "list[Path] | tuple[Path, ...]") -> "list[Image]":
    return [each for archive in archives for each in await store.load(archive)]


def _open(directory: Path) -> "ImageStore":
    from wherry.engine.images.store import Store
    from wherry.local.images.archive import architecture

    store: ImageStore = Store(directory, architecture(platform.machine()))
    return store


def _familiar(tag: str) -> str:
    """A name as users write it: Docker Hub's own images go without its name."""
    return tag.removeprefix("docker.io/").removeprefix("library/")


def _short(each: "Image") -> str:
    return each.id.removeprefix("sha256:")[:12]
