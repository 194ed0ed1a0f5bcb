"""The page for users names what there is: scopes, settings, options and sentences."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from documents.settings import describe_settings
from exporters.slack.client import KIND_SCOPES
from exporters.slack.probes import OPTIONAL_SCOPES
from exporters.slack.settings import SlackSelection, SlackSettings
from tasks.options import SyncOptions

_ROOT = Path(__file__).resolve().parents[3]
_PAGE = (_ROOT / "docs" / "sources" / "slack.md").read_text()


def section(title: str) -> str:
    return _PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if "|" in line]
    return [row for row in rows if set(row) - set("| -")][1:]


@pytest.fixture(scope="module")
def manifest() -> Any:
    return yaml.safe_load(_PAGE.partition("```yaml\n")[2].partition("```")[0])


def test_the_manifest_asks_for_the_scopes_that_are_used_and_no_others(manifest: Any) -> None:
    used = {scope for pair in KIND_SCOPES.values() for scope in pair} | set(OPTIONAL_SCOPES)
    scopes = manifest["oauth_config"]["scopes"]["bot"]
    assert set(scopes) == used | {"channels:join"}
    assert len(scopes) == len(set(scopes))


def test_every_scope_has_its_reason(manifest: Any) -> None:
    explained = set(re.findall(r"`([a-z]+:[a-z.]+)`", section("Credentials")))
    assert explained >= set(manifest["oauth_config"]["scopes"]["bot"])


def test_settings_are_there_with_their_defaults() -> None:
    described = {one.variable: one for one in describe_settings(SlackSettings, "slack")}
    shown = re.findall(r"^\| `(\w+)` \| (.+?) \|", section("Settings"), re.MULTILINE)
    own = {
        f"DATA_GETTERS_SLACK__{name.upper()}"
        for name in SlackSettings.__annotations__
        if name != "model_config"
    }
    assert {variable for variable, _ in shown} == own
    for variable, default in shown:
        if default.startswith("`"):
            assert default.strip("`") == described[variable].default.strip('"')


def test_options_are_there() -> None:
    fields = {*SlackSelection.model_fields, *SyncOptions.offered}
    named = re.findall(r"(?<![\w-])--(?:no-)?([a-z][a-z-]+)", _PAGE)
    assert {name.replace("-", "_") for name in named} <= fields | {"credentials", "help"}
    offered = set(re.findall(r"--(?:no-)?([a-z][a-z-]+)", section("Options")))
    assert {name.replace("_", "-") for name in SlackSelection.model_fields} <= offered


@pytest.mark.parametrize("sentence", first_cells(section("Troubleshooting")))
def test_every_sentence_is_one_that_is_said(sentence: str) -> None:
    code = "".join(
        path.read_text()
        for folder in ("exporters", "tasks")
        for path in sorted((_ROOT / folder).rglob("*.py"))
    )
    said = re.sub(r'"\s*\n\s*f?"', "", code).replace("{method}", "conversations.history")
    said = said.replace("{service}", "Slack")
    assert sentence in said
