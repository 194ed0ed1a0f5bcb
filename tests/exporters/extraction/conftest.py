"""Extractors with reading processes of their own, and the folder of real documents."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import misbehaving_readers
import pytest

from exporters.extraction import ExtractionSettings, Extractor

_ROOT = Path(__file__).resolve().parents[3]

_MISBEHAVING = {
    f"application/x-{name.replace('_', '-')}": f"misbehaving_readers:{name}"
    for name, reader in vars(misbehaving_readers).items()
    if inspect.isfunction(reader) and not name.startswith("_")
}


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
    """With little memory and short texts, and readers that misbehave as a library might."""
    with Extractor(_tight(seconds=20), readers=_MISBEHAVING) as made:
        yield made


@pytest.fixture(scope="session")
def impatient() -> Iterator[Extractor]:
    """The same with three seconds for a file."""
    with Extractor(_tight(seconds=3), readers=_MISBEHAVING) as made:
        yield made


def _tight(seconds: float) -> ExtractionSettings:
    return ExtractionSettings(
        seconds=seconds, memory_bytes=400 * 1024 * 1024, max_characters=2_000, workers=1
    )
