"""Every source: what comes of its own payloads when anything in them is replaced by anything.

A record either becomes documents that the stores take, or a failure with a sentence: at the latest
from the stores, where an id or a name is no text. Nothing raises. Half a character (an emoji that a
vendor cut through) costs no record.
"""

import copy
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache, reduce
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from effort import tries
from fuzz.shapes import NASTY
from fuzz.verdict import fault_of

from documents.chunks import ChunkedDocument
from exporters.base import BaseExporter
from exporters.changes import Change, Listed, RawRecord, Upsert
from faults.stages import STAGES
from faults.stages.base import Stage
from processing.chunking import chunk_documents
from stores.settings import StoreSettings
from stores.sqlite.vector_store import SqliteVectorStore
from tasks.bad_items import as_export_error
from tasks.batches import EncodedUpsert, encoded
from tasks.making import Recipe, made_here
from tasks.stores import open_stores

pytestmark = pytest.mark.faults

RUNS = tries(80, 5_000)
_SECONDS = 1.0
MEGABYTE = 1_000_000


def records_of(changes: Iterable[Change]) -> Iterator[RawRecord]:
    for change in changes:
        if isinstance(change, Upsert):
            yield change.record
        elif isinstance(change, Listed):
            many = change.load_many
            yield from records_of(many.load([change.external_id]) if many else change.load())


@cache
def sample(source: str) -> tuple[BaseExporter, list[RawRecord]]:
    """Some records of every kind that a stage's company has, and an exporter that reads them."""
    stage: Stage[Any, Any] = STAGES[source]
    kinds: dict[str, list[RawRecord]] = {}
    with stage.served(stage.company()) as sandbox:
        exporter = stage.opener(sandbox)()
        for partition in exporter.partitions(stage.selection()):
            for record in records_of(exporter.pull(partition, None)):
                found = kinds.setdefault(record.entity, [])
                found.append(record)
                if len(found) >= 40:
                    break
        exporter.close()
    largest = [sorted(found, key=lambda r: -len(repr(r.payload)))[:6] for found in kinds.values()]
    return exporter, [record for found in largest for record in found]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def too_large(payload: Any) -> bool:
    size = 0
    for path in places(payload):
        value = reduce(lambda inner, key: inner[key], path, payload)
        size += len(value) if isinstance(value, str) else 1
        if size > MEGABYTE // 10:
            return True
    return False


def mutated(payload: Any, dice: Random) -> Any:
    """A payload with up to four things replaced, left out, repeated, moved or blown up."""
    changed = copy.deepcopy(payload)
    for _ in range(dice.randint(1, 4)):
        if too_large(changed):
            break  # each step may make fifty of it, and no answer is larger than 64 MiB
        *path, last = dice.choice(list(places(changed)))
        place = changed
        for key in path:
            place = place[key]
        match dice.randrange(8):
            case 0:
                del place[last]
            case 1:
                place[last] = [place[last]] * dice.randint(0, 50)
            case 2:
                place[last] = {"type": place[last], "text": dice.choice(NASTY)}
            case 3 if isinstance(place[last], str):
                at = dice.randrange(len(place[last]) + 1)
                nasty = str(dice.choice(NASTY))
                place[last] = place[last][:at] + nasty + place[last][at:]
            case 4 if isinstance(place[last], str):
                place[last] = ((place[last] or "x") * dice.choice((10, 1_000)))[:MEGABYTE]
            case 5:
                other = list(places(changed))
                from_ = changed
                for key in dice.choice(other):
                    from_ = from_[key]
                place[last] = copy.deepcopy(from_)
            case _:
                place[last] = copy.deepcopy(dice.choice(NASTY))
    return changed


def with_vectors(document: ChunkedDocument) -> ChunkedDocument:
    vector = np.array([1, 0, 0, 0], np.float32)
    return replace(document, chunks=[replace(chunk, vector=vector) for chunk in document.chunks])


@pytest.mark.parametrize("source", sorted(STAGES))
def test_anything_becomes_documents_that_both_stores_take_or_a_sentence(
    source: str, tmp_path: Path
) -> None:
    stage = STAGES[source]
    exporter, records = sample(source)
    recipe = Recipe(
        exporter=exporter, store_name=stage.store_name, characters=50_000, custom=stage.custom
    )
    dice = Random(7)  # noqa: S311 (to be repeated)
    stores = open_stores(StoreSettings(data_directory=tmp_path, embedding_model="none"))
    vectors = SqliteVectorStore(str(tmp_path / "vectors.db"))
    vectors.bind("made up", 4)
    documents = 0
    for number in range(RUNS):
        record = dice.choice(records)
        payload = mutated(record.payload, dice)
        begun = time.thread_time()
        item = encoded(Upsert(replace(record, payload=payload)), 1)
        if not isinstance(item, EncodedUpsert):
            assert "is no JSON" in str(item.error)
            continue
        made = made_here(recipe, item.record)
        spent = time.thread_time() - begun
        assert spent < _SECONDS, (number, record.key, spent)
        if isinstance(made, Exception):
            assert not isinstance(made, (RecursionError, MemoryError, UnicodeError)), record.key
            assert as_export_error(made, record).sentence()
            continue
        assert not fault_of([(d.page_content, d.metadata["title"]) for d in made], size=10**6)
        chunked = [with_vectors(one) for one in chunk_documents(made)]
        refused = [*stores.index.write(made), *vectors.write(chunked)]
        assert all(one.reason.startswith("cannot be stored") for one in refused), refused
        documents += len(chunked) - len({one.document_id for one in refused})
    stores.close()
    vectors.close()
    assert documents > RUNS // 4


@pytest.mark.parametrize("source", sorted(STAGES))
def test_half_a_character_costs_no_record(source: str) -> None:
    """An emoji is two UTF-16 units, and vendors cut texts between them."""
    stage = STAGES[source]
    exporter, records = sample(source)
    recipe = Recipe(exporter=exporter, store_name=stage.store_name, characters=50_000)
    for record in records:
        item = encoded(Upsert(replace(record, payload={**record.payload, "cut": "wave \ud83d"})), 1)
        assert isinstance(item, EncodedUpsert)
        assert item.record.payload["cut"] == "wave \ufffd"
        assert not isinstance(made_here(recipe, item.record), Exception)
