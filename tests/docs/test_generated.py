"""The generated page says what the code says."""

import re
from pathlib import Path
from typing import get_args

import pytest

from docs import generate
from documents.metadata import FIELDS, make_document
from exporters.changes import Change
from exporters.registry import sources
from exporters.slack.settings import SlackSettings
from stores.settings import StoreSettings
from tasks.options import SyncOptions
from tasks.settings import TaskSettings


def test_the_committed_page_is_up_to_date() -> None:
    assert generate.PAGE.read_text("utf-8") == generate.page(), "run `make docs`"


def test_every_setting_is_on_the_page() -> None:
    page = generate.page()
    for section, cls in (
        ("stores", StoreSettings),
        ("tasks", TaskSettings),
        ("slack", SlackSettings),
    ):
        for name in cls.model_fields:
            assert f"| `{name}` | `DATA_GETTERS_{section.upper()}__{name.upper()}` |" in page
    for name in SyncOptions.model_fields:
        assert f"| `{name}` |" in page


def test_every_metadata_field_has_a_meaning_and_no_other_has() -> None:
    assert tuple(generate.FIELD_MEANINGS) == FIELDS
    made = make_document(
        source="s", connection="c", entity="e", native_id="1", external_id="1",
        content="text", title="t", access=["public"],
    )  # fmt: skip
    assert set(made.metadata) <= set(FIELDS)


@pytest.mark.parametrize("change", [change.__name__ for change in get_args(Change)])
@pytest.mark.parametrize("page", ["architecture.md", "adding-a-source.md"])
def test_every_kind_of_change_is_explained(page: str, change: str) -> None:
    text = (generate.PAGE.parent / page).read_text("utf-8")
    table_row = rf"^\| (?:.* \| )?`{change}\("
    assert re.search(table_row, text, re.MULTILINE)


def test_a_table_row_has_as_many_cells_as_its_heading() -> None:
    columns = 0
    for line in generate.page().splitlines():
        if not line.startswith("|"):
            columns = 0
            continue
        cells = line.replace("\\|", "").count("|") - 1
        columns = columns or cells
        assert cells == columns, line


def test_check_tells_a_stale_page_and_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "settings.md"
    stale.write_text("old")
    monkeypatch.setattr(generate, "PAGE", stale)
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().err == "settings.md is not up to date. Run `make docs`.\n"
    assert stale.read_text() == "old"
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


def test_a_source_of_another_package_is_not_on_our_page(example: Path) -> None:
    assert "folder" in sources()
    assert "Markdown folders" not in generate.page()
