"""The worked example keeps the promises that its page makes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from example_package import ROOT, child_environment, example_environment, made_folder
from servers.prefect import PrefectServer

from exporters.registry import source, sources
from tasks.partition_errors import PartitionFailedError
from tasks.pipeline import sync_partition
from tasks.results import PartitionOutcome, PartitionResult
from tasks.session import SyncRequest, SyncSession
from tasks.stores import open_ledger, open_searcher


def sync() -> PartitionResult:
    """One sync of the example's only partition."""
    session = SyncSession(SyncRequest(source="folder"))
    try:
        with session.leased():
            [partition] = session.exporter.partitions(session.selection)
            return sync_partition(session.context, partition)
    finally:
        session.close()


def titles_for(person: str, query: str = "holidays") -> list[str]:
    with open_searcher() as searcher:
        found = searcher.search.search(query, as_user=searcher.principals_of(person), limit=10)
        return [result.document.metadata["title"] for result in found]


def test_the_entry_point_alone_makes_the_source_known(example: Path) -> None:
    assert {"folder", "slack", "gmail"} <= set(sources())
    assert source("folder").title == "Markdown folders"


def test_a_second_sync_reads_no_file(example: Path) -> None:
    assert sync().counts.new == 6
    for file in example.rglob("*.md"):
        before = file.stat()
        file.write_bytes(b"\xff" * before.st_size)  # whoever reads it fails
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    again = sync().counts
    assert (again.unchanged, again.failed, again.written, again.embedded) == (6, 0, 0, 0)


def test_an_edit_and_a_deletion_arrive(example: Path) -> None:
    sync()
    (example / "holidays.md").write_text("# Holidays\n\nEverybody has 30 days a year.\n")
    (example / "security.md").unlink()
    result = sync()
    assert (result.counts.changed, result.counts.deleted, result.counts.unchanged) == (1, 1, 4)
    assert result.outcome is PartitionOutcome.COMPLETED
    assert "security" not in titles_for("ann@acme.example", "security")


def test_a_file_that_is_not_utf8_costs_itself_only_and_comes_back(example: Path) -> None:
    (example / "old.md").write_bytes(b"caf\xe9")
    result = sync()
    assert (result.counts.new, result.counts.failed) == (6, 1)
    [letter] = dead_letters()
    assert letter.message.endswith("old.md is not UTF-8 (byte 3). Save it as UTF-8.")
    (example / "old.md").write_text("café")
    assert sync().counts.new == 1
    assert dead_letters() == []


def test_an_empty_file_is_no_document(example: Path) -> None:
    (example / "holidays.md").write_text("\n")
    result = sync()
    assert (result.counts.new, result.counts.failed) == (5, 0)


def test_a_share_that_is_not_mounted_deletes_nothing(example: Path) -> None:
    sync()
    example.rename(example.with_name("elsewhere"))
    example.mkdir()
    result = sync()
    assert (result.counts.deleted, result.held_back) == (0, 6)
    assert "the listing came back empty" in result.message
    example.rmdir()
    with pytest.raises(PartitionFailedError, match="is not there"):
        sync()
    assert titles_for("ann@acme.example") != []


def test_a_folder_that_cannot_be_listed_stops_the_sync_instead_of_shrinking_it(
    example: Path,
) -> None:
    sync()
    example.rename(example.with_name("elsewhere"))
    example.symlink_to(example)  # a link to itself: nobody can list it, root neither
    with pytest.raises(PartitionFailedError, match="cannot be read"):
        sync()
    assert titles_for("ann@acme.example") != []


def test_other_readers_cost_no_reading_and_no_embedding(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync()
    assert "Holidays" in titles_for("bob@acme.example")
    monkeypatch.setenv("DATA_GETTERS_FOLDER__READABLE_BY", '["user:ann@acme.example"]')
    counts = sync().counts
    assert (counts.access_changed, counts.landed, counts.embedded) == (6, 0, 0)
    assert titles_for("bob@acme.example") == []
    assert "Holidays" in titles_for("ann@acme.example")


def test_without_a_word_on_readers_nobody_finds_anything(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATA_GETTERS_FOLDER__READABLE_BY")
    sync()
    assert titles_for("ann@acme.example") == []


def dead_letters() -> list[Any]:
    ledger = open_ledger()
    try:
        return ledger.dead_letters()
    finally:
        ledger.close()


@pytest.mark.prefect
def test_the_commands_of_the_page_work(
    installed_example: list[str], tmp_path: Path, prefect_server: PrefectServer
) -> None:
    folder = made_folder(tmp_path)
    environment = child_environment(
        installed_example, **prefect_server.environment, **example_environment(tmp_path)
    )

    def run(*arguments: str, expected: int = 0) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "flows.cli", *arguments, "--json"],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == expected, done.stderr
        return json.loads(done.stdout) if done.stdout else done.stderr  # errors may be plain

    assert "folder" in names(run("sources"))
    assert run("check", "folder")["ok"] is True
    assert run("sync", "folder")["counts"]["new"] == 6
    [first] = run("search", "how many days off do I have?", "--limit", "1")
    assert first["title"] == "Holidays"
    assert first["url"] == (folder / "holidays.md").as_uri()
    assert run("sync", "folder")["counts"]["unchanged"] == 6
    assert "Known are: handbook." in str(run("sync", "folder", "--folders", "nope", expected=64))
    (folder / "old.md").write_bytes(b"caf\xe9")
    assert run("sync", "folder", expected=2)["counts"]["failed"] == 1
    [letter] = run("failures", "list")
    assert letter["key"] == "file:handbook/old.md"


def names(rows: Iterable[dict[str, Any]]) -> set[str]:
    return {row["name"] for row in rows}
