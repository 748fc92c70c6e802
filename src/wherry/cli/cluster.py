"""`wherry start`, `status`, `stop` and `delete`."""

import asyncio
from dataclasses import asdict

import click

from wherry.cli.errors import DEGRADED, OK, STOPPED
from wherry.cli.options import existing, failures, output_option, profile_option
from wherry.cli.output import bad, document, good, table
from wherry.cli.progress import Progress
from wherry.local import teardown
from wherry.local.layout import layout
from wherry.local.start import Request, Started
from wherry.local.start import start as start_cluster


@click.command()
@profile_option
@click.option("-n", "--nodes", type=int, metavar="N", help="How many nodes.  [default: 1, or as many as there are]")
@click.option("--port", type=click.IntRange(1, 65535), help="The API server's port.  [default: 8443, if free]")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Return when the cluster is ready.")
@click.option("--timeout", default=120, show_default=True, metavar="SECONDS", help="How long to wait.")
@failures
def start(profile: str, nodes: int | None, port: int | None, wait: bool, timeout: int) -> None:
    """Start a cluster, or add nodes to it.

    May be repeated: what runs goes on, a stopped cluster comes back with its state, and a larger --nodes adds nodes.
    Your kubeconfig gets a context named after the profile.
    """
    progress = Progress()
    click.echo(f"wherry: starting {click.style(profile, bold=True)}", err=True)
    started = start_cluster(Request(profile, nodes, port), progress.step)
    _write_context(started)
    if wait:
        from wherry.local import readiness  # the client, 100 ms

        asyncio.run(readiness.wait(started, progress.step, timeout))
    click.echo(_summary(started, f"is up after {progress.seconds:.1f} s" if wait else "is starting"))


@click.command()
@profile_option
@output_option("json", "yaml")
@failures
def status(profile: str, output: str | None) -> None:
    """Show what runs.

    Ends with 0 if everything does, 3 if the cluster is stopped, 4 if something is amiss.
    """
    from wherry.local.status import examine  # the client, 100 ms

    paths, cluster = existing(profile)
    found = asyncio.run(examine(cluster, paths))
    if output:
        click.echo(document(asdict(found) | {"state": found.state}, output))
    else:
        rows = [[part.name, good(part.state) if part.ok else bad(part.state), part.detail] for part in found.parts]
        click.echo(table(["part", "state", ""], rows))
    raise SystemExit({"running": OK, "stopped": STOPPED}.get(found.state, DEGRADED))


@click.command()
@profile_option
@failures
def stop(profile: str) -> None:
    """Stop everything; the state stays.

    `wherry start` brings the cluster back as it was; its containers start anew.
    """
    paths, _ = existing(profile)
    progress = Progress()
    if teardown.stop(paths, progress.step):
        click.echo(f"stopped {profile} in {progress.seconds:.1f} s")
    else:
        click.echo(f"{profile} was not running")


@click.command()
@profile_option
@click.option("--all", "every", is_flag=True, help="Every cluster on this machine.")
@failures
def delete(profile: str, every: bool) -> None:
    """Delete the cluster; nothing of it is left.

    Its context goes from your kubeconfig as well. Images that were made stay in the cache.
    """
    from wherry.local.layout import home, profiles

    for name in profiles(home()) if every else [profile]:
        progress, previous = Progress(), _previous_context(name)
        found = teardown.delete(layout(name), progress.step)
        _remove_context(name, previous)
        click.echo(f"deleted {name} in {progress.seconds:.1f} s" if found else f"there is no cluster {name!r}")


def _write_context(started: Started) -> None:
    from wherry.client import kubeconfig  # TLS, 60 ms
    from wherry.local.credentials import access

    path, name = kubeconfig.default_paths()[0], started.config.profile
    current = str(kubeconfig.read(path).get("current-context") or "")
    if current and current != name:
        started.layout.previous_context.write_text(current)
    kubeconfig.merge(path, name, access(started.layout, started.config))


def _previous_context(profile: str) -> str:
    """What was the current context before this profile's, "" if that is not known."""
    path = layout(profile).previous_context
    return path.read_text() if path.exists() else ""


def _remove_context(profile: str, previous: str) -> None:
    """Take the context out; if it was the current one, go back to the one before it."""
    from wherry.client import kubeconfig

    for path in kubeconfig.default_paths():
        if kubeconfig.remove(path, profile) and previous and not kubeconfig.read(path).get("current-context"):
            kubeconfig.select(path, previous)


def _summary(started: Started, news: str) -> str:
    cluster = started.config
    nodes = "1 node" if cluster.node_count == 1 else f"{cluster.node_count} nodes"
    what = "was running already" if started.already else news
    place = f"https://{cluster.gateway}:{cluster.port}"
    return f"{click.style(cluster.profile, bold=True)} {what}: {nodes}, {place}, context {cluster.profile!r}"
