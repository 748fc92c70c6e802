"""Exit codes, and how an error of any part becomes one message and one of them.

The codes are those of sysexits.h where it has one; docs/cli.md has the table for users.
"""

import sys
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

# Errors of packages that a command may not have imported, and need not import to fail.
FOREIGN: tuple[tuple[str, str, int], ...] = (
    ("wherry.local.network.plan", "NetworkConflict", UNAVAILABLE),
    ("wherry.client.kubeconfig", "KubeconfigError", CONFIG),
    ("wherry.client.interface", "ApiError", FAILED),
    ("wherry.engine.interface", "ImageInvalid", DATA),
    ("wherry.engine.interface", "ImageNotFound", NO_INPUT),
    ("wherry.engine.interface", "EngineError", FAILED),
    ("wherry.pki.authority", "PkiError", CONFIG),
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
    except PermissionError as error:
        raise Failure(f"not permitted: {error}; are you root?", NO_PERMISSION) from error
    except Exception as error:
        code = _code(error)
        if code is None:
            raise
        raise Failure(str(error), code) from error


def _code(error: Exception) -> int | None:
    for kind, code in CODES:
        if isinstance(error, kind):
            return code
    for module, name, code in FOREIGN:
        if module in sys.modules and isinstance(error, getattr(sys.modules[module], name)):
            return code
    return FAILED if isinstance(error, OSError) else None
