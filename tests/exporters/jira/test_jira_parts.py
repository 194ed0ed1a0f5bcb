"""What belongs to an issue arrives whole: comments, work, history, files; and what it costs."""

from typing import Any

import httpx2
import pytest
from jira_samples import HandClock, MakeExporter, documents, sync, sync_all

from sandbox.faults import Fault
from sandbox.jira.server import JiraSandbox
from sandbox.jira.tokens import READ_SCOPES, SYNC_NAME
from tasks.partition_errors import PartitionFailedError
from tasks.results import PartitionOutcome
from tasks.stores import Stores

BULK, COMMENTS, HISTORY = "issue/bulkfetch", "issue/{issue}/comment", "issue/{issue}/changelog"
CONTENT = "attachment/content/{attachment}"


def facts(stores: Stores) -> dict[str, object]:
    [issue] = documents(stores).values()
    extra: dict[str, object] = issue.metadata["extra"]
    return extra


def issue_of(jira: JiraSandbox, key: str) -> dict[str, Any]:
    """An issue as Jira gives it."""
    jira.site.issue_token("a-token", SYNC_NAME, kind="api_token", scopes=READ_SCOPES)
    answer = httpx2.get(
        f"{jira.base_url}/rest/api/3/issue/{key}?expand=changelog",
        auth=(jira.site.person(SYNC_NAME).email, "a-token"),
    )
    issue: dict[str, Any] = answer.json()
    return issue


def test_comments_are_asked_for_only_where_not_all_came_with_the_issue(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    short = jira.site.create_issue("TEA", "Short", reporter="bob")
    long = jira.site.create_issue("TEA", "Long", reporter="bob")
    jira.site.comment(short, "ada", "One.")
    for number in range(130):
        jira.site.comment(long, "ada", f"Comment number {number}.")
    sync(exporter_of(jira), stores, "first")
    assert jira.requests.count(COMMENTS) == 2  # two pages of one issue
    by_title = {one.metadata["title"]: one for one in documents(stores).values()}
    document = by_title[f"{long} Long"]
    comments = document.metadata["extra"]["comments"]
    assert [one["author"] for one in comments] == ["Ada Byron"] * 130
    for number, comment in enumerate(comments):
        words = document.page_content[comment["start"] :]
        assert words.startswith("**Ada Byron** ")
        assert words.partition("\n")[2].startswith(f"Comment number {number}.")
        assert comment["url"].endswith(f"?focusedCommentId={comment['id']}")


@pytest.mark.parametrize(
    ("field", "broken"),
    [
        ("comment", {"comments": ["no object"], "total": 1, "maxResults": 20, "startAt": 0}),
        ("worklog", {"worklogs": [None], "total": 1, "maxResults": 20, "startAt": 0}),
        ("attachment", [7]),
    ],
)
def test_a_part_that_makes_no_sense_is_not_dropped_in_silence(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, field: str, broken: object
) -> None:
    fine = jira.site.create_issue("TEA", "Fine", reporter="bob")
    spoilt = jira.site.create_issue("TEA", "Spoilt", reporter="bob")
    jira.site.comment(spoilt, "ada", "The fuse is gone.")
    sync(exporter_of(jira), stores, "first")
    before = documents(stores)
    jira.site.edit_issue(fine, by="ada", summary="Still fine")
    jira.site.edit_issue(spoilt, by="ada", summary="Spoilt and edited")
    both = [issue_of(jira, fine), issue_of(jira, spoilt)]
    both[1]["fields"][field] = broken
    for issues in (both, both[1:]):  # the second time the one is asked for alone
        jira.faults.add(Fault("answer", BULK, status=200, body={"issues": issues}))
    result = sync_all(exporter_of(jira), stores, "second")["TEA"]
    assert result.outcome is PartitionOutcome.ATTENTION
    assert (result.counts.changed, result.counts.failed) == (1, 1)
    [letter] = stores.ledger.dead_letters()
    assert letter.key == f"issue:{both[1]['id']}"
    titles = {one.metadata["title"] for one in documents(stores).values()}
    assert titles == {f"{fine} Still fine", f"{spoilt} Spoilt"}
    assert len(documents(stores)) == len(before)


def test_a_listing_with_something_that_is_no_issue_stops_and_deletes_nothing(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    jira.site.create_issue("TEA", "Kettle", reporter="bob")
    sync(exporter_of(jira), stores, "first")
    page = {"issues": ["no object"], "isLast": True}
    jira.faults.add(Fault("answer", "search/jql", times=None, status=200, body=page))
    with pytest.raises(PartitionFailedError, match="where an object belongs"):
        sync_all(exporter_of(jira), stores, "second", fresh=True)
    assert len(documents(stores)) == 1


def test_an_issue_costs_about_a_hundredth_of_a_call(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    for number in range(300):
        jira.site.create_issue("TEA", f"Kettle {number}", reporter="bob")
    sync(exporter_of(jira), stores, "first")
    issues_alone = jira.requests.count(BULK) + jira.requests.count("search/jql")
    assert jira.requests.count(BULK) == 3
    assert issues_alone == 5  # the newest change, and one page of ids
    assert jira.requests.count("*") < 25  # with all that is asked once a run and once a project


def test_the_newest_changes_are_kept_and_all_are_counted(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    for number in range(60):
        jira.site.edit_issue(key, by="ada", summary=f"Kettle {number}")
    sync(exporter_of(jira, history_entries=50), stores, "first")
    history = facts(stores)["history"]
    assert isinstance(history, list)
    assert [one["to"] for one in history] == [f"Kettle {number}" for number in range(10, 60)]
    assert facts(stores)["history_count"] == 60
    assert jira.requests.count(HISTORY) == 1


def test_history_that_came_whole_costs_no_call(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    jira.site.transition(key, "In Progress", by="ada")
    sync(exporter_of(jira), stores, "first")
    assert jira.requests.count(HISTORY) == 0
    assert facts(stores)["history"] == [
        {
            "at": facts(stores)["history"][0]["at"],  # type: ignore[index]
            "author": "Ada Byron",
            "field": "status",
            "from": "To Do",
            "to": "In Progress",
        }
    ]


def test_an_attachment_is_a_document_with_its_text_and_is_fetched_once(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    jira.site.attach(key, "cleo", "notes.txt", b"The fuse is gone.")
    sync(exporter_of(jira), stores, "first")
    [file] = documents(stores, "attachment").values()
    [issue] = documents(stores).values()
    assert file.page_content == "The fuse is gone."
    assert file.metadata["title"] == "notes.txt"
    assert file.metadata["parent_id"] == issue.id
    assert file.metadata["author"]["name"] == "Cleo Vance"
    assert file.metadata["access"] == issue.metadata["access"]
    assert issue.metadata["extra"]["attachments"][0]["name"] == "notes.txt"
    for number in range(3):
        clock.advance(3600)
        jira.site.comment(key, "ada", f"Comment {number}")
        sync(exporter_of(jira), stores, f"later {number}")
    assert jira.requests.count(CONTENT) == 1


def test_what_belongs_to_an_issue_shows_its_new_summary(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    jira.site.attach(key, "cleo", "notes.txt", b"The fuse is gone.")
    sync(exporter_of(jira), stores, "first")
    clock.advance(3600)
    jira.site.edit_issue(key, summary="Toaster")
    sync(exporter_of(jira), stores, "second")
    [file] = documents(stores, "attachment").values()
    assert file.metadata["extra"]["issue"]["summary"] == "Toaster"


def test_a_removed_attachment_goes_with_the_next_sync(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    number = jira.site.attach(key, "cleo", "notes.txt", b"The fuse is gone.")
    jira.site.attach(key, "cleo", "more.txt", b"It was the fuse.")
    sync(exporter_of(jira), stores, "first")
    clock.advance(3600)
    jira.site.remove_attachment(key, number)
    assert sync(exporter_of(jira), stores, "second").deleted == 1
    assert [one.page_content for one in documents(stores, "attachment").values()] == [
        "It was the fuse."
    ]


def test_pictures_and_large_files_are_known_by_name_and_not_fetched(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    jira.site.attach(key, "cleo", "kettle.png", b"\x89PNG")
    jira.site.attach(key, "cleo", "long.txt", b"x" * 2000)
    sync(exporter_of(jira, attachment_bytes=1000), stores, "first")
    assert jira.requests.count(CONTENT) == 0
    reasons = {
        one.metadata["title"]: one.metadata["extra"]["no_text"]
        for one in documents(stores, "attachment").values()
    }
    assert reasons == {
        "kettle.png": "Files of this type are not read.",
        "long.txt": "It is larger than 1000 bytes, the setting attachment_bytes.",
    }


def test_attachments_can_be_left_out(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    from exporters.jira.settings import JiraSelection  # noqa: PLC0415

    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    jira.site.attach(key, "cleo", "notes.txt", b"The fuse is gone.")
    sync(exporter_of(jira), stores, "first", selection=JiraSelection(attachments=False))
    assert documents(stores, "attachment") == {}
    assert facts(stores)["attachments"]


@pytest.mark.parametrize("status", [403, 500])
def test_an_attachment_that_cannot_be_fetched_is_set_aside_and_its_issue_is_not(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, status: int
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    jira.site.attach(key, "cleo", "notes.txt", b"The fuse is gone.")
    jira.faults.add(Fault("answer", CONTENT, times=None, status=status, body={}))
    result = sync_all(exporter_of(jira), stores, "first")["TEA"]
    assert result.outcome is PartitionOutcome.ATTENTION
    assert (result.counts.new, result.counts.failed) == (1, 1)
    jira.faults.clear()
    sync(exporter_of(jira), stores, "second")
    assert documents(stores, "attachment") == {}
    jira.requests.clear()
    sync(exporter_of(jira), stores, "rescan", fresh=True)
    assert stores.ledger.dead_letters() == []
    [found] = documents(stores, "attachment").values()
    assert "The fuse is gone." in found.page_content
    assert jira.requests.count(BULK) + jira.requests.count("issue/{issue}") == 1
    sync(exporter_of(jira), stores, "another", fresh=True)
    assert jira.requests.count(CONTENT) == 1


def test_the_media_host_is_never_shown_the_credential(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    jira.site.attach(key, "cleo", "notes.txt", b"The fuse is gone.")
    sync(exporter_of(jira), stores, "first")
    assert jira.requests.count("media") == 0
    assert jira.requests.count(CONTENT, redirect="false") == 1


def test_notes_of_work_are_in_the_text_with_their_time(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    jira.site.log_work(key, "ada", 5400, comment="Changed the fuse.")
    sync(exporter_of(jira), stores, "first")
    [issue] = documents(stores).values()
    [log] = issue.metadata["extra"]["worklogs"]
    assert log["seconds"] == 5400
    assert issue.page_content[log["start"] :].startswith("**Ada Byron** ")
    assert "Changed the fuse." in issue.page_content[log["start"] :]
    assert issue.metadata["extra"]["time"]["spent"] == 5400


def test_a_rate_limit_of_each_kind_is_waited_for(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    jira.site.create_issue("TEA", "Kettle", reporter="bob")
    jira.refuse("burst", "search/jql", wait=0.05)
    jira.refuse("quota", BULK, wait=0.05)
    jira.faults.add(Fault("rate_limited", "project/search", retry_after_form="none"))
    sync(exporter_of(jira), stores, "first")
    assert len(documents(stores)) == 1
