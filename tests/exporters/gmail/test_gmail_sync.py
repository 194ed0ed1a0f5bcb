"""Gmail through pipeline and stores: what changes, what it costs, who may find it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gmail_samples import (
    HandClock,
    MakeExporter,
    credentials,
    mail,
    settings_for,
    shared_data,
    stores_in,
    sync,
    sync_all,
)
from langchain_core.documents import Document

from documents.principals import PUBLIC, user
from exporters.gmail.exporter import GmailExporter
from exporters.gmail.settings import GmailSelection
from sandbox.gmail import Fault, GmailSandbox, Mailboxes
from stores.base import SearchFilter
from stores.ledger.types import Standing
from tasks.options import SyncOptions
from tasks.partition_errors import PartitionFailedError
from tasks.results import PartitionOutcome
from tasks.stores import Stores

ADA, BOB, CLEO = (f"{name}@acme.example" for name in ("ada", "bob", "cleo"))
BOBS = GmailSelection(mailboxes=[BOB])


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    with stores_in(tmp_path) as opened:
        yield opened


def found(stores: Stores, words: str, *addresses: str) -> list[Document]:
    principals = frozenset(map(user, addresses))
    where = SearchFilter(principals=principals) if addresses else None
    ids = [hit.document_id for hit in stores.index.search(words, limit=50, where=where)]
    return list(stores.index.get(ids).values())


def copy_of(document: Document, address: str) -> dict[str, Any]:
    [entry] = [one for one in document.metadata["extra"]["copies"] if one["mailbox"] == address]
    return dict(entry)


def calls(gmail: GmailSandbox) -> dict[str, int]:
    """Calls on the wire: parts of a batch are none."""
    batched = gmail.requests.count("messages.get")
    counts = {
        name: count
        for name, count in gmail.requests.counts().items()
        if name != "token" and not name.startswith("directory") and name != "messages.get"
    }
    assert batched == 0 or "batch" in counts
    return counts


def test_one_mail_in_three_mailboxes_is_one_document_that_all_three_find(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    mailboxes.write(ADA, [BOB, CLEO], "Ferry", "The blue one")
    counts = sync(exporter_of(gmail), stores, "first")
    assert counts.new == 1
    [document] = found(stores, "blue")
    assert document.metadata["access"] == [user(ADA), user(BOB), user(CLEO)]
    assert [one["mailbox"] for one in document.metadata["extra"]["copies"]].count(BOB) == 1
    assert copy_of(document, ADA)["is_sent"] is True
    assert copy_of(document, BOB)["is_unread"] is True
    assert found(stores, "blue", CLEO)
    assert not found(stores, "blue", "dora@acme.example")


def test_a_second_sync_costs_one_call_a_mailbox_and_writes_nothing(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    mailboxes.write(ADA, [BOB], "Ferry", "The blue one")
    sync(exporter_of(gmail), stores, "first")
    gmail.requests.clear()
    counts = sync(exporter_of(gmail), stores, "second")
    assert (counts.written, counts.landed) == (0, 0)
    assert calls(gmail) == {"history.list": 4}


def test_a_first_load_costs_a_page_of_ids_and_one_call_for_fifty_mails(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    for number in range(120):
        mailboxes.deliver(mail(message_id=f"<{number}@x.example>").as_bytes(), [BOB])
    counts = sync(exporter_of(gmail), stores, "first", selection=BOBS)
    assert counts.new == 120
    assert calls(gmail) == {"getProfile": 1, "messages.list": 1, "batch": 3}


def test_new_mails_cost_a_page_of_history_and_one_call_for_fifty(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    sync(exporter_of(gmail), stores, "first", selection=BOBS)
    for number in range(51):
        mailboxes.deliver(mail(message_id=f"<{number}@x.example>").as_bytes(), [BOB])
    mailboxes.deliver(
        mail(message_id="<f@x.example>", files={"plan.txt": b"Bollards"}).as_bytes(), [BOB]
    )
    gmail.requests.clear()
    counts = sync(exporter_of(gmail), stores, "second", selection=BOBS)
    assert counts.new == 52
    assert calls(gmail) == {"history.list": 1, "batch": 2, "messages.attachments.get": 1}
    assert found(stores, "bollards", BOB)


def test_a_read_mail_changes_its_copy_alone_without_a_call_for_it(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    mailboxes.write(ADA, [BOB, CLEO], "Ferry", "The blue one")
    sync(exporter_of(gmail), stores, "first")
    [identifier] = mailboxes.find(BOB, "Ferry")
    mailboxes.mark_read(BOB, identifier)
    mailboxes.relabel(BOB, identifier, add=["STARRED"])
    gmail.requests.clear()
    counts = sync(exporter_of(gmail), stores, "second")
    [document] = found(stores, "blue")
    assert (counts.changed, counts.embedded, counts.landed) == (1, 0, 0)
    bobs = copy_of(document, BOB)
    assert (bobs["is_unread"], bobs["is_starred"]) == (False, True)
    assert copy_of(document, CLEO)["is_unread"] is True
    assert calls(gmail) == {"history.list": 4}


def test_labels_of_a_person_are_named(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    mailboxes.write(ADA, [BOB], "Ferry", "The blue one")
    sync(exporter_of(gmail), stores, "first")
    label = mailboxes.create_label(BOB, "Harbour/Ferries")
    mailboxes.relabel(BOB, mailboxes.find(BOB, "Ferry")[0], add=[label])
    sync(exporter_of(gmail), stores, "second")
    [document] = found(stores, "blue")
    entry = copy_of(document, BOB)
    assert "Harbour/Ferries" in entry["labels"]
    assert label in entry["label_ids"]


def test_what_is_trashed_is_gone_for_its_owner_and_comes_back(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    mailboxes.write(ADA, [BOB], "Ferry", "The blue one")
    sync(exporter_of(gmail), stores, "first")
    [identifier] = mailboxes.find(BOB, "Ferry")
    mailboxes.trash(BOB, identifier)
    sync(exporter_of(gmail), stores, "second")
    assert not found(stores, "blue", BOB)
    assert found(stores, "blue", ADA)
    mailboxes.untrash(BOB, identifier)
    sync(exporter_of(gmail), stores, "third")
    [document] = found(stores, "blue", BOB)
    assert copy_of(document, BOB)["labels"] == copy_of(document, BOB)["label_ids"]
    assert "TRASH" not in copy_of(document, BOB)["label_ids"]


def test_a_document_goes_with_its_last_copy(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    message_id = mailboxes.write(ADA, [BOB], "Ferry", "The blue one")
    sync(exporter_of(gmail), stores, "first")
    mailboxes.delete(ADA, mailboxes.find(ADA, "Ferry")[0])
    sync(exporter_of(gmail), stores, "second")
    [document] = found(stores, "blue")
    assert document.metadata["access"] == [user(BOB)]
    assert mailboxes.delete_everywhere(message_id) == 1
    sync(exporter_of(gmail), stores, "third")
    assert found(stores, "blue") == []


def test_spam_and_trash_are_synced_only_where_they_are_asked_for(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    mailboxes.deliver(mail(text="Buy bollards").as_bytes(), [BOB], labels=["SPAM"])
    assert sync(exporter_of(gmail), stores, "first", selection=BOBS).new == 0
    everything = GmailSelection(mailboxes=[BOB], include_spam_trash=True)
    assert sync(exporter_of(gmail), stores, "second", selection=everything).new == 1
    assert sync(exporter_of(gmail), stores, "third", selection=everything).written == 0
    assert sync(exporter_of(gmail), stores, "fourth", selection=BOBS).deleted == 1


def test_after_the_history_is_forgotten_nothing_is_fetched_again_and_nothing_is_missed(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    for number in range(6):
        letter = mail(subject=f"Number {number}", message_id=f"<{number}@x.example>")
        mailboxes.deliver(letter.as_bytes(), [BOB])
    sync(exporter_of(gmail), stores, "first", selection=BOBS)
    one, two, three = (mailboxes.find(BOB, f"Number {number}")[0] for number in range(3))
    mailboxes.mark_read(BOB, one)
    mailboxes.delete(BOB, two)
    mailboxes.trash(BOB, three)
    mailboxes.deliver(mail(text="News", message_id="<n@x.example>").as_bytes(), [BOB])
    mailboxes.forget_history(BOB)
    gmail.requests.clear()
    counts = sync(exporter_of(gmail), stores, "second", selection=BOBS)
    assert (counts.new, counts.deleted, counts.changed) == (1, 2, 1)
    fetched = {entry.parameters["id"] for entry in gmail.requests.entries("messages.get")}
    assert fetched == {*mailboxes.find(BOB, "Ferry"), two, three}
    [document] = found(stores, '"Number 0"')
    assert copy_of(document, BOB)["is_unread"] is False
    assert found(stores, "News", BOB)


def test_a_suspended_person_is_left_out_and_what_was_synced_stays(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    mailboxes.write(ADA, [BOB], "Ferry", "The blue one")
    sync(exporter_of(gmail), stores, "first")
    mailboxes.organization.suspend(BOB)
    exporter = exporter_of(gmail)
    partitions = {one.name: one for one in exporter.partitions(GmailSelection())}
    assert partitions[BOB].unreadable == (
        f"The account {BOB} is suspended. What was synced of it stays."
    )
    sync(exporter, stores, "second")
    assert found(stores, "blue", BOB)


def test_who_is_suspended_finds_nothing_of_their_own_from_the_next_sync_on(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    mailboxes.write(ADA, [BOB], "Ferry", "The blue one")
    sync(exporter_of(gmail), stores, "first")

    def may_find(address: str) -> bool:
        where = SearchFilter(principals=stores.ledger.principals_of(address))
        return bool(stores.index.search("blue", limit=1, where=where))

    assert may_find(BOB)
    mailboxes.organization.suspend(BOB)
    sync(exporter_of(gmail), stores, "second")
    assert stores.ledger.person(BOB).standing is Standing.LEFT
    assert not may_find(BOB)
    assert may_find(ADA)
    mailboxes.organization.reactivate(BOB)
    sync(exporter_of(gmail), stores, "third")
    assert may_find(BOB)


def test_a_person_finds_their_mail_by_every_address_that_google_names(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    organization = mailboxes.organization
    organization.add_user("dora@acme.example", "Dora Lee", aliases=["D.Lee@acme.example"])
    mailboxes.write(ADA, ["dora@acme.example"], "Ferry", "The blue one")
    sync(exporter_of(gmail), stores, "first")
    by_alias = stores.ledger.person("d.lee@ACME.example")
    assert by_alias.names == {user("dora@acme.example"), user("d.lee@acme.example")}
    assert by_alias.principals == stores.ledger.principals_of("dora@acme.example")
    assert stores.ledger.principals_of("dlee@acme.example") == {PUBLIC, user("dlee@acme.example")}
    organization.user("dora@acme.example").aliases.clear()
    sync(exporter_of(gmail), stores, "second")
    assert stores.ledger.principals_of("d.lee@acme.example") == {PUBLIC}


def test_a_person_who_is_suspended_while_the_sync_runs_costs_nobody_else_anything(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    mailboxes.write(ADA, [BOB], "Ferry", "The blue one")
    exporter = exporter_of(gmail)
    listed = list(exporter.partitions(GmailSelection()))
    mailboxes.organization.suspend(BOB)
    bobs = next(one for one in listed if one.name == BOB)
    *_, said = exporter.pull(bobs, None)
    assert said.everything is True  # type: ignore[union-attr]
    assert BOB in said.reason  # type: ignore[union-attr]


def test_a_person_without_gmail_is_withheld(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    exporter = exporter_of(gmail)
    listed = list(exporter.partitions(GmailSelection()))
    mailboxes.organization.set_mail_enabled(BOB, enabled=False)
    *_, said = exporter.pull(next(one for one in listed if one.name == BOB), None)
    assert said.everything is True  # type: ignore[union-attr]
    again = exporter_of(gmail).partitions(GmailSelection())
    assert next(one for one in again if one.name == BOB).unreadable


def test_a_new_address_moves_the_access_and_keeps_the_mailbox(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    mailboxes.write(ADA, [BOB], "Ferry", "The blue one")
    sync(exporter_of(gmail), stores, "first")
    exporter = exporter_of(gmail, delegates=True)
    mailboxes.add_delegate(BOB, CLEO)
    gmail.requests.clear()
    counts = sync(exporter, stores, "second")
    assert counts.access_changed == 1
    assert found(stores, "blue", CLEO)
    mailboxes.remove_delegate(BOB, CLEO)
    sync(exporter_of(gmail, delegates=True), stores, "third")
    assert not found(stores, "blue", CLEO)


def test_a_sync_of_some_days_goes_further_back_when_asked_and_sweeps_only_what_it_listed(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores,
    clock: HandClock,
) -> None:  # fmt: skip
    for days in (1, 5, 20, 40):
        mailboxes.deliver(
            mail(subject=f"Of {days}", message_id=f"<{days}@x.example>").as_bytes(),
            [BOB],
            date=clock.ago(days=days),
        )
    week = GmailSelection(mailboxes=[BOB], days_ago=7)
    month = GmailSelection(mailboxes=[BOB], days_ago=30)
    assert sync(exporter_of(gmail), stores, "first", selection=week).new == 2
    assert sync(exporter_of(gmail), stores, "second", selection=month).new == 1
    assert sync(exporter_of(gmail), stores, "third", selection=week).written == 0
    gmail.requests.clear()
    assert sync(exporter_of(gmail), stores, "fourth", selection=BOBS).new == 1
    assert gmail.requests.count("messages.get") == 1
    again = sync(exporter_of(gmail), stores, "fifth", selection=week, fresh=True)
    assert (again.deleted, again.new) == (0, 0)


def test_a_search_looks_once_and_leaves_the_rest_as_it_is(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    for subject in ("Ferry", "Tram", "Bus"):
        letter = mail(subject=subject, message_id=f"<{subject}@x.example>")
        mailboxes.deliver(letter.as_bytes(), [BOB])
    search = GmailSelection(mailboxes=[BOB], query="subject:tram")
    assert sync(exporter_of(gmail), stores, "first", selection=search).new == 1
    newest = GmailSelection(mailboxes=[BOB], max_results=2)
    assert sync(exporter_of(gmail), stores, "second", selection=newest).new == 1
    whole = sync(exporter_of(gmail), stores, "third", selection=BOBS)
    assert (whole.new, whole.deleted) == (1, 0)


def test_a_mailbox_that_repeats_its_page_is_told_and_loses_nothing(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    for number in range(9):
        mailboxes.deliver(mail(message_id=f"<{number}@x.example>").as_bytes(), [BOB])
    sync(exporter_of(gmail), stores, "first", selection=BOBS)
    gmail.switches.repeat_page_token = True
    with pytest.raises(PartitionFailedError, match="the same page again and again"):
        sync_all(exporter_of(gmail, page_size=2), stores, "second", selection=BOBS, fresh=True)
    assert len(found(stores, "blue", BOB)) == 9


@pytest.mark.parametrize("mischief", ["short_pages", "empty_pages", "duplicate_items"])
def test_pages_of_any_kind_give_every_mail_once(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores,
    mischief: str,
) -> None:  # fmt: skip
    for number in range(20):
        mailboxes.deliver(mail(message_id=f"<{number}@x.example>").as_bytes(), [BOB])
    gmail.switches.set(**{mischief: True})
    counts = sync(exporter_of(gmail, page_size=6), stores, "first", selection=BOBS)
    assert (counts.new, counts.failed) == (20, 0)
    results = sync_all(
        exporter_of(gmail, page_size=6), stores, "second", selection=BOBS, fresh=True
    )
    assert results[BOB].outcome is PartitionOutcome.COMPLETED
    assert results[BOB].counts.written == 0


def test_a_forged_message_id_lets_nobody_into_a_mail_that_was_not_sent_to_them(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    message_id = mailboxes.write(ADA, [ADA], "Plan", "We buy Quayside in spring")
    forgery = mail(
        sender="Ada Byron <ada@acme.example>", to=ADA, subject="Plan", text="Hello",
        message_id=message_id,
    )  # fmt: skip
    mailboxes.deliver(forgery.as_bytes(), [CLEO])
    counts = sync(exporter_of(gmail), stores, "first")
    assert counts.new == 2
    assert [one.metadata["access"] for one in found(stores, "Quayside")] == [[user(ADA)]]
    assert not found(stores, "Quayside", CLEO)
    [cleos] = found(stores, "Hello", CLEO)
    assert cleos.metadata["extra"]["message_id"] == f"{message_id[1:-1]}"


def test_labels_that_were_renamed_are_noticed_by_a_rescan_and_cost_no_mail(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    label = mailboxes.create_label(BOB, "Harbour")
    for number in range(3):
        letter = mail(subject=f"Number {number}", message_id=f"<{number}@x.example>")
        mailboxes.deliver(letter.as_bytes(), [BOB], labels=["INBOX", label][: 1 + number % 2])
    sync(exporter_of(gmail), stores, "first", selection=BOBS)
    mailboxes.rename_label(BOB, label, "Port")
    gmail.requests.clear()
    counts = sync(exporter_of(gmail), stores, "second", selection=BOBS, fresh=True)
    assert (counts.changed, counts.new, counts.deleted) == (1, 0, 0)
    [document] = found(stores, '"Number 1"')
    assert copy_of(document, BOB)["labels"] == ["INBOX", "Port"]
    assert gmail.requests.count("messages.get") == 0


def test_a_rescan_that_was_killed_still_brings_labels_up_to_date(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores,
    clock: HandClock,
) -> None:  # fmt: skip
    def deliver(*numbers: int, days: int) -> None:
        for number in numbers:
            letter = mail(subject=f"Number {number}", message_id=f"<{number}@x.example>")
            mailboxes.deliver(letter.as_bytes(), [BOB], date=clock.ago(days=days))

    deliver(*range(6), days=1)
    sync(exporter_of(gmail), stores, "first", selection=BOBS)
    mailboxes.mark_read(BOB, mailboxes.find(BOB, "Number 5")[0])
    deliver(6, 7, 8, days=9)
    mailboxes.forget_history(BOB)
    # Two pages of known mails are committed; what is left to the next run are new ones.
    gmail.faults.add(Fault("server_error", "messages.list", times=3, skip=2))
    exporter = exporter_of(gmail, page_size=3)
    with pytest.raises(PartitionFailedError):
        sync(exporter, stores, "killed", selection=BOBS, options=SyncOptions(batch_seconds=1e-9))
    gmail.faults.clear()
    sync(exporter_of(gmail, page_size=3), stores, "again", selection=BOBS)
    [document] = found(stores, '"Number 5"')
    assert copy_of(document, BOB)["is_unread"] is False
    assert len(found(stores, "blue", BOB)) == 9


def test_an_office_file_is_read_by_the_shared_reader(
    gmail: GmailSandbox, mailboxes: Mailboxes, clock: HandClock, stores: Stores
) -> None:
    content = shared_data("realdata", "documents", "markitdown", "test.docx").read_bytes()
    letter = mail()
    letter.add_attachment(content, "application", "octet-stream", filename="report.docx")
    mailboxes.deliver(letter.as_bytes(), [BOB])
    exporter = GmailExporter(**credentials(gmail), settings=settings_for(gmail), now=clock.now)
    sync(exporter, stores, "first", selection=BOBS)
    exporter.close()
    [document] = found(stores, "blue")
    [entry] = document.metadata["extra"]["attachments"]
    assert entry["text_chars"] > 1_000, entry["reason"]
    assert "AutoGen" in document.page_content


def test_what_a_sweep_asks_costs_one_call_a_mail_and_no_more(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, stores: Stores
) -> None:
    label = mailboxes.create_label(BOB, "Harbour")
    for number in range(10):
        letter = mail(message_id=f"<{number}@x.example>")
        mailboxes.deliver(letter.as_bytes(), [BOB], labels=["INBOX", label])
    sync(exporter_of(gmail, delegates=True), stores, "first", selection=BOBS)
    for identifier in list(mailboxes.box(BOB).messages)[:4]:
        mailboxes.trash(BOB, identifier)
    mailboxes.forget_history(BOB)
    gmail.requests.clear()
    counts = sync(exporter_of(gmail, delegates=True), stores, "second", selection=BOBS)
    assert counts.deleted == 4
    assert gmail.requests.count("messages.get") == 4
    assert gmail.requests.count("labels.list") == 1
    assert gmail.requests.count("*delegates.list") == 2  # by the mark, and by the listing
