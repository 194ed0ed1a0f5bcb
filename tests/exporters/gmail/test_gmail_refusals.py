"""What Google refuses, and what follows: waits, retries of parts, sentences a person can act on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gmail_samples import ADMIN, MakeExporter, credentials, mail, settings_for, stores_in, sync

from documents.errors import ConfigurationError
from exporters.base import Partition
from exporters.changes import Change, Delete, Failure, Listed, Upsert, Withheld
from exporters.errors import AuthenticationError, PermissionDeniedError, RateLimitError
from exporters.gmail.exporter import GmailExporter
from exporters.gmail.settings import GmailSelection, GmailSettings
from exporters.google.batch import batch_request, parse_batch
from exporters.google.credentials import GoogleCredential
from exporters.loading import loaded
from sandbox.gmail import Fault, GmailSandbox, Mailboxes
from tasks.partition_errors import PartitionFailedError

BOB = "bob@acme.example"
BOBS = GmailSelection(mailboxes=[BOB])


def fill(mailboxes: Mailboxes, count: int) -> None:
    for number in range(count):
        mailboxes.deliver(mail(message_id=f"<{number}@x.example>").as_bytes(), [BOB])


def bobs(exporter: GmailExporter) -> Partition:
    [partition] = exporter.partitions(BOBS)
    return partition


def said(exporter: GmailExporter) -> Iterator[Change]:
    """Everything of Bob's mailbox, fetched together as the pipeline does."""
    changes = list(exporter.pull(bobs(exporter), None))
    yield from loaded([change for change in changes if isinstance(change, Listed)])


def of(kind: type[Any], changes: Iterator[Change]) -> list[Any]:
    return [change for change in changes if isinstance(change, kind)]


# --- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason"),
    [(429, "rateLimitExceeded"), (403, "userRateLimitExceeded"), (503, "backendError")],
)
def test_parts_of_a_batch_that_were_refused_are_asked_for_again_and_they_alone(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, status: int, reason: str
) -> None:
    fill(mailboxes, 5)
    gmail.fail("messages.get", status, reason, times=2)
    assert len(of(Upsert, said(exporter_of(gmail)))) == 5
    assert gmail.requests.count("batch") == 2
    assert gmail.requests.count("messages.get") == 7


def test_a_mail_that_is_broken_for_good_costs_itself(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    fill(mailboxes, 3)
    broken = next(iter(mailboxes.box(BOB).messages))
    gmail.fail("messages.get", 500, "backendError", times=None, id=broken)
    changes = list(said(exporter_of(gmail)))
    assert len(of(Upsert, iter(changes))) == 2
    [failure] = of(Failure, iter(changes))
    assert failure.external_id.endswith(f"/{broken}")


def test_a_mailbox_that_is_closed_while_it_is_read_is_told_once(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    fill(mailboxes, 3)
    gmail.fail("messages.get", 403, "domainPolicy", times=None)
    with pytest.raises(PermissionDeniedError, match="administrators have switched off") as refused:
        list(said(exporter_of(gmail)))
    assert "App access control" in refused.value.hint
    assert gmail.requests.count("batch") == 1


def test_a_mail_that_went_since_it_was_listed_is_deleted(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    fill(mailboxes, 2)
    exporter = exporter_of(gmail)
    changes = [one for one in exporter.pull(bobs(exporter), None) if isinstance(one, Listed)]
    gone, _ = list(mailboxes.box(BOB).messages)
    mailboxes.delete(BOB, gone)
    [delete] = of(Delete, loaded(changes))
    assert delete.external_id.endswith(f"/{gone}")


def test_a_limit_that_lasts_stops_the_mailbox_and_tells_how_long(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    fill(mailboxes, 1)
    gmail.fail("messages.get", 403, "dailyLimitExceeded", times=None)
    with pytest.raises(RateLimitError) as refused:
        list(said(exporter_of(gmail)))
    assert refused.value.code == "dailyLimitExceeded"
    assert (refused.value.retry_after or 0) > 1
    assert gmail.requests.count("batch") == 1


def test_the_moment_that_gmail_names_is_waited_for(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    fill(mailboxes, 4)
    gmail.switches.set(user_units=60, quota_scale=60)
    assert len(of(Upsert, said(exporter_of(gmail, max_attempts=8)))) == 4


def test_quota_units_are_spent_at_the_pace_that_the_settings_say(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    fill(mailboxes, 6)
    exporter = exporter_of(
        gmail, rate_limits={"mailbox": {"per_minute": 3_000, "burst": 60}}, batch_size=3
    )
    gmail.switches.set(user_units=120, quota_scale=60)  # 120 units a second
    assert len(of(Upsert, said(exporter))) == 6
    refused = [entry for entry in gmail.requests.entries() if entry.status in {403, 429}]
    assert refused == []


def test_a_batch_that_is_too_large_to_read_is_asked_for_in_halves(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    for number in range(4):
        letter = mail(text="words " * 3_000, message_id=f"<{number}@x.example>")
        mailboxes.deliver(letter.as_bytes(), [BOB])
    exporter = exporter_of(gmail, max_json_bytes=60_000)
    assert len(of(Upsert, said(exporter))) == 4
    assert gmail.requests.count("batch") == 3


# --- tokens --------------------------------------------------------------------------------------


def test_a_token_that_dies_during_a_run_is_renewed_once(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    fill(mailboxes, 2)
    exporter = exporter_of(gmail)
    changes = [one for one in exporter.pull(bobs(exporter), None) if isinstance(one, Listed)]
    tokens = gmail.requests.count("token")
    gmail.oauth.expire_access_tokens()
    assert len(of(Upsert, loaded(changes))) == 2
    assert gmail.requests.count("token") == tokens + 1


def test_without_delegation_the_sentence_names_the_client_and_where_to_go(
    gmail: GmailSandbox, exporter_of: MakeExporter
) -> None:
    gmail.set_delegated_scopes([])
    with pytest.raises(AuthenticationError, match="does not let this service account") as refused:
        list(exporter_of(gmail).partitions(GmailSelection()))
    assert gmail.service_account_info()["client_id"] in refused.value.hint
    assert "Domain-wide delegation" in refused.value.hint
    assert gmail.requests.count("token") == 1


def test_one_scope_alone_is_told_apart_from_the_other(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    gmail.set_delegated_scopes(["https://www.googleapis.com/auth/admin.directory.user.readonly"])
    report = exporter_of(gmail).test_connection()
    outcomes = {probe.name: str(probe.outcome) for probe in report.probes}
    assert outcomes == {"directory": "passed", "mailbox": "failed", "sample read": "skipped"}


def test_somebody_who_is_no_administrator_cannot_list_people(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    mailboxes.organization.set_admin(ADMIN, is_admin=False)
    report = exporter_of(gmail).test_connection()
    assert not report.ok
    assert report.probes[0].name == "directory"
    with pytest.raises(PermissionDeniedError):
        list(exporter_of(gmail).partitions(GmailSelection()))


def test_a_consent_that_was_revoked_needs_a_person(
    gmail: GmailSandbox, exporter_of: MakeExporter
) -> None:
    info = gmail.authorized_user_info(BOB)
    gmail.oauth.revoke_consent(BOB)
    exporter = exporter_of(gmail, oauth_credentials=json.dumps(info))
    with pytest.raises(AuthenticationError, match="does not accept the credential") as refused:
        _ = exporter.connection
    assert refused.value.retryable is False
    assert info["refresh_token"] not in refused.value.sentence()


def test_a_person_who_is_gone_between_listing_and_reading_is_withheld(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    exporter = exporter_of(gmail)
    partition = bobs(exporter)
    mailboxes.organization.remove_user(BOB)
    [withheld] = exporter.pull(partition, None)
    assert isinstance(withheld, Withheld)
    assert withheld.everything
    assert "the account does not exist or is suspended" in withheld.reason


def test_oauth_credentials_open_their_own_mailbox_only(
    gmail: GmailSandbox, exporter_of: MakeExporter
) -> None:
    info = json.dumps(gmail.authorized_user_info(BOB))
    exporter = exporter_of(gmail, oauth_credentials=info)
    assert exporter.connection == BOB
    with pytest.raises(ConfigurationError, match="and not ada"):
        list(exporter.partitions(GmailSelection(mailboxes=["ada@acme.example"])))


def test_a_mailbox_that_nobody_has_is_a_mistake(
    gmail: GmailSandbox, exporter_of: MakeExporter
) -> None:
    with pytest.raises(ConfigurationError, match="nobody with the address eve"):
        list(exporter_of(gmail).partitions(GmailSelection(mailboxes=["eve@acme.example"])))


# --- credentials as they are given ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"service_account": "no-such-file.json"}, "neither JSON nor a file that can be read"),
        ({"service_account": "{broken"}, "is not valid JSON"),
        ({"service_account": '{"type": "authorized_user"}'}, "of the type authorized_user"),
        ({"service_account": '{"client_email": "a", "private_key": "k"}'}, "admin_subject"),
        ({"oauth_credentials": '{"client_id": "a"}'}, "no client_secret and no refresh_token"),
        ({"oauth_credentials": "[1]"}, "neither JSON nor a file"),
    ],
)
def test_a_credential_that_makes_no_sense_is_one_sentence(
    given: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        GmailExporter(**given, settings=GmailSettings())  # type: ignore[arg-type]


def test_without_any_credential_documents_can_be_made_and_nothing_can_be_read() -> None:
    exporter = GmailExporter(settings=GmailSettings())
    with pytest.raises(ConfigurationError, match="There is no Google credential"):
        _ = exporter.connection
    exporter.close()


def test_a_private_key_that_is_none_is_not_quoted(gmail: GmailSandbox) -> None:
    info = {**gmail.service_account_info(), "private_key": "-----BEGIN PRIVATE KEY-----\nsecret"}
    exporter = GmailExporter(json.dumps(info), ADMIN, settings=settings_for(gmail))
    with pytest.raises(ConfigurationError) as refused:
        list(exporter.partitions(GmailSelection()))
    assert "secret" not in refused.value.sentence()


def test_a_credential_can_be_given_as_a_file_and_shows_no_secret(
    gmail: GmailSandbox, tmp_path: Path
) -> None:
    path = tmp_path / "key.json"
    path.write_text(credentials(gmail)["service_account"])
    credential = GoogleCredential.of(
        service_account=str(path), admin_subject=ADMIN, oauth_credentials=None
    )
    assert credential is not None
    assert "PRIVATE KEY" not in repr(credential)


# --- attachments and long texts -------------------------------------------------------------------


def test_an_attachment_that_cannot_be_had_costs_a_dead_letter_and_comes_with_a_retry(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    letter = mail(files={"plan.txt": b"Bollards"})
    identifier = mailboxes.deliver(letter.as_bytes(), [BOB])[BOB]
    gmail.fail("messages.attachments.get", 500, "backendError", times=3)
    exporter = exporter_of(gmail)
    changes = list(said(exporter))
    [upsert] = of(Upsert, iter(changes))
    [failure] = of(Failure, iter(changes))
    assert upsert.record.version is None
    assert upsert.record.payload["attachments"][0]["reason"] == "It could not be fetched."
    assert failure.external_id == upsert.record.external_id
    again = exporter.fetch(bobs(exporter), "message", f"{bobs(exporter).key}/{identifier}")
    assert again is not None
    [upsert] = of(Upsert, again)
    assert upsert.record.payload["attachments"][0]["text"] == "Bollards"


def test_an_attachment_above_the_limit_is_named_and_not_fetched(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    mailboxes.deliver(mail(files={"plan.txt": b"x" * 2_000}).as_bytes(), [BOB])
    [upsert] = of(Upsert, said(exporter_of(gmail, attachment_bytes=1_000)))
    [entry] = upsert.record.payload["attachments"]
    assert (entry["sha256"], entry["reason"]) == (None, "Larger than 1000 bytes.")
    assert gmail.requests.count("messages.attachments.get") == 0


def test_a_text_that_gmail_sends_apart_is_part_of_the_mail(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    gmail.switches.set(inline_limit=10)
    mailboxes.deliver(mail(text="A text of some length.").as_bytes(), [BOB])
    exporter = exporter_of(gmail)
    [upsert] = of(Upsert, said(exporter))
    [document] = exporter.to_documents(upsert.record)
    assert document.page_content == "A text of some length."
    assert "attachmentId" not in json.dumps(upsert.record.payload)


# --- a run that was killed ------------------------------------------------------------------------


def test_a_listing_goes_on_at_its_page_and_from_the_start_where_gmail_forgot_it(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, tmp_path: Path
) -> None:
    fill(mailboxes, 9)
    exporter = exporter_of(gmail, page_size=3)
    partition = bobs(exporter)
    cursors = [
        change.cursor for change in exporter.pull(partition, None) if hasattr(change, "cursor")
    ]
    assert [bool(cursor.get("listing")) for cursor in cursors] == [True, True, False]
    gmail.requests.clear()
    resumed = [one for one in exporter.pull(partition, cursors[1]) if isinstance(one, Listed)]
    assert len(resumed) == 3
    gmail.faults.add(
        Fault(
            "answer",
            "messages.list",
            times=1,
            status=400,
            body={
                "error": {
                    "code": 400,
                    "message": "Invalid pageToken",
                    "errors": [{"reason": "invalidArgument"}],
                }
            },
        )
    )
    anew = [one for one in exporter.pull(partition, cursors[1]) if isinstance(one, Listed)]
    assert len(anew) == 9


def test_a_sync_after_a_failed_one_loses_nothing(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, tmp_path: Path
) -> None:
    fill(mailboxes, 5)
    with stores_in(tmp_path) as stores:
        gmail.fail("history.list", 500, "backendError", times=None)
        assert sync(exporter_of(gmail), stores, "first", selection=BOBS).new == 5
        with pytest.raises(PartitionFailedError, match="failed to answer history"):
            sync(exporter_of(gmail), stores, "second", selection=BOBS)
        gmail.faults.clear()
        fill(mailboxes, 1)
        assert sync(exporter_of(gmail), stores, "third", selection=BOBS).failed == 0


# --- batches --------------------------------------------------------------------------------------


def test_a_batch_names_its_parts_by_their_place() -> None:
    request = batch_request(["/a?x=1", "/b"])
    text = request.content.decode()
    assert "Content-ID: <0>\r\n\r\nGET /a?x=1\r\n" in text
    assert text.count("--batch_") == 3


def test_an_answer_to_a_batch_is_read_in_any_order() -> None:
    body = (
        b"--b\r\nContent-Type: application/http\r\nContent-ID: <response-1>\r\n\r\n"
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"id": "1"}\r\n'
        b"--b\r\nContent-Type: application/http\r\nContent-ID: response-0\r\n\r\n"
        b"HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\n\r\n<html>busy</html>\r\n--b--\r\n"
    )
    answers = parse_batch(body, {"content-type": 'multipart/mixed; boundary="b"'})
    assert (answers[1].status, answers[1].body) == (200, {"id": "1"})
    assert (answers[0].status, answers[0].headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{}", "application/json"),
        (
            b"--b\r\nContent-ID: <response-0>\r\n\r\nnot http\r\n--b--",
            "multipart/mixed; boundary=b",
        ),
        (b"--b\r\nX: 1\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}\r\n--b--", "multipart/mixed; boundary=b"),
    ],
)
def test_an_answer_that_is_no_batch_is_refused(content: bytes, kind: str) -> None:
    with pytest.raises(ValueError, match=r"batch|multipart"):
        parse_batch(content, {"content-type": kind})
