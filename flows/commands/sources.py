"""`data-getters sources`."""

import os

import click

from exporters.registry import SourceManifest, sources
from flows.commands.shared import common_options, examples
from flows.terminal import DONE, output, print_json


@click.command(epilog=examples("data-getters sources", "data-getters sources --json"))
@common_options
def command(as_json: bool) -> int:
    """List the sources, and what each of them needs.

    Tells whether the vendor's library is installed and which variables hold the credentials, never
    what is in them.
    """
    found = list(sources().values())
    if as_json:
        print_json([_as_dict(manifest) for manifest in found])
        return DONE
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)
    from rich.padding import Padding  # noqa: PLC0415 (only when something is shown)

    console = output()
    for manifest in found:
        missing = manifest.missing_packages()
        state = "[yellow]not installed[/]" if missing else "[green]installed[/]"
        console.print(f"[bold]{manifest.name}[/]  {state}")
        lines = [escape(manifest.summary)]
        if missing:
            lines.append(f"needs {', '.join(missing)}: {escape(_install(manifest))}")
        lines += _credentials(manifest)
        console.print(Padding("\n".join(lines), (0, 0, 0, 2), expand=False))
    return DONE


def _install(manifest: SourceManifest) -> str:
    return f"pip install '{manifest.distribution}[{manifest.extra}]'"


def _variable(manifest: SourceManifest, name: str) -> str | None:
    """The variable that holds a secret; None when none does."""
    variables = manifest.credentials[name].environment
    return next((variable for variable in variables if os.environ.get(variable)), None)


def _credentials(manifest: SourceManifest) -> list[str]:
    from rich.markup import escape  # noqa: PLC0415 (only when something is shown)

    lines = []
    for name, field in manifest.credentials.items():
        variable = _variable(manifest, name)
        if variable:
            lines.append(f"{name}: [green]set[/] in {variable}")
            continue
        state = "[yellow]not set[/]" if field.required else "not set, not required"
        lines.append(
            f"{name}: {state}. {escape(field.description)} Set {' or '.join(field.environment)}, "
            "or save a Prefect block."
        )
    return lines


def _as_dict(manifest: SourceManifest) -> dict[str, object]:
    missing = manifest.missing_packages()
    return {
        "name": manifest.name,
        "title": manifest.title,
        "summary": manifest.summary,
        "installed": not missing,
        "missing_packages": missing,
        "install": _install(manifest) if missing else None,
        "credentials": {
            name: {
                "environment": list(field.environment),
                "required": field.required,
                "set_in": _variable(manifest, name),
            }
            for name, field in manifest.credentials.items()
        },
        "documentation": manifest.documentation,
    }
