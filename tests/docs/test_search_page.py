"""The page about search shows code that runs, and configurations that start."""

import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest
from example_package import ROOT

from documents.metadata import make_document
from documents.principals import PUBLIC, domain, user, workspace
from flows.cli import cli
from stores.settings import StoreSettings, load_store_settings
from tasks.stores import open_searcher, open_stores

PAGE = (ROOT / "docs" / "search.md").read_text("utf-8")
BLOCKS = re.findall(r"^( *)```(\w+)\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
PYTHON = [code for _, language, code in BLOCKS if language == "python"]
CONFIGURATIONS = [code for _, language, code in BLOCKS if language == "json"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page's Ann may read."""
    monkeypatch.setenv("DATA_GETTERS_STORES__DATA_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("DATA_GETTERS_STORES__EMBEDDING_MODEL", "none")
    stores = open_stores(StoreSettings(data_directory=tmp_path, embedding_model="none"))
    number = stores.ledger.connection_id("gmail", "acme", "Acme")
    stores.ledger.set_members(number, workspace("acme"), {user("ann@acme.example")})
    for native_id, text, access in (
        ("1", "The ferry was late because of fog.", workspace("acme")),
        ("2", "A ferry that Ann may not hear of.", user("bob@acme.example")),
    ):
        stores.index.write([
            make_document(
                source="gmail", connection="acme", entity="message", native_id=native_id,
                external_id=native_id, content=text, title=f"Mail {native_id}", access=[access],
                url=f"https://mail.example/{native_id}",
                created_at=datetime(2026, 11, 16, tzinfo=UTC),
            )
        ])  # fmt: skip
    stores.close()


@pytest.mark.parametrize("code", PYTHON, ids=["retriever", "context"])
def test_the_code_runs(store: None, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102 (the page's own code)
    printed = capsys.readouterr().out
    assert "https://mail.example/1" in printed
    assert "mail.example/2" not in printed
    if "prompt" in names:
        assert "[1] Mail 1 (gmail, 2026-11-16)\nhttps://mail.example/1\nThe ferry was late" in str(
            names["prompt"]
        )


@pytest.mark.parametrize("code", CONFIGURATIONS, ids=["desktop", "vscode"])
def test_a_configuration_starts_a_command_that_exists(code: str) -> None:
    [server] = next(iter(json.loads(code).values())).values()
    _starts([server["command"], *server["args"]])


def test_the_line_for_claude_code_starts_a_command_that_exists() -> None:
    [line] = re.findall(r"^claude mcp add company -- (.*)$", PAGE, re.MULTILINE)
    _starts(shlex.split(line))


def _starts(command: list[str]) -> None:
    program, name, *arguments = command
    assert program == "data-getters"
    found = cli.get_command(None, name)  # type: ignore[arg-type]
    assert found is not None
    context = found.make_context(name, list(arguments))
    assert context.params["as_user"] == "ann@acme.example"


def test_the_setting_makes_several_addresses_one_person(store: None, tmp_path: Path) -> None:
    [code] = [code for _, language, code in BLOCKS if language == "toml"]
    config = tmp_path / "data-getters.toml"
    config.write_text(code)
    with open_searcher(load_store_settings(config_file=config)) as searcher:
        ann = searcher.person("ann@acme.example")
        assert workspace("acme") in ann.principals
        assert "user:jira:5b10ac8d82e05b22cc7d4ef5" in ann.principals
        assert searcher.principals_of("Ann.Lee@home.example") == ann.principals
        assert searcher.principals_of("lee@home.example") == {
            PUBLIC, user("lee@home.example"), domain("home.example"),
        }  # fmt: skip
