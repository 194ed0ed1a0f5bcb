"""Bytes of any kind, and files with anything changed in them: a text or a reason, in time."""

import time
from random import Random

import pytest
from fuzz.mutations import spoil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_files import docx, mail, pdf

from exporters.extraction import Extracted, Extractor

_RTF = b"{\\rtf1\\ansi Hello \\b bold\\b0 {\\trowd a\\cell b\\cell\\row}}"
_ICS = (
    b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Lunch\r\nDTSTART;TZID=Europe/Berlin:20261120T120000"
    b"\r\nRRULE:FREQ=WEEKLY;BYDAY=MO\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
_HTML = b"<html><body><h1>Hi</h1><table><tr><td>a</td></tr></table><ul><li>b</ul></body></html>"
_FILES = {
    "a.docx": docx(),
    "a.pdf": pdf(),
    "a.eml": mail("See below", {"b.docx": docx(), "b.pdf": pdf()}),
    "a.rtf": _RTF,
    "a.ics": _ICS,
    "a.html": _HTML,
    "a.csv": b"a;b\n1;2\n",
    "a.txt": "Größe\n".encode("cp1252"),
}
_NAMES = st.sampled_from([*_FILES, "a.xlsx", "a.xls", "a.pptx", "a.epub", "a.msg", "a.ipynb", None])

quickly = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def assert_bounded(extractor: Extractor, content: bytes, name: str | None) -> Extracted:
    begun = time.monotonic()
    found = extractor.extract(content, name=name, mime_type=None)
    assert time.monotonic() - begun < extractor.settings.seconds + 5
    assert (found.text is None) == bool(found.reason)
    assert "The library that reads such files" not in found.reason
    if found.text is not None:
        found.text.encode("utf-8")
        assert "\0" not in found.text
    return found


@quickly
@given(content=st.binary(max_size=2_000), name=_NAMES)
def test_any_bytes_have_a_text_or_a_reason(
    extractor: Extractor, content: bytes, name: str | None
) -> None:
    assert_bounded(extractor, content, name)


@quickly
@given(
    beginning=st.sampled_from(
        [
            b"%PDF-1.7\n",
            b"PK\3\4",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            b"{\\rtf1",
            b"BEGIN:VCALENDAR",
        ]
    ),
    content=st.binary(max_size=2_000),
    name=_NAMES,
)
def test_any_bytes_behind_a_signature_have_a_text_or_a_reason(
    extractor: Extractor, beginning: bytes, content: bytes, name: str | None
) -> None:
    assert_bounded(extractor, beginning + content, name)


@quickly
@given(
    name=st.sampled_from(sorted(_FILES)), other=st.sampled_from(sorted(_FILES)), seed=st.integers()
)
def test_a_spoiled_file_has_a_text_or_a_reason(
    extractor: Extractor, name: str, other: str, seed: int
) -> None:
    assert_bounded(extractor, spoil(_FILES[name], _FILES[other], Random(seed)), name)  # noqa: S311


@pytest.mark.parametrize("name", sorted(_FILES))
def test_a_file_that_is_cut_anywhere_has_a_text_or_a_reason(
    extractor: Extractor, name: str
) -> None:
    whole = _FILES[name]
    for end in range(1, len(whole), max(1, len(whole) // 25)):
        assert_bounded(extractor, whole[:end], name)


def test_the_same_seed_spoils_the_same_way() -> None:
    spoiled = [spoil(_FILES["a.docx"], _FILES["a.pdf"], Random(3)) for _ in range(2)]  # noqa: S311
    assert spoiled[0] == spoiled[1] != _FILES["a.docx"]
