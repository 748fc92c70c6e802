"""The steps of a long command, each with its time.

On a terminal the step under way is shown and then replaced by its result; in a pipe there is one line a step.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from wherry.cli.output import bad, faint, good


class Progress:
    """Prints to standard error, so that a command's own output stays clean."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        if self._live:
            click.echo(f"  {faint('…')} {name}", err=True, nl=False)
        try:
            yield
        except BaseException:
            self._finish(bad("✗"), name, began)
            raise
        self._finish(good("✓"), name, began)

    def _finish(self, mark: str, name: str, began: float) -> None:
        clear = "\r\x1b[K" if self._live else ""
        click.echo(f"{clear}  {mark} {name} {faint(f'{time.monotonic() - began:.2f} s')}", err=True)
