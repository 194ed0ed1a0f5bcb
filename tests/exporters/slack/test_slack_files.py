"""Files that people share: the text of what has text, and no download of what has none."""

from typing import Any

import pytest
from made_files import docx, encrypted_pdf, pdf
from slack_samples import HandClock, MakeExporter, Mirror, one_with

from exporters.errors import PermissionDeniedError
from exporters.extraction.settings import ExtractionSettings
from exporters.slack.exporter import SlackExporter
from sandbox.slack import SlackSandbox, Workspace, generate_company

DOWNLOADS = "/files-pri/*"


def files_of(mirror: Mirror) -> list[dict[str, Any]]:
    return [
        file
        for document in mirror.documents().values()
        for file in document.metadata["extra"]["files"]
    ]


def test_the_text_of_office_files_is_in_the_document_of_their_thread(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    root = workspace.upload(
        "general", "ada", "offer.docx", docx(), text="The offer", ts=clock.ts(hours=9)
    )
    ts = workspace.files[root].shares[workspace.channel("general").id][0]
    workspace.upload("general", "bob", "terms.pdf", pdf(), thread_ts=ts, ts=clock.ts(hours=8))
    document = one_with(Mirror(exporter).run().documents(), "The offer")
    assert "File: offer.docx (Word Document" in document.page_content
    assert "```\nHello from Word\n```" in document.page_content
    assert "```\nHello from PDF\n```" in document.page_content
    assert all("no_text" not in file for file in document.metadata["extra"]["files"])


@pytest.mark.parametrize("name", ["photo.png", "backup.zip", "program.exe", "song.mp3"])
def test_what_cannot_have_text_is_not_downloaded(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock, name: str
) -> None:
    workspace.upload("general", "ada", name, b"\x89PNG\r\n\x1a\n" + bytes(50), ts=clock.ts(hours=9))
    mirror = Mirror(exporter).run()
    assert f"File: {name}" in mirror.texts()
    assert slack.requests.count(DOWNLOADS) == 0
    assert ["no_text" in file for file in files_of(mirror)] == [False]
    # And so its day needs no second look to know that nothing moved.
    assert mirror.loaded == []


def test_what_is_too_large_is_not_downloaded_and_says_so(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    workspace.upload("general", "ada", "terms.pdf", pdf(), ts=clock.ts(hours=9))
    exporter = exporter_of(slack, attachments=ExtractionSettings(max_input_bytes=500))
    mirror = Mirror(exporter).run()
    assert slack.requests.count(DOWNLOADS) == 0
    [file] = files_of(mirror)
    assert file["no_text"].startswith("The file is too large")


def test_a_file_that_lies_about_its_size_is_cut_off_and_says_so(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    file_id = workspace.upload("general", "ada", "terms.pdf", pdf(), ts=clock.ts(hours=9))
    workspace.files[file_id].size = 100
    exporter = exporter_of(slack, attachments=ExtractionSettings(max_input_bytes=500))
    [file] = files_of(Mirror(exporter).run())
    assert file["no_text"].startswith("The file is too large")


def test_a_file_without_text_says_why_in_its_document_and_costs_no_failure(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    workspace.upload("general", "ada", "terms.pdf", encrypted_pdf(), ts=clock.ts(hours=9))
    workspace.upload("general", "ada", "cut.docx", docx()[:200], ts=clock.ts(hours=8))
    mirror = Mirror(exporter).run()
    assert mirror.failures == []
    assert {file["name"]: file["no_text"] for file in files_of(mirror)} == {
        "terms.pdf": "The file is protected by a password.",
        "cut.docx": "The Word document is damaged or cut off (File is not a zip file).",
    }


@pytest.mark.parametrize(
    ("settings", "downloads"),
    [({"enabled": False}, 1), ({"skip_kinds": ("pdf",)}, 1), ({}, 2)],
)
def test_a_person_can_leave_attachments_out(
    slack: SlackSandbox,
    exporter_of: MakeExporter,
    clock: HandClock,
    settings: dict[str, Any],
    downloads: int,
) -> None:
    workspace = slack.workspace
    workspace.upload("general", "ada", "terms.pdf", pdf(), ts=clock.ts(hours=9))
    workspace.upload("general", "ada", "notes.txt", "Bollards need paint.", ts=clock.ts(hours=8))
    mirror = Mirror(exporter_of(slack, attachments=ExtractionSettings(**settings))).run()
    assert "Bollards need paint." in mirror.texts()
    assert ("Hello from PDF" in mirror.texts()) == (downloads == 2)
    assert slack.requests.count(DOWNLOADS) == downloads


def test_without_the_scope_no_file_is_asked_for(
    slack: SlackSandbox, workspace: Workspace, exporter_of: MakeExporter, clock: HandClock
) -> None:
    workspace.upload("general", "ada", "terms.pdf", pdf(), ts=clock.ts(hours=9))
    scopes = ("channels:read", "channels:history", "users:read")
    mirror = Mirror(exporter_of(slack, scopes=scopes)).run()
    assert "File: terms.pdf" in mirror.texts()
    assert slack.requests.count(DOWNLOADS) == 0


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("page.html", "<html><body><h1>Berths</h1><p>Two are free.", "# Berths\n\nTwo are free."),
        ("berths.csv", "berth,ship\n1,Aurora\n", "| berth | ship |\n| --- | --- |\n| 1 | Aurora |"),
        ("notes.rtf", r"{\rtf1\ansi Bollards need \b paint\b0 .}", "Bollards need **paint**"),
        ("page.txt", "See <b>this</b>.", "See <b>this</b>."),
    ],
)
def test_pages_and_tables_are_markdown_and_texts_stay_as_they_are(
    workspace: Workspace, exporter: SlackExporter, name: str, content: str, expected: str
) -> None:
    workspace.upload("general", "ada", name, content)
    mirror = Mirror(exporter).run()
    assert mirror.failures == []
    assert expected in mirror.texts()


def test_a_snippet_stays_as_it_was_written(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    code = "<html><body><h1>Berths</h1></body></html>"
    workspace.upload("general", "ada", "page.html", code, snippet=True, ts=clock.ts(hours=9))
    assert code in Mirror(exporter).run().texts()


def test_a_login_page_is_not_taken_for_a_page_that_somebody_shared(
    slack: SlackSandbox, workspace: Workspace, exporter: SlackExporter, clock: HandClock
) -> None:
    page = "<html><body><h1>Berths</h1></body></html>"
    file_id = workspace.upload("general", "ada", "page.html", page, ts=clock.ts(hours=9))
    # Slack sends its login page in place of a file that the app may not see.
    workspace.files[file_id].content = b"<html><body>Sign in to your workspace</body></html>"
    mirror = Mirror(exporter).run()
    [failure] = mirror.failures
    assert isinstance(failure.error, PermissionDeniedError)
    assert [
        record.payload for record in mirror.records.values() if "file_texts" in record.payload
    ] == []


def test_the_policy_and_the_notes_of_the_company_are_found_by_their_words(
    exporter_of: MakeExporter,
) -> None:
    with SlackSandbox(generate_company(messages=600, seed=7, now=1_795_000_000.0)) as slack:
        mirror = Mirror(exporter_of(slack)).run()
    files = {file["name"] for file in files_of(mirror)}
    assert {"parental-leave.pdf", "meeting-notes.docx"} <= files
    assert "Every new parent gets 20 weeks of fully paid leave" in mirror.texts()
    assert "ask legal about receipts" in mirror.texts()
