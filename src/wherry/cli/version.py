"""`wherry version`."""

import platform

import click

import wherry
from wherry.cli.options import output_option
from wherry.cli.output import document

KUBERNETES = "v1.36.2"


@click.command()
@output_option("json", "yaml", "short")
def version(output: str | None) -> None:
    """Print versions."""
    if output == "short":
        click.echo(wherry.__version__)
        return
    facts = {"wherry": wherry.__version__, "kubernetes": KUBERNETES, "python": platform.python_version()}
    if output:
        click.echo(document(facts, output))
    else:
        click.echo("\n".join(f"{name:<12}{value}" for name, value in facts.items()))
