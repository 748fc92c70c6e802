"""`wherry ip` and `wherry ssh`: the nodes as machines."""

import os

import click

from wherry.cli.errors import NO_PERMISSION, Failure
from wherry.cli.options import existing, failures, profile_option
from wherry.linux import mounts, netns, procs
from wherry.local.config import NodeConfig
from wherry.local.errors import NotRunning


@click.command()
@profile_option
@click.option("--node", default="", metavar="NAME", help="Which node.  [default: the first]")
@failures
def ip(profile: str, node: str) -> None:
    """Print a node's address."""
    _, cluster = existing(profile)
    click.echo(cluster.node(node).address)


class WithCommand(click.Command):
    """What stands after `--` is a command for elsewhere and goes to `ctx.obj` as it is."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        ctx.obj = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]


@click.command(cls=WithCommand)
@profile_option
@click.argument("node", default="")
@click.pass_obj
@failures
def ssh(command: tuple[str, ...], profile: str, node: str) -> None:
    """Open a shell on a node, or run a command there: `wherry ssh wherry-m02 -- ip route`.

    A node is a set of namespaces on this machine: it has its own network and host name, and the machine's files.
    The exit code is the command's.
    """
    _, cluster = existing(profile)
    target = cluster.node(node)
    if os.geteuid() != 0:
        raise Failure("entering a node's namespaces needs root", NO_PERMISSION)
    if not netns.exists(target.netns):
        raise NotRunning(f"node {target.name} is not there; `wherry start --profile {profile}` brings it back")
    _enter(target)
    words = command or (os.environ.get("SHELL") or "/bin/sh",)
    try:
        os.execvp(words[0], words)
    except OSError as error:
        raise Failure(
            f"{words[0]}: {error.strerror}", 127 if isinstance(error, FileNotFoundError) else 126
        ) from error


def _enter(node: NodeConfig) -> None:
    """This process becomes one of the node; /sys shows the node's links, as `ip netns exec` has it."""
    netns.enter(node.netns)
    procs.unshare(procs.CLONE_NEWNS | procs.CLONE_NEWUTS)
    procs.set_hostname(node.name)
    mounts.make_private("/")
    mounts.mount("sysfs", "/sys", "sysfs")
