"""Files that were made to do harm: each gives a reason, or its text, and harms nothing."""

import io
import zipfile

import pytest
from made_files import (
    docx,
    encrypted_pdf,
    mail,
    overlapping,
    pdf,
    squeezed_zeros,
    with_declared_size,
    zipped,
)

from exporters.extraction import Extracted, ExtractionSettings, Extractor

_NAMES = {"docx": "a.docx", "pdf": "a.pdf", "html": "a.html", "text": "a.txt", "eml": "a.eml"}


def read(extractor: Extractor, content: bytes, kind: str = "docx") -> Extracted:
    return extractor.extract(content, name=_NAMES[kind], mime_type=None)


def reason_of(extractor: Extractor, content: bytes, kind: str = "docx") -> str:
    found = read(extractor, content, kind)
    assert found.text is None
    return found.reason


def test_a_small_honest_file_of_each_kind_is_read(extractor: Extractor) -> None:
    assert read(extractor, docx()).text == "Hello from Word"
    assert read(extractor, pdf(), "pdf").text == "Hello from PDF"
    assert "Hello from Word" in (
        read(extractor, mail("See below", {"a.docx": docx()}), "eml").text or ""
    )


class TestArchives:
    def test_one_that_is_packed_denser_than_any_text_is_not_opened(
        self, extractor: Extractor
    ) -> None:
        bomb = docx(more={"word/media/image1.bin": bytes(50_000_000)})
        assert len(bomb) < 100_000
        assert "no honest one: 'word/media/image1.bin' in it is packed" in reason_of(
            extractor, bomb
        )

    def test_one_that_unpacks_to_more_than_the_limit_is_not_opened(self) -> None:
        settings = ExtractionSettings(max_unpacked_bytes=1_000_000, workers=1)
        words = "".join(f"word {number} " for number in range(200_000))
        with Extractor(settings) as extractor:
            reason = reason_of(extractor, docx(more={"word/notes.xml": words}))
        assert reason == "The Word document unpacks to more than 1 MB."

    def test_one_that_lies_about_its_size_is_found_out(self, extractor: Extractor) -> None:
        bomb = docx(more={"word/media/image1.bin": bytes(5_000_000)})
        liar = with_declared_size(bomb, "word/media/image1.bin", 10)
        assert "has another size than it says" in reason_of(extractor, liar)

    def test_one_whose_entries_overlap_is_not_opened(self, extractor: Extractor) -> None:
        bomb = overlapping(copies=500, size=1_000_000)
        assert len(bomb) < 60_000
        assert "an archive" in reason_of(extractor, bomb)
        renamed = bomb.replace(b"word/media/0.bin", b"[Content_Types].xml"[:16])
        assert reason_of(extractor, renamed)

    def test_one_with_too_many_entries_is_not_opened(self, extractor: Extractor) -> None:
        many = docx(more={f"word/{number}.xml": "" for number in range(10_001)})
        assert "holds 10,004 files inside" in reason_of(extractor, many)

    def test_one_inside_another_is_not_opened(self, extractor: Extractor) -> None:
        inner = zipped({"zeros": bytes(10_000_000)})
        for _ in range(20):
            inner = zipped({"again.zip": inner})
        assert "an archive" in reason_of(extractor, inner)
        assert read(extractor, docx(more={"word/embeddings/a.zip": inner})).text == (
            "Hello from Word"
        )

    def test_paths_that_lead_outside_lead_nowhere(self, extractor: Extractor) -> None:
        sly = docx(more={"../../../../etc/cron.d/evil": "x", "/absolute": "x", "C:\\evil": "x"})
        assert read(extractor, sly).text == "Hello from Word"

    def test_a_broken_one_says_so(self, extractor: Extractor) -> None:
        whole = docx(body="<w:p><w:r><w:t>" + "word " * 5_000 + "</w:t></w:r></w:p>")
        for cut in (10, len(whole) // 2, len(whole) - 10):
            assert "damaged" in reason_of(extractor, whole[:cut])
        spoiled = bytearray(whole)
        at = whole.index(b"word/document.xml") + 60
        spoiled[at : at + 20] = b"\xff" * 20
        assert "damaged" in reason_of(extractor, bytes(spoiled))

    def test_an_encrypted_one_says_so(self, extractor: Extractor) -> None:
        locked = bytearray(docx())
        at = locked.index(b"PK\1\2")
        locked[at + 8] |= 1
        assert reason_of(extractor, bytes(locked)) == "The file is protected by a password."


class TestXml:
    ENTITIES = (
        '<!DOCTYPE w:document [<!ENTITY a "lol">'
        + "".join(
            f'<!ENTITY {chr(98 + level)} "{f"&{chr(97 + level)};" * 10}">' for level in range(12)
        )
        + "]>"
    )

    def test_entities_in_an_office_file_are_refused(self, extractor: Extractor) -> None:
        laughing = docx(body="<w:p><w:r><w:t>&m;</w:t></w:r></w:p>", before=self.ENTITIES)
        assert "'word/document.xml' in it defines entities" in reason_of(extractor, laughing)

    def test_entities_in_a_text_stay_as_they_are_written(self, extractor: Extractor) -> None:
        text = read(extractor, f"{self.ENTITIES}<a>&m;</a>".encode(), "text").text
        assert text is not None
        assert text.endswith("<a>&m;</a>")

    def test_a_file_of_this_machine_is_not_fetched(self, extractor: Extractor) -> None:
        reaching = docx(
            body="<w:p><w:r><w:t>&f;</w:t></w:r></w:p>",
            before='<!DOCTYPE w:document [<!ENTITY f SYSTEM "file:///etc/passwd">]>',
        )
        assert "defines entities" in reason_of(extractor, reaching)

    def test_nesting_without_end_costs_the_one_file(self, extractor: Extractor) -> None:
        deep = docx(body="<w:sdt><w:sdtContent>" * 50_000)
        assert reason_of(extractor, deep)
        assert read(extractor, docx()).text == "Hello from Word"

    def test_a_page_nested_without_end_keeps_its_words_or_says_why(
        self, extractor: Extractor
    ) -> None:
        for tag in ("div", "b", "ul><li", "table><tr><td", "blockquote"):
            found = read(
                extractor, f"<html><body>words {f'<{tag}>' * 50_000} deep".encode(), "html"
            )
            assert (found.text is None) == bool(found.reason)
            assert "longer than" not in found.reason, tag
        assert read(extractor, docx()).text == "Hello from Word"

    def test_tags_that_are_never_closed_take_no_time(self, strict: Extractor) -> None:
        for tag in ("<img ", "<img 'a' ", '<img "', "<!--", "<a href='"):
            found = read(strict, b"<html><body>words " + tag.encode() * 100_000, "html")
            assert "longer than" not in found.reason, tag

    def test_a_row_of_open_comments_takes_no_time(self, extractor: Extractor) -> None:
        found = read(extractor, b"<!-- --> " * 400 + b"no page", "text")
        assert found.text is not None


class TestPdf:
    def test_a_stream_that_unpacks_to_more_than_the_memory_costs_the_one_file(
        self, strict: Extractor
    ) -> None:
        bomb = pdf(squeezed_zeros(500_000_000), filter=b"/FlateDecode")
        assert len(bomb) < 1_000_000
        assert "memory" in reason_of(strict, bomb, "pdf")
        assert read(strict, docx()).text == "Hello from Word"

    def test_a_stream_packed_many_times_over_costs_the_one_file(self, strict: Extractor) -> None:
        import zlib  # noqa: PLC0415 (here only)

        stream = squeezed_zeros(100_000_000)
        for _ in range(2):
            stream = zlib.compress(stream, 9)
        found = read(strict, pdf(stream, filter=b"[/FlateDecode /FlateDecode /FlateDecode]"), "pdf")
        assert found.text is None
        assert read(strict, docx()).text == "Hello from Word"

    def test_pages_that_contain_themselves_are_not_followed_for_ever(
        self, extractor: Extractor
    ) -> None:
        turning = pdf().replace(b"/Kids [3 0 R] /Count 1", b"/Kids [2 0 R] /Count 9")
        found = read(extractor, turning, "pdf")
        assert found.text is None
        assert "longer than" not in found.reason

    def test_a_page_count_that_lies_costs_no_time(self, extractor: Extractor) -> None:
        boasting = pdf().replace(b"/Count 1>>", b"/Count 999999999>>")
        found = read(extractor, boasting, "pdf")
        assert "longer than" not in found.reason

    def test_an_encrypted_one_says_so(self, extractor: Extractor) -> None:
        assert reason_of(extractor, encrypted_pdf(), "pdf") == (
            "The file is protected by a password."
        )

    def test_a_broken_one_says_so(self, extractor: Extractor) -> None:
        assert reason_of(extractor, b"%PDF-1.7\nnothing more", "pdf") == (
            "The PDF is damaged or cut off."
        )


class TestMails:
    def test_mails_within_mails_are_read_to_a_depth(self, extractor: Extractor) -> None:
        inner = mail("level 9")
        for level in range(8, -1, -1):
            inner = mail(f"level {level}", {"inner.eml": inner})
        text = read(extractor, inner, "eml").text
        assert text is not None
        found = [number for number in range(10) if f"level {number}" in text]
        assert found == [0, 1, 2, 3]

    def test_parts_nested_without_end_cost_the_one_file(self, extractor: Extractor) -> None:
        deep = b"From: a@b.example\nSubject: deep\nMIME-Version: 1.0\n"
        for level in range(1_200):
            deep += b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (level, level)
        found = read(extractor, deep, "eml")
        assert (found.text is None) == bool(found.reason)
        assert read(extractor, docx()).text == "Hello from Word"

    def test_a_mail_of_a_thousand_parts_is_read(self, strict: Extractor) -> None:
        part = b"--x\nContent-Type: multipart/alternative; boundary=y\n\n--y\n\nwords\n--y--\n"
        head = b"From: a@b.example\nSubject: many\nMIME-Version: 1.0\n"
        content = head + b"Content-Type: multipart/mixed; boundary=x\n\n" + part * 1_000
        found = read(strict, content, "eml")
        assert found.text is not None
        assert found.text.startswith("# many")

    def test_a_bomb_as_an_attachment_costs_itself_alone(self, extractor: Extractor) -> None:
        bomb = docx(more={"word/media/image1.bin": bytes(50_000_000)})
        text = read(extractor, mail("Look at this", {"a.docx": bomb, "b.docx": docx()}), "eml").text
        assert text is not None
        assert "Look at this" in text
        assert "(The Word document is no honest one" in text
        assert "Hello from Word" in text


class TestNames:
    @pytest.mark.parametrize("name", ["offer.pdf", "offer.docx", "offer.xlsx", "offer.png"])
    def test_a_login_page_with_an_office_name_is_a_page(
        self, extractor: Extractor, name: str
    ) -> None:
        page = b"<!DOCTYPE html>\n<html><body><h1>Sign in</h1></body></html>"
        assert extractor.extract(page, name=name, mime_type=None).text == "# Sign in"

    def test_what_a_file_is_counts_and_not_its_name(self, extractor: Extractor) -> None:
        for name in ("a.txt", "a.pdf", "a.jpg", None):
            assert extractor.extract(docx(), name=name, mime_type="text/plain").text == (
                "Hello from Word"
            )
            assert extractor.extract(pdf(), name=name, mime_type="text/plain").text == (
                "Hello from PDF"
            )

    def test_a_strange_name_is_no_trouble(self, extractor: Extractor) -> None:
        for name in ("\ud800.docx", "a\0b.docx", "x" * 1_000_000 + ".docx", "../../a.docx", ""):
            assert extractor.extract(docx(), name=name, mime_type="\ud800;;=").text


def test_a_workbook_that_claims_a_million_columns_is_bounded(strict: Extractor) -> None:
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        '<sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData></worksheet>'
    )
    main = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    book = zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/'
            f'spreadsheetml/2006/main" xmlns:r="{main}"><sheets><sheet name="S" sheetId="1" '
            'r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/'
            f'package/2006/relationships"><Relationship Id="rId1" Type="{main}/worksheet" '
            'Target="worksheets/sheet1.xml"/></Relationships>',
            "xl/worksheets/sheet1.xml": sheet,
        }
    )
    found = strict.extract(book, name="a.xlsx", mime_type=None)
    assert (found.text is None) == bool(found.reason)
    assert strict.extract(docx(), name="a.docx", mime_type=None).text == "Hello from Word"


def test_a_table_of_one_endless_line_is_bounded(strict: Extractor) -> None:
    wide = ",".join(str(number) for number in range(200_000)).encode()
    found = strict.extract(wide, name="a.csv", mime_type=None)
    assert found.truncated
    assert found.text is not None
    quoted = strict.extract(b'a,b\n"' + b"x" * 500_000, name="a.csv", mime_type=None)
    assert quoted.truncated


def test_an_empty_archive_and_an_empty_file_say_so(extractor: Extractor) -> None:
    made = io.BytesIO()
    zipfile.ZipFile(made, "w").close()
    assert "an empty archive" in reason_of(extractor, made.getvalue())
    assert reason_of(extractor, b"") == "The file is empty."
    assert reason_of(extractor, b" \n\0\0") == "The file is empty."
