"""`wherry profile`."""

import click

from wherry.cli.options import failures, output_option
from wherry.cli.output import document, faint, good, table
from wherry.local import config
from wherry.local.layout import Layout, home, profiles
from wherry.local.supervisor import guardian, records


@click.group()
def profile() -> None:
    """The clusters on this machine."""


@profile.command(name="list")
@output_option("json", "yaml")
@failures
def list_profiles(output: str | None) -> None:
    """List the clusters on this machine."""
    rows = [_row(name) for name in profiles(home())]
    if output:
        click.echo(document(rows, output))
    elif rows:
        cells = [[*map(str, row.values())] for row in rows]
        for line, row in zip(cells, rows, strict=True):
            line[1] = good("running") if row["running"] else faint("stopped")
        click.echo(table(["profile", "state", "nodes", "server", "directory"], cells))
    else:
        click.echo("no clusters; `wherry start` makes one", err=True)


def _row(name: str) -> dict[str, str | int | bool]:
    paths = Layout(home(), name)
    cluster = config.load(paths.config)
    return {
        "profile": name,
        "running": records.pid_of(paths.run, guardian.NAME) is not None,
        "nodes": cluster.node_count if cluster else 0,
        "server": f"https://{cluster.gateway}:{cluster.port}" if cluster else "",
        "directory": str(paths.directory),
    }
