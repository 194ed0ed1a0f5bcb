"""Where and between whom a Slack conversation took place."""

from typing import Any

import pytest
from langchain_core.documents import Document

from processing.custom.slack import add_conversation_context, message_context


def conversation(entity: str = "thread", count: int = 9, **extra: Any) -> Document:
    texts = [f"**Ada** 2026-11-20 12:0{n}\nMessage {n}" for n in range(count)]
    entries, position = [], 0
    for n, text in enumerate(texts):
        entries.append({"ts": f"{n}.0", "start": position})
        position += len(text) + 2
    return Document(
        id="1",
        page_content="\n\n".join(texts),
        metadata={
            "entity": entity,
            "container": {"id": "C1", "name": "general"},
            "created_at": "2026-11-20T12:00:00.000000Z",
            "extra": {
                "channel": {"kind": "public", "topic": "Ferries\n  and tides"},
                "messages": entries,
                "reply_count": count - 1,
                "message_count": count,
                "participants": [{"name": "Ada"}, {"name": "Bob"}, {"name": None}],
                **extra,
            },
        },
    )


def context_of(document: Document) -> str:
    [result] = add_conversation_context([document])
    context: str = result.metadata["extra"]["context"]
    return context


def test_a_thread_says_its_channel_topic_day_and_people() -> None:
    assert context_of(conversation()) == (
        "#general · Ferries and tides\n2026-11-20, thread with 8 replies by Ada, Bob"
    )


def test_a_run_of_messages_says_how_many() -> None:
    assert "2026-11-20, 9 messages by Ada, Bob" in context_of(conversation("messages"))


def test_direct_messages_archived_channels_and_crowds_say_so() -> None:
    direct = conversation(channel={"kind": "dm"})
    assert context_of(direct).startswith("Direct message of general")
    archived = conversation(channel={"kind": "public", "is_archived": True})
    assert context_of(archived).startswith("#general (archived)\n")
    crowd = conversation(participants=[{"name": f"P{n}"} for n in range(7)])
    assert context_of(crowd).endswith("by P0, P1, P2, P3 and 3 more")


def test_a_long_topic_is_cut() -> None:
    long = conversation(channel={"kind": "public", "topic": "x" * 900})
    assert len(context_of(long).splitlines()[0]) < 250


def test_the_context_is_no_part_of_the_text_and_a_second_pass_changes_nothing() -> None:
    [once] = add_conversation_context([conversation()])
    [twice] = add_conversation_context([once])
    assert once.page_content == conversation().page_content
    assert twice == once


@pytest.mark.parametrize("metadata", [{}, {"extra": None}, {"container": None, "extra": {}}])
def test_a_document_that_says_nothing_has_a_context_too(metadata: dict[str, Any]) -> None:
    context = context_of(Document(page_content="x", metadata=metadata))
    assert context.startswith("#an unknown channel")


def test_a_message_is_shown_with_its_root_and_neighbours() -> None:
    parts = message_context(conversation(), "5.0", neighbours=1).split("\n\n")
    shown = [part.splitlines()[-1] for part in parts]
    assert shown[1:] == ["Message 0", "…", "Message 4", "Message 5", "Message 6", "…"]


def test_a_message_outside_a_thread_has_no_root() -> None:
    text = message_context(conversation("messages"), "5.0", neighbours=1)
    assert "Message 0" not in text
    assert text.count("…") == 2


def test_the_ends_of_a_conversation_have_no_ellipsis_beyond_them() -> None:
    first = message_context(conversation(count=3), "0.0")
    assert "…" not in first
    last = message_context(conversation(count=3), "2.0", neighbours=0)
    assert last.rstrip().endswith("Message 2")


def test_a_message_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        message_context(conversation(), "77.0")
