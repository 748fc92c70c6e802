"""The entry point: a group whose commands are imported when they are used."""

import importlib
import os
from typing import Any

import click

import wherry
from wherry.cli.commands import COMMANDS

BY_NAME = {entry.name: entry for entry in COMMANDS}
DEBUG = "WHERRY_DEBUG"
SUPERVISED = "WHERRY_SUPERVISED"


class LazyGroup(click.Group):
    """Knows its commands by `COMMANDS` alone until one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(BY_NAME)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = BY_NAME.get(cmd_name)
        if entry is None:
            return None
        command = getattr(importlib.import_module(f"wherry.cli.{entry.module}"), entry.attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in dict.fromkeys(entry.section for entry in COMMANDS):
            rows = [(entry.name, entry.help) for entry in COMMANDS if entry.section == section]
            with formatter.section(section):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, OSError):
            raise
        except Exception as error:
            if os.environ.get(DEBUG) or os.environ.get(SUPERVISED):  # a process of a cluster writes to a log
                raise
            raise _bug(error) from error

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib  # only for a word that is no command

            close = difflib.get_close_matches(args[0], BY_NAME, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx) from error


def _bug(error: Exception) -> click.ClickException:
    """An error that nobody expected, in one line that is worth reporting."""
    import traceback

    from wherry.cli.errors import INTERNAL, Failure

    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(place.filename)}:{place.lineno}"
    return Failure(f"a bug: {type(error).__name__}: {error} ({where}); {DEBUG}=1 shows more", INTERNAL)


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(wherry.__version__, message="%(version)s")
def main() -> None:
    """Kubernetes and containers, whole, on this machine."""
