"""A workspace export as Slack made it: whole through pipeline and stores, and the same by API."""

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from slack_samples import MakeExporter, Mirror
from slack_stores import stores_in, sync

from exporters.slack.export_zip import SlackArchiveExporter
from sandbox.slack import SlackSandbox, Workspace
from sandbox.slack.directory import FULL_BOT_SCOPES
from stores.opening import open_search

MESSAGES = 158
SERVICE_MESSAGES = 11
_TOKENS = re.compile(r"<[^>]*>|:[\w+-]+:|&\w+;")
_WORD = re.compile(r"(?<!\w)[A-Za-z]{3,}(?!\w)")


def raw_messages(export: Path) -> list[tuple[str, dict[str, Any]]]:
    """Channel id and message of everything in the ZIP, read without our own code."""
    with zipfile.ZipFile(export) as archive:
        ids = {c["name"]: c["id"] for c in orjson.loads(archive.read("channels.json"))}
        return [
            (ids[name.partition("/")[0]], message)
            for name in archive.namelist()
            if "/" in name and name.endswith(".json")
            for message in orjson.loads(archive.read(name))
        ]


def own_words(message: dict[str, Any]) -> set[str]:
    """Words that a person would look a message up by."""
    parts = [message.get("text") or ""]
    for attachment in message.get("attachments") or ():
        parts += [str(attachment.get(key) or "") for key in ("title", "text", "pretext")]
        if not any(parts):
            parts.append(attachment.get("fallback") or "")
    return set(_WORD.findall(_TOKENS.sub(" ", " ".join(parts))))


def test_every_message_of_a_real_export_is_found_by_its_own_words(
    real_export: Path, tmp_path: Path
) -> None:
    with stores_in(tmp_path) as stores:
        counts = sync(SlackArchiveExporter(real_export), stores, "first")
        search = open_search(stores.settings)
        missed, looked_for = [], 0
        for channel, message in raw_messages(real_export):
            if words := sorted(own_words(message)):
                looked_for += 1
                query = " ".join(f'"{word}"' for word in words[:12])
                found = search.search(query, as_user=None, limit=50)
                where = {
                    (result.document.metadata["container"]["id"], entry["ts"])
                    for result in found
                    for entry in result.document.metadata["extra"]["messages"]
                }
                if (channel, message["ts"]) not in where:
                    missed.append((message["ts"], query))
    assert missed == []
    assert looked_for >= MESSAGES - 6  # a few are a picture or an emoji
    assert counts.failed == 0


def test_the_counts_of_a_real_export_agree_with_its_files(
    real_export: Path, tmp_path: Path
) -> None:
    raw = raw_messages(real_export)
    assert len(raw) == MESSAGES
    with stores_in(tmp_path) as stores:
        counts = sync(SlackArchiveExporter(real_export), stores, "first")
        index = list(Mirror(SlackArchiveExporter(real_export)).run().documents())
        stored = stores.index.get(index)
        assert counts.new == len(index) == len(stored)
        entries = [
            (document.metadata["container"]["id"], entry)
            for document in stored.values()
            for entry in document.metadata["extra"]["messages"]
        ]
        assert Counter((channel, entry["ts"]) for channel, entry in entries) == Counter(
            (channel, message["ts"]) for channel, message in raw
        )
        service = [e for _, e in entries if e.get("subtype") in {"channel_join", "bot_add"}]
        assert len(service) == SERVICE_MESSAGES
        silent = [d for d in stored.values() if d.metadata["extra"].get("not_embedded")]
        assert silent
        assert all("subtype" in e for d in silent for e in d.metadata["extra"]["messages"])


def test_documents_of_service_messages_are_found_by_words_and_have_no_vectors(
    real_export: Path, tmp_path: Path
) -> None:
    documents = Mirror(SlackArchiveExporter(real_export)).run().documents()
    silent = {i for i, d in documents.items() if d.metadata["extra"].get("not_embedded")}
    with stores_in(tmp_path) as stores:
        counts = sync(SlackArchiveExporter(real_export), stores, "first")
        assert stores.embeddings is not None
        assert stores.vectors is not None
        by_words = open_search(stores.settings).search('"joined"', as_user=None, limit=50)
        assert silent & {result.document.id for result in by_words}
        query = stores.embeddings.embed_question("somebody has joined the channel")
        nearest = stores.vectors.search(query, limit=200)
        assert not silent & {hit.document_id for hit in nearest}
        assert len({hit.document_id for hit in nearest}) == len(documents) - len(silent)
    assert counts.new == len(documents)


def test_a_second_run_over_the_same_export_writes_nothing(
    real_export: Path, tmp_path: Path
) -> None:
    with stores_in(tmp_path) as stores:
        first = sync(SlackArchiveExporter(real_export), stores, "first")
    with stores_in(tmp_path) as stores:
        second = sync(SlackArchiveExporter(real_export), stores, "second")
    assert (second.written, second.landed, second.embedded, second.failed) == (0, 0, 0, 0)
    assert second.unchanged == first.new


@pytest.fixture
def over_http(real_export: Path) -> Iterator[SlackSandbox]:
    """A Slack in which everything was said that the export holds."""
    with SlackSandbox(Workspace.from_export_zip(real_export, domain="mesos-magellan")) as slack:
        yield slack


def test_the_same_messages_over_http_give_the_same_documents(
    real_export: Path, over_http: SlackSandbox, exporter_of: MakeExporter
) -> None:
    # An export holds no bytes of files, only their first lines; so the token may not read any.
    scopes = tuple(scope for scope in FULL_BOT_SCOPES if scope != "files:read")
    by_api = Mirror(exporter_of(over_http, scopes=scopes)).run()
    by_zip = Mirror(SlackArchiveExporter(real_export)).run()
    assert by_api.failures == by_zip.failures == []
    assert by_api.documents() == by_zip.documents()
    assert by_api.members == by_zip.members


def test_what_only_the_api_tells_is_the_whole_text_of_files(
    real_export: Path, over_http: SlackSandbox, exporter_of: MakeExporter
) -> None:
    for file in over_http.workspace.files.values():
        file.content = b"var everything = true;"
    by_api = Mirror(exporter_of(over_http)).run().documents()
    by_zip = Mirror(SlackArchiveExporter(real_export)).run().documents()
    different = [i for i in by_zip if by_api[i] != by_zip[i]]
    assert set(by_api) == set(by_zip)
    assert len(different) == 3
    for identifier in different:
        assert "var everything = true;" in by_api[identifier].page_content
        assert by_api[identifier].metadata["extra"]["files"] != []


def test_a_sync_over_http_after_one_of_the_export_writes_nothing_anew(
    real_export: Path, over_http: SlackSandbox, exporter_of: MakeExporter, tmp_path: Path
) -> None:
    scopes = tuple(scope for scope in FULL_BOT_SCOPES if scope != "files:read")
    with stores_in(tmp_path) as stores:
        first = sync(SlackArchiveExporter(real_export), stores, "export")
        second = sync(exporter_of(over_http, scopes=scopes), stores, "api")
        assert (second.new, second.changed, second.deleted, second.embedded) == (0, 0, 0, 0)
        assert second.unchanged == first.new
        # And an old export does not undo what the API told since.
        third = sync(SlackArchiveExporter(real_export), stores, "export again")
        assert third.written == 0
