"""`wherry logs`: the output of the cluster's processes."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import click

from wherry.cli.errors import NO_INPUT, Failure
from wherry.cli.options import existing, failures, profile_option

PAUSE = 0.2  # seconds between looks at files that are followed


@click.command()
@profile_option
@click.option("-f", "--follow", is_flag=True, help="Go on as new lines come.")
@click.option("-n", "--lines", default=50, show_default=True, metavar="N", help="Lines of each process; 0 for all.")
@click.argument("names", nargs=-1)
@failures
def logs(profile: str, follow: bool, lines: int, names: tuple[str, ...]) -> None:
    """Show the logs of the cluster's own processes: all of them, or NAMES (apiserver, controllers, node-wherry, ...).

    For the logs of pods: `wherry kubectl -- logs`.
    """
    paths, _ = existing(profile)
    files = _chosen(sorted(paths.logs.glob("*.log")), names)
    width = max((len(path.stem) for path in files), default=0)
    prefixes = {path: f"{path.stem.ljust(width)} | " if len(files) > 1 else "" for path in files}
    opened = [(prefixes[path], path.open("rb")) for path in files]
    try:
        for prefix, file in opened:
            _print(prefix, _last(file, lines))
        while follow:
            time.sleep(PAUSE)
            for prefix, file in opened:
                _print(prefix, _new(file))
    except KeyboardInterrupt:
        pass
    finally:
        for _, file in opened:
            file.close()


def _chosen(files: Sequence[Path], names: Sequence[str]) -> list[Path]:
    unknown = [name for name in names if name not in [path.stem for path in files]]
    if unknown:
        there = ", ".join(path.stem for path in files) or "none"
        raise Failure(f"no process {unknown[0]!r} has a log; there are: {there}", NO_INPUT)
    return [path for path in files if not names or path.stem in names]


def _print(prefix: str, lines: Iterator[bytes] | Sequence[bytes]) -> None:
    for line in lines:
        sys.stdout.write(f"{prefix}{line.decode(errors='replace')}")
    sys.stdout.flush()


def _last(file: BinaryIO, count: int) -> list[bytes]:
    lines = file.readlines()
    return lines[-count:] if count else lines


def _new(file: BinaryIO) -> Iterator[bytes]:
    """Whole lines that came since; from the beginning when the file was emptied."""
    if os.fstat(file.fileno()).st_size < file.tell():
        file.seek(0)
    while line := file.readline():
        if not line.endswith(b"\n"):
            file.seek(-len(line), os.SEEK_CUR)
            return
        yield line
