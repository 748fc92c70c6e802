"""`wherry apply`: server-side apply, for a machine without kubectl."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wherry.cli.errors import FAILED, Failure
from wherry.cli.options import existing, failures, profile_option

if TYPE_CHECKING:  # YAML and the client take 100 ms
    from wherry.cli.manifests import Manifest
    from wherry.client.interface import Client

MANAGER = "wherry"


@click.command()
@profile_option
@click.option(
    "-f", "--filename", "names", multiple=True, required=True, metavar="FILE", help="A file, a folder, or -."
)
@click.option("-n", "--namespace", default="default", show_default=True, help="For objects that name none.")
@failures
def apply(profile: str, names: tuple[str, ...], namespace: str) -> None:
    """Create or change objects from manifests.

    As `kubectl apply --server-side`: fields that this command set before and that are no longer there are removed.
    """
    from wherry.cli import manifests

    paths, _ = existing(profile)
    asyncio.run(_apply(paths.admin_kubeconfig, manifests.read(names), namespace))


async def _apply(kubeconfig: Path, found: "Sequence[Manifest]", namespace: str) -> None:
    from wherry.client.interface import ApiError
    from wherry.client.rest import from_kubeconfig

    client = from_kubeconfig(kubeconfig)
    failed = 0
    try:
        for manifest in found:
            name = f"{manifest.kind.singular}{'.' * bool(manifest.kind.group)}{manifest.kind.group}"
            label = f"{name}/{manifest.obj['metadata']['name']}"
            try:
                click.echo(f"{label} {await _apply_one(client, manifest, namespace)}")
            except ApiError as error:
                failed += 1
                click.echo(f"{manifest.source}: {label}: {error}", err=True)
    finally:
        await client.close()
    if failed:
        raise Failure(f"{failed} of {len(found)} objects could not be applied", FAILED)


async def _apply_one(client: "Client", manifest: "Manifest", namespace: str) -> str:
    """What became of it, in kubectl's words."""
    from wherry.client.interface import NotFound

    kind, obj = manifest.kind, manifest.obj
    name = obj["metadata"]["name"]
    where = obj["metadata"].get("namespace", namespace) if kind.namespaced else None
    try:
        before = await client.get(kind, name, where)
    except NotFound:
        before = None
    after = await client.patch(kind, name, where, obj, type="apply", field_manager=MANAGER, force=True)
    if before is None:
        return "created"
    same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
    return "unchanged" if same else "configured"
