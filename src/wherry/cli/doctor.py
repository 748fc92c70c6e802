"""`wherry doctor`."""

from dataclasses import asdict

import click

from wherry.cli.errors import OK, UNAVAILABLE
from wherry.cli.options import output_option
from wherry.cli.output import bad, document, faint, good
from wherry.local.doctor import Finding, examine


@click.command()
@output_option("json", "yaml")
def doctor(output: str | None) -> None:
    """Check what this machine has and lacks.

    Ends with 69 if something is missing that a cluster cannot do without.
    """
    findings = examine()
    if output:
        click.echo(document([asdict(finding) | {"ok": finding.ok} for finding in findings], output))
    else:
        for finding in findings:
            click.echo(_line(finding, max(len(each.name) for each in findings)))
    lacking = [finding for finding in findings if not finding.ok and finding.level == "required"]
    raise SystemExit(UNAVAILABLE if lacking else OK)


def _line(finding: Finding, width: int) -> str:
    mark = good("✓") if finding.ok else bad("✗") if finding.level == "required" else click.style("!", fg="yellow")
    remedy = "" if finding.ok else f"\n  {' ' * width}  → {finding.remedy}"
    return f"{mark} {finding.name.ljust(width)}  {faint(finding.found)}{remedy}"
