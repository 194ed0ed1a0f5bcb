"""What a sync brings after the first one: changes, moves, deletions, and what Jira hides."""

import pytest
from jira_samples import HandClock, MakeExporter, documents, project, sync, sync_all

from exporters.changes import MembershipChange, Withheld
from exporters.errors import PermissionDeniedError, TransientError
from exporters.jira.exporter import JiraExporter
from exporters.jira.settings import JiraSelection
from sandbox.faults import Fault
from sandbox.jira.server import JiraSandbox
from sandbox.jira.site import Site
from tasks.partition_errors import PartitionFailedError
from tasks.results import PartitionOutcome
from tasks.stores import Stores

BULK = "issue/bulkfetch"
DAY = 86_400


def fill(site: Site, number: int, project: str = "TEA") -> list[str]:
    return [
        site.create_issue(project, f"Kettle {n} is cold", reporter="bob", description="Brr.")
        for n in range(number)
    ]


def titles(stores: Stores) -> set[str]:
    return {one.metadata["title"] for one in documents(stores).values()}


def test_a_second_sync_fetches_no_issue_and_writes_nothing(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    fill(jira.site, 5)
    assert sync(exporter_of(jira), stores, "first").new > 5
    jira.requests.clear()
    clock.advance(60)
    second = sync(exporter_of(jira), stores, "second")
    assert (second.written, second.landed) == (0, 0)
    assert jira.requests.count(BULK) == 0


def test_an_edited_issue_is_fetched_again_and_no_other(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    keys = fill(jira.site, 5)
    sync(exporter_of(jira), stores, "first")
    clock.advance(3600)
    jira.site.edit_issue(keys[2], by="ada", summary="Kettle 2 boils")
    jira.site.comment(keys[4], "ada", "Mine too.")
    jira.requests.clear()
    counts = sync(exporter_of(jira), stores, "second")
    assert counts.changed == 2
    assert jira.requests.count(BULK) == 1
    assert f"{keys[2]} Kettle 2 boils" in titles(stores)
    assert any("Mine too." in one.page_content for one in documents(stores).values())


def test_an_issue_that_the_index_shows_late_is_found_though_a_newer_one_came_before_it(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    fill(jira.site, 3)
    clock.advance(3600)
    [late] = fill(jira.site, 1)
    clock.advance(300)
    [newer] = fill(jira.site, 1)
    hidden = jira.site.issue(late)
    hidden.indexed_from = clock() + 60  # the index takes longer with this one
    jira.switches.index_lag = 0.001
    sync(exporter_of(jira), stores, "first")
    assert newer in {title.split()[0] for title in titles(stores)}
    assert late not in {title.split()[0] for title in titles(stores)}
    clock.advance(120)
    sync(exporter_of(jira), stores, "second")
    assert late in {title.split()[0] for title in titles(stores)}


def test_the_window_begins_at_the_newest_change_seen_less_the_overlap_and_not_at_a_clock(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    [key] = fill(jira.site, 1)
    newest = round(jira.site.issue(key).updated * 1000)
    clock.advance(7 * 3600)
    sync(exporter_of(jira), stores, "first")
    jira.requests.clear()
    sync(exporter_of(jira, overlap_minutes=5), stores, "second")
    [asked] = [e.parameters["jql"] for e in jira.requests.entries("search/jql")]
    assert f"updated >= {newest - 5 * 60_000} " in asked
    assert asked.endswith("ORDER BY updated ASC, id ASC")


def test_an_issue_that_is_newer_than_the_search_said_is_taken_as_it_is(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    keys = fill(jira.site, 1)
    sync(exporter_of(jira), stores, "first")
    clock.advance(3600)
    jira.site.edit_issue(keys[0], by="ada", summary="Once")
    jira.after("search/jql", 1, lambda: jira.site.edit_issue(keys[0], by="ada", summary="Twice"))
    sync(exporter_of(jira), stores, "second")
    assert titles(stores) == {f"{keys[0]} Twice"}
    assert sync(exporter_of(jira), stores, "third").written == 0


def test_a_deleted_issue_goes_with_all_that_belongs_to_it_when_ids_are_listed_again(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    keys = fill(jira.site, 4)
    jira.site.attach(keys[0], "bob", "notes.txt", b"The fuse is gone.")
    sync(exporter_of(jira), stores, "first")
    assert len(documents(stores, "attachment")) == 1
    jira.site.delete_issue(keys[0])
    clock.advance(3600)
    sync(exporter_of(jira), stores, "too early to list all ids")
    assert len(titles(stores)) == 4
    clock.advance(24 * 3600)
    counts = sync(exporter_of(jira), stores, "a day later")
    assert counts.deleted == 2
    assert len(titles(stores)) == 3
    assert documents(stores, "attachment") == {}


@pytest.mark.parametrize("asked", ["project/{project}", "mypermissions"])
def test_a_malformed_answer_while_a_deletion_is_proved_is_no_lost_right(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock, asked: str
) -> None:
    keys = fill(jira.site, 4)
    sync(exporter_of(jira), stores, "first")
    jira.site.delete_issue(keys[0])
    clock.advance(25 * 3600)
    # The first one is asked before: by the catalogue, or by the sync for itself.
    jira.faults.add(Fault("malformed_json", asked, skip=1))
    assert sync(exporter_of(jira), stores, "a day later").deleted == 1
    assert jira.faults.report()[0]["struck"] == 1
    assert len(titles(stores)) == 3


def test_permissions_that_are_not_told_are_no_lost_right(
    jira: JiraSandbox, exporter: JiraExporter
) -> None:
    part = next(p for p in exporter.partitions(JiraSelection()) if p.kind == "project")
    jira.faults.add(Fault("answer", "mypermissions", status=200, body={}))
    with pytest.raises(TransientError, match="without 'BROWSE_PROJECTS'"):
        list(exporter.pull(part, None))


def test_a_clock_that_was_ahead_does_not_put_off_the_search_for_deletions(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    keys = fill(jira.site, 6)
    clock.advance(365 * DAY)
    sync(exporter_of(jira), stores, "ahead")
    clock.advance(-365 * DAY)
    jira.site.delete_issue(keys[0])
    jira.site.rename_project("TEA", "Coffee")
    sync(exporter_of(jira), stores, "right")
    assert len(documents(stores)) == 5
    [catalogued] = {one.metadata["title"] for one in documents(stores, "project").values()} - {
        "Vault"
    }
    assert catalogued == "Coffee"


def test_a_listing_of_ids_that_comes_back_short_deletes_nothing_that_still_exists(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    fill(jira.site, 6)
    sync(exporter_of(jira), stores, "first")
    clock.advance(25 * 3600)
    empty = {"issues": [], "isLast": True}
    jira.faults.add(Fault("answer", "search/jql", times=2, status=200, body=empty))
    counts = sync(exporter_of(jira), stores, "short")
    assert counts.deleted == 0
    assert len(titles(stores)) == 6


def test_an_answer_that_is_no_listing_fails_the_project_and_deletes_nothing(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    fill(jira.site, 3)
    sync(exporter_of(jira), stores, "first")
    exporter = exporter_of(jira)
    part = next(p for p in exporter.partitions(JiraSelection()) if p.kind == "project")
    jira.faults.add(Fault("answer", "search/jql", times=None, status=200, body={"oops": 1}))
    with pytest.raises(TransientError, match="without 'issues'"):
        list(exporter.pull(part, {"scope": "", "since": 1, "swept": None}))


def test_a_project_the_account_loses_sight_of_keeps_its_documents(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    fill(jira.site, 3)
    sync(exporter_of(jira), stores, "first")
    clock.advance(25 * 3600)
    exporter = exporter_of(jira)
    part = next(p for p in exporter.partitions(JiraSelection()) if p.kind == "project")
    jira.site.archive_project("TEA")
    answer = exporter.fetch(part, "issue", next(iter(documents(stores))))
    assert answer is not None
    with pytest.raises(
        PermissionDeniedError, match="does not show the issues of the project any more"
    ):
        list(answer)
    results = sync_all(exporter_of(jira), stores, "archived")
    assert "TEA" not in results
    assert len(titles(stores)) == 3


def test_a_project_the_account_may_only_administer_is_left_out_and_nothing_is_said_of_issues(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    fill(jira.site, 3)
    sync(exporter_of(jira), stores, "first")
    exporter = exporter_of(jira)
    part = project(exporter, "TEA")
    jira.site.set_scheme("TEA", jira.site.add_scheme("Nobody browses"))
    changes = list(exporter.pull(part, None))
    [withheld] = [change for change in changes if isinstance(change, Withheld)]
    assert withheld.everything
    assert "may not browse TEA" in withheld.reason
    assert {type(change) for change in changes} == {MembershipChange, Withheld}


def test_an_archived_project_is_left_out_with_a_reason(
    jira: JiraSandbox, exporter_of: MakeExporter
) -> None:
    jira.site.archive_project("TEA")
    [part] = [p for p in exporter_of(jira).partitions(JiraSelection()) if p.kind == "project"]
    assert part.unreadable is not None
    assert "TEA is archived" in part.unreadable


def test_a_moved_issue_keeps_its_document_and_gets_the_new_place(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    jira.site.add_project("CUP", "Cups", lead="bob")
    keys = fill(jira.site, 3)
    jira.site.attach(keys[1], "bob", "notes.txt", b"The fuse is gone.")
    sync(exporter_of(jira), stores, "first")
    before = documents(stores)
    clock.advance(3600)
    new_key = jira.site.move_issue(keys[1], "CUP", by="ada")
    sync(exporter_of(jira), stores, "second")
    after = documents(stores)
    assert after.keys() == before.keys()
    [moved] = [one for one in after.values() if one.metadata["title"].startswith(new_key)]
    assert moved.metadata["container"]["name"] == "Cups"
    cups = str(jira.site.project("CUP").id)
    assert moved.metadata["access"] == [f"group:jira:{jira.site.cloud_id}/{cups}"]
    [file] = documents(stores, "attachment").values()
    assert file.metadata["container"]["name"] == "Cups"
    assert file.metadata["access"] == moved.metadata["access"]
    clock.advance(25 * 3600)
    assert sync(exporter_of(jira), stores, "with a sweep").deleted == 0
    assert documents(stores).keys() == before.keys()


def test_a_renamed_project_changes_its_documents_without_fetching_any(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    fill(jira.site, 3)
    sync(exporter_of(jira), stores, "first")
    jira.site.rename_project("TEA", "Tea and coffee")
    jira.requests.clear()
    clock.advance(60)
    sync(exporter_of(jira), stores, "second")
    assert jira.requests.count(BULK) == 0
    for document in documents(stores).values():
        assert document.metadata["container"]["name"] == "Tea and coffee"
        assert document.metadata["extra"]["project"]["name"] == "Tea and coffee"
        assert "Tea and coffee" in document.metadata["extra"]["context"]


def test_a_rescan_finds_what_moved_although_it_forgot_the_mark(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    keys = fill(jira.site, 4)
    sync(exporter_of(jira), stores, "first")
    clock.advance(3600)
    jira.site.edit_issue(keys[0], by="ada", summary="Meanwhile")
    jira.requests.clear()
    counts = sync(exporter_of(jira), stores, "rescan", fresh=True)
    assert (counts.changed, counts.landed) == (1, 1)
    assert f"{keys[0]} Meanwhile" in titles(stores)
    assert jira.requests.count(BULK) == 2  # what moved, and once all, for who may read them


def test_a_page_token_that_grew_old_begins_the_listing_again(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    fill(jira.site, 9)
    jira.switches.page_token_seconds = 100
    jira.after("search/jql", 2, lambda: clock.advance(200))
    sync(exporter_of(jira, id_page_size=4), stores, "first")
    assert len(titles(stores)) == 9


def test_a_page_token_that_grew_old_in_the_middle_of_changes_goes_on_from_the_last_one(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    keys = fill(jira.site, 9)
    sync(exporter_of(jira), stores, "first")
    clock.advance(3600)
    for key in keys:
        jira.site.edit_issue(key, by="ada", labels=["hot"])
    jira.switches.page_token_seconds = 100
    jira.after("search/jql", 1, lambda: clock.advance(200))
    assert sync(exporter_of(jira, page_size=4), stores, "second").changed == 9


def test_paging_mischief_of_the_search_loses_nothing(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    keys = fill(jira.site, 9)
    jira.switches.short_pages = jira.switches.empty_pages = jira.switches.duplicate_items = True
    sync(exporter_of(jira, id_page_size=4, page_size=4), stores, "first")
    assert len(titles(stores)) == 9
    clock.advance(3600)
    for key in keys:
        jira.site.edit_issue(key, by="ada", labels=["hot"])
    assert sync(exporter_of(jira, page_size=4), stores, "second").changed == 9


def test_an_issue_edited_while_changes_are_paged_is_not_lost(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    keys = fill(jira.site, 9)
    sync(exporter_of(jira), stores, "first")
    clock.advance(3600)
    for key in keys:
        jira.site.edit_issue(key, by="ada", labels=["hot"])
    jira.after("search/jql", 1, lambda: jira.site.edit_issue(keys[0], by="ada", labels=["cold"]))
    sync(exporter_of(jira, page_size=4), stores, "second")
    labels = [one.metadata["extra"]["labels"] for one in documents(stores).values()]
    assert sorted(labels) == [["cold"], *[["hot"]] * 8]


def test_an_answer_that_breaks_off_is_asked_for_in_halves(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    fill(jira.site, 8)
    jira.switches.truncate_bulkfetch_above = 2
    sync(exporter_of(jira), stores, "first")
    assert len(titles(stores)) == 8


def test_a_sync_that_was_killed_in_the_first_listing_goes_on_from_its_page(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    fill(jira.site, 9)
    jira.faults.add(Fault("server_error", BULK, times=None, skip=1, status=500))
    exporter = exporter_of(jira, id_page_size=3)
    with pytest.raises(PartitionFailedError, match="Jira failed to answer"):
        sync_all(exporter, stores, "killed")
    assert len(titles(stores)) == 3
    jira.faults.clear()
    jira.requests.clear()
    results = sync_all(exporter_of(jira, id_page_size=3), stores, "again")
    assert results["TEA"].outcome is PartitionOutcome.COMPLETED
    assert len(titles(stores)) == 9
    assert jira.requests.count(BULK) == 2
