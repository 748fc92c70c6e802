"""The processes of a cluster: a command line -> flags of `wherry.programs.*`, which stands above this package.

A part of a profile also guards its supervisor, before it does anything else.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from wherry.cli.options import profile_option
from wherry.local.supervisor import guardian


def _run(program: str, **flags: Any) -> None:
    """Ends the process with the program's exit code."""
    guardian.watch()
    module = import_module(f"wherry.programs.{program}")
    raise SystemExit(module.run(module.Flags(**flags)))


@click.command()
@click.option("--data-dir", type=Path, required=True, help="The store, keys and kubeconfigs.")
@click.option(
    "--port", default=8443, show_default=True, type=click.IntRange(0, 65535), help="0 for any that is free."
)
@click.option("--bind-address", multiple=True, metavar="ADDRESS", help="May be given again.  [default: 127.0.0.1]")
@click.option("--advertise-address", default="", metavar="ADDRESS", help="What the cluster knows the server by.")
@click.option("--token-auth-file", type=click.Path(path_type=Path), help='Lines of token,user,uid,"groups".')
@click.option("--service-cidr", default="10.96.0.0/12", show_default=True, metavar="CIDR")
@click.option("--store", type=click.Choice(["sqlite", "memory"]), default="sqlite", show_default=True)
@click.option("--audit-log-path", default="", metavar="PATH", help="Record requests here; - is standard output.")
@click.option("--audit-policy-file", type=click.Path(path_type=Path), help="Which requests, and how much of them.")
@click.option("--audit-log-maxsize", default=0, metavar="MB", help="Start a new file at this size.  [default: never]")
@click.option("--audit-log-maxbackup", default=0, metavar="N", help="Keep so many old files.  [default: all]")
@click.option(
    "--audit-log-maxage", default=0, metavar="DAYS", help="Keep old files for so long.  [default: for ever]"
)
def apiserver(bind_address: tuple[str, ...], **flags: Any) -> None:
    """Run an API server and its store, and write DATA-DIR/admin.kubeconfig."""
    _run("apiserver", bind_address=list(bind_address), **flags)


@click.command()
@click.option("--kubeconfig", type=click.Path(path_type=Path), required=True)
def controllers(**flags: Any) -> None:
    """Run the scheduler and the controllers."""
    _run("controllers", **flags)


@click.command()
@click.option("--name", required=True, help="The node's name.")
@click.option("--kubeconfig", type=click.Path(path_type=Path), required=True)
@click.option("--state-dir", type=click.Path(path_type=Path), required=True, help="Pods, volumes, containers, logs.")
@click.option("--images", type=click.Path(path_type=Path), required=True, help="The image store.")
@click.option("--address", required=True, help="The node's address.")
@click.option("--pod-cidr", default="", metavar="CIDR", help="Addresses of its pods.  [default: as the Node says]")
@click.option("--netns", default="", metavar="PATH", help="Its network namespace.  [default: this one]")
@click.option("--profile", default="wherry", show_default=True, help="The cluster, in the names of cgroups.")
@click.option("--cluster-dns", default="10.96.0.10", show_default=True, metavar="ADDRESS")
@click.option("--cluster-domain", default="cluster.local", show_default=True, metavar="DOMAIN")
def node(**flags: Any) -> None:
    """Run a node: agent, container engine, service proxy, DNS."""
    _run("node", **flags)


@click.command()
@profile_option
def supervisor(profile: str) -> None:
    """Keep the processes of a profile running. `wherry start` starts it."""
    raise SystemExit(import_module("wherry.programs.supervisor").run(profile))
