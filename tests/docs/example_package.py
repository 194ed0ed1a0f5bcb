"""Where the worked example is, and what its tests run it with."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "folder_source"


def made_folder(place: Path) -> Path:
    """A folder of six Markdown files, one of them in a folder inside."""
    folder = place / "handbook"
    (folder / "travel").mkdir(parents=True)
    for name in ("laptop", "on-call", "remote-work", "security"):
        (folder / f"{name}.md").write_text(f"# {name}\n\nWhat we agreed on about {name}.\n")
    (folder / "holidays.md").write_text("# Holidays\n\nEverybody has 28 days off a year.\n")
    (folder / "travel" / "expenses.md").write_text("# Expenses\n\nReceipts within 30 days.\n")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder


def example_environment(place: Path) -> dict[str, str]:
    """Settings of the example and of the stores, everything below `place`."""
    return {
        "DATA_GETTERS_FOLDER__FOLDERS": f'{{"handbook": "{place / "handbook"}"}}',
        "DATA_GETTERS_FOLDER__READABLE_BY": '["domain:acme.example"]',
        "DATA_GETTERS_STORES__DATA_DIRECTORY": str(place / "data"),
    }


def child_environment(import_path: list[str], **variables: str) -> dict[str, str]:
    """The environment of a command that is to see the example."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(import_path), **variables}
