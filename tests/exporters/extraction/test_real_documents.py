"""Files as programs made them: their text is found, with its structure, or a reason is given."""

import re
from pathlib import Path

import pytest

from exporters.extraction import Extracted, Extractor

_WORD = re.compile(r"[^\W_]{2,}")
_EXPECTED_WORDS = 0.97


def read(extractor: Extractor, path: Path) -> Extracted:
    return extractor.extract(path.read_bytes(), name=path.name, mime_type=None)


def text_of(extractor: Extractor, path: Path) -> str:
    found = read(extractor, path)
    assert found.text is not None, found.reason
    assert found.reason == ""
    return found.text


def words(text: str) -> set[str]:
    return set(_WORD.findall(re.sub(r"<!--.*?-->|[\\*_`#|]", " ", text).lower()))


@pytest.mark.parametrize(
    "name",
    [
        "REPAIR-2022-INV-001_multipage",
        "RECEIPT-2024-TXN-98765_retail_purchase",
        "SPARSE-2024-INV-1234_borderless_table",
        "test",
    ],
)
def test_a_pdf_has_the_words_that_are_expected_of_it(
    extractor: Extractor, real_documents: Path, name: str
) -> None:
    folder = real_documents / "markitdown"
    expected_text = (folder / "expected_outputs" / f"{name}.md").read_text("utf-8")
    # Words that were hyphenated at the end of a line are whole again here.
    expected = words(re.sub(r"-\n", "", expected_text))
    found = words(text_of(extractor, folder / f"{name}.pdf"))
    assert len(expected & found) >= _EXPECTED_WORDS * len(expected), expected - found


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("markitdown/equations.docx", ["For m=1,", "mλ/a=(1)(550\u00d710^-6 mm)/2.5 mm"]),
        ("markitdown/masterformat_partial_numbering.pdf", ["Section 00 00 43", "Page 1 of 8"]),
        ("markitdown/test.docx", ["# Abstract", "AutoGen", "| --- |"]),
        ("markitdown/test_with_comment.docx", ["This is a test comment"]),
        ("markitdown/test.pptx", ["## AutoGen: Enabling Next-Gen LLM", "2003"]),
        ("markitdown/test.xlsx", ["## Sheet1", "| Alpha | Beta |", "## 09060124-b5e7"]),
        ("markitdown/test.xls", ["## Sheet1", "| Alpha | Beta |"]),
        ("markitdown/test.epub", ["# Chapter 1: Test Content", "**test**"]),
        ("markitdown/test_blog.html", ["# Does Model and Inference Parameter Matter"]),
        ("markitdown/test_wikipedia.html", ["# Microsoft", "Bill Gates"]),
        ("markitdown/test_mskanji.csv", ["| 名前 | 年齢 | 住所 |", "| 佐藤太郎 | 30 | 東京 |"]),
        ("markitdown/test_outlook_msg.msg", ["Test Email Message", "This is the body of"]),
        ("markitdown/test_notebook.ipynb", ["# Test Notebook", 'print("markitdown")']),
        ("markitdown/test.json", ['"key1": "string_value"']),
        ("tika/testCSV.csv", ["| "]),
        ("tika/testEPUB.epub", ["# Chapter 1", "## Subchapter 2.1"]),
        ("tika/testEXCEL-formats.xlsx", ["| 1599.99 | -1599.99 |", "198356388"]),
        ("tika/testEXCEL_dateFormats.xlsx", ["| 2018-09-20 |"]),
        ("tika/testEXCEL_headers_footers.xlsx", ["| John Smith1 | 1 Corporate HQ |"]),
        ("tika/testEXCEL_various.xlsb", ["## mySheet1", "| integer | 13 |"]),
        ("tika/testEmailWithPNGAtt.eml", ["# Test Attachment Email", "## Attachment: "]),
        ("tika/testHTML_embedded_img.html", ["my_image"]),
        ("tika/testHTML_utf8.html", ["åäö"]),
        ("tika/testHTML_charset_utf16le.html", ["This is a sample text"]),
        ("tika/testICalendar.ics", ["## "]),
        ("tika/testMSG_chinese.msg", ["Alfresco MSG format testing ( MSG 格式測試 )"]),
        ("tika/testODTStyles3.odt", ["| Taalrol | N |", "**WOUTERS Rolf**"]),
        ("tika/testOpenOffice2.odt", ["This is a sample Open Office document"]),
        ("tika/testPDF_protected.pdf", ["RETHINKING THE FINANCIAL NETWORK"]),
        ("tika/testPDFVarious.pdf", ["This is a hyperlink", "Row 2 Col 3", "This is a footnote"]),
        ("tika/testPPT.ppt", ["## Sample Powerpoint Slide"]),
        ("tika/testPPT_charts.pptx", ["wants a peach", "| January | 5 |"]),
        ("tika/testPPT_various.pptx", ["| Row 1 Col 1 | Row 1 Col 2 | Row 1 Col 3 |"]),
        ("tika/testRFC822", ["# "]),
        ("tika/testRFC822-mixed-with-pdf-inline", ["## Attachment: "]),
        ("tika/testRFC822_i18nheaders", ["**From:** Keld Jørn Simonsen"]),
        ("tika/testRTFVarious.rtf", ["| Row 2 Col 1 |", "ゾルゲと尾崎", "This is a footnote"]),
        ("tika/testTXTNonASCIIUTF8.txt", ["springt über den faulen Hund"]),
        ("tika/testWORD.doc", ["This is a sample Microsoft Word Document"]),
        ("tika/testWORD_numbered_list.docx", ["1. "]),
        ("tika/testWORD_phonetic.docx", ["東京"]),
        ("tika/testWORD_text_box.docx", ["directly in the body", "inside of a text box"]),
        ("tika/testWORD_various.docx", ["Footnote appears here", "**Bold** *italic*", "𐌲𐌿𐍄𐌹𐍃𐌺"]),
        ("tika/testXHTML.html", ["[XHTML document](http://www.w3.org/TR/xhtml1/)"]),
    ],
)
def test_the_text_of_a_file_is_found_with_its_structure(
    extractor: Extractor, real_documents: Path, file: str, expected: list[str]
) -> None:
    text = text_of(extractor, real_documents / file)
    missing = [words for words in expected if words not in text]
    assert missing == [], text[:3000]


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("markitdown/MEDRPT-2024-PAT-3847_medical_report_scan.pdf", "holds no text, only images"),
        ("markitdown/random.bin", "a binary file of unknown type"),
        ("markitdown/test.jpg", "an image"),
        ("markitdown/test_files.zip", "an archive"),
        ("tika/testEXCEL_protected_passtika.xlsx", "protected by a password"),
        ("tika/testODTEncrypted.odt", "protected by a password"),
        ("tika/testPPT_protected_passtika.pptx", "protected by a password"),
        ("tika/testWORD_protected_passtika.docx", "protected by a password"),
        ("tika/testWORD_truncated.docx", "The Word document is damaged or cut off"),
        ("tika/testOCR.pdf", "holds no text, only images"),
        ("tika/testOneNote.one", "a OneNote section"),
        ("tika/testPages.pages", "which has no text that is read here"),
        ("tika/testSVG.svg", "an image"),
        ("tika/testVISIO.vsd", "a Microsoft compound file of another program"),
    ],
)
def test_a_file_without_text_says_why(
    extractor: Extractor, real_documents: Path, file: str, reason: str
) -> None:
    found = read(extractor, real_documents / file)
    assert found.text is None
    assert reason in found.reason


def test_every_real_file_has_a_text_or_a_reason(extractor: Extractor, real_documents: Path) -> None:
    for path in sorted(real_documents.rglob("*")):
        if path.is_file():
            found = read(extractor, path)
            assert (found.text is None) == bool(found.reason), path
            assert "The library that reads such files" not in found.reason, path
            assert "longer than" not in found.reason, path


def test_every_real_calendar_has_a_text_or_a_reason(
    extractor: Extractor, real_documents: Path
) -> None:
    calendars = sorted((real_documents.parent / "calendars").rglob("*.ics"))
    assert calendars
    for path in calendars:
        found = read(extractor, path)
        assert found.text, (path, found.reason)
