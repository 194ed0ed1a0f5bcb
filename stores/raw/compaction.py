"""Merging small files, without touching a reference.

A sync every few minutes lands a file of a few rows each time. A merged file holds the rows of many
and says in its footer which ones and where, so a reference into a file that is gone is found there.

The files it was made of stay for a while, for whoever has listed the folder and reads it just now;
before they go, the merged file is read from end to end. A process that is killed at any point
leaves rows twice at worst: readers take each once.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final

from stores.errors import StoreCorruptError
from stores.raw.files import Files, FoundFile
from stores.raw.parquet import MergedWriter
from stores.raw.paths import MERGED, SUFFIX
from stores.raw.reader import Reader
from stores.raw.types import CompactionReport

SMALL_BYTES: Final = 16 << 20
"""Files of this size and above are left as they are."""

_TARGET_BYTES: Final = 128 << 20
_GROUP_ROWS: Final = 4_096
_GROUP_BYTES: Final = 8 << 20
_LEFTOVER_AGE: Final = timedelta(days=1)


class FolderCompaction:
    """Compacts the folders of a landing, one by one."""

    def __init__(self, files: Files, reader: Reader, *, least: int, grace: timedelta) -> None:
        """Prepares it.

        Args:
            files: The landing.
            reader: Of the landing.
            least: From how many small files on a folder is worth it.
            grace: How long files stay beside the one they were merged into.
        """
        self._files = files
        self._reader = reader
        self._least = least
        self._grace = grace
        self.report = CompactionReport(merged=0, made=0, removed=0, leftovers=0, damaged=[])

    def run(self, folder: str) -> None:
        """Compacts a folder."""
        now = datetime.now(UTC)
        found = self._files.files(folder)
        for file in found:
            if file.hidden and now - file.written_at > _LEFTOVER_AGE:
                self._files.remove(f"{folder}/{file.name}")
                self.report.leftovers += 1
        landed = [file for file in found if not file.hidden and file.name.endswith(SUFFIX)]
        contents = self._contents(folder, landed)
        superseded = self._superseded(contents)
        aged = {
            copy.name
            for copies in superseded.values()
            for copy in copies
            if now - copy.written_at >= self._grace
        }
        sound = {name for name in sorted(aged) if self._is_sound(folder, name)}
        for file in landed:
            if any(copy.name in sound for copy in superseded.get(file.name, ())):
                self._files.remove(f"{folder}/{file.name}")
                self.report.removed += 1
        small = [
            file
            for file in landed
            if file.name in contents and file.name not in superseded and file.size < SMALL_BYTES
        ]
        if len(small) >= self._least:
            for group in _groups(small):
                self._merge(folder, group)

    def _contents(
        self, folder: str, landed: list[FoundFile]
    ) -> dict[str, tuple[FoundFile, frozenset[str]]]:
        """Every readable file with the landed files whose rows it holds."""
        contents = {}
        for file in landed:
            parts = [(file.name, 0)]
            if file.name.startswith(MERGED):
                try:
                    parts = self._reader.merged_parts(f"{folder}/{file.name}")
                except FileNotFoundError:
                    continue  # another compaction removed it just now
                except StoreCorruptError as damage:
                    self.report.damaged.append(str(damage))
                    continue
            contents[file.name] = file, frozenset(name for name, _ in parts)
        return contents

    @staticmethod
    def _superseded(
        contents: dict[str, tuple[FoundFile, frozenset[str]]],
    ) -> dict[str, list[FoundFile]]:
        """The files all of whose rows are in a larger merged one, each with those."""
        merged = [
            (file, parts) for file, parts in contents.values() if file.name.startswith(MERGED)
        ]
        superseded: dict[str, list[FoundFile]] = {}
        for name, (_, held) in contents.items():
            copies = [
                file
                for file, parts in merged
                if held < parts or (held == parts and file.name < name)
            ]
            if copies:
                superseded[name] = copies
        return superseded

    def _is_sound(self, folder: str, name: str) -> bool:
        """Whether every row of a file can be read: asked before it is the only copy of them."""
        try:
            with self._reader.opened(f"{folder}/{name}") as file:
                return sum(int(table.num_rows) for _, table in file.groups()) == file.rows
        except FileNotFoundError:
            pass  # another compaction removed it just now
        except StoreCorruptError as damage:
            self.report.damaged.append(str(damage))
        return False

    def _merge(self, folder: str, group: list[FoundFile]) -> None:
        # Damage is found before it would spoil the merged file.
        readable = [file.name for file in group if self._is_sound(folder, file.name)]
        if len(readable) < 2:
            return
        digest = blake2b("\n".join(readable).encode(), digest_size=8).hexdigest()
        with self._files.written(f"{folder}/{MERGED}{digest}{SUFFIX}") as target:
            writer = MergedWriter(target, group_rows=_GROUP_ROWS, group_bytes=_GROUP_BYTES)
            for name in readable:
                self._copy(folder, name, writer)
            writer.close()
        self.report.merged += len(readable)
        self.report.made += 1

    def _copy(self, folder: str, name: str, writer: MergedWriter) -> None:
        with self._reader.opened(f"{folder}/{name}") as file:
            for _, table in file.groups():
                writer.add(table)
            for part, rows in file.parts or [(name, file.rows)]:
                writer.end_part(part, rows)


def _groups(files: list[FoundFile]) -> Iterator[list[FoundFile]]:
    """Files that make a merged one together."""
    group: list[FoundFile] = []
    size = 0
    for file in files:
        if group and size + file.size > _TARGET_BYTES:
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size
    if group:
        yield group
