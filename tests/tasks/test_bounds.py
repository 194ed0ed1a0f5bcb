"""Memory does not grow with the source, and the fetching side waits for the writing side."""

import gc
import threading
from collections.abc import Callable, Iterator

import pytest
from langchain_core.documents import Document
from scripted_source import (
    MODEL,
    Entry,
    ScriptedExporter,
    document_id,
    gone,
    listed,
    note,
    put,
)
from workbench import Bench

from documents.chunks import Chunk
from exporters.base import Partition
from exporters.changes import (
    AccessChange,
    Change,
    Checkpoint,
    Complete,
    Cursor,
    Delete,
    Listed,
    RawRecord,
    Upsert,
)
from exporters.errors import TransientError
from stores.errors import EmbeddingError, StoreUnavailableError
from tasks.batches import EncodedUpsert
from tasks.context import SyncContext
from tasks.partition_errors import PartitionFailedError

TEXT = "some words of a note " * 5


class Endless(ScriptedExporter):
    """Says what it is given one by one, and holds none of it."""

    says: Callable[[], Iterator[Change]]

    def pull(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
        for change in self.says():
            self.vendor.pulled += 1
            yield change


def upserts(number: int) -> Iterator[Change]:
    for identifier in range(number):
        yield put(identifier, f"{identifier} {TEXT}")
        if identifier % 500 == 499:
            yield Checkpoint({"at": identifier})
    yield Complete(full=True)


def one_listed_and_deletes(number: int) -> Iterator[Change]:
    yield listed(note(1, version="a"))
    for identifier in range(number * 2):
        yield gone(f"nobody-{identifier}")


def load_after_load(number: int) -> Iterator[Change]:
    for identifier in range(number):
        yield listed(note(identifier, f"{identifier} {TEXT}", version="a"))


STREAMS: dict[str, Callable[[int], Iterator[Change]]] = {
    "upserts": upserts,
    "deletes after a listed item": one_listed_and_deletes,
    "listed items": load_after_load,
}


_COUNTED = (RawRecord, Upsert, EncodedUpsert, Delete, Listed, Document, Chunk)


def most_alive(stream: str, number: int, bench: Bench) -> int:
    """How many records, changes, documents and chunks were alive at once during a sync."""
    most = 0

    def says() -> Iterator[Change]:
        nonlocal most
        for place, change in enumerate(STREAMS[stream](number)):
            if place % 2_003 == 2_000:
                alive = sum(type(thing) in _COUNTED for thing in gc.get_objects())
                most = max(most, alive)
            yield change

    Endless.says = staticmethod(says)
    bench.exporter_class = Endless
    bench.sync(batch_records=200)
    MODEL.reset()
    return most


@pytest.mark.parametrize("stream", STREAMS)
def test_ten_times_the_records_need_no_more_memory(bench: Bench, stream: str) -> None:
    """Measured in what is alive; `benchmarks/pipeline.py` measures it in bytes."""
    few = most_alive(stream, 3_000, bench)
    many = most_alive(stream, 30_000 if stream == "upserts" else 10_000, bench)
    assert few > 0
    # Five batches of 200, each with a record, a change, its encoded form, a document, a chunk.
    assert many < 6_000


class TestBackPressure:
    @pytest.mark.parametrize("step", ["index.write", "ledger.commit", "raw.append"])
    def test_the_source_is_not_read_far_ahead_of_a_store_that_is_slow(
        self, bench: Bench, step: str
    ) -> None:
        ahead: list[int] = []
        done = threading.Event()

        def slow() -> None:
            # Long enough for the fetching side to run away, if nothing held it.
            done.wait(0.3)
            ahead.append(bench.vendor.pulled)

        bench.watch.at(step, slow, time=1)
        bench.vendor.says(*[put(number) for number in range(400)])
        bench.sync(batch_records=10)
        # Batches of ten: four on the way to the stores, one waiting for room, one being filled.
        assert ahead
        assert 10 <= ahead[0] <= 60
        assert bench.stores.index.count() == 400

    def test_large_payloads_go_in_small_batches(self, bench: Bench) -> None:
        bench.vendor.says(*[put(number, "x" * 1_000) for number in range(40)])
        bench.sync(batch_bytes=4_000)
        assert bench.watch.counts["ledger.commit"] >= 10

    def test_a_slow_source_is_committed_as_it_goes(self, bench: Bench) -> None:
        entries: list[Entry] = []
        for number in range(4):
            entries += [listed(note(number, version="a")), lambda: threading.Event().wait(0.06)]
        bench.vendor.says(*entries)
        bench.sync(batch_seconds=0.05)
        assert bench.watch.counts["ledger.commit"] >= 2


def test_one_batch_is_stored_and_the_next_one_made_while_the_model_embeds(bench: Bench) -> None:
    landed, stored = threading.Event(), threading.Event()
    bench.watch.at("raw.append done", landed.set, time=3)
    bench.watch.at("ledger.commit done", stored.set, time=1)
    seen: list[tuple[bool, bool]] = []

    def meanwhile() -> None:
        if MODEL.calls == 2:
            seen.append((landed.wait(20), stored.wait(20)))

    MODEL.meanwhile = meanwhile
    bench.vendor.says(*[put(number) for number in range(40)])
    bench.sync(batch_records=10)
    assert seen == [(True, True)]
    assert len(bench.texts()) == 40


def test_what_is_being_embedded_when_a_run_is_stopped_is_not_embedded_again(bench: Bench) -> None:
    contexts: list[SyncContext] = []
    began = threading.Event()

    def stop() -> None:
        if began.wait(20):
            contexts[0].stop.set()

    def meanwhile() -> None:
        if MODEL.calls == 2:
            began.set()
            # Until the stages before this one are at their end.
            while any(t.name == "transform" and t.is_alive() for t in threading.enumerate()):
                threading.Event().wait(0.01)

    def remember(context: SyncContext) -> SyncContext:
        contexts.append(context)
        return context

    MODEL.meanwhile = meanwhile
    notes = [put(number) for number in range(40)]
    bench.vendor.says(*notes[:20], stop, *notes[20:], Checkpoint({"at": 1}))
    with pytest.raises(PartitionFailedError, match="stopped"):
        bench.sync(change=remember, batch_records=10)
    assert len(bench.texts()) == 20
    bench.sync(batch_records=10)
    assert len(bench.texts()) == 40
    assert sorted(MODEL.texts) == sorted(set(MODEL.texts))


class TestOneSideFails:
    """The others stop, and the failure is told as what it was."""

    @pytest.mark.parametrize("records", [1, 3, 60])
    @pytest.mark.parametrize("step", ["index.write", "raw.append", "ledger.commit"])
    @pytest.mark.parametrize("time", [1, 3])
    def test_a_store_that_fails_at_whatever_moment(
        self, bench: Bench, records: int, step: str, time: int
    ) -> None:
        error = StoreUnavailableError("The index does not answer.", hint="Start it.")
        bench.watch.raises(step, error, time=time)
        bench.vendor.says(*[put(number) for number in range(records)], Checkpoint({"at": 1}))
        if records <= 3 and time == 3:
            bench.sync(batch_records=3)
            return
        stopped = bench.failing_sync(batch_records=3)
        assert stopped.sentence() == "The index does not answer. Start it."
        assert stopped.retryable
        assert bench.cursor() is None
        bench.watch.forget()
        bench.sync(batch_records=3)
        assert len(bench.texts()) == records
        assert bench.cursor() == {"at": 1}

    def test_what_fails_besides_is_told_in_the_log(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The model fails, and so does the store that takes what was embedded before."""
        embedding = threading.Event()

        def meanwhile() -> None:
            if MODEL.calls == 2:
                embedding.set()
                MODEL.fails = EmbeddingError("The model is away.", retryable=True)

        def fail() -> None:
            assert embedding.wait(20)
            raise StoreUnavailableError("The index does not answer.")

        MODEL.meanwhile = meanwhile
        bench.watch.at("index.write", fail, time=1)
        bench.vendor.says(*[put(number) for number in range(40)])
        stopped = bench.failing_sync(batch_records=10)
        told = f"{stopped.sentence()} {' '.join(caplog.messages)}"
        assert "The index does not answer." in told
        assert "The model is away." in told

    def test_no_thread_outlives_the_sync(self, bench: Bench) -> None:
        before = set(threading.enumerate())
        bench.vendor.says(*[put(number) for number in range(50)], TransientError("away"))
        bench.failing_sync(batch_records=3)
        bench.watch.raises("index.write", StoreUnavailableError("away"))
        bench.failing_sync(batch_records=3)
        assert set(threading.enumerate()) <= before

    def test_a_partition_wide_change_waits_for_what_came_before(self, bench: Bench) -> None:
        bench.watch.at("index.write", lambda: threading.Event().wait(0.1), time=1)
        bench.vendor.says(put(1), AccessChange(access=("user:ann@x.example",)), put(2))
        result = bench.sync()
        assert result.counts.access_changed == 1
        assert bench.state()["found by"]["workspace:W1"] == (
            [document_id(2)],
            [document_id(2)],
        )
