"""What a file is: by its content first, then by name and type; and what is worth a download."""

import datetime as dt
import re
from email.message import EmailMessage

import pytest
from made_files import docx, mail, open_document, pdf, zipped

from exporters.extraction import Extractor, may_have_text
from exporters.extraction.kinds import KINDS, declared_kind
from exporters.extraction.sheets import cell_text


@pytest.mark.parametrize(
    ("name", "mime_type"),
    [
        ("offer.pdf", None),
        ("OFFER.DOCX", "application/octet-stream"),
        (None, "application/pdf"),
        (None, "text/plain; charset=utf-8"),
        (None, "Text/X-Something"),
        ("notes", "application/vnd.oasis.opendocument.text"),
        ("a.b.eml", "application/octet-stream"),
        ("folder/Makefile", None),
        ("C:\\files\\table.csv", None),
        ("main.rs", "application/octet-stream"),
    ],
)
def test_what_may_have_text_is_worth_a_download(name: str | None, mime_type: str | None) -> None:
    assert may_have_text(name=name, mime_type=mime_type)


@pytest.mark.parametrize(
    ("name", "mime_type"),
    [
        ("photo.png", "image/png"),
        ("photo.JPG", None),
        ("song.mp3", "audio/mpeg"),
        ("film.mp4", "video/mp4"),
        ("all.zip", "application/zip"),
        ("setup.exe", "application/octet-stream"),
        ("unknown", "application/octet-stream"),
        (None, None),
        ("", ""),
        (".docx", None),
        ("picture.svg", "image/svg+xml"),
    ],
)
def test_what_cannot_have_text_is_not(name: str | None, mime_type: str | None) -> None:
    assert not may_have_text(name=name, mime_type=mime_type)


def test_a_name_counts_before_a_type() -> None:
    assert declared_kind("offer.docx", "text/plain") == "docx"
    assert declared_kind("offer", "application/pdf") == "pdf"
    assert declared_kind("offer.unknown", "application/pdf") == "pdf"


def test_no_suffix_and_no_type_names_two_kinds() -> None:
    suffixes = [suffix for kind in KINDS.values() for suffix in kind.suffixes]
    types = [media_type for kind in KINDS.values() for media_type in kind.media_types]
    assert len(suffixes) == len(set(suffixes))
    assert len(types) == len(set(types))
    assert all(media_type == media_type.lower() for media_type in types)


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"<html><head><title>T</title></head><body><p>Hi</p></body></html>", None, "Hi"),
        (b"\xef\xbb\xbf<!-- c -->\n<!DOCTYPE HTML><p>Hi</p>", "a.txt", "Hi"),
        (b'<?xml version="1.0"?>\n<html xmlns="x"><body><b>Hi</b></body></html>', None, "**Hi**"),
        (b"<p>a fragment</p>", "a.html", "a fragment"),
        (b"<p>a fragment</p>", "a.xml", "<p>a fragment</p>"),
        (b"<p>a fragment</p>", None, "<p>a fragment</p>"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Lunch\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
         "a.txt", "## Lunch"),
        (b"a;b\n1;2\n", "a.csv", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
        (b"a\tb\n1\t2, or 3\n", "a.tsv", "| a | b |\n| --- | --- |\n| 1 | 2, or 3 |"),
        (b"a|b\n1\n", "a.csv", "| a | b |\n| --- | --- |\n| 1 |  |"),
        (b"just a line\nand another", "a.csv", "just a line\nand another"),
        (b"a;b\n1;2\n", None, "a;b\n1;2"),
        (b"{\\rtf1 Hello \\b bold\\b0 .}", None, "Hello **bold**"),
        (b"BM is how this text begins", None, "BM is how this text begins"),
        (b"MZ too", "a.txt", "MZ too"),
        (b"To: whom it may concern: nothing\n", "a.txt", "To: whom it may concern: nothing"),
        (b"Note: this\nTo: do\n\nmore", None, "Note: this\nTo: do\n\nmore"),
        (b"def f():\n    return 1\n", "a.py", "def f():\n    return 1"),
    ],
)  # fmt: skip
def test_text_is_told_apart_by_what_it_says(
    extractor: Extractor, content: bytes, name: str | None, expected: str
) -> None:
    found = extractor.extract(content, name=name, mime_type=None)
    assert found.text is not None, found.reason
    assert expected in re.sub(r"  +\|", "  |", found.text)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"GIF89a" + bytes(20), "an image"),
        (b"\xff\xd8\xff\xe0" + b"JFIF", "an image"),
        (b"RIFF\x24\0\0\0WAVEfmt " + bytes(20), "sound"),
        (b"\0\0\0\x20ftypmp42" + bytes(20), "video, sound or an image"),
        (b"\x7fELF" + bytes(60), "a program"),
        (b"MZ\x90\0\3\0\0\0\4" + bytes(60), "a program"),
        (b"\x1f\x8b\x08\0" + bytes(20), "a compressed archive"),
        (zipped({"a.txt": "x"}), "an archive"),
        (b"SQLite format 3\0" + bytes(100), "a database"),
        (bytes(range(256)) * 4, "a binary file of unknown type"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a Microsoft compound file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
         + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
    ],
)  # fmt: skip
def test_what_has_no_text_is_told_by_its_content(
    extractor: Extractor, content: bytes, what: str
) -> None:
    for name in (None, "a.txt", "a.pdf"):
        found = extractor.extract(content, name=name, mime_type="text/plain")
        assert found.text is None
        assert what in found.reason


def test_an_open_document_presentation_has_titles_lists_tables_and_notes(
    extractor: Extractor,
) -> None:
    box = "<draw:frame{}><draw:text-box>{}</draw:text-box></draw:frame>"
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    row = f"<table:table-row>{cell}{cell}</table:table-row>"
    slides = (
        "<draw:page>"
        + box.format(' presentation:class="title"', "<text:p>Ferries <text:s/>now</text:p>")
        + box.format("", "<text:p>Two<text:line-break/>lines</text:p><text:list><text:list-item>"
                     "<text:p>the <text:span>blue</text:span> one</text:p></text:list-item>"
                     "</text:list>")
        + "<draw:frame><table:table>" + row.format("berth", "ship") + row.format("1", "Aurora")
        + "</table:table></draw:frame><presentation:notes>"
        + box.format("", "<text:p>Say hello</text:p>")
        + "</presentation:notes></draw:page><draw:page>"
        + box.format("", "<text:p>End</text:p>") + "</draw:page>"
    )  # fmt: skip
    found = extractor.extract(open_document("presentation", slides), name="a.odp", mime_type=None)
    assert found.text == (
        "## Ferries now\n\nTwo\nlines\n- the blue one\n\n"
        "| berth | ship |\n| --- | --- |\n| 1 | Aurora |\n\n"
        "Notes: Say hello\n\n## Slide 2\n\nEnd"
    )


def test_an_open_document_spreadsheet_has_its_sheets_by_name(extractor: Extractor) -> None:
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    number = cell.replace('"string"', '"float" office:value="{0}"').replace("{}", "{0}")
    sheets = (
        '<table:table table:name="Berths"><table:table-row>'
        + cell.format("berth") + cell.format("ship|s")
        + "</table:table-row><table:table-row>" + number.format(1) + cell.format("Aurora")
        + '</table:table-row></table:table><table:table table:name="Empty"/>'
    )  # fmt: skip
    found = extractor.extract(open_document("spreadsheet", sheets), name="a.ods", mime_type=None)
    assert found.text == (
        "## Berths\n\n| berth | ship\\|s |\n| --- | --- |\n| 1 | Aurora |\n\n## Empty"
    )


def test_cells_are_written_as_people_read_them() -> None:
    cells = [
        True,
        3.0,
        0.1,
        -2.5,
        1e300,
        dt.date(2026, 11, 20),
        dt.datetime(2026, 11, 20, 9, 30),
        "",
    ]
    assert [cell_text(value) for value in cells] == [
        "TRUE", "3", "0.1", "-2.5", "1e+300", "2026-11-20", "2026-11-20 09:30:00", ""
    ]  # fmt: skip


def test_a_mail_is_read_with_its_headers_and_attachments(extractor: Extractor) -> None:
    content = mail(
        "See below", {"offer.docx": docx(), "terms.pdf": pdf(), "logo.png": b"\x89PNG\r\n"}
    )
    for name, mime_type in (("a.eml", None), (None, "message/rfc822"), (None, None)):
        text = extractor.extract(content, name=name, mime_type=mime_type).text
        assert text is not None
        assert text.startswith("# Offer\n\n**From:** ann@acme.example")
        assert "See below" in text
        assert "## Attachment: offer.docx\n\nHello from Word" in text
        assert "## Attachment: terms.pdf\n\nHello from PDF" in text
        assert "## Attachment: logo.png\n\n(The file is an image" in text


def test_of_two_forms_of_a_mails_text_one_is_read(extractor: Extractor) -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "ann@acme.example", "Offer"
    message.set_content("The words")
    message.add_alternative("<p>The <b>words</b></p>", subtype="html")
    message.add_attachment("only, here\n1, 2\n", subtype="csv", filename="a.csv")
    text = extractor.extract(message.as_bytes(), name=None, mime_type=None).text
    assert text is not None
    assert text.count("words") == 1
    assert "| only | here |" in text


def test_a_mail_of_html_alone_is_markdown(extractor: Extractor) -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "ann@acme.example", "Grüße"
    message.set_content("<h1>Grüße</h1><p>an alle</p>", subtype="html", charset="iso-8859-1")
    text = extractor.extract(message.as_bytes(), name=None, mime_type=None).text
    assert text is not None
    assert "# Grüße\n\nan alle" in text
