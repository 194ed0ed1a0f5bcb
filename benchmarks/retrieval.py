"""How good the answers are: nDCG@10 and recall@100, by words, by vectors, and by both.

    python -m benchmarks.retrieval                                 # Cranfield, WordLlama, embedded
    python -m benchmarks.retrieval --folder FOLDER --folder FOLDER # other collections
    python -m benchmarks.retrieval --model wordllama --model fastembed:...  --options '{...}'
    python -m benchmarks.retrieval --elasticsearch                    # and the tests' own server
    python -m benchmarks.retrieval --elasticsearch http://127.0.0.1:9200
    python -m benchmarks.retrieval --fusion linear:0.2 --fusion rrf --halves

A folder holds a collection in BEIR's shape (see `benchmarks.collections`). Documents are cut,
embedded and stored as by a sync, and asked for with the search of the product, as the operator.
Vectors are kept in --cache from one run to the next, because a good model takes minutes for them.
`--halves` gives nDCG@10 of the odd and of the even queries besides: a share that suits only some
of them shows there.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import numpy as np
import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.collections import CRANFIELD, Collection, mean_quality, read_collection
from benchmarks.search_speed import elasticsearch
from documents.chunks import ChunkedDocument
from documents.fingerprints import fingerprint
from processing.chunking import chunk_documents
from stores.base import DocumentIndex, VectorStore
from stores.embeddings import EmbeddingModel, load_embeddings
from stores.fusion import Fusion, default_fusion, parse_fusion
from stores.opening import open_document_index, open_vector_store
from stores.search import HybridSearch
from stores.settings import StoreSettings

DEPTH: Final = 100
_DOCUMENTS_AT_ONCE: Final = 500

Rank = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Place:
    """A kind of store, by the settings that lead to it."""

    name: str
    url: str

    def settings(self, folder: Path, prefix: str) -> StoreSettings:
        """Stores of their own, for one collection and model."""
        if not self.url:
            return StoreSettings(data_directory=folder)
        url = f"{self.url}?prefix={prefix}"
        return StoreSettings(data_directory=folder, document_index=url, vector_store=url)


class Measured:
    """A collection in the stores of one kind, with the vectors of one model."""

    def __init__(
        self,
        collection: Collection,
        index: DocumentIndex,
        vectors: VectorStore,
        model: EmbeddingModel,
        chunked: Sequence[ChunkedDocument],
    ) -> None:
        self._index, self._vectors, self._model = index, vectors, model
        vectors.bind(model.identity, model.dimensions)
        for first in range(0, len(chunked), _DOCUMENTS_AT_ONCE):
            part = chunked[first : first + _DOCUMENTS_AT_ONCE]
            refused = index.write([item.document for item in part]) + vectors.write(part)
            if refused:
                raise SystemExit(f"{collection.name}: {refused[0]}")
        index.maintain()
        vectors.maintain()

    def by_words(self, query: str) -> list[str]:
        """The first by BM25."""
        return [hit.document_id for hit in self._index.search(query, limit=DEPTH)]

    def by_vectors(self, query: str) -> list[str]:
        """The first by their nearest chunk."""
        question = self._model.embed_question(query)
        hits = self._vectors.search(question, limit=DEPTH * 3)
        return list(dict.fromkeys(hit.document_id for hit in hits))[:DEPTH]

    def hybrid(self, fusion: Fusion) -> Rank:
        """The first of both, as the product answers."""
        search = HybridSearch(self._index, self._vectors, self._model, fusion=fusion)
        return lambda query: [
            found.document.id or "" for found in search.search(query, as_user=None, limit=DEPTH)
        ]


def embedded(
    collection: Collection, model: EmbeddingModel, cache: Path | None
) -> list[ChunkedDocument]:
    """The documents cut into chunks as by a sync, each with its vector."""
    settings = StoreSettings()
    chunked = list(
        chunk_documents(
            collection.documents,
            chunk_characters=settings.chunk_characters,
            overlap_characters=settings.chunk_overlap,
        )
    )
    chunks = [chunk for item in chunked for chunk in item.chunks]
    matrix = _cached(model, [chunk.embedded_text for chunk in chunks], cache)
    for chunk, vector in zip(chunks, matrix, strict=True):
        chunk.vector = vector
    return chunked


def _cached(
    model: EmbeddingModel, texts: list[str], cache: Path | None
) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    key = fingerprint(orjson.dumps([model.identity, texts]))[:32]
    path = cache / f"{key}.npy" if cache else None
    if path is not None and path.exists():
        return np.load(path)  # type: ignore[no-any-return]
    # Texts of one length together: a model fills the shorter ones of a batch up.
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    made = model.embed_matrix([texts[i] for i in order])
    matrix = np.empty_like(made)
    matrix[order] = made
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, matrix)
    return matrix


@contextmanager
def stored(
    place: Place, collection: Collection, model: EmbeddingModel, chunked: Sequence[ChunkedDocument]
) -> Iterator[Measured]:
    """A collection in stores that are gone afterwards."""
    prefix = f"retrieval-{uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="retrieval-") as folder, ExitStack() as stack:
        settings = place.settings(Path(folder), prefix)
        index, vectors = open_document_index(settings), open_vector_store(settings)
        stack.callback(index.close)
        stack.callback(vectors.close)
        stack.callback(vectors.clear)
        stack.callback(index.clear)
        yield Measured(collection, index, vectors, model, chunked)


def quality(
    collection: Collection, rank: Rank, *, halves: bool = False
) -> tuple[float, float, str]:
    """nDCG@10, recall@100, and nDCG@10 of the odd and even queries where that is asked."""
    rankings = {query: rank(text) for query, text in collection.queries.items()}
    gain, found = mean_quality(rankings, collection.judgements)
    if not halves:
        return gain, found, ""
    ordered = list(rankings)
    parts = ({q: rankings[q] for q in ordered[first::2]} for first in (0, 1))
    told = " / ".join(f"{mean_quality(part, collection.judgements)[0]:.3f}" for part in parts)
    return gain, found, told


def measure(
    collection: Collection, place: Place, model: EmbeddingModel, options: argparse.Namespace
) -> Iterator[tuple[str, ...]]:
    """The rows of one collection, store and model."""
    fusions = [parse_fusion(text) for text in options.fusion] or [default_fusion(model.identity)]
    with stored(place, collection, model, embedded(collection, model, options.cache)) as measured:
        ranks: dict[str, Rank] = {"words": measured.by_words, "vectors": measured.by_vectors}
        for fusion in fusions:
            told = f"rrf:{fusion.k}" if fusion.method == "rrf" else f"linear:{fusion.weight:g}"
            ranks[f"hybrid, {told}"] = measured.hybrid(fusion)
        sides: list[float] = []
        for name, rank in ranks.items():
            gain, found, halves = quality(collection, rank, halves=options.halves)
            below = name.startswith("hybrid") and gain < max(sides)
            sides += [gain] if len(sides) < 2 else []
            mark = " (below a half)" if below else ""
            row = (name, f"{gain:.4f}{mark}", f"{found:.4f}", halves)
            yield (collection.name, place.name, model.identity, *row)


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--folder", type=Path, action="append", help="a collection; may be repeated"
    )
    parser.add_argument("--judgements", help="the file with them, where it is not a usual one")
    parser.add_argument("--model", action="append", help="as the setting embedding_model has it")
    parser.add_argument(
        "--options", action="append", default=[], help="JSON, for the models in turn"
    )
    parser.add_argument("--elasticsearch", nargs="?", const="own", help="URL; none starts a server")
    parser.add_argument("--only-elasticsearch", action="store_true")
    parser.add_argument("--fusion", action="append", default=[], help="instead of the model's own")
    parser.add_argument("--halves", action="store_true", help="of the queries, each by itself")
    parser.add_argument("--cache", type=Path, help="keep vectors in this folder")
    return parser.parse_args(arguments)


@contextmanager
def places(options: argparse.Namespace) -> Iterator[list[Place]]:
    """The stores to measure."""
    with ExitStack() as stack:
        found = [] if options.only_elasticsearch else [Place("embedded", "")]
        if url := options.elasticsearch:
            served = elasticsearch(None if url == "own" else url)
            found.append(Place("Elasticsearch", stack.enter_context(served)))
        yield found


def main() -> int:
    """Runs it and prints a table."""
    options = parsed()
    folders = options.folder or [CRANFIELD]
    try:
        collections = [read_collection(folder, options.judgements) for folder in folders]
    except FileNotFoundError as error:
        print(f"Nothing was measured: {error} Name a collection with --folder.", file=sys.stderr)
        return 2
    table = Table("collection", "store", "model", "by", "nDCG@10", "recall@100")
    if options.halves:
        table.add_column("nDCG@10, odd / even queries")
    with places(options) as stores:
        for number, setting in enumerate(options.model or ["wordllama"]):
            given = options.options[number] if number < len(options.options) else "{}"
            model = load_embeddings(setting, options=orjson.loads(given))
            if model is None:
                raise SystemExit(f"{setting} is no model to measure.")
            for collection in collections:
                for place in stores:
                    for row in measure(collection, place, model, options):
                        table.add_row(*row[: len(table.columns)])
                        print(*row, sep="\t", file=sys.stderr, flush=True)
    Console(width=140).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
