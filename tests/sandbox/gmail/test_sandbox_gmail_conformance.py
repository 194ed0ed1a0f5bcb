"""The sandbox answers what Google's documents say and what the live service was recorded to say."""

import re
from pathlib import Path
from typing import Any

import pytest
from gmail_clients import BOB, FULL, SETTINGS, Caller, all_parts, caller, header
from gmail_conformance import (
    document,
    methods,
    recorded,
    recorded_draft,
    violations,
)

from sandbox.gmail import GmailSandbox, Mailboxes, MailStaff, Switches
from sandbox.gmail.methods import SCHEMAS, operations
from sandbox.google.api import Operation

AUTH = "https://www.googleapis.com/auth/"


@pytest.fixture
def known(mailboxes: Mailboxes) -> dict[str, Operation]:
    return {operation.name: operation for operation in operations(mailboxes, Switches())}


@pytest.fixture(scope="module")
def reader(harbourline: GmailSandbox, staff: MailStaff) -> Caller:
    """The head of support, who gets mail of every kind."""
    return caller(harbourline, staff.head("support").email, FULL, SETTINGS)


# --- the discovery document ------------------------------------------------------------------


def test_paths_parameters_and_answers_are_the_document_s(
    google_specs: Path, known: dict[str, Operation]
) -> None:
    for name, operation in known.items():
        method = methods(google_specs)[name]
        assert method["httpMethod"] == "GET"
        assert operation.path == f"/{method['flatPath']}"
        assert operation.answer == method["response"]["$ref"]
        query = {
            key: value
            for key, value in method["parameters"].items()
            if value["location"] == "query"
        }
        assert set(operation.parameters) == set(query), name
        for key, parameter in operation.parameters.items():
            described = query[key]
            assert parameter.repeated == described.get("repeated", False)
            assert parameter.choices == tuple(described.get("enum", ()))
            kind = described.get("format") or described["type"]
            assert parameter.kind == kind, (name, key)


def test_scopes_are_the_document_s_without_those_of_add_ons(
    google_specs: Path, known: dict[str, Operation]
) -> None:
    for name, operation in known.items():
        scopes = set(methods(google_specs)[name]["scopes"])
        assert operation.scopes == {s for s in scopes if not s.startswith(f"{AUTH}gmail.addons.")}


def test_masks_know_every_field_of_the_document(google_specs: Path) -> None:
    renamed = {"HistoryMessage": "HistoryMessageAdded", "HistoryLabel": "HistoryLabelAdded"}
    left_out = {"SendAs": {"smtpMsa"}}  # settings of somebody else's mail server
    schemas = document(google_specs)["schemas"]
    for name, fields in SCHEMAS.items():
        described = schemas[renamed.get(name, name)]["properties"]
        assert set(fields) == set(described) - left_out.get(name, set()), name


def test_the_batch_path_is_the_document_s(google_specs: Path) -> None:
    assert document(google_specs)["batchPath"] == "batch"
    assert document(google_specs)["servicePath"] == ""


def test_every_message_of_a_mailbox_is_of_the_schema_in_every_format(
    google_specs: Path, reader: Caller
) -> None:
    keys = reader.ids(includeSpamTrash="true", maxResults=500)
    assert len(keys) > 40
    kinds = set()
    for key in keys:
        for style in ("full", "metadata", "minimal", "raw"):
            message = reader.get(f"messages/{key}", format=style)
            assert violations(google_specs, "messages.get", message) == []
            if style != "full":
                continue
            for part in all_parts(message["payload"]):
                kinds.add(part["mimeType"])
                if attachment := part["body"].get("attachmentId"):
                    body = reader.get(f"messages/{key}/attachments/{attachment}")
                    assert violations(google_specs, "messages.attachments.get", body) == []
                    assert body["size"] == part["body"]["size"]
    assert len(kinds) > 8


@pytest.mark.parametrize(
    ("operation", "path", "parameters"),
    [
        ("getProfile", "profile", {}),
        ("messages.list", "messages", {}),
        ("messages.list", "messages", {"maxResults": 3}),
        ("messages.list", "messages", {"q": "nothingfoundforthis"}),
        ("threads.list", "threads", {"maxResults": 20}),
        ("labels.list", "labels", {}),
        ("labels.get", "labels/INBOX", {}),
        ("labels.get", "labels/Label_1", {}),
        ("settings.sendAs.list", "settings/sendAs", {}),
        ("settings.delegates.list", "settings/delegates", {}),
    ],
)
def test_answers_are_of_the_schema(
    google_specs: Path, reader: Caller, operation: str, path: str, parameters: dict[str, Any]
) -> None:
    assert violations(google_specs, operation, reader.get(path, **parameters)) == []


def test_threads_are_of_the_schema(google_specs: Path, reader: Caller) -> None:
    for item in reader.get("threads", maxResults=30)["threads"]:
        for style in ("full", "metadata", "minimal"):
            thread = reader.get(f"threads/{item['id']}", format=style)
            assert violations(google_specs, "threads.get", thread) == []


def test_the_history_is_of_the_schema(
    google_specs: Path, bob: Caller, mailboxes: Mailboxes
) -> None:
    since = bob.history_id()
    written = mailboxes.write("x@out.example", [BOB], "Hello", "Text")
    mailboxes.write(BOB, ["x@out.example"], "Re: Hello", "Text", answers=written)
    mailboxes.trash(BOB, written)
    mailboxes.delete(BOB, written)
    mailboxes.add_delegate(BOB, "ada@acme.example")
    for page in bob.pages("history", startHistoryId=since, maxResults=2):
        assert violations(google_specs, "history.list", page) == []
    delegates = bob.get("settings/delegates")
    assert violations(google_specs, "settings.delegates.list", delegates) == []


def test_a_wrong_answer_would_be_noticed(google_specs: Path, reader: Caller) -> None:
    message = reader.get(f"messages/{reader.ids()[0]}")
    for wrong in ({"historyId": 7}, {"colour": "red"}, {"sizeEstimate": "9"}, {"raw": "a+/b"}):
        assert violations(google_specs, "messages.get", message | wrong)


# --- recorded answers ------------------------------------------------------------------------


def test_the_recordings_are_of_the_schema_too(google_specs: Path) -> None:
    calls = recorded(google_specs)
    assert len(calls) > 100
    for call in calls:
        assert violations(google_specs, call.operation, call.response) == []


@pytest.mark.parametrize("style", ["metadata", "minimal"])
def test_messages_have_the_recorded_fields_in_the_recorded_order(
    google_specs: Path, reader: Caller, style: str
) -> None:
    seen = {
        (tuple(call.response), tuple(call.response["payload"]))
        for call in recorded(google_specs)
        if call.operation == "messages.get" and call.parameters.get("format") == style
    }
    assert seen
    for key in reader.ids(labelIds="INBOX", q="-in:sent", maxResults=20)[:20]:
        message = reader.get(f"messages/{key}", format=style)
        assert (tuple(message), tuple(message["payload"])) in seen
        for item in message["payload"].get("headers", ()):
            assert tuple(item) == ("name", "value")


def test_a_whole_message_has_the_fields_of_a_recorded_draft(
    google_specs: Path, bob: Caller, mailboxes: Mailboxes
) -> None:
    draft = recorded_draft(google_specs)
    key = mailboxes.save_draft(BOB, f"From: {BOB}\nTo: r@x.example\nSubject: Test\n\nA draft.")
    ours = bob.get(f"messages/{key}")
    assert list(ours) == list(draft)
    assert list(ours["payload"]) == list(draft["payload"])
    assert list(ours["payload"]["body"]) == list(draft["payload"]["body"])
    assert ours["labelIds"] == draft["labelIds"]
    assert ours["payload"]["partId"] == draft["payload"]["partId"]


def test_threads_and_lists_have_the_recorded_fields(google_specs: Path, reader: Caller) -> None:
    for call in recorded(google_specs):
        if call.operation == "threads.get":
            thread = reader.get(f"threads/{reader.get('threads')['threads'][0]['id']}")
            assert list(thread) == list(call.response)
            break
    lists = {
        c.operation: c.response for c in recorded(google_specs) if c.operation.endswith(".list")
    }
    messages = reader.get("messages", maxResults=5)
    assert list(messages) == list(lists["messages.list"])
    assert list(messages["messages"][0]) == list(lists["messages.list"]["messages"][0])
    threads = reader.get("threads", maxResults=5)
    assert list(threads) == list(lists["threads.list"])
    assert set(threads["threads"][0]) == {"id", "snippet", "historyId"}
    assert list(reader.get("settings/sendAs")["sendAs"][0]) == (
        list(lists["settings.sendAs.list"]["sendAs"][0])
    )


def test_values_are_written_as_recorded(google_specs: Path, reader: Caller) -> None:
    forms = {
        "id": r"[0-9a-f]{16}",
        "threadId": r"[0-9a-f]{16}",
        "historyId": r"\d+",
        "internalDate": r"\d{10}000",
        "nextPageToken": r"\d{20,}",
    }

    def check(value: Any) -> int:
        if isinstance(value, list):
            return sum(map(check, value))
        if not isinstance(value, dict):
            return 0
        found = 0
        for name, item in value.items():
            if name in forms and isinstance(item, str) and "name" not in value:
                assert re.fullmatch(forms[name], item), (name, item)
                found += 1
            found += check(item)
        return found

    other = ("labels.", "history.")  # their ids are of another form
    calls = recorded(google_specs)
    theirs = [call.response for call in calls if not call.operation.startswith(other)]
    assert sum(check(answer) for answer in theirs if "REDACTED" not in str(answer)) > 100
    ours = [reader.get("messages", maxResults=5), reader.get("threads", maxResults=5)]
    ours += [reader.get(f"messages/{item['id']}") for item in ours[0]["messages"]]
    assert sum(map(check, ours)) > 20
    estimates = {
        c.response["resultSizeEstimate"]
        for c in recorded(google_specs)
        if "nextPageToken" in c.response and c.operation.endswith("s.list")
    }
    assert estimates == {201}


def test_gmail_s_own_labels_are_the_recorded_ones(google_specs: Path, bob: Caller) -> None:
    (call,) = [c for c in recorded(google_specs) if c.operation == "labels.list"]
    theirs = [label for label in call.response["labels"] if label["type"] == "system"]
    assert bob.get("labels")["labels"] == theirs
    (call,) = [c for c in recorded(google_specs) if c.operation == "labels.get"]
    assert list(bob.get("labels/INBOX")) == list(call.response)


def test_a_thread_in_the_trash_and_back_leaves_the_recorded_history(
    google_specs: Path, bob: Caller, mailboxes: Mailboxes
) -> None:
    """The recorded thread: one mail sent, and its bounce in the inbox."""
    (call,) = [c for c in recorded(google_specs) if c.operation == "history.list"]
    wanted = [
        record
        for record in call.response["history"]
        if {"labelsAdded", "labelsRemoved"} & set(record)
    ]
    sent = mailboxes.write(BOB, ["test@example.com"], "Test Email", "This is a test email body.")
    bounce = f"From: mailer-daemon@googlemail.com\nTo: {BOB}\nSubject: Re: Test Email\n"
    mailboxes.deliver(
        f"{bounce}In-Reply-To: {sent}\nReferences: {sent}\n\nAddress not found\n",
        [BOB],
        labels=["CATEGORY_UPDATES", "INBOX"],
    )
    since = bob.history_id()
    thread = mailboxes.box(BOB).message(sent).thread_id
    mailboxes.relabel_thread(BOB, thread, add=["TRASH"], remove=["INBOX"])
    mailboxes.relabel_thread(BOB, thread, remove=["TRASH"])
    ours = bob.changes(since)
    names: dict[str, str] = {}
    assert [_comparable(record, names) for record in ours] == (
        [_comparable(record, names) for record in wanted]
    )


def _comparable(record: Any, names: dict[str, str]) -> Any:
    """A record without its number, labels as sets, ids by order of appearance in the thread."""
    thread = record["messages"][0]["threadId"]

    def who(message: Any) -> str:
        return "first" if message["id"] == thread else "second"

    shown: dict[str, Any] = {"messages": [who(message) for message in record["messages"]]}
    for array in ("labelsAdded", "labelsRemoved"):
        for change in record.get(array, ()):
            entry = (who(change["message"]), set(change["message"]["labelIds"]), change["labelIds"])
            shown.setdefault(array, []).append(entry)
    return shown


def test_headers_come_as_recorded(google_specs: Path, reader: Caller) -> None:
    """Words are decoded, and folds are left as the blanks they began with."""
    values = [
        item["value"]
        for call in recorded(google_specs)
        if call.operation == "messages.get"
        for item in call.response["payload"].get("headers", ())
    ]
    assert any(not value.isascii() for value in values)
    assert any("        " in value for value in values)
    ours = [
        item["value"]
        for key in reader.ids(maxResults=500)
        for item in reader.get(f"messages/{key}", format="metadata")["payload"]["headers"]
    ]
    for value in (*values, *ours):
        assert "\n" not in value
        assert "=?utf-8?" not in value.lower()
    assert any(not value.isascii() for value in ours)
    assert any("        " in value for value in ours)


def test_a_received_mail_begins_as_recorded(google_specs: Path, reader: Caller) -> None:
    key = reader.ids(labelIds="INBOX", q="-in:sent")[0]
    message = reader.get(f"messages/{key}", format="metadata")
    assert message["payload"]["headers"][0]["name"] == "Delivered-To"
    assert re.fullmatch(
        r"by 2002:\S+ with SMTP id \w+; {8}\w.* \(P[SD]T\)", header(message, "Received")
    )
    theirs = [
        call.response
        for call in recorded(google_specs)
        if call.operation == "messages.get"
        and header(
            call.response | {"payload": {"headers": [], **call.response["payload"]}}, "Delivered-To"
        )
    ]
    assert theirs
    for recorded_message in theirs:
        received = header(recorded_message, "Received")
        assert re.fullmatch(r"by 2002:\S+ with SMTP id \S+; {8}\w.* \(P[SD]T\)", received)
