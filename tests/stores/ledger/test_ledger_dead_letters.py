"""Dead letters: one open row an item, until it goes through or a person resolves it."""

from datetime import timedelta

from ledger_samples import NOON, Channel, letter, record

from stores.ledger.ledger import Ledger


def test_a_dead_letter_comes_back_with_everything_a_person_needs(channel: Channel) -> None:
    sent = letter(
        "thread:1",
        url="https://example.com/1",
        document_id="slack:T1:thread:1",
        raw_ref="a.parquet#1",
        last_seen=NOON,
    )
    channel.commit(dead_letters=[sent])

    (found,) = channel.ledger.dead_letters()

    assert found.id is not None
    assert channel.ledger.dead_letter(found.id) == found
    for name in ("source", "connection", "partition", "key", "document_id", "url", "raw_ref"):
        assert getattr(found, name) == getattr(sent, name)
    assert (found.error, found.message, found.run_id) == (sent.error, sent.message, sent.run_id)
    assert (found.attempts, found.first_seen, found.last_seen) == (1, NOON, NOON)


def test_an_item_that_fails_again_keeps_its_row_and_counts(channel: Channel) -> None:
    later = NOON + timedelta(hours=1)
    channel.commit(
        dead_letters=[letter("thread:1", last_seen=NOON, raw_ref="a#1", url="https://e.com")]
    )
    channel.commit(
        dead_letters=[
            letter(
                "thread:1", last_seen=later, run_id="run-2", error="NotFoundError", message="Gone."
            )
        ]
    )

    (found,) = channel.ledger.dead_letters()

    assert (found.attempts, found.first_seen, found.last_seen) == (2, NOON, later)
    assert (found.error, found.message, found.run_id) == ("NotFoundError", "Gone.", "run-2")
    assert (found.raw_ref, found.url) == ("a#1", "https://e.com")


def test_different_items_have_different_rows(ledger: Ledger) -> None:
    here, aside = Channel.of(ledger, "C1"), Channel.of(ledger, "C2")
    here.commit(
        dead_letters=[
            letter("thread:1"),
            letter("thread:2"),
            letter("thread:2", document_id="slack:T1:thread:2"),
            letter("thread:2", document_id="slack:T1:message:2"),
            letter(None, url="https://example.com/unknown"),
            letter(None, url="https://example.com/other"),
            letter(None),
            letter(None, error="TransientError"),
        ]
    )
    aside.commit(dead_letters=[letter("thread:1", partition="C2")])
    here.commit(dead_letters=[letter(None, url="https://example.com/other"), letter("thread:1")])

    assert ledger.count_dead_letters() == 9
    twice = {found.key or found.url for found in ledger.dead_letters() if found.attempts == 2}
    assert twice == {"https://example.com/other", "thread:1"}


def test_an_item_that_goes_through_takes_all_its_letters_with_it(ledger: Ledger) -> None:
    here, aside = Channel.of(ledger, "C1"), Channel.of(ledger, "C2")
    here.commit(
        dead_letters=[
            letter("thread:1"),
            letter("thread:1", document_id="slack:T1:thread:1"),
            letter("thread:2"),
        ]
    )
    elsewhere = Channel.of(ledger, team="T2")
    elsewhere.commit(dead_letters=[letter("thread:1", connection="T2")])

    aside.commit(records=[record("thread:1")], resolved=["thread:1"])

    left = {(found.connection, found.key) for found in ledger.dead_letters()}
    assert left == {("T1", "thread:2"), ("T2", "thread:1")}


def test_an_item_that_went_through_and_failed_in_one_batch_is_open_anew(channel: Channel) -> None:
    channel.commit(dead_letters=[letter("thread:1")])
    channel.commit(resolved=["thread:1"], dead_letters=[letter("thread:1", run_id="run-2")])

    (found,) = channel.ledger.dead_letters()
    assert (found.attempts, found.run_id) == (1, "run-2")


def test_dead_letters_are_found_by_filter_newest_first(ledger: Ledger) -> None:
    here, aside = Channel.of(ledger, "C1"), Channel.of(ledger, "C2")
    here.commit(
        dead_letters=[
            letter(f"thread:{hour}", last_seen=NOON + timedelta(hours=hour)) for hour in (2, 1, 3)
        ]
    )
    aside.commit(dead_letters=[letter("thread:4", partition="C2", last_seen=NOON)])

    everything = [found.key for found in ledger.dead_letters()]
    assert everything == ["thread:3", "thread:2", "thread:1", "thread:4"]
    assert [found.key for found in ledger.dead_letters(limit=2)] == ["thread:3", "thread:2"]
    assert [found.key for found in ledger.dead_letters(partition="C2")] == ["thread:4"]
    assert ledger.dead_letters(source="jira") == []
    assert ledger.dead_letters(connection="T2") == []
    assert ledger.count_dead_letters(source="slack", connection="T1", partition="C1") == 3
    assert ledger.count_dead_letters(source="jira") == 0
    assert ledger.connections()[0].dead_letters == 4


def test_a_person_resolves_dead_letters_by_number(channel: Channel) -> None:
    channel.commit(dead_letters=[letter("thread:1"), letter("thread:2"), letter("thread:3")])
    numbers = [found.id for found in channel.ledger.dead_letters() if found.key != "thread:2"]

    assert channel.ledger.resolve_dead_letters([number for number in numbers if number]) == 2

    (left,) = channel.ledger.dead_letters()
    assert left.key == "thread:2"
    assert channel.ledger.resolve_dead_letters([]) == 0
    assert channel.ledger.dead_letter(numbers[0] or 0) is None


def test_a_message_of_any_length_and_content_is_kept_as_a_sentence(channel: Channel) -> None:
    channel.commit(
        dead_letters=[letter("thread:1", message="half \ud83d and nul \0 " + "x" * 9999)]
    )
    (found,) = channel.ledger.dead_letters()
    assert found.message.startswith("half \ufffd and nul \ufffd xxx")
    assert len(found.message) == 2000
