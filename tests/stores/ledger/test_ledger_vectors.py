"""The embedding cache, and that it does not grow for ever."""

import numpy as np
import pytest

from documents.fingerprints import text_hash
from stores.ledger.ledger import Ledger
from stores.ledger.types import VectorCacheSize

VECTOR = np.arange(64, dtype=np.float32).tobytes()


def vectors(*texts: object) -> dict[str, bytes]:
    return {text_hash(str(text)): VECTOR for text in texts}


def test_a_cached_vector_comes_back_byte_for_byte(ledger: Ledger) -> None:
    ledger.cache_vectors("model", {text_hash("a"): VECTOR, text_hash("b"): b"\0\xff"})
    asked = [text_hash(text) for text in ("a", "b", "c")]
    assert ledger.cached_vectors("model", asked) == {asked[0]: VECTOR, asked[1]: b"\0\xff"}
    assert ledger.cached_vectors("model", []) == {}


def test_models_do_not_share_vectors(ledger: Ledger) -> None:
    ledger.cache_vectors("one", vectors("a"))
    assert ledger.cached_vectors("two", vectors("a")) == {}
    ledger.cache_vectors("two", {text_hash("a"): b"other"})
    assert ledger.cached_vectors("one", vectors("a")) == vectors("a")
    assert ledger.cached_vectors("two", vectors("a")) == {text_hash("a"): b"other"}


def test_a_text_that_is_cached_already_is_no_error(ledger: Ledger) -> None:
    ledger.cache_vectors("model", vectors("a", "b"))
    ledger.cache_vectors("model", vectors("b", "c"))
    ledger.cache_vectors("model", {})
    assert ledger.vector_cache() == [VectorCacheSize("model", 3, 3 * len(VECTOR))]


def test_the_size_is_told_by_model(ledger: Ledger) -> None:
    assert ledger.vector_cache() == []
    ledger.cache_vectors("small", {text_hash("a"): b"1234"})
    ledger.cache_vectors("large", vectors(1, 2))
    assert ledger.vector_cache() == [
        VectorCacheSize("large", 2, 2 * len(VECTOR)),
        VectorCacheSize("small", 1, 4),
    ]


def test_the_cache_stays_within_its_bound_and_keeps_the_newest(url: str) -> None:
    bound = 100 * len(VECTOR)
    ledger = Ledger.open(url, cache_bytes=bound)
    for number in range(500):
        ledger.cache_vectors("model", vectors(number))
        held = sum(size.size for size in ledger.vector_cache())
        assert held <= 1.05 * bound + len(VECTOR)

    assert held > 0.8 * bound
    assert ledger.cached_vectors("model", vectors(*range(450, 500))) == vectors(*range(450, 500))
    assert ledger.cached_vectors("model", vectors(*range(300))) == {}


def test_vectors_of_a_model_nobody_uses_any_more_are_pushed_out(url: str) -> None:
    ledger = Ledger.open(url, cache_bytes=100 * len(VECTOR))
    ledger.cache_vectors("old", vectors(*range(50)))
    for number in range(150):
        ledger.cache_vectors("new", vectors(number))
    assert [size.model for size in ledger.vector_cache()] == ["new"]


def test_pruning_removes_the_oldest_and_tells_how_many(ledger: Ledger) -> None:
    for number in range(10):
        ledger.cache_vectors("model", vectors(number))
    assert ledger.prune_vectors(10 * len(VECTOR)) == 0
    assert ledger.prune_vectors(5 * len(VECTOR)) == 6
    assert ledger.cached_vectors("model", vectors(*range(10))) == vectors(6, 7, 8, 9)
    assert ledger.prune_vectors() == 4
    assert ledger.vector_cache() == []


def test_a_malformed_hash_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="not a fingerprint"):
        ledger.cache_vectors("model", {"abc": VECTOR})
    with pytest.raises(ValueError, match="not a fingerprint"):
        ledger.cached_vectors("model", ["abc"])
