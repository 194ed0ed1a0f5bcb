"""Another embedding model: beside the old vectors, resumable, and what it takes said before."""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from documents.fingerprints import text_hash
from documents.metadata import make_document
from stores.errors import EmbeddingMismatchError
from stores.ledger.errors import LeaseHeldError
from stores.ledger.ledger import Ledger
from stores.opening import open_document_index, open_search
from stores.settings import StoreSettings
from tasks.new_vectors import build_vectors, estimate_vectors
from tasks.session import sync_lease_name, worker_lease_prefix
from tasks.stores import open_ledger, open_stores

NUMBER = 1_100  # three pages
THIS = __name__


class Letters(Embeddings):
    """How often each of some letters is in a text; counts what it is asked."""

    def __init__(self, letters: str) -> None:
        self.letters = letters
        self.begin()

    def begin(self, meanwhile: Callable[[int], object] = lambda number: None) -> None:
        self.texts: list[str] = []
        self.meanwhile = meanwhile

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.meanwhile(len(self.texts))
        self.texts += texts
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return [1.0 + text.count(letter) for letter in self.letters]


FIRST = Letters("abc")
SECOND = Letters("abcde")
WIDE = Letters("abcde" * 100)


def a_document(number: int) -> Document:
    return make_document(
        source="slack",
        connection="T1",
        entity="message",
        native_id=str(number),
        external_id=str(number),
        content=f"note {number} {'abcde'[number % 5] * 9}",
        title="",
        access=["public"],
    )


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., StoreSettings]:
    def of(model: str, **fields: object) -> StoreSettings:
        return StoreSettings(
            data_directory=tmp_path, embedding_model=f"python:{THIS}:{model}", **fields
        )

    return of


@pytest.fixture
def ledger(settings: Callable[..., StoreSettings]) -> Iterator[Ledger]:
    """Of a store with documents, and their vectors of the first model."""
    assert sys.modules[THIS]
    SECOND.begin()
    index = open_document_index(settings("FIRST"))
    assert index.write([a_document(i) for i in range(NUMBER)]) == []
    ledger = open_ledger(settings("FIRST"))
    ledger.connection_id("slack", "T1", "Acme")
    assert build_vectors(settings("FIRST"), ledger, "run-0")[0] == NUMBER
    yield ledger
    ledger.close()
    index.close()


def found_by_meaning(settings: StoreSettings) -> bool:
    results = open_search(settings).search("zzz ddddddddd", as_user=None, limit=3)
    return bool(results) and all("vectors" in result.found_by for result in results)


class Killed(BaseException):
    """As if the process were gone."""


@pytest.mark.usefixtures("ledger")
class TestSwitch:
    def test_searches_answer_from_the_old_model_until_the_new_one_is_there(
        self, settings: Callable[..., StoreSettings], ledger: Ledger
    ) -> None:
        answers = []

        def meanwhile(number: int) -> None:
            answers.append(
                found_by_meaning(settings("FIRST")) and found_by_meaning(settings("SECOND"))
            )

        SECOND.begin(meanwhile)
        number, refused, split = build_vectors(settings("SECOND"), ledger, "run-1")
        assert (number, refused, split) == (NUMBER, {}, 0)
        assert len(answers) > 3
        assert all(answers)
        assert open_search(settings("SECOND")).words_only is False
        best = open_search(settings("SECOND")).search("ddddddddd", as_user=None, limit=1)[0]
        assert "ddddddddd" in best.document.page_content
        assert found_by_meaning(settings("FIRST"))  # the process that was not told yet

    def test_killed_in_the_middle_it_goes_on_where_it_was(
        self, settings: Callable[..., StoreSettings], ledger: Ledger
    ) -> None:
        def kill(number: int) -> None:
            if number > 600:
                raise Killed

        SECOND.begin(kill)
        with pytest.raises(Killed):
            build_vectors(settings("SECOND"), ledger, "run-1")
        assert found_by_meaning(settings("FIRST"))
        kept = len(ledger.cached_vectors(f"python:{THIS}:SECOND", all_hashes(settings("SECOND"))))
        assert kept >= 500
        SECOND.begin()
        assert build_vectors(settings("SECOND"), ledger, "run-2")[0] == NUMBER
        assert len(SECOND.texts) == NUMBER - kept

    def test_going_back_embeds_nothing(
        self, settings: Callable[..., StoreSettings], ledger: Ledger
    ) -> None:
        build_vectors(settings("SECOND"), ledger, "run-1")
        FIRST.begin()
        assert build_vectors(settings("FIRST"), ledger, "run-2")[0] == NUMBER
        assert FIRST.texts == []

    def test_a_sync_goes_on_while_texts_are_embedded_and_waits_while_vectors_are_written(
        self, settings: Callable[..., StoreSettings], ledger: Ledger
    ) -> None:
        free: list[bool] = []

        def meanwhile(number: int) -> None:
            try:
                with ledger.lease(sync_lease_name("slack", "T1"), run_id="a sync"):
                    free.append(True)
            except LeaseHeldError:
                free.append(False)

        SECOND.begin(meanwhile)
        build_vectors(settings("SECOND", embedding_concurrency=1), ledger, "run-1")
        assert len(free) > 3
        assert all(free)
        free.clear()
        WIDE.begin(meanwhile)  # its vectors do not fit the cache: they are made and written at once
        tight = settings("WIDE", embedding_concurrency=1, embedding_cache_bytes=1 << 20)
        build_vectors(tight, ledger, "run-2")
        assert len(WIDE.texts) == NUMBER
        assert not any(free)

    def test_a_sync_with_another_model_says_what_to_do(
        self, settings: Callable[..., StoreSettings]
    ) -> None:
        with pytest.raises(EmbeddingMismatchError) as error:
            open_stores(settings("SECOND"))
        assert "data-getters reindex --vectors" in error.value.hint
        assert ":FIRST" in str(error.value)
        assert ":SECOND" in str(error.value)

    def test_a_model_that_cannot_be_had_any_more_leaves_the_words(
        self, settings: Callable[..., StoreSettings], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(sys.modules[THIS], "FIRST")
        search = open_search(settings("SECOND"))
        assert search.words_only
        assert search.search("note 7", as_user=None)


class TestEstimate:
    def test_it_says_texts_tokens_price_and_time_before(
        self, settings: Callable[..., StoreSettings], ledger: Ledger
    ) -> None:
        estimate = estimate_vectors(settings("SECOND", embedding_price=20.0))
        assert (estimate.documents, estimate.chunks, estimate.texts) == (NUMBER,) * 3
        assert NUMBER * 4 < estimate.tokens < NUMBER * 8
        assert estimate.price == pytest.approx(estimate.tokens * 20 / 1e6)
        assert estimate.seconds is not None
        assert len(SECOND.texts) < 10
        for told in ("1,100 texts", f"{estimate.tokens:,} tokens", "price", ":SECOND"):
            assert told in estimate.sentence

    def test_what_is_cached_is_not_paid_again(
        self, settings: Callable[..., StoreSettings], ledger: Ledger
    ) -> None:
        estimate = estimate_vectors(settings("FIRST", embedding_price=20.0))
        assert (estimate.texts, estimate.tokens, estimate.price) == (0, 0, 0.0)
        assert estimate.seconds is None

    def test_a_cache_too_small_is_told(
        self, settings: Callable[..., StoreSettings], ledger: Ledger
    ) -> None:
        wide = estimate_vectors(settings("WIDE"))
        tight = estimate_vectors(settings("WIDE", embedding_cache_bytes=1 << 20))
        assert (wide.resumable, tight.resumable) == (True, False)
        assert "DATA_GETTERS_STORES__EMBEDDING_CACHE_BYTES" in tight.sentence
        assert "EMBEDDING_CACHE_BYTES" not in wide.sentence


def all_hashes(settings: StoreSettings) -> list[str]:
    return [
        text_hash(document.page_content) for document in open_document_index(settings).iterate()
    ]


def test_a_worker_that_has_begun_a_job_is_waited_for(
    settings: Callable[..., StoreSettings], ledger: Ledger
) -> None:
    """What it writes would be missing in vectors that were built from what was there before."""
    begun, done = Event(), Event()

    def job() -> None:
        with ledger.lease(f"{worker_lease_prefix('slack', 'T1')}p", run_id="a worker"):
            begun.set()
            time.sleep(1.5)
            done.set()

    with ThreadPoolExecutor(1) as thread:
        working = thread.submit(job)
        assert begun.wait(10)
        build_vectors(settings("SECOND"), ledger, "a switch")
        assert done.is_set()
        working.result()
