"""The page for users names what there is: settings, options, secrets and sentences."""

import re
from pathlib import Path

import pytest

from documents.settings import describe_settings
from exporters.jira.settings import JiraSelection, JiraSettings
from exporters.registry import source
from tasks.options import SyncOptions

_ROOT = Path(__file__).resolve().parents[3]
_PAGE = (_ROOT / "docs" / "sources" / "jira.md").read_text()


def section(title: str) -> str:
    return _PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if "|" in line]
    return [row for row in rows if set(row) - set("| -")][1:]


def test_settings_are_there_with_their_defaults() -> None:
    described = {one.variable: one for one in describe_settings(JiraSettings, "jira")}
    shown = re.findall(r"^\| `(\w+)` \| (.+?) \|", section("Settings"), re.MULTILINE)
    own = {f"DATA_GETTERS_JIRA__{name.upper()}" for name in JiraSettings.__annotations__}
    assert {variable for variable, _ in shown} == own - {"DATA_GETTERS_JIRA__MODEL_CONFIG"}
    for variable, default in shown:
        if default.startswith("`"):
            told = described[variable].default.strip('"')
            assert default.strip("`") in {told, told.removesuffix(".0")}


def test_options_are_there() -> None:
    fields = {*JiraSelection.model_fields, *SyncOptions.offered}
    named = re.findall(r"(?<![\w-])--(?:no-)?([a-z][a-z-]+)", _PAGE)
    assert {name.replace("-", "_") for name in named} <= fields | {"credentials", "help"}
    offered = set(re.findall(r"--(?:no-)?([a-z][a-z-]+)", section("Options")))
    assert {name.replace("_", "-") for name in JiraSelection.model_fields} <= offered


def test_every_variable_for_a_secret_is_there() -> None:
    for field in source("jira").credentials.values():
        assert all(f"`{variable}`" in section("Credentials") for variable in field.environment)


@pytest.mark.parametrize("sentence", first_cells(section("Troubleshooting")))
def test_every_sentence_is_one_that_is_said(sentence: str) -> None:
    code = "".join(
        path.read_text()
        for folder in ("exporters", "tasks")
        for path in sorted((_ROOT / folder).rglob("*.py"))
    )
    said = re.sub(r'"\s*\n\s*f?"', "", code).replace("{request}", "").replace("for .", "for ")
    said = said.replace("{service} answers {method}", "Jira answers a search")
    assert sentence in said
