"""Exports: what is in them, and what is said to files that are none."""

import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from slack_samples import HandClock, MakeExporter, Mirror, messages_in, one_with

from documents.errors import ConfigurationError
from exporters.base import Outcome
from exporters.slack.export_zip import SlackArchiveExporter
from exporters.slack.exporter import SlackExporter
from exporters.slack.settings import SlackSelection, SlackSettings
from sandbox.slack import SlackSandbox, Workspace

USERS = [{"id": "U1", "team_id": "T1", "name": "ada", "profile": {"display_name": "Ada"}}]
CHANNELS = [{"id": "C1", "name": "general", "members": ["U1"]}]
HELLO = [{"type": "message", "ts": "1700000000.000100", "user": "U1", "text": "Hello"}]


def export(folder: Path, **entries: Any) -> Path:
    """A small export; an entry given as None is left out, bytes are taken as they are."""
    content: dict[str, Any] = {
        "users.json": USERS,
        "channels.json": CHANNELS,
        "general/2023-11-14.json": HELLO,
        **entries,
    }
    path = folder / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in content.items():
            if value is not None:
                archive.writestr(name, value if isinstance(value, bytes) else orjson.dumps(value))
    return path


def no_zip(folder: Path) -> Path:
    path = folder / "export.zip"
    path.write_text("channels and users")
    return path


def half(folder: Path) -> Path:
    path = export(folder)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def empty(folder: Path) -> Path:
    path = folder / "export.zip"
    path.write_bytes(b"")
    return path


def bomb(folder: Path) -> Path:
    return export(folder, **{"general/2023-11-15.json": b" " * 60_000_000})


def bomb_by_its_word(folder: Path) -> Path:
    """An entry that says it would unpack to 3.9 GB."""
    path = export(folder)
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, entry + 24, 3_900_000_000)
    path.write_bytes(bytes(data))
    return path


def encrypted(folder: Path) -> Path:
    path = export(folder)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    return path


WRONG: list[tuple[str, Callable[[Path], Path], str]] = [
    ("missing", lambda folder: folder / "none.zip", "There is no file {path}."),
    ("folder", lambda folder: folder, "{path} is not a file. Give the ZIP as Slack made it."),
    (
        "no zip",
        no_zip,
        "{path} is not a ZIP file, or it was cut off (File is not a zip file). "
        "Download the workspace export again.",
    ),
    (
        "empty",
        empty,
        "{path} is not a ZIP file, or it was cut off (File is not a zip file). "
        "Download the workspace export again.",
    ),
    (
        "half",
        half,
        "{path} is not a ZIP file, or it was cut off (File is not a zip file). "
        "Download the workspace export again.",
    ),
    (
        "no lists",
        lambda folder: export(folder, **{"channels.json": None}),
        "{path} is not a Slack workspace export: users.json or channels.json is missing. "
        "Export the workspace under Settings, Import/Export Data.",
    ),
    (
        "climbs out",
        lambda folder: export(folder, **{"general/../../../etc/passwd": HELLO}),
        "{path} is no export that Slack made: it names a file outside itself "
        "('general/../../../etc/passwd').",
    ),
    (
        "absolute",
        lambda folder: export(folder, **{"/etc/cron.d/x": HELLO}),
        "{path} is no export that Slack made: it names a file outside itself ('/etc/cron.d/x').",
    ),
    (
        "bomb",
        bomb,
        "{path} is no export that Slack made: 'general/2023-11-15.json' in it would unpack to "
        "60 MB.",
    ),
    (
        "bomb by its word",
        bomb_by_its_word,
        "{path} is no export that Slack made: 'general/2023-11-14.json' in it would unpack to "
        "3,900 MB.",
    ),
    (
        "password",
        encrypted,
        "{path} is protected by a password. Give the ZIP as Slack made it.",
    ),
]


@pytest.mark.parametrize(("make", "sentence"), [c[1:] for c in WRONG], ids=[c[0] for c in WRONG])
def test_what_is_no_export_is_refused_in_one_sentence_by_the_selection_already(
    tmp_path: Path, make: Callable[[Path], Path], sentence: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(ConfigurationError) as failure:
        SlackSelection.of({"export_zip": str(path)})
    assert failure.value.sentence() == sentence.format(path=path)
    with pytest.raises(ConfigurationError):
        SlackArchiveExporter(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told_as_such(tmp_path: Path) -> None:
    path = export(tmp_path)
    path.chmod(0)
    with pytest.raises(ConfigurationError, match="may not be read by this user"):
        SlackSelection.of({"export_zip": path})


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"users.json": b"[{"}, "users.json in the export {path} is damaged."),
        ({"users.json": b'{"a": 1}'}, "users.json in the export {path} is damaged."),
        ({"channels.json": [{"name": "x"}]}, "channels.json in the export {path} is damaged."),
        (
            {"channels.json": [{"id": "C1", "topic": "no object"}]},
            "channels.json in the export {path} is damaged.",
        ),
        (
            {"users.json": [{"id": "U1"}]},
            "users.json in the export {path} names no team, so its documents would have no stable "
            "ids.",
        ),
    ],
)
def test_a_damaged_list_is_named(tmp_path: Path, entries: dict[str, Any], sentence: str) -> None:
    path = export(tmp_path, **entries)
    with pytest.raises(ConfigurationError) as failure:
        SlackArchiveExporter(path)
    assert str(failure.value) == sentence.format(path=path)


@pytest.mark.parametrize(
    "content",
    [b"[", b'{"ts": "1"}', b"\xff\xfe", b'[{"ts": 17, "text": "x"}, "text", null]', b"[" * 100_000],
    ids=["cut off", "no list", "no text", "no messages", "deep"],
)
def test_a_damaged_day_costs_that_day_and_is_told(tmp_path: Path, content: bytes) -> None:
    path = export(tmp_path, **{"general/2023-11-15.json": content})
    mirror = Mirror(SlackArchiveExporter(path)).run()
    [failure] = mirror.failures
    assert failure.external_id == "general/2023-11-15.json"
    assert "general/2023-11-15.json" in failure.error.sentence()
    assert "Hello" in mirror.texts()


def test_a_day_that_is_no_day_is_told(tmp_path: Path) -> None:
    path = export(tmp_path, **{"general/2023-13-45.json": HELLO})
    mirror = Mirror(SlackArchiveExporter(path)).run()
    assert [f.external_id for f in mirror.failures] == ["general/2023-13-45.json"]


def test_a_damaged_entry_costs_that_day_alone(tmp_path: Path) -> None:
    path = export(tmp_path, **{"general/2023-11-15.json": os.urandom(5_000)})
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("general/2023-11-15.json").header_offset
    data[place + 200] ^= 0xFF
    path.write_bytes(bytes(data))
    mirror = Mirror(SlackArchiveExporter(path)).run()
    assert len(mirror.failures) == 1
    assert "Hello" in mirror.texts()


def test_an_export_that_somebody_packed_again_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "again.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Acme export/users.json", orjson.dumps(USERS))
        archive.writestr("Acme export/channels.json", orjson.dumps(CHANNELS))
        archive.writestr("Acme export/general/2023-11-14.json", orjson.dumps(HELLO))
        archive.writestr("__MACOSX/Acme export/._users.json", b"\x00")
    assert "Hello" in Mirror(SlackArchiveExporter(path)).run().texts()


def test_times_that_make_no_sense_do_not_stop_an_export(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in (("users.json", USERS), ("channels.json", CHANNELS)):
            entry = zipfile.ZipInfo(name, (2098, 1, 1, 0, 0, 0))
            archive.writestr(entry, orjson.dumps(value))
    exporter = SlackArchiveExporter(path)
    assert exporter.test_connection().ok
    assert next(iter(exporter.pull(next(exporter.partitions(SlackSelection())), None)))


def test_replies_that_only_the_root_names_are_in_its_thread(tmp_path: Path) -> None:
    root = {**HELLO[0], "reply_count": 1, "replies": [{"user": "U1", "ts": "1700090000.000100"}]}
    reply = {"type": "message", "ts": "1700090000.000100", "user": "U1", "text": "Late answer"}
    path = export(
        tmp_path, **{"general/2023-11-14.json": [root], "general/2023-11-15.json": [reply]}
    )
    [document] = Mirror(SlackArchiveExporter(path)).run().documents().values()
    assert document.metadata["entity"] == "thread"
    assert document.page_content.count("Late answer") == 1


def test_replies_whose_root_is_not_in_the_export_are_a_thread_all_the_same(
    tmp_path: Path,
) -> None:
    reply = {**HELLO[0], "thread_ts": "1690000000.000100", "text": "An answer"}
    path = export(tmp_path, **{"general/2023-11-14.json": [reply]})
    [document] = Mirror(SlackArchiveExporter(path)).run().documents().values()
    assert document.id == "slack:T1:thread:C1:1690000000.000100"
    assert "An answer" in document.page_content


def test_tokens_in_file_addresses_land_nowhere(tmp_path: Path) -> None:
    address = "https://files.slack.com/files-pri/T1-F1/a.txt?t=xoxe-1-abc-DEF"
    file = {"id": "F1", "name": "a.txt", "mode": "hosted", "url_private_download": address}
    path = export(tmp_path, **{"general/2023-11-14.json": [{**HELLO[0], "files": [file]}]})
    mirror = Mirror(SlackArchiveExporter(path)).run()
    payloads = orjson.dumps([record.payload for record in mirror.records.values()])
    assert b"files-pri/T1-F1/a.txt" in payloads
    assert b"xoxe" not in payloads


def test_an_export_of_every_kind_gives_what_the_api_gives(
    slack: SlackSandbox,
    workspace: Workspace,
    exporter_of: MakeExporter,
    clock: HandClock,
    tmp_path: Path,
) -> None:
    app = "knowledge_sync"
    root = workspace.post("general", "ada", "Which ferry?", ts=clock.ts(days=3))
    workspace.reply("general", root, "bob", "The blue one", ts=clock.ts(days=2))
    workspace.reply("general", root, "cleo", "Boarding", broadcast=True, ts=clock.ts(days=1))
    pinned = workspace.post("secret", "ada", "A secret", ts=clock.ts(days=3, hours=1))
    workspace.react("secret", pinned, "bob", "eyes")
    workspace.edit("secret", pinned, "A secret, still")
    two = workspace.open_direct(["ada", app])
    workspace.post(two, "ada", "Just us", ts=clock.ts(days=3, hours=2))
    three = workspace.open_direct(["ada", "bob", app])
    workspace.post(three, "bob", "We three", ts=clock.ts(days=3, hours=3))
    for place in ("general", "secret", two, three):
        # An export's first and last day may be parts, so these are not the ones compared.
        workspace.post(place, "ada", "first", ts=clock.ts(days=9))
        workspace.post(place, "ada", "last", ts=clock.ts(hours=1))
    path = tmp_path / "export.zip"
    workspace.write_export_zip(path)
    by_zip = Mirror(SlackArchiveExporter(path, "https://acme.slack.com")).run()
    by_api = Mirror(exporter_of(slack)).run()
    assert by_zip.documents() == by_api.documents()
    assert by_zip.members == by_api.members
    assert len(by_zip.documents()) == 12
    assert one_with(by_zip.documents(), "Just us").metadata["extra"]["channel"]["kind"] == "dm"


def test_every_message_of_an_exported_company_is_in_one_document(tmp_path: Path) -> None:
    from sandbox.slack import generate_company  # noqa: PLC0415 (a second)

    company = generate_company(messages=800, seed=11, now=1_795_000_000.0)
    path = tmp_path / "export.zip"
    company.write_export_zip(path)
    mirror = Mirror(SlackArchiveExporter(path)).run()
    found = messages_in(mirror.documents().values())
    tombs = {
        (channel.id, ts)
        for channel in company.channels.values()
        for ts, message in channel.messages.items()
        if message.subtype == "tombstone"
    }
    expected = {(c.id, ts) for c in company.channels.values() for ts in c.messages}
    assert len(found) == len(set(found))
    assert set(found) | tombs == expected
    assert mirror.failures == []


def test_days_before_the_asked_ones_are_left_out(tmp_path: Path) -> None:
    late = [{**HELLO[0], "ts": "1795000000.000100", "text": "Recent"}]
    path = export(tmp_path, **{"general/2026-11-18.json": late})
    texts = [d.page_content for d in SlackArchiveExporter(path).export(days_ago=3650)]
    assert len(texts) == 2
    exporter = SlackArchiveExporter(path)
    [first] = exporter.export(["general"], limit=1)
    assert first.page_content.endswith("Hello")
    with pytest.raises(ConfigurationError, match="There is no channel 'generel'"):
        list(exporter.export(["generel"]))
    with pytest.raises(ConfigurationError, match="days_ago is -5"):
        exporter.export(days_ago=-5)


def test_an_export_needs_no_token_and_says_what_it_holds(tmp_path: Path) -> None:
    selection = SlackSelection.of({"export_zip": export(tmp_path)})
    assert not SlackExporter.needs_credentials(selection)
    exporter = SlackExporter.for_selection(selection, {}, SlackSettings())
    report = exporter.test_connection()
    assert report.ok
    assert [probe.outcome for probe in report.probes] == [Outcome.PASSED, Outcome.SKIPPED]
    assert "--workspace-url" in report.probes[1].hint
    assert exporter.connection == "T1"
    exporter.close()
