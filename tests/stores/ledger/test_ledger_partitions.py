"""Connections, partitions, cursors and listings."""

import pytest
from ledger_samples import Channel, record

from stores.errors import StoreError
from stores.ledger.ledger import Ledger


def test_a_connection_keeps_its_number_and_takes_a_new_title(ledger: Ledger) -> None:
    first = ledger.connection_id("slack", "T1", "Acme")
    other = ledger.connection_id("slack", "T2", "Acme")
    same_name = ledger.connection_id("jira", "T1", "Acme")
    assert len({first, other, same_name}) == 3

    assert ledger.connection_id("slack", "T1", "Acme Inc.") == first
    assert ledger.connection_id("slack", "T1", None) == first
    titles = {state.id: state.title for state in ledger.connections()}
    assert titles == {first: "Acme Inc.", other: "Acme", same_name: "Acme"}


def test_a_connection_of_which_no_title_is_known_has_its_name(ledger: Ledger) -> None:
    ledger.connection_id("slack", "T1", None)
    assert [state.title for state in ledger.connections()] == ["T1"]
    ledger.connection_id("slack", "T1", "Acme")
    assert [state.title for state in ledger.connections()] == ["Acme"]


def test_a_new_partition_has_no_cursor_and_no_listing(ledger: Ledger) -> None:
    connection = ledger.connection_id("slack", "T1", "Acme")
    state = ledger.partition(connection, "C1", "general", "channel")
    assert (state.key, state.name, state.kind) == ("C1", "general", "channel")
    assert (state.cursor, state.generation, state.listing_open) == (None, 0, False)
    assert state.updated_at is None


def test_a_partition_keeps_its_cursor_when_it_is_renamed(channel: Channel) -> None:
    channel.commit(cursor={"ts": "1700000000.000100", "pages": [1, None]})

    renamed = channel.ledger.partition(channel.connection, "C1", "general-talk", "archive")

    assert (renamed.id, renamed.name, renamed.kind) == (channel.id, "general-talk", "archive")
    assert renamed.cursor == {"ts": "1700000000.000100", "pages": [1, None]}
    assert renamed.updated_at is not None
    assert channel.ledger.partition(channel.connection, "C1", "general-talk", "archive") == renamed


def test_a_batch_without_a_cursor_leaves_the_committed_one(channel: Channel) -> None:
    channel.commit(cursor={"ts": "1"})
    channel.commit(records=[record("thread:1")])
    assert channel.cursor() == {"ts": "1"}
    channel.commit(cursor={})
    assert channel.cursor() == {}


def test_a_reset_cursor_is_gone_and_the_records_stay(channel: Channel) -> None:
    channel.commit(records=[record("thread:1")], cursor={"ts": "1"})
    channel.ledger.reset_cursor(channel.id)
    assert channel.cursor() is None
    assert channel.keys() == {"thread:1"}


def test_a_cursor_that_is_not_json_is_refused_with_the_batch(channel: Channel) -> None:
    with pytest.raises(TypeError):
        channel.commit(records=[record("thread:1")], cursor={"ts": object()})
    assert channel.keys() == set()


def test_an_interrupted_listing_goes_on_under_its_number(channel: Channel) -> None:
    channel.commit(records=[record("thread:1"), record("thread:2")])
    channel.list_again()
    channel.commit(seen=["thread:1"])  # and the run is killed

    resumed = channel.ledger.begin_listing(channel.id, fresh=False)

    assert resumed == channel.generation
    assert channel.unseen_keys() == {"thread:2"}


def test_a_closed_listing_is_followed_by_a_new_one(channel: Channel) -> None:
    channel.commit(listing_closed=True)
    state = channel.ledger.partition(channel.connection, "C1", "#C1", "channel")
    assert (state.generation, state.listing_open) == (channel.generation, False)

    assert channel.ledger.begin_listing(channel.id, fresh=False) == channel.generation + 1


def test_a_fresh_listing_replaces_an_open_one_and_outlives_its_end(channel: Channel) -> None:
    fresh = channel.ledger.begin_listing(channel.id, fresh=True)
    assert fresh == channel.generation + 1

    channel.commit(listing_closed=True)  # of the listing before

    state = channel.ledger.partition(channel.connection, "C1", "#C1", "channel")
    assert state.listing_open
    assert channel.ledger.begin_listing(channel.id, fresh=False) == fresh


def test_a_listing_of_a_partition_that_does_not_exist_says_so(ledger: Ledger) -> None:
    with pytest.raises(StoreError, match="knows no partition 4711"):
        ledger.begin_listing(4711, fresh=True)


def test_names_that_no_database_takes_are_made_harmless(ledger: Ledger) -> None:
    connection = ledger.connection_id("slack", "T1", "Ac\0me \ud83d")
    state = ledger.partition(connection, "C1", "gen\0eral", "channel")
    assert ledger.connections()[0].title == "Ac\ufffdme \ufffd"
    assert state.name == "gen\ufffderal"
    assert ledger.partition(connection, "C1", "gen\0eral", "channel") == state
