"""What may be asked for, and what is said of a name that does not exist."""

from datetime import timedelta

import pytest
from jira_samples import HandClock, MakeExporter, documents, project, sync

from documents.errors import ConfigurationError
from exporters.errors import PermissionDeniedError
from exporters.jira.exporter import JiraExporter
from exporters.jira.jql import jql_list, jql_text
from exporters.jira.settings import JiraSelection
from sandbox.jira.server import JiraSandbox
from tasks.stores import Stores


def asked(jira: JiraSandbox) -> list[str]:
    return [entry.parameters["jql"] for entry in jira.requests.entries("search/jql")]


@pytest.mark.parametrize("name", ["TEA", "tea", "Tea kitchen", "10000"])
def test_a_project_is_named_by_key_name_or_id(exporter: JiraExporter, name: str) -> None:
    assert project(exporter, name).key == "10000"


def test_an_unknown_project_is_refused_with_the_nearest_one(exporter: JiraExporter) -> None:
    with pytest.raises(ConfigurationError, match="There is no project 'TEE'") as caught:
        list(exporter.partitions(JiraSelection(projects=["TEE"])))
    assert "TEA" in caught.value.hint


def test_an_archived_project_that_is_asked_for_is_refused(
    jira: JiraSandbox, exporter: JiraExporter
) -> None:
    jira.site.archive_project("TEA")
    with pytest.raises(PermissionDeniedError, match="TEA is archived"):
        list(exporter.partitions(JiraSelection(projects=["TEA"])))


def test_an_unknown_status_is_refused_with_the_nearest_one(exporter: JiraExporter) -> None:
    with pytest.raises(ConfigurationError, match="There is no status 'In Progres'") as caught:
        list(exporter.partitions(JiraSelection(status=["In Progres"])))
    assert "In Progress" in caught.value.hint


@pytest.mark.parametrize("field", [{"days_ago": -1}, {"projects": 3}, {"colour": "red"}])
def test_nonsense_is_refused_in_a_sentence(field: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=r"^\S.*\.$"):
        JiraSelection.of(field)


def test_empty_lists_of_a_form_mean_all() -> None:
    assert JiraSelection.of({"projects": [], "status": [], "assignee": ""}) == JiraSelection()


def test_a_filter_is_asked_of_jira_and_deletes_nothing(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    for status in ("To Do", "In Progress", "Done"):
        jira.site.create_issue("TEA", status, reporter="bob", status=status, assignee="ada")
    jira.site.create_issue("TEA", "Nobody's", reporter="bob")
    selection = JiraSelection(status=["in progress", "Done"], assignee="ada@acme.example")
    sync(exporter_of(jira), stores, "some", selection=selection)
    assert {d.metadata["extra"]["status"] for d in documents(stores).values()} == {
        "In Progress",
        "Done",
    }
    clock.advance(25 * 3600)
    sync(exporter_of(jira), stores, "all")
    assert len(documents(stores)) == 4
    clock.advance(25 * 3600)
    assert sync(exporter_of(jira), stores, "some again", selection=selection).deleted == 0
    assert len(documents(stores)) == 4


def test_a_filtered_sync_leaves_the_mark_of_the_whole_where_it_was(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    keys = [jira.site.create_issue("TEA", f"Kettle {n}", reporter="bob") for n in range(3)]
    sync(exporter_of(jira), stores, "all")
    clock.advance(3600)
    jira.site.edit_issue(keys[0], by="ada", summary="Changed")
    clock.advance(3600)
    jira.site.transition(keys[1], "Done", by="ada")
    sync(exporter_of(jira), stores, "some", selection=JiraSelection(status=["Done"]))
    assert sync(exporter_of(jira), stores, "all again").changed == 1


def test_issues_of_nobody_and_of_the_last_days_can_be_asked_for(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    jira.site.create_issue("TEA", "Old", reporter="bob")
    clock.advance(10 * 86_400)
    jira.site.create_issue("TEA", "New", reporter="bob")
    jira.site.create_issue("TEA", "Ada's", reporter="bob", assignee="ada")
    selection = JiraSelection(assignee="unassigned", days_ago=3)
    sync(exporter_of(jira), stores, "some", selection=selection)
    assert [d.metadata["title"] for d in documents(stores).values()] == ["TEA-2 New"]
    start = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
    assert f"assignee is EMPTY AND updated >= {round(start.timestamp() * 1000)}" in asked(jira)[0]


def test_texts_are_quoted_in_queries() -> None:
    assert jql_text('a "b" \\c') == '"a \\"b\\" \\\\c"'
    assert jql_list(["a", "b"]) == '("a", "b")'
