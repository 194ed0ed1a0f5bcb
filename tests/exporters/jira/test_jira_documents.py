"""What a document says of an issue, and of what stands around issues."""

from typing import Any

from jira_samples import HandClock, MakeExporter, documents, sync

from documents.jira import JiraIssueDocument
from exporters.jira.exporter import JiraExporter
from sandbox.jira.server import JiraSandbox
from tasks.stores import Stores


def the_issue(stores: Stores, key: str) -> Any:
    [found] = [d for d in documents(stores).values() if d.metadata["extra"]["key"] == key]
    return JiraIssueDocument.from_document(found)


def test_an_issue_with_everything_tells_everything(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    site = jira.site
    site.add_component("TEA", "Kettle", lead="bob")
    site.add_version("TEA", "1.0")
    site.add_version("TEA", "0.9", released=True)
    board = site.add_board("TEA", "Tea board", "scrum")
    sprint = site.add_sprint(board, "Sprint 1", state="active", start=clock(), goal="Boil")
    epic = site.create_issue("TEA", "New kitchen", reporter="ada", type="Epic")
    other = site.create_issue("TEA", "Buy a fuse", reporter="ada")
    key = site.create_issue(
        "TEA",
        "The kettle is broken",
        reporter="bob",
        creator="cleo",
        type="Bug",
        description="It does **not** boil.",
        environment="Kitchen, second floor.",
        assignee="ada",
        priority="High",
        components=["Kettle"],
        fix_versions=["1.0"],
        versions=["0.9"],
        labels=["hot", "old"],
        due_date="2026-12-01",
        parent=epic,
        values={
            "Sprint": [sprint],
            "Story point estimate": 5,
            "Impact": "Nobody has tea.",
            "Severity": "SEV-1",
            "Amount in EUR": 12.5,
        },
    )
    site.link(key, other, "Blocks", by="ada")
    site.transition(key, "In Progress", by="ada")
    sync(exporter_of(jira), stores, "first")
    document = the_issue(stores, key)
    extra = document.metadata["extra"]
    assert document.metadata["title"] == f"{key} The kettle is broken"
    assert document.metadata["author"]["name"] == "Bob Stone"
    assert document.metadata["url"].endswith(f"/browse/{key}")
    parent = site.issue(epic).id
    assert document.metadata["parent_id"] == f"jira:{site.cloud_id}:issue:{parent}"
    assert document.page_content.split("\n\n")[:2] == [
        f"{key} The kettle is broken",
        "It does **not** boil.",
    ]
    assert "## Environment\n\nKitchen, second floor." in document.page_content
    assert "## Impact\n\nNobody has tea." in document.page_content
    assert {name: extra[name] for name in ("type", "status", "status_category", "priority")} == {
        "type": "Bug",
        "status": "In Progress",
        "status_category": "indeterminate",
        "priority": "High",
    }
    assert (extra["components"], extra["labels"]) == (["Kettle"], ["hot", "old"])
    assert (extra["fix_versions"], extra["affects_versions"]) == (["1.0"], ["0.9"])
    assert extra["assignee"]["email"] == "ada@acme.example"
    assert extra["creator"]["name"] == "Cleo Vance"
    assert extra["due"] == "2026-12-01"
    assert (extra["epic"]["key"], extra["epic"]["summary"]) == (epic, "New kitchen")
    assert extra["story_points"] == 5.0
    assert (extra["sprint"], extra["sprints"][0]["goal"]) == ("Sprint 1", "Boil")
    [link] = extra["links"]
    assert (link["type"], link["direction"], link["key"]) == ("Blocks", "outward", other)
    typed = {one["name"]: one for one in extra["custom_fields"]}
    assert typed["Impact"]["value_text"] == "Nobody has tea."
    assert typed["Severity"]["value_keyword"] == ["SEV-1"]
    assert typed["Amount in EUR"]["value_number"] == 12.5
    assert "Rank" not in typed
    assert extra["is_open"] is True
    assert extra["epic_chain"] == [epic]
    assert "sprint Sprint 1" in extra["context"]
    assert "Bug, In Progress, priority High, assigned to Ada Byron" in extra["context"]


def test_a_resolved_issue_tells_when_and_how_long_it_took(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob")
    clock.advance(36 * 3600)
    jira.site.transition(key, "Done", by="ada")
    sync(exporter_of(jira), stores, "first")
    extra = the_issue(stores, key).metadata["extra"]
    assert (extra["status_category"], extra["resolution"]) == ("done", "Done")
    assert extra["is_open"] is False
    assert extra["days_to_resolution"] == 1.5


def test_a_document_is_shown_with_its_title_once(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob", description="Cold.")
    jira.site.comment(key, "ada", "Hot again.")
    sync(exporter_of(jira), stores, "first")
    document = the_issue(stores, key)
    assert document.display_text.count(f"{key} Kettle") == 1
    assert document.search_text == document.page_content
    [comment] = document.metadata["extra"]["comments"]
    assert document.url_at(len(document.page_content)) == comment["url"]
    assert document.url_at(0) == document.metadata["url"]
    assert document.key == key


def test_projects_versions_components_boards_sprints_and_statuses_are_documents(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    site = jira.site
    site.add_version("TEA", "1.0", description="The first", release_date="2026-12-01")
    site.add_component("TEA", "Kettle", description="Boils water.", lead="bob")
    board = site.add_board("TEA", "Tea board", "scrum")
    site.add_board("TEA", "Cups", "kanban")
    site.add_sprint(board, "Sprint 1", state="active", start=clock(), goal="Boil")
    sync(exporter_of(jira), stores, "first")
    place = str(site.project("TEA").id)
    project = documents(stores, "project")[place]
    assert "Kettles and cups." in project.page_content
    assert project.metadata["extra"]["key"] == "TEA"
    [version] = documents(stores, "version").values()
    assert version.metadata["extra"]["end"] == "2026-12-01"
    [component] = documents(stores, "component").values()
    assert component.metadata["extra"]["lead"]["name"] == "Bob Stone"
    assert {d.metadata["title"] for d in documents(stores, "board").values()} == {
        "Tea board",
        "Cups",
    }
    [sprint] = documents(stores, "sprint").values()
    assert (sprint.metadata["extra"]["goal"], sprint.metadata["extra"]["state"]) == (
        "Boil",
        "active",
    )
    assert {"new", "indeterminate", "done"} == {
        d.metadata["extra"]["status_category"] for d in documents(stores, "status").values()
    }
    readers = f"group:jira:{site.cloud_id}/{place}"
    assert sprint.metadata["access"] == version.metadata["access"] == [readers]
    assert project.metadata["container"]["id"] == place


def test_the_catalogue_is_read_again_only_after_its_hours(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, clock: HandClock
) -> None:
    version = jira.site.add_version("TEA", "1.0")
    sync(exporter_of(jira), stores, "first")
    jira.site.rename_version(version, "2.0")
    clock.advance(3600)
    sync(exporter_of(jira), stores, "second")
    assert documents(stores, "version")[version].metadata["title"] == "1.0"
    clock.advance(6 * 3600)
    sync(exporter_of(jira), stores, "third")
    assert documents(stores, "version")[version].metadata["title"] == "2.0"


def test_an_export_yields_issues_files_and_projects_without_any_store(
    jira: JiraSandbox, exporter: JiraExporter
) -> None:
    jira.site.add_project("CUP", "Cups", lead="bob")
    key = jira.site.create_issue("TEA", "Kettle", reporter="bob", assignee="ada")
    jira.site.attach(key, "bob", "notes.txt", b"The fuse is gone.")
    jira.site.create_issue("TEA", "Done", reporter="bob", status="Done")
    jira.site.create_issue("CUP", "Cup", reporter="bob", assignee="ada")
    found = list(exporter.export(project="tea", status="to do", assignee="ada@acme.example"))
    assert [d.metadata["title"] for d in found if d.metadata["entity"] == "issue"] == [
        f"{key} Kettle"
    ]
    assert [d.page_content for d in found if d.metadata["entity"] == "attachment"] == [
        "The fuse is gone."
    ]
    assert [d.metadata["title"] for d in found if d.metadata["entity"] == "project"] == [
        "Tea kitchen"
    ]
