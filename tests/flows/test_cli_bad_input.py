"""Bad input that is seen before Prefect is started: one sentence, the right code, no trace."""

import os
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import CommandLine, Ended, files_of

REFUSED = (
    (("sync", "slack", "--days-ago", "-1"), "--days-ago is -1; expected: 0 or more."),
    (("sync", "slack", "--days-ago", "soon"), "Invalid value for '--days-ago'"),
    (("sync", "slack", "--limit", "0"), "--limit is 0; expected: 1 or more."),
    (("sync", "slack", "--kinds", "secret"), "--kinds is secret; expected: 'public'"),
    (("sync", "slack", "--max-delete-percent", "101"), "expected: 100 or less."),
    (("sync", "slack", "--workspace-url", "acme"), "an address that begins with https://"),
)


@pytest.mark.parametrize(("command", "sentence"), REFUSED, ids=lambda value: str(value)[:40])
def test_an_option_that_makes_no_sense(
    offline: CommandLine, command: tuple[str, ...], sentence: str
) -> None:
    ended = offline.run(*command)
    assert ended.code == 64
    assert sentence in ended.complaint()
    assert not offline.folder.exists()


def test_no_token_at_all_says_which_variable_to_set(offline: CommandLine) -> None:
    for command in (("sync", "slack"), ("check", "slack")):
        ended = offline.having(SLACK_BOT_TOKEN="").run(*command)
        assert ended.code == 64
        assert "Set SLACK_BOT_TOKEN" in ended.complaint()
    assert not offline.folder.exists()


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("DATA_GETTERS_SLACK__PAGE_SIZE", "-4", "DATA_GETTERS_SLACK__PAGE_SIZE is '-4'; expected:"),
        ("DATA_GETTERS_SLACK__RATE_LIMITS", "fast", "DATA_GETTERS_SLACK__RATE_LIMITS is not JSON."),
        ("DATA_GETTERS_TASKS__CONCURRENT_PARTITIONS", "many", "CONCURRENT_PARTITIONS is 'many'"),
        ("DATA_GETTERS_STORES__FUSION", "best", "DATA_GETTERS_STORES__FUSION is 'best'; expected:"),
        ("DATA_GETTERS_STORES__DATA_DIR", "x", "is not a setting. Did you mean `data_directory`?"),
        ("DATA_GETTERS_STORES__LEDGER", "mysql://x/y", "A ledger cannot be kept at mysql://"),
        ("DATA_GETTERS_CONFIG", "/nowhere/x.toml", "/nowhere/x.toml cannot be read: No such file"),
    ],
)
def test_a_setting_that_makes_no_sense(
    offline: CommandLine, variable: str, value: str, sentence: str
) -> None:
    ended = offline.having(**{variable: value}).run("sync", "slack")
    assert ended.code == 64
    assert sentence in ended.complaint()
    assert not offline.folder.exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[stores\n", "is not TOML: "),
        ("stores = 3\n", "must be a section, as in [stores]."),
        ("[stores]\ndata_dir = 'x'\n", "is not a setting. Did you mean `data_directory`?"),
        ("[slack]\npage_size = 'big'\n", "`page_size` in [slack] of "),
    ],
)
def test_a_settings_file_that_is_wrong(
    offline: CommandLine, tmp_path: Path, content: str, sentence: str
) -> None:
    file = tmp_path / "data-getters.toml"
    file.write_text(content)
    ended = offline.having(DATA_GETTERS_CONFIG=str(file)).run("sync", "slack")
    assert ended.code == 64
    assert sentence in ended.complaint()
    assert str(file) in ended.complaint()
    assert not offline.folder.exists()


def small_export(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as export:
        export.writestr("users.json", "[]")
        export.writestr("channels.json", "[]")
        export.writestr("general/2026-01-01.json", "[" + " " * 5_000 + "]")
    return path


def cut_off(path: Path) -> None:
    content = small_export(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def not_an_export(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("readme.txt", "hello")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "There is no file "),
        (lambda path: path.write_text("hello"), "is not a ZIP file, or it was cut off"),
        (lambda path: path.write_text(""), "is not a ZIP file, or it was cut off"),
        (cut_off, "is not a ZIP file, or it was cut off"),
        (not_an_export, "is not a Slack workspace export"),
        (lambda path: path.mkdir(), "is not a file. Give the ZIP as Slack made it."),
    ],
    ids=["missing", "text", "empty", "half", "another ZIP", "folder"],
)
def test_an_export_that_is_none(
    offline: CommandLine, tmp_path: Path, make: Callable[[Path], None], sentence: str
) -> None:
    path = tmp_path / "export.zip"
    make(path)
    ended = offline.run("sync", "slack", "--export-zip", str(path))
    assert ended.code == 64
    assert sentence in ended.complaint()
    assert str(path) in ended.complaint()
    assert not offline.folder.exists()


EVERYTHING = (("sync", "slack"), ("search", "ferry"), ("status",))


@pytest.mark.parametrize("command", EVERYTHING, ids=" ".join)
def test_a_data_directory_that_is_a_file(offline: CommandLine, command: tuple[str, ...]) -> None:
    offline.folder.write_text("mine")
    ended = offline.run(*command)
    assert ended.code == 1
    assert "cannot be made" in ended.complaint()
    assert offline.folder.read_text() == "mine"


@pytest.mark.parametrize("command", EVERYTHING, ids=" ".join)
def test_a_store_that_is_a_folder(offline: CommandLine, command: tuple[str, ...]) -> None:
    (offline.folder / "store.db").mkdir(parents=True)
    ended = offline.run(*command)
    assert ended.code == 1
    assert f"The store {offline.folder}/store.db is a folder." in ended.complaint()
    assert files_of(offline.folder) == {}


@pytest.mark.parametrize("command", EVERYTHING, ids=" ".join)
def test_a_store_that_is_another_file(offline: CommandLine, command: tuple[str, ...]) -> None:
    offline.folder.mkdir()
    (offline.folder / "store.db").write_text("a letter to my grandmother, " * 100)
    before = files_of(offline.folder)
    ended = offline.run(*command)
    assert ended.code == 1
    assert "is not a store of this collection" in ended.complaint()
    assert files_of(offline.folder) == before


@pytest.mark.parametrize("command", [("status",), ("status", "slack"), ("failures", "list")])
def test_looking_where_nothing_is_yet_makes_nothing(
    offline: CommandLine, command: tuple[str, ...]
) -> None:
    ended = offline.run(*command)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(("Nothing was synced yet", "Nothing is set aside."))
    assert offline.run(*command, "--json").code == 0
    assert not offline.folder.exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--as-user", "a@b.c", "--anonymous"), "contradict each other"),
        (("--as-user", " "), "--as-user is empty"),
        (("--changed-after", "2026-02-02", "--changed-before", "2026-02-01"),
         "Exchange --changed-after and --changed-before."),
        (("--page", "0"), "--page"),
    ],
)  # fmt: skip
def test_a_search_that_makes_no_sense_is_refused(
    offline: CommandLine, options: tuple[str, ...], told: str
) -> None:
    ended = offline.run("search", "ferry", *options)
    assert ended.code == 64
    assert told in ended.complaint()


def test_searching_where_nothing_is_yet_says_what_to_do(offline: CommandLine) -> None:
    ended = offline.run("search", "ferry", "--json")
    assert ended.code == 64
    assert "Run `data-getters sync SOURCE` first" in ended.complaint()
    assert ended.json["error"]["type"] == "ConfigurationError"
    assert not offline.folder.exists()


@pytest.mark.parametrize("command", EVERYTHING, ids=" ".join)
def test_a_ledger_of_a_newer_version_is_left_alone(
    offline: CommandLine, command: tuple[str, ...]
) -> None:
    offline.folder.mkdir()
    store = sqlite3.connect(offline.folder / "store.db")
    store.execute("CREATE TABLE ledger_version (version_num VARCHAR(32) NOT NULL)")
    store.execute("INSERT INTO ledger_version VALUES ('9999')")
    store.commit()
    store.close()
    before = files_of(offline.folder)
    ended = offline.run(*command)
    assert ended.code == 1
    assert "newer version" in ended.complaint()
    assert files_of(offline.folder) == before


def as_somebody(command_line: CommandLine, *command: str) -> Ended:
    """Runs a command as an ordinary person, for whom permissions count."""
    if os.geteuid() != 0:
        return command_line.run(*command)
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv: root may write everywhere")
    return command_line.run(
        *command, prefix=("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    )


def test_a_folder_that_may_not_be_written(offline: CommandLine, tmp_path: Path) -> None:
    parent = tmp_path / "closed"
    parent.mkdir()
    parent.chmod(0o555)
    ended = as_somebody(offline.having(parent / "data"), "sync", "slack")
    assert ended.code == 1
    assert f"the folder {parent} is read-only" in ended.complaint()
    assert files_of(parent) == {}


def test_a_folder_that_may_not_be_looked_into(offline: CommandLine, tmp_path: Path) -> None:
    parent = tmp_path / "closed"
    parent.mkdir()
    parent.chmod(0o000)
    for command in (("sync", "slack"), ("status",)):
        ended = as_somebody(offline.having(parent / "data"), *command)
        assert ended.code == 1
        assert f"{parent}/data" in ended.complaint()
        assert "Permission denied" in ended.complaint()


def test_a_source_whose_library_is_missing_says_how_to_install_it(
    offline: CommandLine, tmp_path: Path
) -> None:
    blocker = tmp_path / "blocker"
    blocker.mkdir()
    (blocker / "sitecustomize.py").write_text(
        "import importlib.util, sys\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: "
        "None if name == 'slack_sdk' else found(name, *rest)\n"
    )
    without = offline.having(PYTHONPATH=str(blocker))
    for command in (("sync", "slack"), ("check", "slack")):
        ended = without.run(*command)
        assert ended.code == 64
        assert ended.complaint() == (
            "Error: Slack needs slack_sdk, which is not installed. "
            "Run: pip install 'prefect-data-getters[slack]'"
        )
    listed = without.run("sources")
    assert listed.code == 0
    assert "not installed" in listed.out
    assert "pip install 'prefect-data-getters[slack]'" in listed.out


def test_a_prefect_server_that_does_not_answer(offline: CommandLine) -> None:
    ended = offline.run("sync", "slack", "--json")
    assert ended.code == 1
    assert "The Prefect server at http://127.0.0.1:9/api does not answer" in ended.complaint()
    assert ended.json["error"]["type"] == "PrefectUnavailableError"
    assert not offline.folder.exists()


@pytest.mark.parametrize("url", ["prefect", "http://no-such-host.invalid/api"])
def test_a_prefect_address_that_is_none(offline: CommandLine, url: str) -> None:
    ended = offline.having(PREFECT_API_URL=url).run("sync", "slack")
    assert ended.code in {1, 64}
    assert url in ended.complaint()
    assert not offline.folder.exists()
