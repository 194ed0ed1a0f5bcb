"""The Parquet files of the raw landing: how rows become columns and back.

Readable with any Parquet reader: one row a payload, one file an entity, Hive folders above it. A
file that a compaction made says in its footer which files it is made of and how many rows each had,
so that a reference into one of them finds its row.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from stores.raw.types import LandedRow, RawRow

_TIME: Final = pa.timestamp("us", tz="UTC")

SCHEMA: Final = pa.schema(
    [
        ("connection", pa.string()),
        ("partition", pa.string()),
        ("entity", pa.string()),
        ("external_id", pa.string()),
        ("payload", pa.binary()),
        ("url", pa.string()),
        ("occurred_at", _TIME),
        ("version", pa.string()),
        ("fetched_at", _TIME),
        ("run_id", pa.string()),
    ]
)

_REPEATED: Final = ["connection", "partition", "entity", "run_id"]
_PARTS: Final = b"data_getters.parts"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Parquet has checksums for what zstd and plain encoding would not notice: a flipped bit.
_OPTIONS: Final[Mapping[str, Any]] = {
    "compression": "zstd",
    "compression_level": 3,
    "use_dictionary": _REPEATED,
    "write_statistics": _REPEATED,
    "write_page_checksum": True,
}


def write_rows(target: Path | IO[bytes], rows: Sequence[RawRow], run_id: str) -> None:
    """Writes rows of one entity as a file.

    Raises:
        ValueError: A time has no zone.
    """
    for row in rows:
        if row.fetched_at.tzinfo is None or (row.occurred_at and row.occurred_at.tzinfo is None):
            raise ValueError(f"a time without a zone in {row.entity}:{row.external_id}")
    columns: list[list[Any]] = [
        [getattr(row, name) for row in rows] for name in SCHEMA.names if name != "run_id"
    ]
    columns.append([run_id] * len(rows))
    arrays = [
        pa.array(column, type=field.type) for column, field in zip(columns, SCHEMA, strict=True)
    ]
    pq.write_table(pa.table(arrays, schema=SCHEMA), target, **_OPTIONS)


class MergedWriter:
    """Writes the rows of many files into one, in flat memory."""

    def __init__(self, target: Path | IO[bytes], *, group_rows: int, group_bytes: int) -> None:
        """Begins a file.

        Args:
            target: Where to.
            group_rows: Rows to gather before they are written.
            group_bytes: Bytes to gather before they are written.
        """
        self._writer = pq.ParquetWriter(target, SCHEMA, **_OPTIONS)
        self._group_rows = group_rows
        self._group_bytes = group_bytes
        self._gathered: list[Any] = []
        self._rows = 0
        self._bytes = 0
        self._parts: list[tuple[str, int]] = []

    def add(self, table: Any) -> None:
        """Adds rows of the part that `end_part` names next."""
        self._gathered.append(table)
        self._rows += table.num_rows
        self._bytes += table.nbytes
        if self._rows >= self._group_rows or self._bytes >= self._group_bytes:
            self._write()

    def end_part(self, name: str, rows: int) -> None:
        """Says that the last rows added were those of a file."""
        self._parts.append((name, rows))

    def close(self) -> None:
        """Ends the file."""
        self._write()
        self._writer.add_key_value_metadata({_PARTS: orjson.dumps(self._parts)})
        self._writer.close()

    def _write(self) -> None:
        if self._gathered:
            whole = pa.concat_tables(self._gathered).combine_chunks()
            self._writer.write_table(whole, row_group_size=max(1, whole.num_rows))
            self._gathered = []
            self._rows = self._bytes = 0


class LandedFile:
    """A file that is read.

    Attributes:
        rows: How many it has.
        parts: Name and number of rows of the files that it was made of, in order; empty for a
            file that was landed as it is.
    """

    def __init__(self, stream: Any) -> None:
        """Reads the footer.

        Raises:
            pyarrow.ArrowException, OSError: It is damaged.
            ValueError: It has other columns.
        """
        self._file = pq.ParquetFile(stream, page_checksum_verification=True)
        if not self._file.schema_arrow.equals(SCHEMA):
            raise ValueError("it was written by another program")
        self._metadata = self._file.metadata
        self.rows: int = self._metadata.num_rows
        described = (self._metadata.metadata or {}).get(_PARTS)
        self.parts: list[tuple[str, int]] = [
            (name, rows) for name, rows in (orjson.loads(described) if described else ())
        ]

    def __enter__(self) -> "LandedFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close(force=True)

    def groups(self, wanted: Mapping[str, str | None] | None = None) -> Iterator[tuple[int, Any]]:
        """The row groups as tables, each with the number of its first row.

        Args:
            wanted: Values of `connection` and `partition`; groups that cannot hold one are left
                out.
        """
        first = 0
        for number in range(self._metadata.num_row_groups):
            group = self._metadata.row_group(number)
            if _may_hold(group, wanted or {}):
                yield first, self._file.read_row_group(number)
            first += group.num_rows

    def at(self, numbers: Iterable[int]) -> Iterator[tuple[list[int], Any]]:
        """The rows of these numbers, a table a row group; none beyond the end."""
        wanted = sorted(set(numbers))
        first = 0
        for group in range(self._metadata.num_row_groups):
            end = first + self._metadata.row_group(group).num_rows
            here = wanted[bisect_left(wanted, first) : bisect_left(wanted, end)]
            if here:
                table = self._file.read_row_group(group)
                if len(here) < table.num_rows:
                    table = table.take([number - first for number in here])
                yield here, table
            first = end


def rows_of(
    table: Any,
    source: str,
    path: str,
    numbers: Iterable[int],
    wanted: Mapping[str, str | None] | None = None,
) -> Iterator[LandedRow]:
    """The rows of a table.

    Args:
        table: Rows of one file.
        source: The source's name, which only the path tells.
        path: Of the file that the rows were landed in.
        numbers: Their numbers in that file.
        wanted: Values of `connection` and `partition` that rows must have.
    """
    columns: list[list[Any]] = [
        (column.cast(pa.int64()) if column.type == _TIME else column).to_pylist()
        for column in table.select(SCHEMA.names).columns
    ]
    filters = [
        (SCHEMA.names.index(name), value)
        for name, value in (wanted or {}).items()
        if value is not None
    ]
    for number, values in zip(numbers, zip(*columns, strict=True), strict=True):
        if any(values[place] != value for place, value in filters):
            continue
        (
            connection,
            partition,
            entity,
            external_id,
            payload,
            url,
            occurred_at,
            version,
            fetched_at,
            run_id,
        ) = values
        row = RawRow(
            source=source,
            connection=connection,
            partition=partition,
            entity=entity,
            external_id=external_id,
            payload=payload,
            url=url,
            occurred_at=None if occurred_at is None else _moment(occurred_at),
            version=version,
            fetched_at=_moment(fetched_at),
        )
        yield LandedRow(f"{path}#{number}", run_id, row)


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _may_hold(group: Any, wanted: Mapping[str, str | None]) -> bool:
    for name, value in wanted.items():
        statistics = group.column(SCHEMA.get_field_index(name)).statistics
        if value is None or statistics is None or not statistics.has_min_max:
            continue
        if not statistics.min <= value <= statistics.max:
            return False
    return True
