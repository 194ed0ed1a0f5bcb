"""Settings, refusals before reading, and the cache of recent results."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_files import docx

from documents.errors import ConfigurationError
from documents.settings import load_settings
from exporters.extraction import Extracted, ExtractionSettings, Extractor, extract_text
from exporters.extraction.settings import SECTION

ROOT = Path(__file__).resolve().parents[3]


def pid_after(extractor: Extractor, content: bytes, name: str | None = None) -> str | None:
    return extractor.extract(content, name=name, mime_type="application/x-pid").text


@pytest.fixture
def counting() -> Extractor:
    """Its texts are the ids of the processes that read, each of which reads one file."""
    return Extractor(
        ExtractionSettings(workers=1, files_per_process=1),
        readers={"application/x-pid": "misbehaving_readers:pid"},
    )


def test_a_result_names_the_file_by_its_hash() -> None:
    found = extract_text(b"words", name="a.txt", mime_type=None)
    assert found == Extracted(
        "words", truncated=False, reason="", sha256=hashlib.sha256(b"words").hexdigest()
    )


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"enabled": False}, "Reading attachments is switched off"),
        ({"max_input_bytes": 4}, "The file is too large: 0.0 MB, and at most 0.0 MB are read."),
        ({"skip_kinds": ("text", "pdf")}, "Files of the kind text are left out"),
    ],
)
def test_what_is_not_wanted_starts_no_process(settings: dict[str, object], reason: str) -> None:
    with Extractor(ExtractionSettings.model_validate(settings)) as extractor:
        found = extractor.extract(b"words", name="a.txt", mime_type=None)
        assert found.reason.startswith(reason)
        assert found.text is None
        assert extractor.processes == 0


def test_a_kind_that_is_left_out_is_left_out_under_any_name() -> None:
    with Extractor(ExtractionSettings(skip_kinds=("html",), workers=1)) as extractor:
        found = extractor.extract(b"<html><body>x</body></html>", name="a.txt", mime_type=None)
    assert found.reason == (
        "Files of the kind web page are left out (setting `skip_kinds` of attachments)."
    )


def test_a_file_that_comes_again_is_read_once(counting: Extractor) -> None:
    with counting:
        first = pid_after(counting, b"one")
        assert pid_after(counting, b"one") == first
        assert pid_after(counting, b"one", "a.pdf") != first, "what it is called may matter"
        assert pid_after(counting, b"other") != first


def test_the_cache_holds_no_more_than_it_may() -> None:
    settings = ExtractionSettings(workers=1, files_per_process=1, cache_bytes=1_000)
    with Extractor(settings, readers={"application/x-pid": "misbehaving_readers:pid"}) as small:
        first = pid_after(small, b"one")
        pid_after(small, b"two")
        assert pid_after(small, b"one") == first, "two fit"
        pid_after(small, b"three")
        assert pid_after(small, b"one") == first, "what was asked for again stays"
        assert pid_after(small, b"two") != first
    with Extractor(
        ExtractionSettings(workers=1, files_per_process=1, cache_bytes=0),
        readers={"application/x-pid": "misbehaving_readers:pid"},
    ) as none:
        assert pid_after(none, b"one") != pid_after(none, b"one")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_GETTERS_ATTACHMENTS__SKIP_KINDS", '["xlsx"]')
    monkeypatch.setenv("DATA_GETTERS_ATTACHMENTS__SECONDS", "7")
    settings = load_settings(ExtractionSettings, SECTION)
    assert (settings.skip_kinds, settings.seconds) == (("xlsx",), 7)
    monkeypatch.setenv("DATA_GETTERS_ATTACHMENTS__SKIP_KINDS", '["excel"]')
    with pytest.raises(ConfigurationError, match="'excel' is none"):
        load_settings(ExtractionSettings, SECTION)


def test_without_the_libraries_a_file_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "without_mammoth.py").write_text(
        "import sys\n"
        "sys.modules['mammoth'] = None\n"
        "from exporters.extraction.office import read_docx\n"
        "def read(content, about):\n"
        "    return read_docx(content, about)\n"
    )
    sys.path.append(str(tmp_path))
    try:
        readers = {"application/x-docx": "without_mammoth:read"}
        with Extractor(ExtractionSettings(workers=1), readers=readers) as extractor:
            found = extractor.extract(os.urandom(9), name=None, mime_type="application/x-docx")
    finally:
        sys.path.remove(str(tmp_path))
    assert found.reason == (
        "Reading a Word document needs the library mammoth: "
        "pip install 'prefect-data-getters[attachments]'."
    )


def test_the_process_that_asks_loads_no_library_that_reads_files() -> None:
    code = (
        "import sys; from exporters.extraction import extract_text, may_have_text; "
        "print(extract_text(sys.stdin.buffer.read(), name='a.docx', mime_type=None).text); "
        "print(sorted(set(sys.modules) & {'kreuzberg', 'mammoth', 'pypdfium2', 'pptx', 'lxml', "
        "'html_to_markdown', 'icalendar', 'charset_normalizer'}))"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code], input=docx(), capture_output=True, cwd=ROOT, check=True
    )
    assert asked.stdout.decode().splitlines() == ["Hello from Word", "[]"]


def test_a_process_that_cannot_be_started_is_a_fault_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Extractor(ExtractionSettings(workers=1)) as extractor:
        monkeypatch.setattr("sys.executable", "/nowhere/python")
        with pytest.raises(ConfigurationError, match="does not start") as told:
            extractor.extract(b"words", name="a.txt", mime_type=None)
        assert "ATTACHMENTS__ENABLED=false" in told.value.hint
        monkeypatch.undo()
        assert extractor.extract(b"words", name="a.txt", mime_type=None).text == "words"
