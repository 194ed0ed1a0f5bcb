"""Finding and reading rows: by reference, or folder by folder."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final, NamedTuple

import pyarrow as pa

from stores.errors import StoreCorruptError, StoreUnavailableError
from stores.raw.files import Files
from stores.raw.parquet import LandedFile, rows_of
from stores.raw.paths import MERGED, SUFFIX, Folder, Ref
from stores.raw.types import LandedRow

OnDamage = Callable[[StoreCorruptError], None]
OnUnread = Callable[[Sequence[str], StoreCorruptError], None]

Wanted = Mapping[str, str | None]

_REMEMBERED: Final = 256  # merged files whose parts are kept in memory
_LISTINGS: Final = 5  # of a folder, while compactions change it
_HINT: Final = "Restore it from a backup, or sync its partition again from the beginning."


class Place(NamedTuple):
    """Where the rows of a landed file are now.

    Attributes:
        name: A file of the same folder: itself, or a merged one.
        first: Number of its first row in there.
        rows: How many it has; None for all of the file.
    """

    name: str
    first: int
    rows: int | None


class Span(NamedTuple):
    """Where a part lies in a merged file: from row `start` to before row `end`."""

    part: str
    start: int
    end: int


class Reader:
    """Reads the rows of a landing. Safe to use from many threads."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._parts: OrderedDict[str, list[tuple[str, int]]] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def opened(self, path: str) -> Iterator[LandedFile]:
        """A file for reading.

        Raises:
            FileNotFoundError: It does not exist.
            StoreCorruptError: It is damaged, found now or while it is read.
            StoreError: The place cannot be read.
        """
        stream = self._files.opened(path)
        with stream, self._damage_named(path), LandedFile(stream) as file:
            yield file

    def merged_parts(self, path: str) -> list[tuple[str, int]]:
        """Names and numbers of rows of the files that a merged file is made of.

        Raises:
            FileNotFoundError: It does not exist.
            StoreCorruptError: It is damaged.
        """
        with self._lock:
            known = self._parts.get(path)
        if known is None:
            with self.opened(path) as file:
                known = file.parts
            with self._lock:
                self._parts[path] = known
                while len(self._parts) > _REMEMBERED:
                    self._parts.popitem(last=False)
        return known

    def by_refs(
        self, refs: Iterable[str], on_damage: OnUnread | None = None
    ) -> Iterator[LandedRow]:
        """The rows of references, file by file.

        Args:
            refs: References.
            on_damage: Is told which references cannot be read; without it that is raised.

        Raises:
            ValueError: A text is no reference.
            StoreCorruptError: A file is missing or damaged, or has no such row.
        """
        numbers: dict[tuple[str, str], set[int]] = {}
        for text in refs:
            ref = Ref.parse(text)
            numbers.setdefault((ref.folder, ref.name), set()).add(ref.row)
        for (folder, name), wanted in numbers.items():
            left = set(wanted)
            try:
                for row in self._some_rows(folder, name, wanted):
                    left.discard(Ref.parse(row.ref).row)
                    yield row
            except StoreCorruptError as damage:
                if on_damage is None:
                    raise
                on_damage([f"{folder}/{name}#{number}" for number in sorted(left)], damage)

    def of_folder(
        self,
        folder: Folder,
        *,
        only: Collection[str] | None,
        wanted: Wanted,
        on_damage: OnDamage,
    ) -> Iterator[LandedRow]:
        """The rows of a folder, each once.

        Args:
            folder: Which.
            only: Names of the files whose rows are wanted; None for all.
            wanted: Values of `connection` and `partition` that rows must have.
            on_damage: Is told of every file that is damaged or missing.
        """
        begun: set[str] = set()
        told: set[str] = set()

        def tell(name: str, damage: StoreCorruptError) -> None:
            if name not in told:
                told.add(name)
                on_damage(damage)

        for _ in range(_LISTINGS):
            found = [file.name for file in self._files.files(folder.path)]
            # A file that was merged is there beside its copy for a while; the copy is read.
            merged = [name for name in found if name.startswith(MERGED)]
            vanished = False
            for name in merged:
                try:
                    yield from self._merged_rows(folder, name, only, wanted, begun)
                except StoreCorruptError as damage:
                    tell(name, damage)
                except FileNotFoundError:
                    vanished = True  # its rows are in one that this listing may not have
            if not vanished:
                break
        else:
            raise _restless(self._files.named(folder.path))
        landed = [name for name in found if name.endswith(SUFFIX) and name not in merged]
        for name in landed if only is None else sorted(only):
            if name in begun:
                continue
            begun.add(name)
            try:
                yield from self._landed_rows(folder, name, wanted)
            except StoreCorruptError as damage:
                tell(name, damage)

    def _merged_rows(
        self,
        folder: Folder,
        merged: str,
        only: Collection[str] | None,
        wanted: Wanted,
        begun: set[str],
    ) -> Iterator[LandedRow]:
        """The rows of a merged file under their own references, but for the parts in `begun`.

        Raises:
            FileNotFoundError: It is not there any more; nothing was yielded.
        """
        parts = self.merged_parts(f"{folder.path}/{merged}")
        chosen = {part for part, _ in parts if only is None or part in only} - begun
        if not chosen:
            return
        with self.opened(f"{folder.path}/{merged}") as file:
            spans = [span for span in _spans(file.parts) if span.part in chosen]
            for first, table in file.groups(wanted):
                for part, start, end in spans:
                    low, high = max(start, first), min(end, first + table.num_rows)
                    if low < high:
                        begun.add(part)
                        piece = table.slice(low - first, high - low)
                        path = f"{folder.path}/{part}"
                        numbers = range(low - start, high - start)
                        yield from rows_of(piece, folder.source, path, numbers, wanted)
        begun |= chosen

    def _landed_rows(self, folder: Folder, name: str, wanted: Wanted) -> Iterator[LandedRow]:
        path = f"{folder.path}/{name}"
        try:
            with self.opened(path) as file:
                for first, table in file.groups(wanted):
                    numbers = range(first, first + table.num_rows)
                    yield from rows_of(table, folder.source, path, numbers, wanted)
        except FileNotFoundError:
            for row in self._some_rows(folder.path, name, None):
                if all(
                    getattr(row.row, field) == value
                    for field, value in wanted.items()
                    if value is not None
                ):
                    yield row

    def _some_rows(
        self, folder: str, name: str, numbers: Collection[int] | None
    ) -> Iterator[LandedRow]:
        """Rows of a file by number (all where None), wherever they are now."""
        source = Folder.of_path(folder).source
        path = f"{folder}/{name}"
        for attempt in range(_LISTINGS):
            place = self._place(folder, name) if attempt else Place(name, 0, None)
            try:
                with self.opened(f"{folder}/{place.name}") as file:
                    rows = file.rows if place.rows is None else place.rows
                    left = set(range(rows) if numbers is None else numbers)
                    for found, table in file.at(place.first + row for row in left if row < rows):
                        here = [number - place.first for number in found]
                        left.difference_update(here)
                        yield from rows_of(table, source, path, here)
            except FileNotFoundError:
                continue  # merged long ago, or in this moment
            if left:
                raise StoreCorruptError(
                    f"The raw file {self._files.named(path)} has no row {min(left)}."
                )
            return
        raise _restless(self._files.named(folder))

    def _place(self, folder: str, name: str) -> Place:
        """Where the rows of a file are that is not there itself: in a merged file of the folder.

        Raises:
            StoreCorruptError: Nowhere.
        """
        damaged: StoreCorruptError | None = None
        found = [file.name for file in self._files.files(folder)]
        for merged in filter(lambda name: name.startswith(MERGED), found):
            try:
                parts = self.merged_parts(f"{folder}/{merged}")
            except FileNotFoundError:
                continue
            except StoreCorruptError as damage:
                damaged = damage
                continue
            for part, start, end in _spans(parts):
                if part == name:
                    return Place(merged, start, end - start)
        raise damaged or StoreCorruptError(
            f"The raw file {self._files.named(f'{folder}/{name}')} is missing.", hint=_HINT
        )

    @contextmanager
    def _damage_named(self, path: str) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            self._files.raise_if_the_place_failed(error)
            reason: Any = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise StoreCorruptError(
                f"The raw file {self._files.named(path)} is damaged: {reason}.",
                hint=_HINT,
            ) from error


def _spans(parts: Iterable[tuple[str, int]]) -> list[Span]:
    """Where parts lie; of one that two merged files brought along, the first place."""
    spans: dict[str, Span] = {}
    start = 0
    for part, rows in parts:
        spans.setdefault(part, Span(part, start, start + rows))
        start += rows
    return list(spans.values())


def _restless(folder: str) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"The raw folder {folder} is being compacted all the time.", hint="Run again later."
    )
