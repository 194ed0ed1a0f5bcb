"""The raw landing: what a vendor answered, kept as it came, so that it can be replayed.

Layout: `source=.../entity=.../date=.../<run>-<token>-<number>.parquet`, by the day of the run.
Files are never changed. A row's reference is `path#row`. It stays valid when a compaction merges
small files: a file that is not there is looked up in the footers of the merged ones of its folder.

A file counts once the ledger vouches for it. One that was landed by a run which was killed before
its commit is a left-over, which `iterate(paths=...)` with the ledger's paths passes over.
"""

import os
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Final, Self

from stores.errors import StoreCorruptError
from stores.ledger.types import RawFile
from stores.raw.compaction import FolderCompaction
from stores.raw.files import Files, open_files
from stores.raw.parquet import write_rows
from stores.raw.paths import SUFFIX, Folder, folders
from stores.raw.reader import OnDamage, OnUnread, Reader
from stores.raw.types import CompactionReport, LandedRow, Landing, RawRow
from stores.raw.upkeep import Passed, StoredFile, Verification, VerificationReport, stored_files

_RUN_CHARS: Final = 8
_TOKEN_BYTES: Final = 5
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9]+")


class RawStore:
    """Lands payloads and reads them again. Safe to use from many threads and processes.

    Every method raises a `StoreError` with a sentence where the place fails: it cannot be written,
    its disk is full, its bucket is missing. Use `RawStore.open`.

    Attributes:
        location: Where it is, without secrets.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._reader = Reader(files)
        self._lock = Lock()
        self._process = 0
        self._token = ""
        self._number = 0

    @classmethod
    def open(cls, location: str | Path) -> Self:
        """Opens a landing; its folder is made when something lands.

        Args:
            location: A path, or a URI of `pyarrow.fs`: `file:///...`,
                `s3://bucket/folder?region=...`, `gs://...`.

        Raises:
            ConfigurationError: The URI makes no sense.
            StoreError: The place cannot be used; the sentence says why.
        """
        return cls(open_files(location))

    @property
    def location(self) -> str:
        """Where the landing is, without secrets."""
        return self._files.location

    def __repr__(self) -> str:
        return f"RawStore({self.location!r})"

    def append(self, rows: Sequence[RawRow], *, run_id: str, day: date | None = None) -> Landing:
        """Lands rows; they are durable when this returns.

        Rows of several partitions or entities become several files. If one of them cannot be
        written, those before it are left-overs.

        Args:
            rows: What the vendor answered.
            run_id: The run.
            day: The day on which the run began; today in UTC unless told.

        Raises:
            ValueError: A time has no zone.
            StoreError: The place cannot be written.
        """
        groups: defaultdict[tuple[str, str, str, str], list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            groups[row.source, row.entity, row.connection, row.partition].append(place)
        refs = [""] * len(rows)
        files = []
        for (source, entity, connection, partition), places in groups.items():
            folder = Folder(source, entity, day or datetime.now(UTC).date())
            path = f"{folder.path}/{self._new_name(run_id)}"
            with self._files.written(path) as target:
                write_rows(target, [rows[place] for place in places], run_id)
            for number, place in enumerate(places):
                refs[place] = f"{path}#{number}"
            files.append(RawFile(path, source, connection, partition, entity, len(places)))
        return Landing(refs, files)

    def read(self, ref: str) -> LandedRow:
        """The row of a reference.

        Raises:
            ValueError: The text is no reference.
            StoreCorruptError: Its file is missing or damaged.
        """
        (row,) = self._reader.by_refs([ref])
        return row

    def read_many(
        self, refs: Iterable[str], *, on_damage: OnUnread | None = None
    ) -> Iterator[LandedRow]:
        """The rows of references, each once and file by file; each file is opened once.

        Args:
            refs: References.
            on_damage: Is told of the references that cannot be read, file by file, and why; the
                others are read all the same. Without it the first reason is raised.

        Raises:
            ValueError: A text is no reference.
            StoreCorruptError: A file is missing or damaged.
        """
        return self._reader.by_refs(refs, on_damage)

    def iterate(
        self,
        *,
        source: str | None = None,
        connection: str | None = None,
        partition: str | None = None,
        entity: str | None = None,
        since: date | None = None,
        until: date | None = None,
        paths: Iterable[str] | None = None,
        on_damage: OnDamage | None = None,
    ) -> Iterator[LandedRow]:
        """Rows in flat memory, by source, entity and day; within a day in no particular order.

        An item that was fetched several times comes several times. The newest is the one whose
        reference the ledger knows, or has the latest `fetched_at`.

        Args:
            source: Only this source.
            connection: Only this account.
            partition: Only this partition.
            entity: Only this kind of item.
            since: Only runs that began on this day or later.
            until: Only runs that began before this day.
            paths: Only these files: those that the ledger vouches for.
            on_damage: Is told of every file that is damaged, or that `paths` names and is not
                there; the others are read all the same. Without it the first one is raised.

        Raises:
            StoreCorruptError: See `on_damage`.
        """
        only: defaultdict[str, set[str]] | None = None
        if paths is None:
            chosen = folders(self._files.folders, source, entity)
        else:
            only = defaultdict(set)
            for path in paths:
                folder, _, name = path.rpartition("/")
                only[folder].add(name)
            chosen = sorted(map(Folder.of_path, only))
        wanted = {"connection": connection, "partition": partition}
        for place in chosen:
            outside = (
                (source is not None and place.source != source)
                or (entity is not None and place.entity != entity)
                or (since is not None and place.day < since)
                or (until is not None and place.day >= until)
            )
            if not outside:
                yield from self._reader.of_folder(
                    place,
                    only=None if only is None else only[place.path],
                    wanted=wanted,
                    on_damage=on_damage or _raise,
                )

    def compact(
        self,
        *,
        before: date | None = None,
        least: int = 8,
        grace: timedelta = timedelta(hours=1),
    ) -> CompactionReport:
        """Merges small files; references into them stay valid, and no document is rewritten.

        May run beside syncs, readers and other compactions, and be killed at any time.

        Args:
            before: Only folders of days before this one; today in UTC unless told, because a day
                that goes on would be merged again and again.
            least: From how many small files on a folder is worth it.
            grace: How long merged files stay beside the one that has their rows now. The next
                compaction after that removes them.
        """
        limit = before or datetime.now(UTC).date()
        compaction = FolderCompaction(self._files, self._reader, least=least, grace=grace)
        for folder in folders(self._files.folders, None, None):
            if folder.day < limit:
                compaction.run(folder.path)
        return compaction.report

    def verify(
        self,
        vouched: Iterable[RawFile],
        *,
        deep: bool = True,
        source: str | None = None,
        passed: Passed = lambda _: None,
    ) -> VerificationReport:
        """Looks whether files are there, whole, and with the right number of rows.

        May run beside syncs and compactions.

        Args:
            vouched: The files that the ledger vouches for.
            deep: Read every payload and compare checksums, and not the footers only.
            source: Count left-overs of this source only.
            passed: Told how many files were gone through since it was last told.
        """
        files = list(vouched)
        verification = Verification(self._files, self._reader, deep=deep)
        verification.run(files, passed)
        verification.count_leftovers((file.path for file in files), source)
        return verification.report

    def stored(self, *, source: str | None = None) -> Iterator[StoredFile]:
        """Every finished file as it lies there, merged ones with what they hold."""
        return stored_files(self._files, self._reader, source)

    def remove(self, path: str) -> None:
        """Removes a file that `stored` told of, unless it is gone already."""
        self._files.remove(path)

    def close(self) -> None:
        """Nothing is held open. Harmless when called twice."""

    def _new_name(self, run_id: str) -> str:
        """A file name that no other call anywhere gives."""
        with self._lock:
            if self._process != os.getpid():  # also in a process made by `fork`
                self._process = os.getpid()
                self._token = secrets.token_hex(_TOKEN_BYTES)
                self._number = 0
            self._number += 1
            run = _UNSAFE.sub("", run_id)[:_RUN_CHARS] or "run"
            return f"{run}-{self._token}-{self._number}{SUFFIX}"


def _raise(damage: StoreCorruptError) -> None:
    raise damage
