"""Exit codes, and how an error of any part becomes one message and one of them.

The codes are those of sysexits.h where it has one; docs/cli.md has the table for users.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from wherry.local import errors

OK, FAILED, USAGE = 0, 1, 2
DATA, NO_INPUT, UNAVAILABLE, INTERNAL, TEMPORARY, NO_PERMISSION, CONFIG = 65, 66, 69, 70, 75, 77, 78
STOPPED, DEGRADED = 3, 4  # `status` only: 3 is what the Linux Standard Base says for "not running"

CODES: tuple[tuple[type[errors.LocalError], int], ...] = (
    (errors.ChoiceError, USAGE),
    (errors.ConfigError, CONFIG),
    (errors.NoSuchCluster, NO_INPUT),
    (errors.MachineLacks, UNAVAILABLE),
    (errors.NotPermitted, NO_PERMISSION),
    (errors.PortInUse, UNAVAILABLE),
    (errors.NotStarted, UNAVAILABLE),
    (errors.NotRunning, UNAVAILABLE),
    (errors.NotReady, TEMPORARY),
    (errors.PackageError, UNAVAILABLE),
)


class Failure(click.ClickException):
    """One message on standard error, in the form `wherry: ...`, and an exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]  # click reads it from the instance

    def show(self, file: object = None) -> None:
        click.echo(f"{click.style('wherry:', fg='red', bold=True)} {self.format_message()}", err=True)


@contextmanager
def reported() -> Iterator[None]:
    """Errors that a user can do something about become a Failure; the others are bugs and pass."""
    try:
        yield
    except errors.LocalError as error:
        raise Failure(str(error), next(code for kind, code in CODES if isinstance(error, kind))) from error
    except PermissionError as error:
        raise Failure(f"not permitted: {error}; are you root?", NO_PERMISSION) from error
    except OSError as error:
        raise Failure(f"the system refused: {error}") from error
