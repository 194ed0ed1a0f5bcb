"""Extractors with reading processes of their own, and the folder of real documents."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters.extraction import ExtractionSettings, Extractor

_ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def real_documents() -> Path:
    """Office files, PDFs, mails and the like, as programs made them."""
    for place in (_ROOT.parent, _ROOT.parent.parent):
        documents = place / "shared" / "realdata" / "documents"
        if documents.is_dir():
            return documents
    pytest.skip("needs ../shared/realdata/documents: real office files")


@pytest.fixture(scope="session")
def extractor() -> Iterator[Extractor]:
    """With the limits that are usual, but little patience."""
    with Extractor(ExtractionSettings(seconds=20, workers=1)) as made:
        yield made


@pytest.fixture(scope="session")
def strict() -> Iterator[Extractor]:
    """With tight limits, and readers that misbehave as a library might."""
    readers = {
        f"application/x-{name.replace('_', '-')}": f"misbehaving_readers:{name}"
        for name in (
            "sleep",
            "spin",
            "hog",
            "crash",
            "print_much",
            "complain_much",
            "environment",
            "open_files",
            "write",
            "connect",
            "spawn",
            "signal_parent",
            "recurse",
            "surrogates",
            "answer_garbage",
            "pid",
            "endless",
        )
    }
    settings = ExtractionSettings(
        seconds=1.5, memory_bytes=400 * 1024 * 1024, max_characters=2_000, workers=1
    )
    with Extractor(settings, readers=readers) as made:
        yield made
