"""Steps of the transformation: metadata, types, text; lazy, and unharmed by what is missing."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from langchain_core.documents import Document

from documents.errors import ConfigurationError
from documents.metadata import NOT_EMBEDDED
from documents.slack import SlackMessageDocument
from documents.times import parse_iso
from documents.types import AIDocument
from processing.chunking import chunk_documents
from processing.custom.slack import add_conversation_context
from processing.metadata import (
    add_ingestion_timestamp,
    convert_to_ai_documents,
    fingerprints,
    with_metadata,
)
from processing.text import normalize, truncate

Step = Callable[[Iterable[Document]], Iterator[Any]]

STEPS: dict[str, Step] = {
    "add_ingestion_timestamp": add_ingestion_timestamp,
    "convert_to_ai_documents": lambda docs: convert_to_ai_documents(docs, "slack_messages"),
    "normalize": normalize,
    "truncate": truncate,
    "chunk_documents": chunk_documents,
    "add_conversation_context": add_conversation_context,
}


def none_metadata(text: str = "x") -> Document:
    """A document whose metadata is None, as some loaders leave it."""
    return Document.model_construct(id=None, page_content=text, metadata=None, type="Document")  # type: ignore[arg-type]


class Counted:
    """Documents without end, which know how many were taken."""

    def __init__(self) -> None:
        self.taken = 0

    def __iter__(self) -> Iterator[Document]:
        while True:
            self.taken += 1
            yield Document(id=str(self.taken), page_content=f"Text {self.taken}", metadata={})


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_step_takes_one_document_at_a_time(step: Step) -> None:
    source = Counted()
    results = step(source)
    assert source.taken == 0, "a step reads nothing before it is asked for a result"
    for number in range(1, 50):
        next(results)
        assert source.taken == number


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_step_gives_nothing_for_nothing(step: Step) -> None:
    assert list(step([])) == []
    assert list(step(iter(()))) == []


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_step_stands_none_metadata_and_empty_text(step: Step) -> None:
    assert len(list(step([none_metadata(), none_metadata(""), Document(page_content="")]))) == 3


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_step_leaves_the_documents_it_is_given_alone(step: Step) -> None:
    given = Document(
        id="1", page_content="a\r\nb" * 9, metadata={"extra": {"k": [1]}, "title": "t"}
    )
    before = given.model_copy(deep=True)
    list(step([given]))
    assert given == before


# --- metadata ---------------------------------------------------------------------------------


def test_the_stamp_is_the_moment_a_document_passes() -> None:
    before = datetime.now(UTC)
    [stamped] = add_ingestion_timestamp([Document(id="1", page_content="x", metadata={"a": 1})])
    assert before <= parse_iso(stamped.metadata["ingestion_timestamp"]) <= datetime.now(UTC)
    assert stamped.metadata["a"] == 1
    assert (stamped.id, stamped.page_content) == ("1", "x")


def test_the_stamp_goes_where_it_is_told_and_replaces_an_old_one() -> None:
    old = Document(page_content="x", metadata={"seen": "long ago"})
    [stamped] = add_ingestion_timestamp([old], metadata_field="seen")
    assert set(stamped.metadata) == {"seen"}
    assert stamped.metadata["seen"] > "2026"
    [fresh] = add_ingestion_timestamp([none_metadata()])
    assert set(fresh.metadata) == {"ingestion_timestamp"}


def test_a_typed_document_stays_typed() -> None:
    typed = SlackMessageDocument(id="1", page_content="x")
    assert type(with_metadata(typed, a=1)) is SlackMessageDocument
    for step in (add_ingestion_timestamp, normalize, truncate, add_conversation_context):
        [result] = step([typed])
        assert type(result) is SlackMessageDocument


def test_documents_are_typed_by_their_store() -> None:
    plain = Document(id="1", page_content="x", metadata={"source": "slack"})
    [typed] = convert_to_ai_documents([plain], "slack_messages")
    assert type(typed) is SlackMessageDocument
    assert (typed.id, typed.page_content, typed.metadata) == ("1", "x", {"source": "slack"})
    [other] = convert_to_ai_documents([none_metadata()], "documents")
    assert type(other) is AIDocument
    assert other.metadata == {}


def test_an_unknown_store_is_refused_before_anything_is_read() -> None:
    source = Counted()
    with pytest.raises(ConfigurationError, match="No document type is registered"):
        convert_to_ai_documents(source, "no_such_store")
    assert source.taken == 0


def test_fingerprints_normalise_access_and_deny_where_there_is_none() -> None:
    given = Document(page_content="x", metadata={"access": ["user:b@x", "user:a@x"]})
    found = fingerprints(given)
    assert found["access"] == ["user:a@x", "user:b@x"]
    assert fingerprints(Document(page_content="x"))["access"] == ["deny:all"]
    assert found["content_hash"] == fingerprints(Document(page_content="x"))["content_hash"]
    assert found["access_hash"] != fingerprints(Document(page_content="x"))["access_hash"]


# --- text -------------------------------------------------------------------------------------


def test_text_and_title_come_out_uniform() -> None:
    given = Document(
        id="1", page_content="a\r\n\x00b\ud800", metadata={"title": " Two\n lines ", "n": 1}
    )
    [clean] = normalize([given])
    assert clean.page_content == "a\nb"
    assert clean.metadata == {"title": "Two lines", "n": 1}
    assert clean.id == "1"


def test_a_uniform_document_passes_as_it_is() -> None:
    given = Document(page_content="a", metadata={"title": "T"})
    [same] = normalize([given])
    assert same is given


@pytest.mark.parametrize("title", [None, ""])
def test_an_empty_title_stays(title: str | None) -> None:
    [clean] = normalize([Document(page_content="a ", metadata={"title": title})])
    assert clean.metadata == {"title": title}


def test_a_long_text_is_cut_and_says_so() -> None:
    given = Document(id="1", page_content="x" * 11, metadata={"extra": {"k": 1}})
    [cut] = truncate([given], 10)
    assert cut.page_content == "x" * 10
    assert cut.metadata["extra"] == {
        "k": 1,
        "content_truncated": True,
        "content_characters": 11,
    }
    [whole] = truncate([Document(page_content="x" * 10)], 10)
    assert "extra" not in whole.metadata
    [bare] = truncate([none_metadata("x" * 11)], 10)
    assert bare.metadata["extra"]["content_truncated"] is True


def test_a_limit_below_one_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        truncate([], 0)


def test_a_document_marked_so_has_no_chunks() -> None:
    marked = Document(page_content="Ada has joined", metadata={"extra": {NOT_EMBEDDED: True}})
    [chunked] = chunk_documents([marked])
    assert chunked.document is marked
    assert chunked.chunks == []
    [plain] = chunk_documents([Document(page_content="Ada", metadata={"extra": {}})])
    assert len(plain.chunks) == 1
