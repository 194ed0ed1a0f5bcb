"""Looking after a landing: whether it is whole, and what lies where."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from stores.errors import StoreCorruptError, StoreUnavailableError
from stores.ledger.types import RawFile
from stores.raw.files import Files, FoundFile
from stores.raw.paths import MERGED, SUFFIX, folders
from stores.raw.reader import Reader

_LISTINGS: Final = 5  # of a folder, while compactions change it

Passed = Callable[[int], object]
"""Told how many files were gone through since it was last told."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that the ledger vouches for and that is not whole.

    Attributes:
        path: The file, as references name it.
        rows: How many payloads it should hold.
        reason: What is wrong, as a sentence.
    """

    path: str
    rows: int
    reason: str


@dataclass(slots=True)
class VerificationReport:
    """What a verification found.

    Attributes:
        files: Files that were looked at, as the ledger names them.
        rows: Payloads in them.
        damages: What is damaged or missing.
        leftovers: Files that nobody vouches for: of runs that were killed, or going on.
        leftover_bytes: Their size.
    """

    files: int = 0
    rows: int = 0
    damages: list[Damage] = field(default_factory=list)
    leftovers: int = 0
    leftover_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file as it lies there.

    Attributes:
        path: Where.
        paths: The landed files whose rows it holds: itself, or those it was merged of.
        size: In bytes.
        day: The day of its folder.
        source: The source's name.
        written_at: When it was written.
    """

    path: str
    paths: tuple[str, ...]
    size: int
    day: date
    source: str
    written_at: datetime


def stored_files(files: Files, reader: Reader, source: str | None) -> Iterator[StoredFile]:
    """Every finished file of a landing; one that is merged and cannot be read holds nothing."""
    for folder in folders(files.folders, source, None):
        for found in _finished(files, folder.path):
            try:
                parts = _parts(reader, folder.path, found.name)
            except FileNotFoundError:
                continue  # a compaction removed it just now
            except StoreCorruptError:
                continue  # for a verification to tell
            yield StoredFile(
                path=f"{folder.path}/{found.name}",
                paths=tuple(f"{folder.path}/{name}" for name, _ in parts),
                size=found.size,
                day=folder.day,
                source=folder.source,
                written_at=found.written_at,
            )


class Verification:
    """Compares a landing with what the ledger vouches for."""

    def __init__(self, files: Files, reader: Reader, *, deep: bool) -> None:
        """Prepares it.

        Args:
            files: The landing.
            reader: Of the landing.
            deep: Whether every payload is read and its checksum compared, and not the footers only.
        """
        self._files = files
        self._reader = reader
        self._deep = deep
        self.report = VerificationReport()

    def run(self, vouched: Iterable[RawFile], passed: Passed) -> None:
        """Looks at all files that the ledger vouches for, and counts those it does not."""
        by_folder: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for file in vouched:
            folder, _, name = file.path.rpartition("/")
            by_folder[folder][name] = file.rows
        for folder in sorted(by_folder):
            self._folder(folder, by_folder[folder])
            self.report.files += len(by_folder[folder])
            self.report.rows += sum(by_folder[folder].values())
            passed(len(by_folder[folder]))

    def count_leftovers(self, vouched: Iterable[str], source: str | None) -> None:
        """Counts the files that hold nothing that the ledger vouches for."""
        known = set(vouched)
        for stored in stored_files(self._files, self._reader, source):
            if known.isdisjoint(stored.paths):
                self.report.leftovers += 1
                self.report.leftover_bytes += stored.size

    def _folder(self, folder: str, wanted: Mapping[str, int]) -> None:
        for _ in range(_LISTINGS):
            try:
                self.report.damages += self._damages(folder, wanted)
            except FileNotFoundError:
                continue  # a compaction removed a file in this moment
            return
        raise StoreUnavailableError(
            f"The raw folder {self._files.named(folder)} is being compacted all the time.",
            hint="Run again later.",
        )

    def _damages(self, folder: str, wanted: Mapping[str, int]) -> list[Damage]:
        """What is wrong in a folder.

        Raises:
            FileNotFoundError: A file went in this moment.
        """
        reasons: defaultdict[str, list[str]] = defaultdict(list)
        sound: set[str] = set()
        unreadable: list[str] = []
        for found in _finished(self._files, folder):
            path = f"{folder}/{found.name}"
            try:
                held = dict(_parts(self._reader, folder, found.name))
            except StoreCorruptError as damage:
                unreadable.append(str(damage))
                continue
            here = held.keys() & wanted.keys()
            if not here:
                continue
            try:
                rows = self._rows(path)
            except StoreCorruptError as damage:
                for name in here:
                    reasons[name].append(str(damage))
                continue
            for name in here:
                has = rows if found.name == name else held[name]
                if has == wanted[name]:
                    sound.add(name)
                else:
                    reasons[name].append(
                        f"The raw file {self._files.named(path)} holds {has:,} rows of it instead "
                        f"of {wanted[name]:,}."
                    )
        return [
            Damage(
                f"{folder}/{name}",
                wanted[name],
                next(iter(reasons[name] + unreadable), None)
                or f"The raw file {self._files.named(f'{folder}/{name}')} is missing.",
            )
            for name in sorted(wanted.keys() - sound)
        ]

    def _rows(self, path: str) -> int:
        """How many rows a file has; reads all of them in a deep verification.

        Raises:
            FileNotFoundError: It is not there any more.
            StoreCorruptError: It is damaged.
        """
        with self._reader.opened(path) as file:
            if not self._deep:
                return file.rows
            return sum(int(table.num_rows) for _, table in file.groups())


def _finished(files: Files, folder: str) -> list[FoundFile]:
    found = files.files(folder)
    return [file for file in found if not file.hidden and file.name.endswith(SUFFIX)]


def _parts(reader: Reader, folder: str, name: str) -> list[tuple[str, int]]:
    """Names of the landed files that a file holds, with their rows (0 for a file itself)."""
    return reader.merged_parts(f"{folder}/{name}") if name.startswith(MERGED) else [(name, 0)]
