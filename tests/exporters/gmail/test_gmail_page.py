"""The page for users names what there is: scopes, settings, options and sentences."""

import re
from pathlib import Path

import pytest

from documents.settings import describe_settings
from exporters.gmail.client import SCOPES
from exporters.gmail.settings import GmailSelection, GmailSettings
from exporters.google import directory
from exporters.registry import source
from tasks.options import SyncOptions

_ROOT = Path(__file__).resolve().parents[3]
_PAGE = (_ROOT / "docs" / "sources" / "gmail.md").read_text()


def section(title: str) -> str:
    return _PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if "|" in line]
    return [row for row in rows if set(row) - set("| -")][1:]


def test_the_delegation_asks_for_the_scopes_that_are_used_and_no_others() -> None:
    used = {*SCOPES, directory.SCOPE}
    [line] = [one.strip() for one in _PAGE.splitlines() if one.strip().startswith("https://www.g")]
    assert set(line.split(",")) == used
    explained = set(re.findall(r"^\| `(https://\S+)` \|", section("Credentials"), re.MULTILINE))
    assert explained == used


def test_every_credential_can_be_set_as_the_page_says() -> None:
    for field in source("gmail").credentials.values():
        assert f"`{field.environment[0]}`" in section("Credentials")


def test_settings_are_there_with_their_defaults() -> None:
    described = {one.variable: one for one in describe_settings(GmailSettings, "gmail")}
    shown = re.findall(r"^\| `(\w+)` \| (.+?) \|", section("Settings"), re.MULTILINE)
    own = {
        f"DATA_GETTERS_GMAIL__{name.upper()}"
        for name in GmailSettings.__annotations__
        if name != "model_config"
    }
    assert {variable for variable, _ in shown} == own
    for variable, default in shown:
        if default.startswith("`"):
            assert default.strip("`") == described[variable].default.strip('"')


def test_options_are_there() -> None:
    fields = {*GmailSelection.model_fields, *SyncOptions.offered}
    named = re.findall(r"data-getters sync gmail[^\n]*", _PAGE)
    given = {flag for line in named for flag in re.findall(r"--([a-z][a-z-]+)", line)}
    assert {name.replace("-", "_") for name in given} <= fields | {"help"}
    offered = set(re.findall(r"--(?:no-)?([a-z][a-z-]+)", section("Options")))
    assert {name.replace("_", "-") for name in GmailSelection.model_fields} <= offered


@pytest.mark.parametrize("sentence", first_cells(section("Troubleshooting")))
def test_every_sentence_is_one_that_is_said(sentence: str) -> None:
    code = "".join(
        path.read_text()
        for folder in ("exporters", "tasks")
        for path in sorted((_ROOT / folder).rglob("*.py"))
    )
    said = re.sub(r'"\s*\n\s*f?"', "", code).replace("{method}", "messages.list")
    said = said.replace("{service}", "Gmail")
    assert sentence in said
