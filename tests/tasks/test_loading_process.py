"""A sync that stores beside the process that fetches ends as one that does not."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from contract_kill_and_resume import KillAndResume, Rehearsal, _Told
from faults.rehearsals import rehearsal_of
from faults.stages import STAGES
from hostile_source import MANIFEST, HostileExporter, HostileSelection, HostileSettings
from scripted_source import SOURCE
from watched_stores import Watch, settings_in
from workbench import Bench

from exporters.base import Partition
from exporters.changes import Change, Checkpoint, RawRecord, Upsert
from exporters.redaction import redactor
from stores.ledger.types import DeadLetter
from tasks.context import SyncContext
from tasks.loading_messages import LoadingOrder
from tasks.loading_process import Loader
from tasks.making_process import Order
from tasks.options import SyncOptions
from tasks.partition_errors import PartitionFailedError
from tasks.pipeline import apply_changes, sync_partition
from tasks.results import PartitionResult
from tasks.session import SyncRequest, SyncSession
from tasks.stores import Stores, open_stores

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FEWEST = 10
ROOM = Partition(key="p", name="p", kind="room")
SLACK = STAGES["slack"]


def upsert(number: int, does: str = "", **payload: Any) -> Upsert:
    record = RawRecord(
        entity="note", external_id=f"{number}", payload={"does": does, **payload},
        occurred_at=NOON, fetched_at=NOON,
    )  # fmt: skip
    return Upsert(record)


def loader_of(
    order: Order, context: SyncContext, *, apart: Any = "here", starts: bool = True
) -> Loader:
    """A loader that is up, if it can be."""
    loader = Loader(
        lambda: LoadingOrder(
            making=order,
            stores=context.stores.settings,
            options=context.options,
            connection=context.connection,
            connection_id=context.connection_id,
            run_id=context.run_id,
            apart=apart,
            making_seconds=30,
        ),
        fewest=FEWEST,
    )
    assert not starts or loader.start().wait(60)
    return loader


class Hostile:
    """Stores, and a source of which one says what it says."""

    def __init__(self, folder: Path, *, apart: str = "here", starts: bool = True) -> None:
        self.stores: Stores = open_stores(settings_in(folder))
        number = self.stores.ledger.connection_id("hostile", "H1", "H1")
        context = SyncContext(
            exporter=HostileExporter(), connection="H1", connection_id=number,
            stores=self.stores, options=SyncOptions(batch_records=20),
            run_id="run", store_name="documents",
        )  # fmt: skip
        order = Order(MANIFEST, HostileSelection(refuses=not starts), HostileSettings(), 1_000)
        self.loader = loader_of(order, context, apart=apart, starts=starts)
        self.context = replace(context, loader=self.loader)

    def apply(self, *changes: Change) -> PartitionResult:
        return apply_changes(self.context, ROOM, changes)

    def letters(self) -> list[DeadLetter]:
        return self.stores.ledger.dead_letters()

    def text(self, number: int) -> str:
        identifier = f"hostile:H1:note:{number}"
        return self.stores.index.get([identifier])[identifier].page_content

    def close(self) -> None:
        self.loader.close()
        self.loader.close()  # harmless when called twice
        self.stores.close()


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Hostile]:
    made = Hostile(tmp_path)
    yield made
    made.close()


def test_large_batches_are_stored_in_another_process_and_counted_here(hostile: Hostile) -> None:
    result = hostile.apply(*(upsert(number, "tell") for number in range(30)))
    assert not hostile.text(0).startswith(f"{os.getpid()} ")
    assert hostile.text(29).startswith(hostile.text(0).split()[0])
    assert (result.counts.new, result.counts.landed) == (30, 30)


def test_small_batches_are_stored_here(hostile: Hostile) -> None:
    hostile.apply(*(upsert(number, "tell") for number in range(FEWEST - 1)))
    assert hostile.text(0).startswith(f"{os.getpid()} ")


def test_what_comes_before_the_first_large_batch_is_stored_before_it(hostile: Hostile) -> None:
    changes: list[Change] = [upsert(0, "tell"), Checkpoint({"at": 1})]
    changes += [upsert(0, "", again=True), *(upsert(n, "tell") for n in range(1, 30))]
    hostile.apply(*changes)
    assert hostile.text(0) == "text of 0"
    partition = hostile.stores.ledger.partitions(hostile.context.connection_id)[0]
    assert partition.records == 30


def test_a_record_that_makes_no_sense_costs_itself(hostile: Hostile) -> None:
    result = hostile.apply(*(upsert(n, "raise" if n == 7 else "") for n in range(40)))
    assert (result.counts.new, result.counts.failed) == (39, 1)
    [letter] = hostile.letters()
    assert (letter.key, letter.error) == ("note:7", "InvalidDataError")


def test_too_many_failures_stop_the_partition_and_are_kept(hostile: Hostile) -> None:
    with pytest.raises(PartitionFailedError, match="10 items of p failed in a row") as stopped:
        hostile.apply(*(upsert(number, "raise") for number in range(40)))
    assert stopped.value.result.error == "TooManyFailuresError"
    assert not stopped.value.retryable
    assert stopped.value.result.counts.failed == 10
    assert len(hostile.letters()) == 10


def test_a_secret_in_what_goes_wrong_there_is_taken_out(tmp_path: Path) -> None:
    redactor.register("canary-of-the-loading")
    hostile = Hostile(tmp_path)
    hostile.apply(*(upsert(n, "leak" if n == 3 else "") for n in range(20)))
    [letter] = hostile.letters()
    hostile.close()
    assert "canary" not in letter.message
    assert "[redacted]" in letter.message


def test_a_payload_that_crashes_its_reader_costs_itself(tmp_path: Path) -> None:
    hostile = Hostile(tmp_path, apart="apart")
    result = hostile.apply(*(upsert(n, "crash" if n == 5 else "") for n in range(20)))
    hostile.close()
    assert (result.counts.new, result.counts.failed) == (19, 1)


def test_a_store_that_cannot_be_written_there_is_told_as_it_is_here(
    hostile: Hostile, tmp_path: Path
) -> None:
    raw = Path(hostile.stores.settings.raw_url.removeprefix("file://"))
    raw.mkdir(parents=True, exist_ok=True)
    (raw / "source=hostile").write_text("in the way")
    with pytest.raises(PartitionFailedError, match="landing") as stopped:
        hostile.apply(*(upsert(number) for number in range(40)))
    assert stopped.value.result.error.startswith("Store")
    assert not hostile.stores.index.count()


def test_a_lease_that_another_run_took_over_stops_it(hostile: Hostile) -> None:
    ledger = hostile.stores.ledger
    with ledger.lease("sync", run_id="run", ttl=0.05) as lease:
        lease._released.set()  # it renews no more, like a run that was suspended
        time.sleep(0.1)
        with ledger.lease("sync", run_id="another"):
            hostile.context = replace(hostile.context, lease=lease)
            with pytest.raises(PartitionFailedError, match="lost its lease"):
                hostile.apply(*(upsert(number) for number in range(40)))
    assert not hostile.stores.index.count()


def test_a_process_that_is_killed_fails_the_partition_and_the_next_attempt_goes_on(
    hostile: Hostile,
) -> None:
    def killing() -> Iterator[Upsert]:
        for number in range(200):
            if number == 100:
                assert hostile.loader._process is not None
                os.kill(hostile.loader._process._process.pid, signal.SIGKILL)
            yield upsert(number)

    with pytest.raises(PartitionFailedError, match="ended unexpectedly, by signal 9") as stopped:
        apply_changes(hostile.context, ROOM, killing())
    assert stopped.value.retryable
    assert hostile.loader.start().wait(60)  # another one
    hostile.apply(*(upsert(number) for number in range(200)))
    assert hostile.stores.index.count() == 200


def test_one_that_cannot_start_is_told_once_and_batches_are_stored_here(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hostile = Hostile(tmp_path, starts=False)
    for begin in (0, 40):
        hostile.apply(*(upsert(number, "tell") for number in range(begin, begin + 40)))
        process = hostile.loader._process
        assert process is not None
        assert process.ended.wait(60)
    hostile.close()
    told = [record.getMessage() for record in caplog.records if "did not start" in record.msg]
    assert [sentence.partition("here: ")[2] for sentence in told] == [
        "RuntimeError: no exporter today"
    ]
    with contextlib.closing(open_stores(settings_in(tmp_path))) as stores:
        assert stores.index.count() == 80


def test_a_fault_in_taking_what_it_says_is_told_with_its_own_name(
    hostile: Hostile, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(result: PartitionResult) -> None:
        if not result.ended:
            raise TypeError("no such column")

    hostile.context = replace(hostile.context, progress=broken)
    with pytest.raises(PartitionFailedError, match="no such column") as stopped:
        hostile.apply(*(upsert(number) for number in range(40)))
    assert stopped.value.result.error == "TypeError"
    assert not stopped.value.retryable
    assert "Traceback" in caplog.text


def test_it_ends_with_the_process_that_started_it(hostile: Hostile) -> None:
    process = hostile.loader._process
    assert process is not None
    process._in.close()
    process._process.wait(10)


def test_what_asks_the_source_for_nothing_makes_documents_apart(installed: Bench) -> None:
    """A replay and a transform worker have no loading process that would do it for them."""
    request = SyncRequest(source=SOURCE)
    for connection, loads in ((None, True), ("R1", False)):
        with contextlib.closing(SyncSession(request, connection=connection)) as session:
            assert (session.context.loader is not None) is loads
            assert (session.context.maker is None) is loads


@dataclass(frozen=True)
class Beside(Rehearsal):
    """A rehearsal in which large batches are stored beside the process that is killed."""

    def run(self, folder: Path, phase: int, watch: Watch, *, fresh: bool = False) -> None:
        exporter, stores = self.open_exporter(phase), self.open_stores(folder, watch)
        name = exporter.connection
        context = SyncContext(
            exporter=_Told(exporter, watch), connection=name,
            connection_id=stores.ledger.connection_id(exporter.source, name, name),
            stores=stores, options=self.options, run_id=f"run-{os.getpid()}",
            store_name=self.store_name, custom=self.custom,
        )  # fmt: skip
        settings = exporter._settings  # type: ignore[attr-defined]
        loader = loader_of(Order(SLACK.manifest, self.selection, settings, 1_000_000), context)
        with stores.ledger.lease(f"sync:{name}", run_id=context.run_id) as lease:
            context = replace(context, lease=lease, loader=loader)
            for partition in exporter.partitions(self.selection):
                if not partition.unreadable:
                    sync_partition(context, partition, fresh=fresh)
        loader.close()
        stores.close()
        exporter.close()


@pytest.fixture(scope="module")
def here() -> Iterator[Rehearsal]:
    with rehearsal_of(SLACK) as rehearsal:
        yield rehearsal


@pytest.fixture(scope="module")
def beside(here: Rehearsal) -> Rehearsal:
    return Beside(**{field.name: getattr(here, field.name) for field in fields(here)})


def test_all_of_it_ends_as_it_does_here(here: Rehearsal, beside: Rehearsal, tmp_path: Path) -> None:
    """Two syncs, and the source moved in between."""
    for phase in (0, 1):
        for number, way in enumerate((here, beside)):
            way.run(tmp_path / f"{number}", phase, Watch())
        assert beside.state(tmp_path / "1") == here.state(tmp_path / "0")


@pytest.mark.faults
@pytest.mark.full
class TestKilled(KillAndResume):
    """What fetches is killed, and with it what stores."""

    random_moments = 40
    test_killed_between_two_writes = None  # type: ignore[assignment]  # nothing is written here

    @pytest.fixture(scope="class")
    @classmethod
    def rehearsal(cls, beside: Rehearsal) -> Rehearsal:
        return beside
