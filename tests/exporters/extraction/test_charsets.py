"""Text in any charset comes out as what it says."""

import codecs

import pytest

from exporters.extraction import Extractor

GERMAN = "Die Fähre nach Göteborg fährt um fünf Uhr früh ab, größere Fahrzeuge zuerst. " * 5
RUSSIAN = "Паром отходит в пять часов утра, сначала большие автомобили. " * 5
JAPANESE = "フェリーは朝の五時に出発します。大きな車が先に乗ります。" * 5


def text_of(extractor: Extractor, content: bytes, mime_type: str | None = None) -> str | None:
    return extractor.extract(content, name="a.txt", mime_type=mime_type).text


@pytest.mark.parametrize(
    ("words", "charset"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-16-be"),
        (GERMAN, "utf-32"),
        (GERMAN, "cp1252"),
        (RUSSIAN, "utf-8"),
        (RUSSIAN, "utf-16"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (JAPANESE, "utf-8"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc-jp"),
    ],
)
def test_a_charset_is_found_by_the_bytes(extractor: Extractor, words: str, charset: str) -> None:
    assert text_of(extractor, words.encode(charset)) == words.strip()


def test_a_charset_that_is_told_is_believed_where_it_fits(extractor: Extractor) -> None:
    short = "Größe"
    assert text_of(extractor, short.encode("cp850"), "text/plain; charset=cp850") == short
    xml = f'<?xml version="1.0" encoding="cp850"?><a>{short}</a>'
    assert short in (text_of(extractor, xml.encode("cp850")) or "")
    assert text_of(extractor, short.encode("utf-8"), "text/plain; charset=cp850") == short
    assert text_of(extractor, GERMAN.encode("cp1252"), "text/plain; charset=nonsense")
    assert text_of(extractor, GERMAN.encode("cp1252"), "text/plain; charset=hex")


def test_a_stray_null_does_not_make_a_text_binary(extractor: Extractor) -> None:
    assert text_of(extractor, b"words and\0 more words, some of them long") == (
        "words and more words, some of them long"
    )


def test_bytes_that_are_no_character_cost_themselves(extractor: Extractor) -> None:
    found = text_of(extractor, codecs.BOM_UTF8 + b"before \xff\xfe after")
    assert found is not None
    assert found.startswith("before ")
    assert found.endswith(" after")


def test_lone_surrogates_are_left_out(extractor: Extractor) -> None:
    wide = "ab".encode("utf-16") + b"\x00\xd8" + "cd".encode("utf-16-le")
    found = text_of(extractor, wide)
    assert found is not None
    found.encode("utf-8")
    assert found.startswith("ab")


def test_a_character_that_the_limit_cuts_through_is_no_fault(strict: Extractor) -> None:
    found = strict.extract(("ü" * 9_001).encode(), name="a.txt", mime_type=None)
    assert found.text == "ü" * 2_000
    assert found.truncated
