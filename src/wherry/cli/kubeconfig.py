"""`wherry kubeconfig`."""

import click

from wherry.cli.options import existing, failures, output_option, profile_option
from wherry.cli.output import document
from wherry.local.errors import NotRunning


@click.command()
@profile_option
@output_option("yaml", "json", "path")
@failures
def kubeconfig(profile: str, output: str | None) -> None:
    """Print the administrator's kubeconfig."""
    paths, _ = existing(profile)
    if not paths.admin_kubeconfig.exists():
        raise NotRunning(f"the cluster has no kubeconfig yet; `wherry start --profile {profile}` writes it")
    if output == "path":
        click.echo(paths.admin_kubeconfig)
        return
    import yaml  # 25 ms

    click.echo(document(yaml.safe_load(paths.admin_kubeconfig.read_bytes()), output or "yaml"))
