"""`scripts/bench`: run phases, print the table of promises with this machine's figures beside them."""

import asyncio
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

import click
import uvloop
from rich.console import Console
from rich.table import Table

from wherry.testing.bench import api, pods, services
from wherry.testing.bench.processes import cpu_seconds
from wherry.testing.bench.promises import PROMISES, Promise

Figures = dict[str, float]


async def _api(directory: Path) -> Figures:
    """The API server alone: its best case, and what its CPU was spent on."""
    async with api.control_plane(directory / "alone", with_controllers=False) as plane:
        figures = dict(plane.figures)
        before = cpu_seconds(plane.apiserver.pid)
        figures |= await api.writes_and_reads(plane)
        requests = api.CREATES + api.LISTED + api.GETS
        figures["cpu_us_a_request"] = (cpu_seconds(plane.apiserver.pid) - before) / requests * 1e6
        return figures | await api.watches(plane)


async def _control_plane(directory: Path) -> Figures:
    async with api.control_plane(directory / "plane", with_controllers=True) as plane:
        return dict(plane.figures) | await api.thousand_replicas(plane)


async def _scheduler(directory: Path) -> Figures:
    async with api.control_plane(directory / "sched", with_controllers=True) as plane:
        return await api.binds(plane)


async def _pods(directory: Path) -> Figures:
    figures = Figures()
    with pods.cluster(figures) as client:
        return figures | await pods.start_times(client)


async def _services(directory: Path) -> Figures:
    return await asyncio.to_thread(services.load_and_change)


PHASES = {"api": _api, "plane": _control_plane, "scheduler": _scheduler, "pods": _pods, "services": _services}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--phase", "chosen", multiple=True, type=click.Choice(list(PHASES)), help="Only these; all by default.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table")
def main(chosen: tuple[str, ...], output: str) -> None:
    """Measure wherry on this machine beside what it promises."""
    console, figures = Console(stderr=True), Figures()
    for phase in chosen or PHASES:
        with console.status(f"measuring: {phase}"), tempfile.TemporaryDirectory(prefix="wherry-bench-") as work:
            figures |= uvloop.run(PHASES[phase](Path(work)))
    if output == "json":
        click.echo(json.dumps(figures, indent=2))
    else:
        Console().print(_table(figures))


def _table(figures: Figures) -> Table:
    table = Table("", "upstream", "promise", "here", "")
    for promise in PROMISES:
        if promise.key in figures:
            table.add_row(*_row(promise, figures[promise.key]))
    known = {promise.key for promise in PROMISES}
    for key, figure in figures.items():
        if key not in known:
            table.add_row(key.replace("_", " "), "", "", f"{figure:,.3g}", "")
    return table


def _row(promise: Promise, figure: float) -> Iterable[str]:
    sign = "<=" if promise.at_most else ">="
    digits = ",.0f" if figure >= 100 else ".3g"
    kept = "[green]kept[/]" if promise.kept(figure) else "[red]missed[/]"
    wanted = f"{sign} {promise.promise:,g} {promise.unit}"
    return promise.title, promise.upstream, wanted, f"{figure:{digits}} {promise.unit}", kept


if __name__ == "__main__":
    main()
