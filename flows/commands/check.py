"""`data-getters check SOURCE`."""

from typing import Final

import click

from exporters.base import ConnectionReport, Outcome, Probe
from exporters.registry import source
from flows.commands.shared import CREDENTIALS_HELP, common_options, examples
from flows.terminal import DONE, FAILED, counted, notes, output, print_json

_STYLES: Final = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.SKIPPED: "yellow",
}


@click.command(epilog=examples("data-getters check slack"))
@click.argument("name", metavar="SOURCE")
@click.option("--credentials", metavar="BLOCK", help=CREDENTIALS_HELP)
@common_options
def command(name: str, credentials: str | None, as_json: bool) -> int:
    """Try a source's credentials, permissions and a sample read; nothing is written.

    The exit code is 1 as soon as one probe failed. A skipped probe tells of something a sync can do
    without.
    """
    manifest = source(name)
    with notes().status(f"Asking {manifest.title} …"):
        from tasks.session import open_exporter, parsed_selection  # noqa: PLC0415 (stores, 0.5 s)

        exporter = open_exporter(manifest, parsed_selection(manifest, {}), credentials)
        try:
            report = exporter.test_connection()
        finally:
            exporter.close()
    if as_json:
        print_json(
            {"source": name, "ok": report.ok, "probes": [_as_dict(p) for p in report.probes]}
        )
    else:
        _show(report)
    return DONE if report.ok else FAILED


def _show(report: ConnectionReport) -> None:
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)
    from rich.table import Table  # noqa: PLC0415 (only when something is shown)

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for probe in report.probes:
        told = escape(probe.detail)
        if probe.hint:
            told += f"\n[bold]→[/] {escape(probe.hint)}"
        style = _STYLES[probe.outcome]
        grid.add_row(f"[{style}]{probe.outcome.value}[/]", escape(probe.name), told)
    console = output()
    console.print(grid)
    failed = sum(probe.outcome is Outcome.FAILED for probe in report.probes)
    probes = counted(len(report.probes), "probe")
    if failed:
        console.print(f"\n[bold red]{failed} of {probes} failed.[/]")
    else:
        skipped = sum(probe.outcome is Outcome.SKIPPED for probe in report.probes)
        console.print(
            f"\n[green]No probe of {len(report.probes)} failed, {skipped} skipped.[/]"
            if skipped
            else f"\n[green]All {probes} passed.[/]"
        )


def _as_dict(probe: Probe) -> dict[str, str]:
    return {
        "name": probe.name,
        "outcome": probe.outcome.value,
        "detail": probe.detail,
        "hint": probe.hint,
    }
