"""One bad item costs one dead letter, and nothing else."""

from typing import Any

import pytest
from scripted_source import (
    ENTITY,
    MODEL,
    Entry,
    Room,
    document_id,
    fails,
    listed,
    listing,
    note,
    put,
)
from workbench import Bench

from documents.errors import ConfigurationError
from exporters.changes import AccessChange, Checkpoint, Complete, ContainerChange, Failure
from exporters.errors import (
    InvalidDataError,
    NotFoundError,
    PermissionDeniedError,
    TransientError,
)
from stores.errors import EmbeddingError
from tasks.failures import retry_failures
from tasks.flags import SwitchedOffError
from tasks.results import PartitionOutcome


class TestDeadLetters:
    def test_one_says_which_item_why_and_where(self, bench: Bench) -> None:
        bench.vendor.says(*listing([put(1), fails(2), put(3)], page=1))
        result = bench.sync()
        assert (result.counts.new, result.counts.failed) == (2, 1)
        assert result.outcome is PartitionOutcome.ATTENTION
        [letter] = bench.letters()
        assert (letter.key, letter.partition, letter.attempts) == ("note:2", "r1", 1)
        assert (letter.source, letter.connection) == ("scripted", "W1")
        assert letter.url == "https://scripted.example/2"
        assert (letter.error, letter.run_id) == ("InvalidDataError", "run-1")
        assert letter.message == "The note makes no sense. Look at it."
        assert letter.raw_ref is None
        assert bench.cursor() == {"page": "end"}

    @pytest.mark.parametrize("how", ["broken", "nonsense"])
    def test_a_record_that_becomes_no_document_keeps_its_payload(
        self, bench: Bench, how: str
    ) -> None:
        bench.vendor.says(*listing([put(1), put(2, **{how: "half of it"}), put(3)]))
        result = bench.sync()
        assert set(bench.texts()) == {"1", "3"}
        assert (result.counts.new, result.counts.failed) == (2, 1)
        [letter] = bench.letters()
        assert "half of it" in letter.message
        assert letter.raw_ref is not None
        assert how in bench.stores.raw.read(letter.raw_ref).row.payload.decode()
        assert letter.url == "https://scripted.example/2"

    def test_a_payload_that_is_no_json_is_set_aside(self, bench: Bench) -> None:
        bench.vendor.says(put(1, strange={"a", "b"}), put(2), put(3, big=2**70))
        bench.sync()
        assert set(bench.texts()) == {"2"}
        assert {letter.key for letter in bench.letters()} == {"note:1", "note:3"}
        assert "is no JSON" in bench.letters()[0].message

    @pytest.mark.parametrize(
        "documents",
        [
            [{"page_content": "no id", "metadata": {}}],
            [{"id": "x", "page_content": "twice"}, {"id": "x", "page_content": "twice"}],
            [{"id": "", "page_content": "empty"}],
        ],
        ids=["no id", "the same id twice", "empty id"],
    )
    def test_documents_without_ids_of_their_own_are_set_aside(
        self, bench: Bench, documents: list[dict[str, Any]]
    ) -> None:
        bench.vendor.says(put(1), put(2, documents=documents), put(3))
        bench.sync()
        assert set(bench.texts()) == {"1", "3"}
        [letter] = bench.letters()
        assert letter.key == "note:2"
        assert "without ids of their own" in letter.message

    def test_an_item_that_fails_again_stays_one_dead_letter(self, bench: Bench) -> None:
        bench.vendor.says(put(1), put(2, broken="odd"))
        bench.sync()
        bench.sync()
        [letter] = bench.letters()
        assert (letter.attempts, letter.run_id) == (2, "run-2")

    def test_an_item_that_goes_through_later_is_no_dead_letter_any_more(self, bench: Bench) -> None:
        bench.vendor.says(put(1, broken="odd"), fails(2))
        bench.sync()
        bench.vendor.mended = True
        bench.vendor.says(put(1, broken="odd"), put(2))
        bench.sync()
        assert bench.letters() == []
        assert set(bench.texts()) == {"1", "2"}

    def test_an_item_that_cannot_be_loaded_is_tried_at_the_next_listing(self, bench: Bench) -> None:
        def refuse() -> list[Any]:
            raise NotFoundError("The note 2 is not there.")

        bench.vendor.says(
            listed(note(1, version="a")), listed(note(2, version="a"), refuse), Complete(full=True)
        )
        result = bench.sync()
        assert (result.counts.new, result.counts.failed) == (1, 1)
        assert [letter.key for letter in bench.letters()] == ["note:2"]
        bench.vendor.says(listed(note(1, version="a")), listed(note(2, version="a")))
        assert bench.sync().counts.new == 1
        assert bench.letters() == []

    def test_a_refusal_of_the_whole_partition_is_no_dead_letter(self, bench: Bench) -> None:
        def refuse() -> list[Any]:
            raise PermissionDeniedError("You may not read r1.")

        bench.vendor.says(listed(note(1, version="a"), refuse))
        assert "You may not read r1." in str(bench.failing_sync())
        assert bench.letters() == []


class TestTooManyInARow:
    def test_the_partition_stops_and_says_why(self, bench: Bench) -> None:
        bench.vendor.says(
            *[put(number) for number in range(3)],
            Checkpoint({"at": 3}),
            *[fails(number) for number in range(10, 30)],
            Checkpoint({"at": 23}),
            put(99),
        )
        stopped = bench.failing_sync(max_consecutive_failures=5, batch_records=3)
        assert "5 items of r1 failed in a row" in str(stopped)
        assert "The note makes no sense." in str(stopped)
        assert not stopped.retryable
        assert stopped.result.outcome is PartitionOutcome.FAILED
        assert bench.cursor() == {"at": 3}
        assert set(bench.texts()) == {"0", "1", "2"}
        assert len(bench.letters()) == stopped.result.counts.failed >= 5

    def test_the_payloads_of_dead_letters_are_vouched_for(self, bench: Bench) -> None:
        bench.vendor.says(*[put(number, broken="odd") for number in range(8)])
        bench.failing_sync(max_consecutive_failures=5)
        vouched = {file.path for file in bench.stores.ledger.raw_files()}
        refs = {letter.raw_ref for letter in bench.letters()}
        assert refs
        assert {str(ref).partition("#")[0] for ref in refs} <= vouched

    @pytest.mark.parametrize("batch", [1, 4, 1000])
    @pytest.mark.parametrize("kind", ["failure", "broken"])
    def test_failures_between_items_that_go_through_are_not_in_a_row(
        self, bench: Bench, batch: int, kind: str
    ) -> None:
        def odd(number: int) -> Entry:
            return fails(number) if kind == "failure" else put(number, broken="odd")

        bench.vendor.says(*[odd(n) if n % 3 else put(n) for n in range(30)])
        result = bench.sync(max_consecutive_failures=3, batch_records=batch)
        assert (result.counts.new, result.counts.failed) == (10, 20)

    def test_nor_are_failures_between_unchanged_items(self, bench: Bench) -> None:
        bench.vendor.says(*[put(number) for number in range(0, 30, 2)])
        bench.sync()
        bench.vendor.says(*[fails(number) if number % 2 else put(number) for number in range(30)])
        result = bench.sync(max_consecutive_failures=2)
        assert (result.counts.unchanged, result.counts.failed) == (15, 15)

    def test_they_are_counted_across_batches(self, bench: Bench) -> None:
        bench.vendor.says(put(0), *[fails(number) for number in range(1, 9)])
        bench.failing_sync(max_consecutive_failures=8, batch_records=1)
        bench.sync(max_consecutive_failures=9, batch_records=1)

    def test_the_other_partitions_go_on(self, bench: Bench) -> None:
        bench.vendor.rooms.append(Room("r2", says=[put("other")]))
        bench.vendor.says(*[fails(number) for number in range(20)])
        bench.failing_sync("r1")
        assert bench.sync("r2").counts.new == 1


class TestRefusedByAStore:
    def test_a_refused_document_is_set_aside_and_tried_again(self, bench: Bench) -> None:
        bench.index.refuses = {document_id(2)}
        bench.vendor.says(*listing(put(number) for number in range(1, 4)))
        result = bench.sync()
        assert (result.counts.new, result.counts.failed) == (2, 1)
        [letter] = bench.letters()
        assert (letter.key, letter.document_id) == ("note:2", document_id(2))
        assert (letter.error, letter.message) == ("RefusedByStore", "too odd")
        assert letter.raw_ref
        assert letter.url
        bench.sync(fresh=True)
        assert bench.letters()[0].attempts == 2
        bench.index.refuses = set()
        bench.sync(fresh=True)
        assert set(bench.texts()) == {"1", "2", "3"}
        assert bench.letters() == []
        assert bench.sync(fresh=True).counts.unchanged == 3

    def test_a_refused_new_version_leaves_the_old_one(self, bench: Bench) -> None:
        bench.vendor.says(put(1, "old"))
        bench.sync()
        bench.index.refuses = {document_id(1)}
        bench.vendor.says(put(1, "new"))
        assert bench.sync().counts.failed == 1
        assert bench.texts() == {"1": "old"}
        bench.index.refuses = set()
        bench.sync()
        assert bench.texts() == {"1": "new"}

    @pytest.mark.parametrize("how", ["with the record", "by itself"])
    def test_a_refused_change_of_access_is_not_forgotten(self, bench: Bench, how: str) -> None:
        access = ("user:ann@x.example",)
        bench.vendor.says(put(1))
        bench.sync()
        bench.index.refuses = {document_id(1)}
        change = AccessChange(access=access, entity=ENTITY, external_id="1")
        bench.vendor.says(put(1, access=access) if how == "with the record" else change)
        result = bench.sync()
        assert (result.counts.failed, result.counts.access_changed) == (1, 0)
        [letter] = bench.letters()
        assert letter.document_id == document_id(1)
        bench.index.refuses = set()
        bench.vendor.says(put(1, access=access))
        bench.sync()
        assert bench.letters() == []
        found, chunks = bench.state()["found by"]["user:ann@x.example"]
        assert found == chunks == [document_id(1)]

    @pytest.mark.parametrize(
        "change",
        [
            AccessChange(access=("user:ann@x.example",)),
            ContainerChange(container={"id": "r", "name": "renamed", "url": None}),
        ],
        ids=["access", "container"],
    )
    def test_a_change_of_the_whole_partition_that_is_refused_is_said_again(
        self, bench: Bench, change: Entry
    ) -> None:
        bench.vendor.says(put(1), put(2), Checkpoint({"at": 0}))
        bench.sync()
        bench.index.refuses = {document_id(1)}
        bench.vendor.says(change, put(3), Checkpoint({"at": 1}))
        assert "too odd" in str(bench.failing_sync())
        assert bench.cursor() == {"at": 0}
        bench.index.refuses = set()
        result = bench.sync()
        assert result.counts.access_changed + result.counts.changed == 2
        assert result.counts.new == 1

    def test_too_many_in_a_row_stop_the_partition(self, bench: Bench) -> None:
        bench.index.refuses = {document_id(number) for number in range(5, 20)}
        bench.vendor.says(*listing([put(number) for number in range(20)], page=5))
        stopped = bench.failing_sync(max_consecutive_failures=4, batch_records=5)
        assert "4 documents in a row were refused" in str(stopped)
        assert "too odd" in str(stopped)
        assert bench.cursor() in ({"page": 1}, None)
        assert set(bench.texts()) == {"0", "1", "2", "3", "4"}
        bench.index.refuses = set()
        bench.sync()
        assert len(bench.texts()) == 20
        assert bench.letters() == []


class TestTextsThatCannotBeEmbedded:
    def test_one_costs_its_document_and_no_other(self, bench: Bench) -> None:
        MODEL.refuses = "poison"
        bench.vendor.says(*listing([put(n, "poison" if n == 13 else None) for n in range(40)]))
        result = bench.sync()
        assert (result.counts.new, result.counts.failed) == (39, 1)
        assert result.counts.embedded == 39
        [letter] = bench.letters()
        assert (letter.document_id, letter.error) == (document_id(13), "EmbeddingError")
        assert "cannot read a text" in letter.message
        assert "13" not in bench.texts()
        assert bench.stores.vectors is not None
        assert bench.stores.vectors.count() == 39
        MODEL.refuses = ""
        bench.sync(fresh=True)
        assert bench.texts()["13"] == "poison"
        assert bench.letters() == []

    def test_a_model_that_fails_at_everything_stops_the_partition(self, bench: Bench) -> None:
        MODEL.fails = EmbeddingError("The model is broken.", hint="Mend it.")
        bench.vendor.says(*listing(put(number) for number in range(40)))
        stopped = bench.failing_sync()
        assert stopped.sentence() == "The model is broken. Mend it."
        assert not stopped.retryable
        assert bench.letters() == []
        assert bench.cursor() is None
        assert MODEL.calls == 2

    def test_a_server_that_is_away_is_tried_again_by_the_task(self, bench: Bench) -> None:
        MODEL.fails = EmbeddingError("The server is away.", retryable=True)
        bench.vendor.says(*listing(put(number) for number in range(3)))
        assert bench.failing_sync().retryable
        assert MODEL.calls == 1

    def test_a_model_that_raises_anything_else_is_told_in_a_sentence(self, bench: Bench) -> None:
        MODEL.fails = RuntimeError("CUDA")
        bench.vendor.says(put(1))
        stopped = bench.failing_sync()
        assert "r1 stopped unexpectedly: RuntimeError: CUDA" in str(stopped)
        assert stopped.result.error == "RuntimeError"


class TestRetrying:
    def test_an_item_that_landed_goes_through_without_asking_the_source(
        self, installed: Bench
    ) -> None:
        bench = installed
        bench.vendor.says(put(1), put(2, broken="odd"))
        bench.sync()
        bench.close()
        bench.vendor.mended = True
        bench.vendor.refuses = PermissionDeniedError("Nobody may ask.")
        retried = retry_failures(bench.letters())
        assert (retried.resolved, retried.left, retried.messages) == (1, 0, [])
        assert set(bench.texts()) == {"1", "2"}
        assert bench.letters() == []

    def test_an_item_that_still_fails_stays_and_says_so(self, installed: Bench) -> None:
        bench = installed
        bench.vendor.says(put(2, broken="odd"))
        bench.sync()
        retried = retry_failures(bench.letters())
        assert (retried.resolved, retried.left) == (0, 1)
        [letter] = bench.letters()
        assert letter.attempts == 2
        assert retried.results[0].counts.failed == 1

    def test_an_item_that_never_came_is_fetched(self, installed: Bench) -> None:
        bench = installed
        bench.vendor.says(put(1), fails(2), fails(3))
        bench.sync()
        bench.vendor.items = {"note:2": [put(2)], "note:3": TransientError("Still away.")}
        retried = retry_failures(bench.letters())
        assert (retried.resolved, retried.left) == (1, 1)
        assert set(bench.texts()) == {"1", "2"}
        [letter] = bench.letters()
        assert (letter.key, letter.message, letter.attempts) == ("note:3", "Still away.", 2)

    @pytest.mark.parametrize("flag", ["sync", "sync.scripted", "sync.scripted.W1"])
    def test_a_source_that_is_switched_off_is_not_asked(self, installed: Bench, flag: str) -> None:
        bench = installed
        bench.vendor.says(put(1), fails(2))
        bench.sync()
        bench.vendor.items = {"note:2": [put(2)]}
        bench.stores.ledger.flags.switch(flag, enabled=False)
        with pytest.raises(SwitchedOffError, match=f"The flag {flag} was switched off"):
            retry_failures(bench.letters())
        bench.stores.ledger.flags.switch(flag, enabled=True)
        assert retry_failures(bench.letters()).resolved == 1

    def test_an_item_that_is_gone_by_now_is_settled(self, installed: Bench) -> None:
        bench = installed
        bench.vendor.says(fails(2))
        bench.sync()
        bench.vendor.items = {}
        assert retry_failures(bench.letters()).resolved == 1
        assert bench.letters() == []

    def test_a_source_that_cannot_be_asked_for_one_item_says_so(self, installed: Bench) -> None:
        bench = installed
        bench.vendor.says(fails(2))
        bench.sync()
        retried = retry_failures(bench.letters())
        assert (retried.resolved, retried.left) == (0, 1)
        assert "cannot be asked for single items" in bench.letters()[0].message

    def test_a_refused_document_goes_through_once_the_store_takes_it(
        self, installed: Bench
    ) -> None:
        bench = installed
        bench.index.refuses = {document_id(1)}
        bench.vendor.says(put(1), put(2))
        bench.sync()
        retried = retry_failures(bench.letters())
        assert (retried.resolved, retried.left) == (1, 0)
        assert set(bench.texts()) == {"1", "2"}

    def test_what_cannot_be_tried_is_told(self, installed: Bench) -> None:
        bench = installed
        bench.vendor.rooms.append(Room("r2", says=[fails(9)]))
        bench.vendor.says(Failure(error=InvalidDataError("something")), fails(2))
        bench.sync("r1")
        bench.sync("r2")
        bench.vendor.rooms.pop()
        bench.vendor.items = {}
        retried = retry_failures(bench.letters())
        assert (retried.resolved, retried.left) == (1, 2)
        told = " ".join(retried.messages)
        assert "names no item; the next sync of r1 tries it" in told
        assert "The partition r2 is not there any more" in told

    def test_a_source_that_refuses_all_is_told_in_one_sentence(self, installed: Bench) -> None:
        bench = installed
        bench.vendor.says(fails(2))
        bench.sync()
        bench.vendor.items = {}
        bench.vendor.refuses = PermissionDeniedError("You may not list rooms.")
        with pytest.raises(PermissionDeniedError, match="You may not list rooms"):
            retry_failures(bench.letters())
        assert len(bench.letters()) == 1

    def test_credentials_of_another_account_are_refused(self, installed: Bench) -> None:
        bench = installed
        bench.vendor.says(fails(2))
        bench.sync()
        letters = bench.letters()
        bench.vendor.account = "W2"
        with pytest.raises(ConfigurationError, match="those of W2, and the items belong to W1"):
            retry_failures(letters)
