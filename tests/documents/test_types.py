"""Typed documents and the registry that finds their class."""

import pickle
from typing import Any

import pytest
from langchain_core.documents import Document

from documents.errors import ConfigurationError, DataGettersError
from documents.registry import document_types
from documents.slack import SlackMessageDocument
from documents.types import AIDocument, DocumentTypeRegistry


def slack_document() -> SlackMessageDocument:
    messages = [
        {"ts": "1", "url": "https://x/1", "start": 0},
        {"ts": "2", "url": None, "start": 10},
        {"ts": "3", "url": "https://x/3", "start": 20},
    ]
    return SlackMessageDocument(
        id="slack:T:thread:1",
        page_content="0123456789" * 3,
        metadata={
            "title": "Which ferry?",
            "url": "https://x/0",
            "container": {"id": "C1", "name": "general"},
            "author": {"id": "U1", "name": "Ada"},
            "created_at": "2026-11-20T12:00:00.000000Z",
            "extra": {"messages": messages},
        },
    )


def test_a_plain_document_is_typed_by_its_source() -> None:
    plain = Document(id="1", page_content="x", metadata={"source": "slack"})
    typed = document_types.typed(plain)
    assert type(typed) is SlackMessageDocument
    assert typed.id == "1"
    assert typed.metadata == plain.metadata
    assert typed.metadata is not plain.metadata
    assert type(document_types.typed(Document(page_content="x"))) is AIDocument


def test_names_and_classes_are_found_both_ways() -> None:
    assert document_types.get("slack_messages") is SlackMessageDocument
    assert document_types.name_of(SlackMessageDocument) == "slack_messages"
    assert "slack_messages" in document_types
    assert document_types.names() == sorted(document_types.names())


def test_an_unknown_store_is_told_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError) as failure:
        document_types.get("slack_mesages")
    assert failure.value.sentence() == (
        "No document type is registered for the store 'slack_mesages'. "
        f"Known are: {', '.join(document_types.names())}."
    )


def test_a_name_can_be_taken_once() -> None:
    registry = DocumentTypeRegistry()

    class Page(AIDocument):
        store_name = "pages"

    class Other(AIDocument):
        store_name = "pages"

    assert registry.register(Page) is Page
    assert registry.register(Page) is Page  # the same again is no conflict
    with pytest.raises(ValueError, match="already taken by"):
        registry.register(Other)
    with pytest.raises(ConfigurationError, match="is not registered"):
        registry.name_of(Other)


def test_a_document_shows_title_place_body_and_link() -> None:
    assert slack_document().display_text == (
        "# Which ferry?\ngeneral · Ada · 2026-11-20\n\n" + "0123456789" * 3 + "\n\nhttps://x/0"
    )
    assert AIDocument(page_content="Only text").display_text == "Only text"


def test_the_title_is_searched_once() -> None:
    assert AIDocument(page_content="Plan: x", metadata={"title": "Plan"}).search_text == "Plan: x"
    assert AIDocument(page_content="x", metadata={"title": "Plan"}).search_text == "Plan\n\nx"
    assert AIDocument(page_content="x", metadata={"title": None}).search_text == "x"


@pytest.mark.parametrize(
    ("position", "url"),
    [(0, "https://x/1"), (9, "https://x/1"), (15, "https://x/0"), (29, "https://x/3")],
)
def test_a_place_in_a_conversation_has_the_link_of_its_message(position: int, url: str) -> None:
    assert slack_document().url_at(position) == url


@pytest.mark.parametrize("metadata", [{}, {"extra": None}, {"extra": {"messages": None}}])
def test_a_conversation_without_messages_has_the_link_of_the_document(
    metadata: dict[str, Any],
) -> None:
    document = SlackMessageDocument(page_content="x", metadata={**metadata, "url": "u"})
    assert document.messages == []
    assert document.url_at(5) == "u"
    assert document.channel_name == ""


def test_every_type_says_its_store_and_its_mapping() -> None:
    for each in map(document_types.get, document_types.names()):
        assert each.store_name.replace("_", "").isalnum()
        assert all(
            "type" in field or "properties" in field for field in each.extra_mapping.values()
        )


def test_errors_cross_processes_whole() -> None:
    error = ConfigurationError("There is no file x.", hint="Give another one.")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (made a line above)
    assert type(again) is ConfigurationError
    assert again.sentence() == "There is no file x. Give another one."
    assert DataGettersError("Only this.").sentence() == "Only this."
