"""Whole documents and their full text in the embedded file.

A document is an entry (see `stores.sqlite.entries`), its text with the rest of its metadata, and
its words in an FTS5 table that keeps no copy of the text. The access list is kept once for all
documents that share it and put back into the metadata on reading.

Metadata is kept as JSON: what JSON has comes back exactly, tuples come back as lists, times and
enumerations as texts, NaN as None; what it does not have (bytes, sets, numbers beyond 64 bits)
refuses the document.
"""

# ruff: noqa: S608 -- the names of tables are put together from constants, never from data

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import apsw
import orjson
from langchain_core.documents import Document

from stores.base import DocumentHit, DocumentIndex, SearchFilter, WriteFailure
from stores.entries import (
    Entry,
    checked_updates,
    entry_of,
    identifier_of,
    metadata_json,
    storable,
    storable_ids,
    title_and_names,
)
from stores.query import PAIR_WEIGHT, TOKENIZER, analyze, pairs_to_fts5, to_fts5
from stores.sqlite.database import EmbeddedDatabase, rows
from stores.sqlite.entries import EntryTable
from stores.sqlite.filters import condition_of
from stores.sqlite.schema import Schema

_PREFIX: Final = "documents"
_ENTRIES: Final = EntryTable(_PREFIX)

_SCHEMA: Final = Schema(
    _PREFIX,
    [
        [
            *_ENTRIES.statements(),
            f"""CREATE TABLE {_PREFIX}_content (
                rid INTEGER PRIMARY KEY, page_content TEXT NOT NULL, metadata BLOB NOT NULL)""",
            f"""CREATE VIRTUAL TABLE {_PREFIX}_words USING fts5(
                title, body, names,
                content = '', contentless_delete = 1, tokenize = '{TOKENIZER}')""",
            # Sixteen equal segments are merged at once instead of four again and again: a third
            # less work in loading, and a search reads a few segments more.
            f"INSERT INTO {_PREFIX}_words ({_PREFIX}_words, rank) VALUES ('automerge', 0)",
        ],
        [
            *_ENTRIES.second_statements(),
            f"""UPDATE {_PREFIX}_entry SET updated = coalesce(
                (SELECT CAST(round(unixepoch(CAST(c.metadata AS TEXT) ->> 'updated_at', 'subsec')
                 * 1e6) AS INTEGER) FROM {_PREFIX}_content AS c WHERE c.rid = {_PREFIX}_entry.rid),
                created)""",
            # A row for each document that has a conversation or a parent.
            f"""CREATE TABLE {_PREFIX}_kin (
                rid INTEGER PRIMARY KEY, thread TEXT, parent TEXT)""",
            f"""INSERT INTO {_PREFIX}_kin SELECT rid, thread, parent FROM (
                SELECT rid, CAST(metadata AS TEXT) ->> 'thread_id' AS thread,
                CAST(metadata AS TEXT) ->> 'parent_id' AS parent FROM {_PREFIX}_content)
                WHERE coalesce(thread, parent) IS NOT NULL""",
            *(
                f"CREATE INDEX {_PREFIX}_kin_{column} ON {_PREFIX}_kin ({column}) "
                f"WHERE {column} IS NOT NULL"
                for column in ("thread", "parent")
            ),
        ],
    ],
)

_WEIGHTS: Final = "3.0, 1.0, 0.5"
"""How much a word counts in the title, the body and the names."""

_PAIRED: Final = 200
"""Of at least so many of the best by their words, and twice as many as are asked for, those with
words side by side come first."""

_PAGE: Final = 500
_MERGED_PAGES: Final = 2_000
_MERGE_STEPS: Final = 40


class _Row(NamedTuple):
    """A document ready to be written."""

    entry: Entry
    words: tuple[str, str, str]
    metadata: bytes
    kin: tuple[str | None, str | None]


class SqliteDocumentIndex(DocumentIndex):
    """The embedded document index. Safe to use from several threads and processes.

    Writes inside `EmbeddedDatabase.transaction()` of the same file join it.
    """

    def __init__(self, database: EmbeddedDatabase | Path | str) -> None:
        self._database = (
            database if isinstance(database, EmbeddedDatabase) else EmbeddedDatabase.open(database)
        )

    def write(self, documents: Sequence[Document]) -> list[WriteFailure]:
        """See `DocumentIndex.write`. Of several documents with one id the last is kept."""
        ready: dict[str, _Row] = {}
        failures = []
        for document in documents:
            try:
                ready[identifier_of(document)] = _row_of(document)
            except (TypeError, ValueError) as error:
                failures.append(WriteFailure(document.id or "", f"cannot be stored: {error}"))
        if ready:
            with self._database.transaction() as writer:
                _SCHEMA.prepare(writer, self._database)
                known, new = _ENTRIES.write(writer, {i: row.entry for i, row in ready.items()})
                # In the order of row numbers: FTS5 flushes its buffer at each step back.
                _replace(writer, sorted((rid, ready[i]) for i, rid in known.items()))
                _insert(writer, [(rid, ready[i]) for i, rid in new.items()])
                _relate(writer, [(rid, ready[i]) for i, rid in (known | new).items()], known)
        return failures

    def update_access(self, access: Mapping[str, Sequence[str]]) -> list[WriteFailure]:
        """See `DocumentIndex.update_access`."""
        wanted, failures = checked_updates(access)
        if wanted:
            with self._database.transaction() as writer:
                _SCHEMA.prepare(writer, self._database)
                _ENTRIES.update_access(writer, wanted)
        return failures

    def delete(self, document_ids: Sequence[str]) -> None:
        """See `DocumentIndex.delete`."""
        ids = storable_ids(document_ids)
        if not ids:
            return
        with self._database.transaction() as writer:
            _SCHEMA.prepare(writer, self._database)
            rids = [(rid,) for rid in _ENTRIES.rids(writer, ids).values()]
            writer.executemany(f"DELETE FROM {_PREFIX}_words WHERE rowid = ?", rids)
            writer.executemany(f"DELETE FROM {_PREFIX}_content WHERE rid = ?", rids)
            writer.executemany(f"DELETE FROM {_PREFIX}_kin WHERE rid = ?", rids)
            _ENTRIES.delete(writer, (rid for (rid,) in rids))

    def get(self, document_ids: Sequence[str]) -> dict[str, Document]:
        """See `DocumentIndex.get`."""
        ids = storable_ids(document_ids)
        with self._database.read() as reader:
            if not ids or not _SCHEMA.readable(reader, self._database):
                return {}
            found = rows(
                reader,
                f"""SELECT e.id, c.page_content, c.metadata, a.listed, a.access_hash
                FROM json_each(?) AS j
                CROSS JOIN {_PREFIX}_entry AS e ON e.id = j.value
                CROSS JOIN {_PREFIX}_content AS c ON c.rid = e.rid
                CROSS JOIN {_PREFIX}_access_set AS a ON a.access = e.access""",
                (orjson.dumps(ids).decode(),),
            )
        return {row[0]: _document_of(*row) for row in found}

    def iterate(self, where: SearchFilter | None = None) -> Iterator[Document]:
        """See `DocumentIndex.iterate`. What is written meanwhile may or may not be among them."""
        condition = condition_of(_PREFIX, where)
        last = -1
        while True:
            with self._database.read() as reader:
                if not _SCHEMA.readable(reader, self._database):
                    return
                page = rows(
                    reader,
                    f"""SELECT e.rid, e.id, c.page_content, c.metadata, a.listed, a.access_hash
                    FROM {_PREFIX}_entry AS e
                    CROSS JOIN {_PREFIX}_content AS c ON c.rid = e.rid
                    CROSS JOIN {_PREFIX}_access_set AS a ON a.access = e.access
                    WHERE e.rid > ? AND {condition.sql} ORDER BY e.rid LIMIT {_PAGE}""",
                    (last, *condition.bindings),
                )
            if not page:
                return
            last = page[-1][0]
            for row in page:
                yield _document_of(*row[1:])

    def in_order(
        self,
        where: SearchFilter,
        *,
        limit: int,
        thread: str | None = None,
        parent: str | None = None,
        newest_first: bool = False,
    ) -> list[Document]:
        """See `DocumentIndex.in_order`. Those of one moment come by their age in the store."""
        condition = condition_of(_PREFIX, where)
        kin = {"thread": thread, "parent": parent}
        named = {column: value for column, value in kin.items() if value is not None}
        if limit <= 0 or storable_ids(named.values()) != list(named.values()):
            return []
        related = "".join(f" AND k.{column} = ?" for column in named)
        joined = f"CROSS JOIN {_PREFIX}_entry AS e ON e.rid = k.rid"
        begin = f"{_PREFIX}_kin AS k {joined}" if named else f"{_PREFIX}_entry AS e"
        order = "DESC" if newest_first else "ASC"
        with self._database.read() as reader:
            if not _SCHEMA.readable(reader, self._database):
                return []
            found = rows(
                reader,
                f"""SELECT e.id, c.page_content, c.metadata, a.listed, a.access_hash FROM (
                    SELECT e.rid, e.id, e.access, e.created FROM {begin}
                    WHERE e.created IS NOT NULL AND {condition.sql}{related}
                    ORDER BY e.created {order}, e.rid {order} LIMIT ?) AS e
                CROSS JOIN {_PREFIX}_content AS c ON c.rid = e.rid
                CROSS JOIN {_PREFIX}_access_set AS a ON a.access = e.access
                ORDER BY e.created {order}, e.rid {order}""",
                (*condition.bindings, *named.values(), limit),
            )
        return [_document_of(*row) for row in found]

    def count(self, where: SearchFilter | None = None) -> int:
        """See `DocumentIndex.count`."""
        condition = condition_of(_PREFIX, where)
        with self._database.read() as reader:
            if not _SCHEMA.readable(reader, self._database):
                return 0
            ((number,),) = rows(
                reader,
                f"SELECT count(*) FROM {_PREFIX}_entry AS e WHERE {condition.sql}",
                condition.bindings,
            )
        return int(number)

    def search(
        self, query: str, *, limit: int, where: SearchFilter | None = None
    ) -> list[DocumentHit]:
        """See `DocumentIndex.search`. Equal scores are ordered by age in the store."""
        terms = analyze(query)
        expression, pairs = to_fts5(terms), pairs_to_fts5(terms)
        if expression is None or limit <= 0:
            return []
        condition = condition_of(_PREFIX, where)
        with self._database.read() as reader:
            if not _SCHEMA.readable(reader, self._database):
                return []
            # The words lead and the filter is asked of each match: the other way round FTS5 runs
            # the whole query again for every row (https://sqlite.org/fts5.html, 4.4).
            found = rows(
                reader,
                f"""SELECT e.id, -bm25({_PREFIX}_words, {_WEIGHTS}) AS score, e.rid
                FROM {_PREFIX}_words
                CROSS JOIN {_PREFIX}_entry AS e ON e.rid = {_PREFIX}_words.rowid
                WHERE {_PREFIX}_words MATCH ? AND {condition.sql}
                ORDER BY score DESC, e.rid LIMIT ?""",
                (expression, *condition.bindings, max(2 * limit, _PAIRED) if pairs else limit),
            )
            if pairs and len(found) > 1:
                beside = _paired(reader, pairs, [rid for *_, rid in found])
                found = sorted(
                    ((i, score + beside.get(rid, 0.0), rid) for i, score, rid in found),
                    key=lambda hit: (-hit[1], hit[2]),
                )
        return [DocumentHit(identifier, score) for identifier, score, _ in found[:limit]]

    def clear(self) -> None:
        """See `DocumentIndex.clear`."""
        with self._database.transaction() as writer:
            _SCHEMA.prepare(writer, self._database)
            rows(writer, f"INSERT INTO {_PREFIX}_words ({_PREFIX}_words) VALUES ('delete-all')")
            rows(writer, f"DELETE FROM {_PREFIX}_content")
            rows(writer, f"DELETE FROM {_PREFIX}_kin")
            _ENTRIES.clear(writer)

    def maintain(self) -> None:
        """See `DocumentIndex.maintain`. Forgets what no document uses, merges words' segments.

        About a CPU second for 200,000 new documents and never more than some three, next
        to nothing when little has changed since the last time. Other writers get their turn
        between its steps, searches go on meanwhile.
        """
        with self._database.transaction() as writer:
            _SCHEMA.prepare(writer, self._database)
            _ENTRIES.forget_unused(writer)
        pages = -_MERGED_PAGES  # a negative number begins with all segments there are
        for _ in range(_MERGE_STEPS):
            with self._database.transaction() as writer:
                before = writer.total_changes()
                rows(
                    writer,
                    f"INSERT INTO {_PREFIX}_words ({_PREFIX}_words, rank) VALUES ('merge', ?)",
                    (pages,),
                )
                if writer.total_changes() - before < 2:
                    break  # nothing was left to merge (https://sqlite.org/fts5.html, 6.8)
            pages = _MERGED_PAGES

    def close(self) -> None:
        """Closes the file, for every store in it. Harmless when called twice."""
        self._database.close()


def _paired(reader: apsw.Connection, pairs: str, rids: Sequence[int]) -> dict[int, float]:
    """What some documents get for words that stand side by side in them."""
    # The plus keeps the row numbers out of FTS5, which would run the query for each of them.
    found = rows(
        reader,
        f"""SELECT rowid, -bm25({_PREFIX}_words, {_WEIGHTS}) FROM {_PREFIX}_words
        WHERE {_PREFIX}_words MATCH ? AND +rowid IN (SELECT value FROM json_each(?))""",
        (pairs, orjson.dumps(rids).decode()),
    )
    return {rid: PAIR_WEIGHT * score for rid, score in found}


def _row_of(document: Document) -> _Row:
    kept = dict(document.metadata)
    # Their places are kept, so that metadata comes back in the order it was written.
    for field in ("access", "access_hash"):
        if field in kept:
            kept[field] = None
    encoded = metadata_json(kept)
    entry = entry_of(document)
    title, names = title_and_names(document.metadata)
    thread, parent = kept.get("thread_id"), kept.get("parent_id")
    kin = (storable(thread) or None, storable(parent) or None)
    return _Row(entry, (title, storable(document.page_content), names), encoded, kin)


def _document_of(
    identifier: str, page_content: str, metadata: bytes, listed: bytes, digest: str | None
) -> Document:
    fields = orjson.loads(metadata)
    access = orjson.loads(listed)
    if access is not None:
        fields["access"] = access
    if digest is not None:
        fields["access_hash"] = digest
    return Document(id=identifier, page_content=page_content, metadata=fields)


def _insert(writer: apsw.Connection, placed: Sequence[tuple[int, _Row]]) -> None:
    writer.executemany(
        f"INSERT INTO {_PREFIX}_content VALUES (?, ?, ?)",
        ((rid, row.words[1], row.metadata) for rid, row in placed),
    )
    writer.executemany(
        f"INSERT INTO {_PREFIX}_words (rowid, title, body, names) VALUES (?, ?, ?, ?)",
        ((rid, *row.words) for rid, row in placed),
    )


def _relate(
    writer: apsw.Connection, placed: Sequence[tuple[int, _Row]], known: Mapping[str, int]
) -> None:
    related = [(rid, *row.kin) for rid, row in placed if any(row.kin)]
    gone = set(known.values()).difference(rid for rid, *_ in related)
    writer.executemany(f"DELETE FROM {_PREFIX}_kin WHERE rid = ?", ((rid,) for rid in gone))
    writer.executemany(f"INSERT OR REPLACE INTO {_PREFIX}_kin VALUES (?, ?, ?)", related)


def _replace(writer: apsw.Connection, placed: Sequence[tuple[int, _Row]]) -> None:
    moved = [(rid, row) for rid, row in placed if not _same_words(writer, rid, row)]
    writer.executemany(
        f"UPDATE {_PREFIX}_content SET page_content = ?, metadata = ? WHERE rid = ?",
        ((row.words[1], row.metadata, rid) for rid, row in placed),
    )
    writer.executemany(
        f"INSERT OR REPLACE INTO {_PREFIX}_words (rowid, title, body, names) VALUES (?, ?, ?, ?)",
        ((rid, *row.words) for rid, row in moved),
    )


def _same_words(writer: apsw.Connection, rid: int, row: _Row) -> bool:
    """Whether a document's words are in the index already, because only other fields moved."""
    ((same_body, metadata),) = rows(
        writer,
        f"SELECT page_content = ?, metadata FROM {_PREFIX}_content WHERE rid = ?",
        (row.words[1], rid),
    )
    return bool(same_body) and (
        metadata == row.metadata
        or title_and_names(orjson.loads(metadata)) == (row.words[0], row.words[2])
    )
