"""Stores that are away, read-only, full, newer or not writable: one sentence, and nothing lost."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_source import MODEL, SOURCE, gone, listing, note, put
from watched_stores import LAYOUTS, settings_in
from workbench import Bench

from exporters.changes import Checkpoint, Upsert
from exporters.limiter import WaitInterruptedError
from stores.errors import (
    EmbeddingMismatchError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
    StoreVersionError,
)
from stores.ledger.errors import LeaseHeldError, LeaseLostError
from stores.sqlite.database import EmbeddedDatabase, rows
from tasks.context import SyncContext
from tasks.stores import open_stores


def is_one_sentence(text: str) -> bool:
    return "\n" not in text and "Traceback" not in text and len(text) < 500


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


class TestAStoreThatFailsInTheMiddle:
    @pytest.mark.parametrize(
        "step", ["index.write", "vectors.write", "vectors.write done", "ledger.commit"]
    )
    @pytest.mark.parametrize("time", [1, 3])
    def test_nothing_is_lost_and_the_next_run_goes_on(
        self, bench: Bench, step: str, time: int
    ) -> None:
        entries = listing([put(number) for number in range(20)])
        bench.vendor.says(*entries)
        bench.watch.raises(step, StoreUnavailableError("It is away."), time=time)
        stopped = bench.failing_sync(batch_records=5)
        assert (str(stopped), stopped.retryable) == ("It is away.", True)
        cursor = bench.cursor()
        # Two batches may be on their way to the stores, and either of them be the third to come.
        assert cursor in ([None] if time == 1 else [{"page": 1}, {"page": 2}])
        committed = {str(number) for number in range(5 * (cursor or {"page": 0})["page"])}
        assert committed <= bench.texts().keys()
        bench.watch.forget()
        bench.sync(batch_records=5)
        assert len(bench.texts()) == 20
        assert bench.cursor() == {"page": "end"}
        assert bench.vendor.cursors[-1][1] == cursor
        assert bench.stores.vectors is not None
        assert bench.stores.vectors.count() == 20

    @pytest.mark.parametrize("step", ["index.write done", "vectors.write done"])
    def test_what_a_store_took_and_the_source_then_deleted_goes(
        self, bench: Bench, step: str
    ) -> None:
        bench.vendor.says(*listing([put(number) for number in range(6)]))
        bench.sync()
        bench.vendor.says(put(7, texts=["one", "two"]), put(8), Checkpoint({"at": 1}))
        bench.watch.raises(step, StoreUnavailableError("It is away."))
        bench.failing_sync()
        bench.watch.forget()
        bench.vendor.says(gone(7), put(8), Checkpoint({"at": 2}))
        bench.sync()
        assert set(bench.texts()) == {"0", "1", "2", "3", "4", "5", "8"}
        assert bench.stores.vectors is not None
        assert bench.stores.vectors.count() == 7

    def test_and_so_does_what_a_listing_does_not_show_any_more(self, bench: Bench) -> None:
        bench.vendor.says(*listing([put(number) for number in range(6)]))
        bench.watch.raises("vectors.write done", StoreUnavailableError("It is away."))
        bench.failing_sync()
        bench.watch.forget()
        bench.vendor.says(*listing([put(number) for number in range(5)]))
        bench.sync()
        bench.sync(fresh=True)
        assert set(bench.texts()) == {"0", "1", "2", "3", "4"}
        assert bench.stores.vectors is not None
        assert bench.stores.vectors.count() == 5

    def test_a_part_of_an_item_that_no_store_took_is_better_than_nothing(
        self, bench: Bench
    ) -> None:
        bench.vendor.says(put(1, "all of it"), Checkpoint({"at": 1}))
        bench.watch.raises("index.write", StoreUnavailableError("It is away."))
        bench.failing_sync()
        bench.watch.forget()
        bench.vendor.says(Upsert(note(1, "half"), partial=True), Checkpoint({"at": 2}))
        bench.sync()
        assert bench.texts() == {"1": "half"}

    def test_a_delete_that_was_cut_off_is_done_by_the_next_run(self, bench: Bench) -> None:
        bench.vendor.says(*listing([put(number) for number in range(6)]))
        bench.sync()
        bench.vendor.says(gone(1), gone(2), Checkpoint({"deleted": True}))
        bench.watch.raises("index.delete", StoreUnavailableError("It is away."))
        bench.failing_sync()
        bench.watch.forget()
        bench.sync()
        assert set(bench.texts()) == {"0", "3", "4", "5"}
        assert bench.stores.vectors is not None
        assert bench.stores.vectors.count() == 4


class TestDisks:
    def test_a_full_disk_says_so_and_the_next_run_goes_on(self, disk: Path, layout: str) -> None:
        bench = Bench(disk, layout)
        words = "several words that take some room "
        bench.vendor.says(put("before"), Checkpoint({"at": 0}))
        bench.sync()
        ballast = disk / "ballast"
        free = os.statvfs(disk)
        ballast.write_bytes(bytes(max(0, free.f_bavail * free.f_bsize - 600_000)))
        entries = listing([put(n, f"{n} {words * 30}") for n in range(400)], page=50)
        bench.vendor.says(*entries)
        stopped = bench.failing_sync(batch_records=50)
        assert isinstance(stopped.__cause__, StoreFullError)
        assert "full" in str(stopped)
        assert is_one_sentence(stopped.sentence())
        assert not stopped.retryable
        ballast.unlink()
        bench.sync(batch_records=50)
        assert len(bench.texts()) == 401
        assert bench.cursor() == {"page": "end"}
        bench.close()

    def test_stores_that_may_only_be_read_say_so(self, disk: Path, layout: str) -> None:
        bench = Bench(disk, layout)
        bench.vendor.says(put(1))
        bench.sync()
        bench.close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        stopped = bench.failing_sync()
        assert isinstance(stopped.__cause__, StoreReadOnlyError)
        assert "is read-only" in str(stopped)
        assert is_one_sentence(stopped.sentence())
        assert not stopped.retryable
        assert set(bench.texts()) == {"1"}
        bench.close()

    def test_a_raw_folder_that_cannot_be_written_loses_nothing(
        self, disk: Path, bench: Bench
    ) -> None:
        bench.settings["raw"] = str(disk / "raw")
        assert bench.stores
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        bench.vendor.says(put(1), Checkpoint({"at": 1}))
        stopped = bench.failing_sync()
        assert isinstance(stopped.__cause__, StoreError)
        assert "raw" in str(stopped)
        assert is_one_sentence(stopped.sentence())
        assert bench.cursor() is None
        assert bench.texts() == {}
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        bench.sync()
        assert set(bench.texts()) == {"1"}
        assert bench.cursor() == {"at": 1}


class TestFilesOfAnotherKind:
    def test_a_ledger_of_a_newer_version_is_left_alone(self, bench: Bench) -> None:
        settings = settings_in(bench.folder, bench.layout)
        path = Path(settings.ledger or settings.embedded_file)
        bench.close()
        with EmbeddedDatabase.open(path).transaction() as writer:
            rows(writer, "UPDATE ledger_version SET version_num = '9999'")
        EmbeddedDatabase.open(path).close()
        with pytest.raises(StoreVersionError, match="newer version") as refused:
            open_stores(settings)
        assert is_one_sentence(refused.value.sentence())
        assert str(path) in refused.value.sentence()

    def test_a_file_that_is_no_store_is_left_alone(self, bench: Bench) -> None:
        settings = settings_in(bench.folder, bench.layout)
        path = Path(settings.ledger or settings.embedded_file)
        bench.close()
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
        path.write_bytes(b"something else entirely\n" * 400)
        with pytest.raises(StoreError) as refused:
            open_stores(settings)
        assert is_one_sentence(refused.value.sentence())
        assert path.read_bytes() == b"something else entirely\n" * 400

    def test_another_embedding_model_is_refused_before_anything_is_written(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.vendor.says(put(1))
        bench.sync()
        bench.close()
        monkeypatch.setattr(MODEL, "identity", "another")
        with pytest.raises(EmbeddingMismatchError) as refused:
            bench.sync()
        assert is_one_sentence(refused.value.sentence())


class TestLeases:
    def test_a_second_sync_of_an_account_says_who_is_at_it(self, bench: Bench) -> None:
        ledger = bench.stores.ledger
        with (
            ledger.lease("sync:scripted:W1", run_id="the-first"),
            pytest.raises(LeaseHeldError, match="the-first") as held,
            ledger.lease("sync:scripted:W1", run_id="the-second"),
        ):
            pass
        assert is_one_sentence(held.value.sentence())
        assert held.value.retryable

    def test_a_run_that_lost_its_lease_writes_nothing_more(self, bench: Bench) -> None:
        ledger = bench.stores.ledger
        lease = ledger.lease("sync", run_id="slow")
        bench.vendor.says(*listing([put(number) for number in range(10)]))

        def taken_over() -> None:
            with bench.database().transaction() as writer:
                rows(writer, "UPDATE ledger_leases SET token = 'other', run_id = 'other'")

        with lease:
            bench.sync(change=lambda context: replace(context, lease=lease), batch_records=5)
            before = bench.state()
            bench.vendor.says(*[put(number, "changed") for number in range(10)])
            taken_over()
            stopped = bench.failing_sync(
                change=lambda context: replace(context, lease=lease), batch_records=5
            )
        assert isinstance(stopped.__cause__, LeaseLostError)
        assert "Run again" in stopped.sentence()
        if bench.layout == "one file":
            assert bench.state()["documents"] == before["documents"]
        assert bench.cursor() == {"page": "end"}

    @pytest.mark.parametrize("hours", [-48, 48], ids=["backward", "forward"])
    def test_a_clock_that_jumps_while_a_lease_is_held_neither_loses_nor_doubles_it(
        self, bench: Bench, hours: int
    ) -> None:
        ledger = bench.stores.ledger
        with ledger.lease("sync", run_id="first") as lease:
            with bench.database().transaction() as writer:
                moved = hours * 3_600_000_000
                rows(
                    writer,
                    "UPDATE ledger_leases SET expires_at = expires_at - ?, "
                    "acquired_at = acquired_at - ?",
                    (moved, moved),
                )
            lease.check()
            if hours < 0:
                with pytest.raises(LeaseHeldError), ledger.lease("sync", run_id="second"):
                    pass
            else:
                # By the clock the lease is over: another may take it, and the first one learns so.
                with (
                    ledger.lease("sync", run_id="second"),
                    pytest.raises(LeaseLostError),
                    ledger._backend.write() as connection,
                ):
                    lease.verify(connection)


class TestStopping:
    def test_a_keyboard_interrupt_leaves_a_clean_resume(self, bench: Bench) -> None:
        def interrupt() -> None:
            signal.raise_signal(signal.SIGINT)

        bench.vendor.says(*listing([put(number) for number in range(10)]))
        bench.vendor.rooms[0].says = [
            *bench.vendor.rooms[0].says[:9],
            interrupt,
            *bench.vendor.rooms[0].says[9:],
        ]
        threads = set(threading.enumerate())
        with pytest.raises(KeyboardInterrupt):
            bench.sync(batch_records=3)
        assert set(threading.enumerate()) <= threads
        bench.vendor.says(*listing([put(number) for number in range(10)]))
        bench.sync()
        assert len(bench.texts()) == 10
        assert bench.stores.ledger.connection_id(SOURCE, "W1", "W1")

    def test_a_run_that_is_told_to_stop_stops_and_is_resumed(self, bench: Bench) -> None:
        contexts: list[SyncContext] = []

        def remembered(context: SyncContext) -> SyncContext:
            contexts.append(context)
            return context

        entries = listing([put(number) for number in range(10)])

        def stop() -> None:
            contexts[-1].stop.set()

        bench.vendor.says(*entries[:9], stop, *entries[9:])
        stopped = bench.failing_sync(change=remembered, batch_records=3)
        assert isinstance(stopped.__cause__, WaitInterruptedError)
        assert len(bench.texts()) < 10
        bench.vendor.says(*entries)
        bench.sync()
        assert len(bench.texts()) == 10
        assert bench.cursor() == {"page": "end"}
