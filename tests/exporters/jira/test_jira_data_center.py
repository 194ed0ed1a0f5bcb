"""Data Center: the same documents by another API."""

import pytest
from jira_samples import HandClock, MakeExporter, documents, found, sync

from exporters.jira.exporter import JiraExporter
from sandbox.faults import Fault
from sandbox.jira.catalogue import DEVELOPERS
from sandbox.jira.server import JiraSandbox
from sandbox.jira.tokens import SYNC_NAME
from tasks.stores import Stores


@pytest.fixture
def jira(data_center: JiraSandbox) -> JiraSandbox:
    return data_center


def test_issues_comments_and_files_come_as_markdown(
    jira: JiraSandbox, exporter: JiraExporter, stores: Stores
) -> None:
    key = jira.site.create_issue(
        "TEA", "Kettle", reporter="bob", description="It does **not** boil."
    )
    jira.site.comment(key, "ada", "Is it **plugged** in?")
    jira.site.attach(key, "bob", "notes.txt", b"The fuse is gone.")
    sync(exporter, stores, "first")
    [issue] = documents(stores).values()
    assert "It does **not** boil." in issue.page_content
    assert "Is it **plugged** in?" in issue.page_content
    [file] = documents(stores, "attachment").values()
    assert file.page_content == "The fuse is gone."
    assert ":" not in exporter.connection


def test_a_server_is_read_by_pages_of_numbers_without_losing_an_issue(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    keys = [jira.site.create_issue("TEA", f"Kettle {n}", reporter="bob") for n in range(11)]
    # What leaves the result while it is paged shifts everything behind it.
    jira.after("search", 2, lambda: jira.site.delete_issue(keys[0]))
    sync(exporter_of(jira, id_page_size=4, bulk_size=3), stores, "first")
    assert {d.metadata["extra"]["key"] for d in documents(stores).values()} >= set(keys[1:])
    clock.advance(3600)
    for key in keys[1:]:
        jira.site.edit_issue(key, by="ada", labels=["hot"])
    jira.after("search", 1, lambda: jira.site.edit_issue(keys[1], by="ada", labels=["cold"]))
    sync(exporter_of(jira, page_size=4, bulk_size=3), stores, "second")
    labels = [d.metadata["extra"]["labels"] for d in documents(stores).values()]
    assert labels.count(["cold"]) == 1
    assert labels.count(["hot"]) == 9


def test_deleted_issues_are_found_and_one_that_is_gone_spoils_no_batch(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    keys = [jira.site.create_issue("TEA", f"Kettle {n}", reporter="bob") for n in range(4)]
    jira.after("search", 2, lambda: jira.site.delete_issue(keys[0]))
    sync(exporter_of(jira), stores, "first")
    assert len(documents(stores)) == 3
    jira.site.delete_issue(keys[1])
    clock.advance(25 * 3600)
    assert sync(exporter_of(jira), stores, "second").deleted == 1


def test_roles_groups_and_levels_decide_who_finds_what(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    scheme = jira.site.add_scheme("Developers only")
    jira.site.grant(scheme, "BROWSE_PROJECTS", "projectRole", str(DEVELOPERS))
    jira.site.add_project("VAULT", "Vault", lead="ada", scheme=scheme)
    jira.site.add_group("guards")
    jira.site.add_to_group("guards", "cleo")
    jira.site.add_role_actor("VAULT", DEVELOPERS, group="guards")
    for person in (SYNC_NAME, "ada"):
        jira.site.add_role_actor("VAULT", DEVELOPERS, person=person)
    jira.site.create_issue("VAULT", "Closed kettle", reporter="bob")
    jira.site.create_issue("TEA", "Open kettle", reporter="bob")
    sync(exporter_of(jira), stores, "first")
    assert found(stores, "kettle", "bob") == {"TEA-1 Open kettle"}
    assert found(stores, "kettle", "ada") == {"TEA-1 Open kettle", "VAULT-1 Closed kettle"}
    assert found(stores, "kettle", "cleo") == {"TEA-1 Open kettle", "VAULT-1 Closed kettle"}


def test_the_token_bucket_of_a_server_is_waited_for(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    jira.site.create_issue("TEA", "Kettle", reporter="bob")
    empty = {
        "X-RateLimit-Limit": "10",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-FillRate": "10",
        "X-RateLimit-Interval-Seconds": "1",
        "Retry-After": "0",
    }
    jira.faults.add(Fault("answer", "search", status=429, headers=empty, body={}))
    assert sync(exporter_of(jira), stores, "first").seconds_waited >= 0.9
    assert len(documents(stores)) == 1


def test_mentions_in_wiki_markup_have_names(
    jira: JiraSandbox, exporter: JiraExporter, stores: Stores
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob", assignee="ada")
    jira.site.comment(key, "bob", "Ask @ada about it.")
    sync(exporter, stores, "first")
    [issue] = documents(stores).values()
    assert "@Ada Byron" in issue.page_content
