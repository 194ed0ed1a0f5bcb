"""Text made uniform, and fingerprints that tell what moved."""

import random
import unicodedata

import pytest
from langchain_core.documents import Document

from documents.fingerprints import access_hash, content_hash, fingerprint, text_hash
from documents.text import normalize_text


@pytest.mark.parametrize(
    ("given", "uniform"),
    [
        ("", ""),
        ("  \n\t", ""),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\u2028b\u2029c\x0bd\x0ce", "a\nb\nc\nd\ne"),
        ("nul\x00 bell\x07 del\x7f", "nul bell del"),
        ("lone \ud800 and \udfff surrogates", "lone  and  surrogates"),
        ("\ufeffbom and zero\u200bwidth", "bom and zerowidth"),
        ("e\u0301", "\u00e9"),
        ("trailing  \nspaces\t\n", "trailing\nspaces"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("a\n \t \n\nb", "a\n\nb"),
        ("\ttab stays\n    indented code", "tab stays\n    indented code"),
        ("\U0001f600 emoji \U0001f468\u200d\U0001f469\u200d\U0001f467", None),
        # Marks of direction are part of what Arabic and Hebrew say; they stay.
        ("\u202b\u05e2\u05d1\u05e8\u05d9\u05ea\u202c \u2067\u0639\u0631\u0628\u064a\u2069", None),
    ],
)
def test_text_is_uniform_without_saying_anything_else(given: str, uniform: str | None) -> None:
    assert normalize_text(given) == (given if uniform is None else uniform)


def test_normalising_twice_changes_nothing() -> None:
    source = random.Random(7)  # noqa: S311 (the same texts each time)
    alphabet = "ab \n\t\r\x00\u0301e\u2028\ufeff\ud812\u200b#*\u1100\u1161\u0958 \x85\xa0"
    for _ in range(5_000):
        text = "".join(source.choices(alphabet, k=source.randrange(14)))
        once = normalize_text(text)
        assert normalize_text(once) == once, repr(text)
        once.encode()
        assert unicodedata.is_normalized("NFC", once)


def document(**metadata: object) -> Document:
    return Document(id="x", page_content="Text", metadata={"title": "T", **metadata})


def test_fingerprints_are_the_same_in_every_process() -> None:
    assert fingerprint(b"") == "cae66941d9efbd404e4d88758ea67670"
    assert text_hash("a") == fingerprint(b"a")
    assert content_hash(document()) == content_hash(document())
    assert len(content_hash(document())) == 32


def test_the_order_in_which_metadata_was_put_together_does_not_count() -> None:
    one = document(author={"id": "1", "name": "Ada"}, url="u")
    two = Document(
        page_content="Text",
        metadata={"url": "u", "author": {"name": "Ada", "id": "1"}, "title": "T"},
    )
    assert content_hash(one) == content_hash(two)


def test_the_order_of_an_access_list_does_not_count_but_that_of_content_does() -> None:
    assert access_hash(["a", "b"]) == access_hash(("b", "a")) == access_hash({"a", "b"})
    assert access_hash(["a"]) != access_hash(["a", "b"])
    assert content_hash(document(extra={"l": [1, 2]})) != content_hash(
        document(extra={"l": [2, 1]})
    )


@pytest.mark.parametrize("field", ["access", "access_hash", "content_hash", "run_id", "raw_ref"])
def test_access_and_the_run_do_not_count_as_content(field: str) -> None:
    assert content_hash(document(**{field: "something"})) == content_hash(document())


@pytest.mark.parametrize("field", ["title", "url", "author", "updated_at", "extra", "version"])
def test_what_a_reader_sees_counts_as_content(field: str) -> None:
    assert content_hash(document(**{field: "other"})) != content_hash(document())


def test_text_that_cannot_be_encoded_has_a_fingerprint_too() -> None:
    assert len(text_hash("lone \ud800")) == 32
    assert text_hash("\ud800") != text_hash("\ud801")


def test_text_and_metadata_cannot_be_confused_with_each_other() -> None:
    one = Document(page_content='a","b', metadata={})
    two = Document(page_content="a", metadata={"b": ""})
    assert content_hash(one) != content_hash(two)
