"""Options that several commands share."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from wherry.cli.errors import reported
from wherry.local import config
from wherry.local.errors import NoSuchCluster
from wherry.local.layout import DEFAULT_PROFILE, Layout, layout, profiles

Command = TypeVar("Command", bound=Callable[..., Any])


def profile_option(command: Command) -> Command:
    """`-p/--profile`, checked; the command gets `profile: str`."""
    decorate = click.option(
        "-p",
        "--profile",
        metavar="NAME",
        envvar="WHERRY_PROFILE",
        default=DEFAULT_PROFILE,
        show_default=True,
        callback=_checked,
        help="Which cluster on this machine.",
    )
    return decorate(command)


def output_option(*formats: str) -> Callable[[Command], Command]:
    """`-o/--output`; the command gets `output: str | None`."""
    return click.option("-o", "--output", type=click.Choice(formats), help="The form of the output.")


def failures(command: Command) -> Command:
    """Errors of the parts below become one message and an exit code."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        with reported():
            return command(*args, **kwargs)

    return run  # type: ignore[return-value]


def existing(profile: str) -> tuple[Layout, config.ClusterConfig]:
    """Where a profile is and what it is. Raises NoSuchCluster, ConfigError."""
    paths = layout(profile)
    found = config.load(paths.config)
    if found is None:
        known = profiles(paths.home)
        there = f"there are {', '.join(known)}" if known else "there is none yet; `wherry start` makes one"
        raise NoSuchCluster(f"there is no cluster {profile!r}: {there}")
    return paths, found


def _checked(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    with reported():
        return config.check_profile(value)
