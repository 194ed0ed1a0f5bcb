"""Issues that real Jiras gave, through the mapping: nothing that a search needs is lost."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document

from documents.fingerprints import content_hash
from exporters.jira.documents import jira_documents
from exporters.jira.fields import field_summary
from exporters.jira.loading import IssueLoader
from exporters.jira.payloads import issue_record
from exporters.jira.site import Site

CLOUD = Site("site-1", "acme", "https://acme.atlassian.net", is_cloud=True)
SERVER = Site("jira.acme", "Jira", "https://jira.acme", is_cloud=False)

BEAT = {
    "key", "type", "status", "status_category", "priority", "resolution", "labels", "components",
    "fix_versions", "affects_versions", "assignee", "reporter", "creator", "due", "resolved_at",
    "security_level", "parent", "epic", "links", "subtasks", "watchers", "votes", "story_points",
    "sprints", "custom_fields", "comments", "worklogs", "attachments", "history", "request_type",
    "slas", "project",
}  # fmt: skip
"""What a document of an issue tells at least."""


def document_of(
    issue: dict[str, Any], site: Site, fields: list[dict[str, Any]] | None = None
) -> Document:
    given = issue.get("fields") or {}
    embedded = {
        name: (given.get(name) or {}).get(f"{name}s") or [] for name in ("comment", "worklog")
    }
    record = issue_record(
        site=site,
        issue={"id": "1", **issue},
        comments=embedded["comment"],
        worklogs=embedded["worklog"],
        history=(issue.get("changelog") or {}).get("histories") or [],
        history_count=(issue.get("changelog") or {}).get("total") or 0,
        known_fields={one["id"]: field_summary(one) for one in fields or () if one.get("custom")},
        access=["group:jira:site-1/10000"],
        shows_parent=True,
        fetched_at=datetime.now(UTC),
    )
    [document] = jira_documents(record)
    return document


def recorded_issues(folder: Path) -> Iterator[tuple[str, dict[str, Any], Site]]:
    with gzip.open(folder / "nango-recorded" / "jira.ndjson.gz", "rt") as lines:
        for line in lines:
            call = json.loads(line)
            answer = call["response"]
            if isinstance(answer, dict) and call["method"] == "GET":
                yield from (("nango", one, CLOUD) for one in answer.get("issues") or ())
                if "fields" in answer and "key" in answer:
                    yield "nango", answer, CLOUD
    for name in ("jira_issues_page_1", "jira_issues_page_2"):
        page = json.loads((folder / "perceval" / f"{name}.json").read_text())
        yield from (("perceval", one, SERVER) for one in page["issues"])
    page = json.loads((folder / "go-jira-mock-data" / "issues_in_sprint.json").read_text())
    yield from (("go-jira", one, SERVER) for one in page["issues"])
    for name in ("issue", "issue-1", "issue-2"):
        yield (
            "jira-cli",
            json.loads((folder / "jira-cli-testdata" / f"{name}.json").read_text()),
            CLOUD,
        )
    page = json.loads((folder / "jira-cli-testdata" / "search.json").read_text())
    yield from (("jira-cli", one, CLOUD) for one in page["issues"])
    for name in ("agile__1.0__epic__BAR-22__issue__GET", "api__2__issue__FOO-123__GET"):
        answer = json.loads((folder / "atlassian-python-api" / f"{name}.json").read_text())[
            "fields=*all"
        ]
        yield from (("atlassian", one, SERVER) for one in answer.get("issues") or [answer])


def test_every_recorded_issue_becomes_a_document_with_all_that_is_known_of_it(
    recorded: Path,
) -> None:
    origins = set()
    for origin, issue, site in recorded_issues(recorded):
        document = document_of(issue, site)
        fields, extra = issue.get("fields") or {}, document.metadata["extra"]
        origins.add(origin)
        assert extra.keys() >= BEAT
        assert json.loads(json.dumps(document.metadata)) == document.metadata
        assert len(content_hash(document)) == 32
        assert document.page_content.startswith(document.metadata["title"])
        assert document.metadata["title"].startswith(issue["key"])
        assert extra["status"] == (fields.get("status") or {}).get("name")
        assert extra["priority"] == (fields.get("priority") or {}).get("name")
        assert extra["labels"] == (fields.get("labels") or [])
        for role in ("assignee", "reporter", "creator"):
            name = (fields.get(role) or {}).get("displayName")
            assert (extra[role] or {}).get("name") == name
        assert extra["watchers"] == (fields.get("watches") or {}).get("watchCount")
        assert len(extra["comments"]) == len((fields.get("comment") or {}).get("comments") or ())
        assert "avatarUrls" not in repr(document)
    assert origins == {"nango", "perceval", "go-jira", "jira-cli", "atlassian"}


def test_an_issue_of_an_old_server_keeps_dates_people_and_components(recorded: Path) -> None:
    page = json.loads((recorded / "perceval" / "jira_issues_page_1.json").read_text())
    fields = json.loads((recorded / "perceval" / "jira_fields.json").read_text())
    document = document_of(page["issues"][0], SERVER, fields)
    extra = document.metadata["extra"]
    assert document.metadata["created_at"] == "2016-03-03T13:40:01.000000Z"
    assert document.metadata["updated_at"] == "2016-03-03T14:32:47.000000Z"
    assert document.metadata["container"] == {
        "id": "10841",
        "name": "Help-Desk",
        "url": "https://jira.acme/browse/HELP",
    }
    assert extra["components"] == ["FIWARE-LAB-HELP"]
    assert extra["status_category"] == "new"
    assert extra["project"]["category"] == "FIWARE - Phase II"
    assert document.metadata["author"] == {"id": "user2", "name": "User2", "email": None}


def test_a_recorded_cloud_issue_keeps_its_description_and_times(recorded: Path) -> None:
    [issue] = [
        one
        for _, one, site in recorded_issues(recorded)
        if site is CLOUD and one.get("key") == "KAN-2" and "timetracking" in one["fields"]
    ]
    document = document_of(issue, CLOUD)
    assert "created for testing the delete-comment action" in document.page_content
    assert document.metadata["extra"]["time"]["spent"] == 32400
    assert document.metadata["extra"]["status_category"] == "indeterminate"
    assert document.metadata["extra"]["project"]["kind"] == "software"


def test_a_recorded_history_is_kept_with_its_authors(recorded: Path) -> None:
    with gzip.open(recorded / "nango-recorded" / "jira.ndjson.gz", "rt") as lines:
        calls = [json.loads(line) for line in lines]
    [log] = [c["response"] for c in calls if c["test"] == "get-issue-changelog"]
    issue = {"key": "KAN-6", "fields": {}, "changelog": {"histories": log["values"], "total": 2}}
    history = document_of(issue, CLOUD).metadata["extra"]["history"]
    assert [(one["author"], one["field"]) for one in history] == [("Nango Developer", "Link")] * 2
    assert history[0]["to"] == "This work item relates to KAN-2"


def test_recorded_comments_are_in_the_text_in_their_order(recorded: Path) -> None:
    page = json.loads((recorded / "perceval" / "jira_comments_issue_page_1.json").read_text())
    issue = {"key": "VOICE-1", "fields": {"comment": {"comments": page["comments"]}}}
    document = document_of(issue, SERVER)
    places = [one["start"] for one in document.metadata["extra"]["comments"]]
    assert places == sorted(places)
    assert len(places) == len(page["comments"])
    assert "@leo.papadopoulos" in document.page_content


@pytest.mark.parametrize("embedded", [None, {}, {"comments": "no list"}])
def test_comments_that_did_not_come_are_asked_for(embedded: Any) -> None:
    asked = IssueLoader._all(embedded, "comments", "1", lambda _: [{"id": "7"}])
    assert asked == [{"id": "7"}]
