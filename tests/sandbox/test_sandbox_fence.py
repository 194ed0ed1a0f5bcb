"""What the sandbox may import, and that its README still tells the truth."""

import ast
import re
import sys
from pathlib import Path

import pytest
from sandbox_clients import client_of, error_of

import sandbox
from sandbox import slack as slack_package
from sandbox.slack import BOT_TOKEN, SlackSandbox
from sandbox.slack.api import METHODS

ALLOWED = {"sandbox", "aiohttp", "cryptography", "orjson"} | set(sys.stdlib_module_names)


def imported_modules(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            names.add(str(node.module).partition(".")[0])
    return names


def test_the_sandbox_imports_no_other_room_and_no_vendor_sdk() -> None:
    files = sorted(Path(str(sandbox.__file__)).parent.rglob("*.py"))
    assert len(files) > 30
    foreign = {path.name: imported_modules(path) - ALLOWED for path in files}
    assert {name: modules for name, modules in foreign.items() if modules} == {}


def test_what_all_vendors_share_knows_no_vendor() -> None:
    shared = sorted(Path(str(sandbox.__file__)).parent.glob("*.py"))
    for path in shared:
        text = path.read_text(encoding="utf-8")
        for vendor in ("slack", "google", "gmail"):
            assert f"from sandbox.{vendor}" not in text
            assert f"import sandbox.{vendor}" not in text


@pytest.fixture(scope="module")
def readme() -> str:
    return (Path(str(sandbox.__file__)).parent / "README.md").read_text(encoding="utf-8")


def test_the_readme_names_every_method_and_token_and_no_other(readme: str) -> None:
    section = readme.partition("Web API methods:")[2].partition("Anything else")[0]
    assert set(re.findall(r"`([a-z]+\.[a-zA-Z]+)`", section)) == set(METHODS)
    tokens = {value for name, value in vars(slack_package).items() if name.endswith("_TOKEN")}
    assert set(re.findall(r"`(xox[bp]-[a-z-]+)`", readme)) == tokens


def test_the_readme_names_the_channels_the_bot_is_not_in(
    readme: str, company: SlackSandbox
) -> None:
    workspace = company.workspace
    bot = workspace.tokens[BOT_TOKEN].user
    sentence = readme.partition("in all public channels but")[2].partition("(`not_in_channel`)")[0]
    public = [c for c in workspace.channels.values() if c.kind == "public"]
    outside = {channel.name for channel in public if bot not in channel.members}
    assert set(re.findall(r"`([a-z]+)`", sentence)) == outside
    for name in outside:
        channel = workspace.channel(name).id
        answer = error_of(client_of(company), "conversations.history", channel=channel)
        assert answer["error"] == "not_in_channel"
