"""Documents are made again of what landed: nothing is fetched, revived or undone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any, ClassVar

import pytest
from faults.stages import STAGES
from langchain_core.documents import Document
from scripted_source import (
    ENTITY,
    MODEL,
    MORNING,
    Room,
    ScriptedExporter,
    document_id,
    fails,
    gone,
    listed,
    listing,
    note,
    put,
)
from shared_mail import ANN, BOB, MailExporter, mail, relabelled
from store_state import state_of
from watched_stores import Watch, settings_in, watched
from workbench import Bench

from exporters.base import Partition
from exporters.changes import (
    AccessChange,
    Change,
    Checkpoint,
    Complete,
    ContainerChange,
    Cursor,
    RawRecord,
)
from stores.ledger.types import PartitionState
from tasks.context import SyncContext
from tasks.options import SyncOptions
from tasks.partition_errors import PartitionFailedError
from tasks.pipeline import sync_partition
from tasks.replay import ReplayRequest, replay_partition, replay_partitions, replay_source
from tasks.results import PartitionOutcome, PartitionResult
from tasks.stores import Stores


class LouderExporter(ScriptedExporter):
    """A new mapping: texts in capitals, and a document about each document besides."""

    transform_version: ClassVar[int] = 2

    def to_documents(self, record: RawRecord) -> Iterator[Document]:
        for document in super().to_documents(record):
            document.page_content = document.page_content.upper()
            yield document
            about = document.model_copy(deep=True)
            about.id, about.page_content = f"{document.id}/about", "about it"
            about.metadata["access"] = record.payload.get("about", document.metadata["access"])
            yield about

    def pull(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
        raise AssertionError("a replay asks nobody")

    def fetch(self, partition: Partition, entity: str, external_id: str) -> None:
        raise AssertionError("a replay asks nobody")


class Asked(LouderExporter):
    """The same, in a sync."""

    pull = ScriptedExporter.pull  # type: ignore[assignment]
    fetch = ScriptedExporter.fetch  # type: ignore[assignment]


def replayed(bench: Bench, exporter: type | None = None, **request: Any) -> PartitionResult:
    if exporter is not None:
        bench.exporter_class = exporter
    context = bench.context()
    room = request.pop("room", "r1")
    [state] = [p for p in bench.stores.ledger.partitions(context.connection_id) if p.key == room]
    return replay_partition(context, state, ReplayRequest(source="scripted", **request))


def access_of(bench: Bench) -> dict[str, list[str]]:
    return {
        (d.id or "").split(":", 3)[3]: d.metadata["access"] for d in bench.stores.index.iterate()
    }


def test_a_replay_with_the_same_code_touches_no_store(bench: Bench) -> None:
    bench.vendor.says(*listing(put(number) for number in range(7)))
    bench.sync()
    before = bench.state()
    bench.watch.forget()
    result = replayed(bench)
    assert (result.counts.unchanged, result.counts.written, result.counts.landed) == (7, 0, 0)
    assert bench.watch.written == 0
    assert bench.state() == before


def test_a_new_mapping_makes_all_documents_again_and_asks_nobody(bench: Bench) -> None:
    bench.vendor.says(*listing([put(1, "one", version="v1"), put(2, "two"), put(3, "three")]))
    bench.sync()
    result = replayed(bench, LouderExporter)
    assert (result.counts.changed, result.counts.new) == (3, 3)
    assert bench.texts() == {
        "1": "ONE", "1/about": "about it", "2": "TWO", "2/about": "about it",
        "3": "THREE", "3/about": "about it",
    }  # fmt: skip
    # What was made again is not fetched again by the next listing.
    bench.exporter_class = Asked
    loads: list[str] = []
    shown = listed(note(1, "one", version="v1"), lambda: loads.append("1") or [put(1, "one")])
    bench.vendor.says(*listing([shown, put(2, "two"), put(3, "three")]))
    again = bench.sync(fresh=True)
    assert (loads, again.counts.landed, again.counts.written) == ([], 0, 0)


def test_documents_that_the_new_mapping_no_longer_makes_go(bench: Bench) -> None:
    bench.vendor.says(put(1, texts=["head", "tail"]), Checkpoint({"n": 1}))
    bench.sync()
    head = {
        "to_documents": lambda self, record: list(ScriptedExporter.to_documents(self, record))[:1]
    }
    result = replayed(bench, type("HeadExporter", (ScriptedExporter,), head))
    assert (result.counts.deleted, set(bench.texts())) == (1, {"1"})


def test_what_was_deleted_stays_deleted_and_the_newest_payload_counts(bench: Bench) -> None:
    later = MORNING + timedelta(hours=1)
    bench.vendor.says(put(1, "old"), put(2), put(3), Checkpoint({"n": 1}))
    bench.sync()
    bench.vendor.says(put(1, "new", fetched=later), gone(2), Checkpoint({"n": 2}))
    bench.sync()
    replayed(bench, LouderExporter)
    assert bench.texts()["1"] == "NEW"
    assert "2" not in bench.texts()


def test_what_failed_later_is_neither_used_nor_settled(bench: Bench) -> None:
    later = MORNING + timedelta(hours=1)
    bench.vendor.says(put(1, "good"), put(2), Checkpoint({"n": 1}))
    bench.sync()
    bench.vendor.says(put(1, "bad", broken="x", fetched=later), fails(2), Checkpoint({"n": 2}))
    bench.sync()
    replayed(bench, LouderExporter)
    assert bench.texts()["1"] == "GOOD"
    assert {letter.key for letter in bench.letters()} == {"note:1"}


class TestWhatCameAfterThePayload:
    def test_access_of_all_and_of_one_item_stays(self, bench: Bench) -> None:
        bench.vendor.says(
            *[put(number) for number in range(4)],
            AccessChange(access=("group:scripted:g",)),
            AccessChange(access=("user:a@x.example",), entity=ENTITY, external_id="2"),
            Checkpoint({"n": 1}),
        )
        bench.sync()
        replayed(bench, LouderExporter)
        access = access_of(bench)
        assert len(access) == 8
        for number in range(4):
            wanted = ["user:a@x.example"] if number == 2 else ["group:scripted:g"]
            assert access[f"{number}"] == access[f"{number}/about"] == wanted

    def test_a_document_of_unknown_access_is_closed_and_fetched_anew(self, bench: Bench) -> None:
        bench.vendor.says(
            put(1, about=["user:b@x.example"], version="v1"),
            put(2, about=["user:b@x.example"], version="v1"),
            AccessChange(access=("user:a@x.example",), entity=ENTITY, external_id="1"),
            Checkpoint({"n": 1}),
        )
        bench.sync()
        result = replayed(bench, LouderExporter)
        access = access_of(bench)
        assert access["1"] == ["user:a@x.example"]
        assert access["1/about"] == ["deny:all"]
        assert access["2/about"] == ["user:b@x.example"]  # nothing came after its payload
        assert result.outcome is PartitionOutcome.ATTENTION
        assert "1 items" in result.message
        bench.exporter_class = Asked
        fresh = note(1, about=["user:a@x.example"], access=["user:a@x.example"], version="v1")
        bench.vendor.says(*listing([listed(fresh), listed(note(2, version="v1"))]))
        bench.sync(fresh=True)
        assert access_of(bench)["1/about"] == ["user:a@x.example"]

    def test_a_renamed_container_stays_renamed(self, bench: Bench) -> None:
        named = {"id": "r", "name": "new name", "url": None}
        bench.vendor.says(
            put(1),
            ContainerChange(container=named, extra={"topic": "ships"}),
            put(2, fetched=datetime.now(UTC) + timedelta(hours=1), container="newest name"),
            Checkpoint({"n": 1}),
        )
        bench.sync()
        before = bench.state()
        result = replayed(bench)
        assert result.counts.written == 0
        replayed(bench, everything=True)
        assert bench.state() == before
        replayed(bench, LouderExporter)
        names = {d.id: d.metadata["container"]["name"] for d in bench.stores.index.iterate()}
        assert names[document_id(1)] == names[document_id("1/about")] == "new name"
        assert names[document_id(2)] == "newest name"

    def test_labels_and_readers_of_a_shared_mail_stay(self, bench: Bench) -> None:
        bench.exporter_class = MailExporter
        bench.vendor.rooms = [Room("ann"), Room("bob")]
        bench.vendor.says(
            mail("ann", "m1", "INBOX"), relabelled("ann", "m1", "STARRED"), Checkpoint({"n": 1}),
            room="ann",
        )  # fmt: skip
        bench.vendor.says(mail("bob", "m1", "INBOX"), Checkpoint({"n": 1}), room="bob")
        bench.sync("ann")
        bench.sync("bob")
        before = bench.state()
        for room in ("ann", "bob"):
            assert replayed(bench, room=room).counts.written == 0
            replayed(bench, room=room, everything=True)
        assert bench.state() == before
        [document] = bench.stores.index.iterate()
        assert document.metadata["access"] == [ANN, BOB]
        assert document.metadata["extra"]["copies"][0]["labels"] == ["STARRED"]


class TestWhatIsReplayed:
    def test_only_what_landed_since_a_day(self, bench: Bench) -> None:
        bench.vendor.says(put(1), Checkpoint({"n": 1}))
        bench.sync()
        today = datetime.now(UTC).date()
        assert replayed(bench, since=today + timedelta(days=1)).counts.unchanged == 0
        assert replayed(bench, since=date(2026, 1, 1)).counts.unchanged == 1

    def test_only_one_kind(self, bench: Bench) -> None:
        bench.vendor.says(put(1), Checkpoint({"n": 1}))
        bench.sync()
        assert replayed(bench, entity="other").counts.unchanged == 0
        assert replayed(bench, entity=ENTITY).counts.unchanged == 1

    def test_a_listing_that_is_under_way_still_deletes_what_it_does_not_show(
        self, bench: Bench
    ) -> None:
        bench.vendor.says(*listing([put(1), put(2), put(3)]))
        bench.sync()
        stop = RuntimeError("the line is cut")
        bench.vendor.says(put(1), Checkpoint({"n": "half"}), stop, put(2), Complete(full=True))
        bench.failing_sync(fresh=True)
        replayed(bench, LouderExporter)
        bench.exporter_class = Asked
        bench.vendor.says(put(1), Checkpoint({"n": "half"}), put(2), Complete(full=True))
        assert bench.sync(max_delete_percent=50).counts.deleted == 2
        assert "3" not in bench.texts()


def test_a_broken_mapping_stops_and_leaves_what_there_is(bench: Bench) -> None:
    bench.vendor.says(*listing(put(number) for number in range(20)))
    bench.sync()
    texts = bench.texts()

    def broken(self: Any, record: RawRecord) -> Iterator[Document]:
        raise KeyError("text")

    with pytest.raises(PartitionFailedError, match="failed in a row"):
        replayed(bench, type("BrokenExporter", (ScriptedExporter,), {"to_documents": broken}))
    assert bench.texts() == texts


def test_a_damaged_file_costs_the_items_in_it(bench: Bench) -> None:
    bench.vendor.says(put(1), Checkpoint({"n": 1}))
    bench.sync()
    [file] = list(bench.folder.rglob("*.parquet"))
    bench.vendor.says(put(2), Checkpoint({"n": 2}))
    bench.sync()
    file.write_bytes(file.read_bytes()[:-20])
    result = replayed(bench, LouderExporter)
    assert bench.texts()["2"] == "NOTE 2 SAYS SOMETHING OF ITS OWN"
    assert bench.texts()["1"] == "note 1 says something of its own"
    assert result.outcome is PartitionOutcome.ATTENTION
    assert "1 items stay as they are" in result.message


@pytest.mark.parametrize("layout", ["one file", "three files"])
def test_a_replay_that_was_stopped_goes_on_where_it_was(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stores.ledger.records.PAGE", 5)
    bench.vendor.says(*listing(put(number) for number in range(20)))
    bench.sync()
    MODEL.reset()
    made: list[str] = []

    class Counting(LouderExporter):
        def to_documents(self, record: RawRecord) -> Iterator[Document]:
            made.append(record.external_id)
            if len(made) == 13:
                raise SystemExit  # as a kill would
            return super().to_documents(record)

    with pytest.raises(BaseException):  # noqa: B017
        replayed(bench, Counting)
    assert len(bench.texts()) < 40
    first = len(made)
    result = replayed(bench, Counting)
    assert len(bench.texts()) == 40
    assert len(made) - first <= 15  # at least one page was not made again
    assert result.counts.written <= 30
    assert len(MODEL.texts) == 21 + 0 * first  # each text once


@pytest.mark.parametrize("source", sorted(STAGES))
def test_every_source_can_be_replayed(source: str, tmp_path: Path) -> None:
    """Whatever a sync made, later changes included, a replay makes of the landing alone."""
    stage = STAGES[source]
    company = stage.company()
    stores = watched(settings_in(tmp_path), Watch())
    with stage.served(company) as sandbox:
        exporter = stage.opener(sandbox)()
        context = SyncContext(
            exporter=exporter,
            connection=exporter.connection,
            connection_id=stores.ledger.connection_id(source, exporter.connection, "x"),
            stores=stores,
            options=SyncOptions(max_delete_percent=50),
            run_id="run",
            store_name=stage.store_name,
            custom=stage.custom,
        )
        for moves in (False, True):
            if moves:
                stage.move(company)
            for partition in exporter.partitions(stage.selection()):
                if not partition.unreadable:
                    sync_partition(context, partition)
    before = state_of(stores)
    _spoil(stores)
    request = ReplayRequest(source=source, everything=True)
    states = stores.ledger.partitions(context.connection_id)
    for result in replay_partitions(context, states, request):
        assert (result.outcome, result.counts.failed) == (PartitionOutcome.COMPLETED, 0)
    assert state_of(stores) == before
    request = request.model_copy(update={"everything": False})
    for result in replay_partitions(context, states, request):
        assert result.counts.written == 0
    stores.close()


@pytest.fixture
def rooms(bench: Bench) -> tuple[SyncContext, list[PartitionState]]:
    """Six rooms with a few notes each, which a new mapping would make otherwise."""
    names = [f"r{number}" for number in range(1, 7)]
    bench.vendor.rooms = [Room(name) for name in names]
    for name in names:
        notes = [put(f"{name}-{number}") for number in range(3)]
        bench.vendor.says(*notes, Checkpoint({"n": 1}), room=name)
        bench.sync(name)
    MODEL.reset()
    bench.exporter_class = LouderExporter
    context = bench.context()
    return context, list(bench.stores.ledger.partitions(context.connection_id))


def test_partitions_are_replayed_several_at_once(
    rooms: tuple[SyncContext, list[PartitionState]],
) -> None:
    """Or a model that answers slowly would wait at the end of each small partition."""
    together = Barrier(2, timeout=20)
    MODEL.meanwhile = together.wait
    results = list(replay_partitions(*rooms, ReplayRequest(source="scripted")))
    assert {result.key for result in results} == {f"r{number}" for number in range(1, 7)}
    assert sum(result.counts.written for result in results) == 36
    assert not together.broken


def test_a_replay_of_several_partitions_that_is_stopped_goes_on(
    rooms: tuple[SyncContext, list[PartitionState]],
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATA_GETTERS_TASKS__CONCURRENT_PARTITIONS", "1")
    context, states = rooms
    going = replay_partitions(context, states, ReplayRequest(source="scripted"))
    next(going)
    with pytest.raises(KeyboardInterrupt):
        going.throw(KeyboardInterrupt())  # type: ignore[attr-defined]  # a generator
    made = len(bench.texts())
    assert made < 36
    states = list(bench.stores.ledger.partitions(context.connection_id))
    results = list(replay_partitions(bench.context(), states, ReplayRequest(source="scripted")))
    assert all(result.outcome is PartitionOutcome.COMPLETED for result in results)
    assert len(bench.texts()) == 36
    assert sum(result.counts.written for result in results) < 36


def test_a_partition_that_fails_does_not_stop_the_others(
    rooms: tuple[SyncContext, list[PartitionState]], bench: Bench
) -> None:
    class Broken(LouderExporter):
        def to_documents(self, record: RawRecord) -> Iterator[Document]:
            if record.external_id.startswith("r4"):
                raise ValueError("no")
            return super().to_documents(record)

    bench.exporter_class = Broken
    context = bench.context(max_consecutive_failures=2)
    results = replay_partitions(context, rooms[1], ReplayRequest(source="scripted"))
    outcomes = {result.key: result.outcome for result in results}
    assert outcomes.pop("r4") is PartitionOutcome.FAILED
    assert set(outcomes.values()) == {PartitionOutcome.COMPLETED}
    assert len(bench.texts()) == 15 * 2 + 3


def _spoil(stores: Stores) -> None:
    """Gives all stored documents other texts, as an older mapping would have made them."""
    documents = list(stores.index.iterate())
    assert documents
    spoiled = [replace_text(document) for document in documents]
    assert stores.index.write(spoiled) == []


def replace_text(document: Document) -> Document:
    return type(document)(id=document.id, page_content="spoiled", metadata=document.metadata)


def test_a_source_is_replayed_by_its_name(installed: Bench) -> None:
    installed.vendor.says(put(1, "one"), put(2, "two"), Checkpoint({"n": 1}))
    installed.sync()
    installed.close()
    result = replay_source(ReplayRequest(source="scripted", everything=True))
    assert (result.connection, result.counts.changed) == ("W1", 2)
    [run, *_] = installed.stores.ledger.runs()
    assert run.counts["changed"] == 2
    assert run.message.startswith("Replay.")
