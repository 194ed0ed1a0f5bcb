"""What follows from the facts of an issue, without looking at a clock."""

from datetime import UTC, datetime
from typing import Any

import pytest
from langchain_core.documents import Document

from processing.custom.jira import add_issue_context, age_in_days


def issue(**extra: Any) -> Document:
    return Document(
        id="jira:s:issue:1",
        page_content="TEA-1 Kettle",
        metadata={
            "entity": "issue",
            "container": {"id": "1", "name": "Tea kitchen", "url": None},
            "created_at": "2026-11-01T00:00:00.000000Z",
            "updated_at": "2026-11-03T12:00:00.000000Z",
            "extra": {"type": "Bug", "status": "To Do", "status_category": "new", **extra},
        },
    )


def enriched(document: Document) -> dict[str, Any]:
    [done] = add_issue_context([document])
    extra: dict[str, Any] = done.metadata["extra"]
    return extra


def test_an_open_issue_tells_how_long_it_is_worked_on() -> None:
    extra = enriched(issue())
    assert (extra["is_open"], extra["days_active"], extra["days_to_resolution"]) == (
        True,
        2.5,
        None,
    )


def test_a_resolved_issue_is_not_open_whatever_its_status_says() -> None:
    extra = enriched(issue(resolved_at="2026-11-02T00:00:00.000000Z"))
    assert (extra["is_open"], extra["days_to_resolution"]) == (False, 1.0)
    assert enriched(issue(status_category="done"))["is_open"] is False


def test_keys_of_epic_and_links_are_collected_once() -> None:
    epic = {"key": "TEA-9", "summary": "New kitchen"}
    links = [{"key": "B-2"}, {"key": "A-1"}, {"key": "B-2"}, {"key": None}]
    extra = enriched(issue(parent=epic, epic=epic, links=links, sprint="Sprint 1"))
    assert extra["epic_chain"] == ["TEA-9"]
    assert extra["linked_keys"] == ["A-1", "B-2"]
    assert extra["context"].splitlines() == [
        "Tea kitchen · in the epic TEA-9 New kitchen · sprint Sprint 1",
        "Bug, To Do, assigned to nobody",
    ]


def test_an_attachment_says_whose_it_is() -> None:
    document = issue()
    document.metadata["entity"] = "attachment"
    document.metadata["extra"] = {"issue": {"id": "1", "key": "TEA-1", "summary": "Kettle"}}
    assert enriched(document)["context"] == "Tea kitchen · attachment of TEA-1 · Kettle"


@pytest.mark.parametrize(
    ("at", "resolved", "days"),
    [
        (datetime(2026, 11, 11, tzinfo=UTC), None, 10.0),
        (datetime(2026, 11, 11, tzinfo=UTC), "2026-11-02T00:00:00.000000Z", 1.0),
        (datetime(2026, 10, 1, tzinfo=UTC), None, None),
    ],
)
def test_the_age_is_that_of_the_moment_asked_for(
    at: datetime, resolved: str | None, days: float | None
) -> None:
    assert age_in_days(issue(resolved_at=resolved), at) == days


def test_the_documents_given_are_left_as_they_are() -> None:
    document = issue()
    before = document.model_dump()
    list(add_issue_context([document]))
    assert document.model_dump() == before
