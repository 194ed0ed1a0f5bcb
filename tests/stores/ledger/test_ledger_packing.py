"""The compact forms give back what was put in."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from stores.ledger.packing import (
    clean_text,
    pack_documents,
    pack_time,
    unpack_documents,
    unpack_time,
)
from stores.ledger.types import KnownDocument

PREFIX = "slack:T1:"

hashes = st.binary(min_size=16, max_size=16).map(bytes.hex)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ids = texts | texts.map(lambda rest: PREFIX + rest)
documents = st.lists(st.builds(KnownDocument, ids, hashes, hashes), max_size=5).map(tuple)


@given(documents, texts, st.booleans())
def test_documents_survive_packing(
    known: tuple[KnownDocument, ...], key: str, own_id: bool
) -> None:
    if own_id:
        known = (*known, KnownDocument(PREFIX + key, "0" * 32, "f" * 32))
    assert unpack_documents(pack_documents(known, PREFIX, key), PREFIX, key) == known


def test_a_record_that_is_one_document_costs_34_bytes() -> None:
    known = (KnownDocument(f"{PREFIX}thread:1", "0" * 32, "f" * 32),)
    assert len(pack_documents(known, PREFIX, "thread:1")) == 34


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_survive_packing(moment: datetime) -> None:
    assert unpack_time(pack_time(moment)) == moment


@given(st.text())
def test_cleaned_text_can_be_stored_everywhere(text: str) -> None:
    cleaned = clean_text(text)
    assert "\0" not in cleaned
    cleaned.encode()


@given(texts.filter(lambda text: "\0" not in text))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert clean_text(text) == text


def test_half_an_emoji_and_nul_become_replacement_characters() -> None:
    assert clean_text("a\ud83dz\0é") == "a\ufffdz\ufffdé"
    assert clean_text("\ud83d\ude00") == "😀"


def test_long_text_is_cut_with_a_mark() -> None:
    assert clean_text("abcdef", limit=4) == "abc…"
    assert clean_text("abcd", limit=4) == "abcd"
