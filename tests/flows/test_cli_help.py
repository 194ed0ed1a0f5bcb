"""Help, names that do not exist, and what is imported for them."""

import subprocess
import sys

import pytest
from command_line import ROOT, CommandLine

from exporters.registry import sources

COMMANDS = (
    (),
    ("sync",),
    ("sync", "slack"),
    ("search",),
    ("sources",),
    ("check",),
    ("status",),
    ("failures",),
    ("failures", "list"),
    ("failures", "show"),
    ("failures", "retry"),
    ("flags",),
    ("flags", "off"),
    ("mcp",),
)

HEAVY = (
    "prefect",
    "numpy",
    "langchain_core",
    "rich",
    "pydantic",
    "apsw",
    "pyarrow",
    "slack_sdk",
    "mcp",
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(offline: CommandLine, command: tuple[str, ...]) -> None:
    ended = offline.run(*command, "--help")
    assert ended.code == 0
    assert ended.err == ""
    assert ended.out.startswith("Usage: data-getters")
    assert max(map(len, ended.out.splitlines())) <= 80
    assert not offline.folder.exists()


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from flows.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit as left:\n"
        "    assert left.code == 0\n"
        "print([name for name in sys.modules if name.partition('.')[0] in sys.argv[1:]])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *HEAVY],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_help_of_a_source_lists_what_can_be_chosen(offline: CommandLine) -> None:
    told = offline.run("sync", "slack", "--help").out
    for option in (
        "--channels",
        "--days-ago",
        "--limit",
        "--export-zip",
        "--credentials",
        "--json",
    ):
        assert option in told
    assert "export_zip" not in told, "options are called as they are typed"


@pytest.mark.parametrize("command", [(), ("sync", "slack")], ids=" ".join)
def test_the_documentation_shows_the_help_as_it_is(
    offline: CommandLine, command: tuple[str, ...]
) -> None:
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    told = offline.having(COLUMNS="90").run(*command, "--help").out
    assert "\n".join(line.rstrip() for line in told.rstrip().splitlines()) in page


def test_the_version_is_told(offline: CommandLine) -> None:
    ended = offline.run("--version")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("data-getters ")


def test_no_command_at_all_shows_the_help_and_is_bad_usage(offline: CommandLine) -> None:
    ended = offline.run()
    assert ended.code == 64
    assert "Commands:" in ended.err


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("snyc",), "There is no command 'snyc'. Did you mean 'sync'? See `data-getters --help`."),
        (("sync", "slak"), "There is no source 'slak'. Did you mean 'slack'?"),
        (("sync", "notion"), f"There is no source 'notion'. Known are: {', '.join(sources())}."),
        (("check", "Slak"), "There is no source 'Slak'. Did you mean 'slack'?"),
        (("status", "slak"), "There is no source 'slak'. Did you mean 'slack'?"),
        (("search", "x", "--source", "slak"), "There is no source 'slak'. Did you mean 'slack'?"),
        (("failures", "lst"), "There is no command 'lst'. Did you mean 'list'?"),
        (("failures", "list", "--source", "jirra"), "There is no source 'jirra'."),
        (("sync", "slack", "--chanels", "x"), "No such option '--chanels'."),
        (("search",), "Missing argument 'QUERY'. See `data-getters search --help`."),
        (("search", " "), "There is nothing to search for."),
        (("search", "x", "--limit", "0"), "Invalid value for '--limit'"),
        (("search", "x", "--after", "monday"), "Invalid value for '--after'"),
        (
            ("search", "x", "--after", "2026-02-01", "--before", "2026-01-01"),
            "No day is after 2026-02-01 and before 2026-01-01.",
        ),
        (("failures", "show", "seven"), "Invalid value for 'NUMBER'"),
        (("failures", "show", "7"), "No item with the number 7 is set aside."),
        (("failures", "retry", "7"), "No item with the number 7 is set aside."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_usage_gets_one_sentence(
    offline: CommandLine, command: tuple[str, ...], sentence: str
) -> None:
    ended = offline.run(*command)
    assert ended.code == 64
    assert sentence in ended.complaint()
    assert ended.out == ""
    assert not offline.folder.exists()


def test_bad_usage_is_json_where_json_was_asked_for(offline: CommandLine) -> None:
    ended = offline.run("sync", "slak", "--json")
    assert ended.code == 64
    error = ended.json["error"]
    assert error["type"] == "UsageError"
    assert error["exit_code"] == 64
    assert "Did you mean 'slack'?" in error["message"]
    ended.complaint()
