"""`data-getters check SOURCE`."""

from typing import Final

import click

from exporters.base import Outcome, Probe
from exporters.registry import source
from flows.terminal import DONE, FAILED, output, print_json

_MARKS: Final = {
    Outcome.PASSED: "[green]passed[/]",
    Outcome.FAILED: "[red]failed[/]",
    Outcome.SKIPPED: "[yellow]skipped[/]",
}


@click.command()
@click.argument("name", metavar="SOURCE")
@click.option("--credentials", metavar="BLOCK", help="Saved Prefect block to use.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(name: str, credentials: str | None, as_json: bool) -> int:
    """Try a source's credentials, permissions and a sample read; nothing is written."""
    from tasks.session import open_exporter, parsed_selection  # noqa: PLC0415 (stores, 0.5 s)

    manifest = source(name)
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
        _show(report.probes)
    return DONE if report.ok else FAILED


def _show(probes: tuple[Probe, ...]) -> None:
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)
    from rich.table import Table  # noqa: PLC0415 (only when something is shown)

    table = Table(pad_edge=False)
    for heading in ("probe", "outcome", "what was seen", "what to do"):
        table.add_column(heading)
    for probe in probes:
        table.add_row(probe.name, _MARKS[probe.outcome], escape(probe.detail), escape(probe.hint))
    output().print(table)


def _as_dict(probe: Probe) -> dict[str, str]:
    return {
        "name": probe.name,
        "outcome": probe.outcome.value,
        "detail": probe.detail,
        "hint": probe.hint,
    }
