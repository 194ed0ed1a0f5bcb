"""`data-getters sources`."""

import click

from exporters.registry import SourceManifest, sources
from flows.terminal import DONE, output, print_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(as_json: bool) -> int:
    """List the sources and what they need."""
    found = list(sources().values())
    if as_json:
        print_json([_as_dict(manifest) for manifest in found])
        return DONE
    from rich.table import Table  # noqa: PLC0415 (only when something is shown)

    table = Table(pad_edge=False)
    for heading in ("source", "what it brings", "installed", "credentials"):
        table.add_column(heading)
    for manifest in found:
        missing = manifest.missing_packages()
        table.add_row(
            manifest.name,
            manifest.summary,
            f"[yellow]pip install '{manifest.distribution}[{manifest.extra}]'[/]"
            if missing
            else "[green]yes[/]",
            _credentials(manifest),
        )
    output().print(table)
    return DONE


def _credentials(manifest: SourceManifest) -> str:
    if manifest.credentials_from_environment():
        return "[green]in the environment[/]"
    return "set " + ", ".join(field.environment[0] for field in manifest.credentials.values())


def _as_dict(manifest: SourceManifest) -> dict[str, object]:
    return {
        "name": manifest.name,
        "title": manifest.title,
        "summary": manifest.summary,
        "missing_packages": manifest.missing_packages(),
        "credentials": {
            name: {"environment": list(field.environment), "required": field.required}
            for name, field in manifest.credentials.items()
        },
        "credentials_found": sorted(manifest.credentials_from_environment()),
        "documentation": manifest.documentation,
    }
