"""`wherry kubectl`."""

import os

import click

from wherry.cli.errors import UNAVAILABLE, Failure
from wherry.cli.options import existing, failures, profile_option
from wherry.local.doctor import program


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@profile_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@failures
def kubectl(profile: str, arguments: tuple[str, ...]) -> None:
    """Run kubectl against the cluster: `wherry kubectl -- get pods -A`.

    Your own kubeconfig is neither read nor changed.
    """
    paths, _ = existing(profile)
    path = program("kubectl")
    if path is None:
        raise Failure("there is no kubectl on this machine: https://kubernetes.io/docs/tasks/tools/", UNAVAILABLE)
    os.environ["KUBECONFIG"] = str(paths.admin_kubeconfig)
    os.execv(path, [path, *arguments])
