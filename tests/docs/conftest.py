"""The worked example of the documentation, as if its package were installed."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from example_package import EXAMPLE, example_environment, made_folder

from exporters.registry import sources


@pytest.fixture(scope="session")
def installed_example(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Entries for the import path: what `pip install docs/examples/folder_source` leaves there."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
    site = tmp_path_factory.mktemp("site")
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return [str(EXAMPLE), str(site)]


@pytest.fixture
def example(
    installed_example: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The example in this process, with a folder of six files and stores of its own."""
    for entry in installed_example:
        monkeypatch.syspath_prepend(entry)
    for name, value in example_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    sources.cache_clear()
    yield made_folder(tmp_path)
    sources.cache_clear()
