"""What it takes and costs to embed documents, before it is begun."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from documents.chunks import ChunkedDocument
from stores.embedding_requests import estimated_tokens
from stores.embeddings import EmbeddingModel
from stores.errors import EmbeddingError
from stores.ledger.ledger import Ledger
from stores.settings import StoreSettings
from tasks.embedding import Embedder

_SAMPLE: Final = 8
_FLOAT_BYTES: Final = 4
_CACHE_SHARE: Final = 0.85
"""The cache is cut to nine tenths of its bound when it is full."""

_REMEMBERED: Final = 1_000_000
"""Texts that are known to be counted already, some 60 bytes each; beyond, one may count twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingEstimate:
    """What embedding documents takes.

    Attributes:
        model: That embeds.
        documents: How many there are.
        chunks: That they are cut into.
        texts: Chunks that the cache has no vector of: those that are embedded.
        tokens: Of these, by estimate.
        price: What they cost, where the setting says what a million tokens do.
        seconds: How long the model takes for them, by a sample; None where nothing is to embed.
        resumable: Whether the cache holds all vectors, so that building them anew goes on where it
            was stopped.
    """

    model: str
    documents: int
    chunks: int
    texts: int
    tokens: int
    price: float | None
    seconds: float | None
    resumable: bool

    @property
    def sentence(self) -> str:
        """All of it, in one line or two."""
        told = (
            f"{self.documents:,} documents, {self.chunks:,} chunks; {self.texts:,} texts are to be "
            f"embedded with {self.model}: about {self.tokens:,} tokens"
        )
        if self.price is not None:
            told += f", about {self.price:,.2f} at the price of the settings"
        if self.seconds is not None:
            told += f", about {_duration(self.seconds)}"
        if not self.resumable:
            told += (
                ". The cache cannot hold all vectors, so a run that is stopped begins anew, and "
                "syncs wait all the while: raise DATA_GETTERS_STORES__EMBEDDING_CACHE_BYTES"
            )
        return f"{told}."


class Tally:
    """Counts what would be embedded, page by page."""

    def __init__(self, model: EmbeddingModel, ledger: Ledger) -> None:
        self._model = model
        self._embedder = Embedder(model, ledger)
        self._documents = self._chunks = self._texts = self._tokens = 0
        self._sample: list[str] = []
        self._counted: set[int] = set()

    def add(self, page: Sequence[ChunkedDocument]) -> None:
        """Counts some documents. A text counts once, whoever has it."""
        self._documents += len(page)
        self._chunks += sum(len(item.chunks) for item in page)
        missing = [t for t in self._embedder.missing(page) if hash(t) not in self._counted]
        if len(self._counted) < _REMEMBERED:
            self._counted.update(map(hash, missing))
        self._texts += len(missing)
        self._tokens += sum(map(estimated_tokens, missing))
        self._sample += missing[: _SAMPLE - len(self._sample)]

    def estimate(self, settings: StoreSettings) -> EmbeddingEstimate:
        """What it comes to. A few texts are embedded to see how long the model takes.

        Raises:
            EmbeddingError: The model cannot be used.
        """
        price = settings.embedding_price
        return EmbeddingEstimate(
            model=self._model.identity,
            documents=self._documents,
            chunks=self._chunks,
            texts=self._texts,
            tokens=self._tokens,
            price=None if price is None else self._tokens * price / 1e6,
            seconds=_seconds(self._model, self._sample, self._tokens),
            resumable=fits_cache(settings, self._model, self._chunks),
        )


def fits_cache(settings: StoreSettings, model: EmbeddingModel, chunks: int) -> bool:
    """Whether the cache holds the vectors of so many chunks."""
    needed = chunks * model.dimensions * _FLOAT_BYTES
    return needed <= settings.embedding_cache_bytes * _CACHE_SHARE


def _seconds(
    model: EmbeddingModel,
    sample: list[str],
    tokens: int,
    clock: Callable[[], float] = time.perf_counter,
) -> float | None:
    """How long a model takes for so many tokens, by a sample of the texts."""
    if not sample:
        return None
    began = clock()
    try:
        model.embed_matrix(sample)
    except EmbeddingError as error:
        if error.retryable:
            raise
        return None  # a text it cannot read says nothing of the others
    return (clock() - began) * tokens / max(1, sum(map(estimated_tokens, sample)))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
