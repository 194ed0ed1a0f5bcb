"""What happens to issues of the Jira sandbox, and what of it a sync can notice."""

import base64
from collections.abc import Callable

import pytest
from jira_clients import NOW, JiraClient, client_of

from sandbox.jira import JiraSandbox, Site

Change = Callable[[Site], object]


@pytest.fixture
def client(jira: JiraSandbox, site: Site) -> JiraClient:
    """Of a site with an old issue that has one of everything."""
    site.add_project("CUP", "Cups", lead="bob")
    board = site.add_board("TEA", "Tea board", "scrum")
    site.add_sprint(board, "Sprint 1", state="active", start=NOW - 86_400, end=NOW + 86_400)
    site.add_version("TEA", "1.0")
    site.add_component("TEA", "Stove")
    old = NOW - 30 * 86_400
    site.create_issue(
        "TEA", "Kettle", reporter="ada", description="It is **cold**.", components=["Stove"],
        fix_versions=["1.0"], values={"Sprint": (1,)}, at=old,
    )  # fmt: skip
    site.create_issue("TEA", "Cups", reporter="bob", at=old)
    site.comment("TEA-1", "bob", "Still cold", at=old)
    site.attach("TEA-1", "ada", "cold.txt", b"brr", at=old)
    site.link("TEA-1", "TEA-2", "Blocks", at=old)
    site.log_work("TEA-1", "ada", 5400, comment="Blew on it", at=old)
    return client_of(jira)


@pytest.mark.parametrize(
    "change",
    [
        lambda site: site.edit_issue("TEA-1", by="ada", summary="Kettle is cold"),
        lambda site: site.edit_issue("TEA-1", by="ada", values={"Severity": "SEV-2"}),
        lambda site: site.edit_issue("TEA-1", by="ada", assignee="bob", labels=["cold"]),
        lambda site: site.transition("TEA-1", "Done", by="ada"),
        lambda site: site.comment("TEA-1", "ada", "Warm now"),
        lambda site: site.edit_comment("TEA-1", 10_000, "Still _very_ cold"),
        lambda site: site.delete_comment("TEA-1", 10_000),
        lambda site: site.attach("TEA-1", "ada", "warm.txt", base64.b64encode(b"ah").decode()),
        lambda site: site.remove_attachment("TEA-1", 10_000),
        lambda site: site.link("TEA-1", "TEA-2"),
        lambda site: site.link("TEA-2", "TEA-1"),
        lambda site: site.unlink(10_000),
        lambda site: site.add_remote_link("TEA-1", "https://acme.example", "Acme"),
        lambda site: site.log_work("TEA-1", "bob", 60),
        lambda site: site.move_issue("TEA-1", "CUP", by="ada"),
    ],
)
def test_what_is_done_to_an_issue_moves_updated(
    jira: JiraSandbox, client: JiraClient, change: Change
) -> None:
    change(jira.site)
    assert 10_000 in client.ids(f"updated >= {round(NOW * 1000)}")


@pytest.mark.parametrize(
    "change",
    [
        lambda site: site.rename_project("TEA", "Coffee kitchen"),
        lambda site: site.rename_person("ada", "Ada Lovelace"),
        lambda site: site.rename_sprint(1, "Sprint one"),
        lambda site: site.rename_version("10000", "1.0.0"),
        lambda site: site.rename_group("kitchen", "cooks"),
        lambda site: site.set_sprint_state(1, "closed"),
        lambda site: site.grant(site.default_scheme, "BROWSE_PROJECTS", "anyone"),
        lambda site: site.add_to_group("jira-users", "eve"),
        lambda site: site.remove_from_group("kitchen", "ada"),
        lambda site: site.add_role_actor("TEA", 10_100, person="bob"),
        lambda site: site.set_lead("TEA", "bob"),
    ],
)
def test_what_is_done_around_an_issue_does_not_move_updated(
    jira: JiraSandbox, client: JiraClient, change: Change
) -> None:
    before = client.get("issue/TEA-1")["fields"]
    change(jira.site)
    assert client.ids(f"updated >= {round(NOW * 1000)}") == []
    assert client.get("issue/TEA-1")["fields"]["updated"] == before["updated"]


def test_new_names_show_at_once_all_the_same(jira: JiraSandbox, client: JiraClient) -> None:
    jira.site.rename_person("ada", "Ada Lovelace")
    jira.site.rename_project("TEA", "Coffee kitchen")
    jira.site.rename_sprint(1, "Sprint one")
    fields = client.get("issue/TEA-1")["fields"]
    assert fields["reporter"]["displayName"] == "Ada Lovelace"
    assert fields["project"]["name"] == "Coffee kitchen"
    assert [sprint["name"] for sprint in fields["customfield_10020"]] == ["Sprint one"]


def test_who_had_their_account_deleted_is_a_former_user(
    jira: JiraSandbox, client: JiraClient
) -> None:
    account = jira.site.person("bob").account_id
    jira.site.erase_person("bob")
    author = client.get("issue/TEA-1/comment")["comments"][0]["author"]
    assert (author["accountId"], author["displayName"]) == (account, "Former user")
    assert author["active"] is False
    assert "emailAddress" not in author


def test_the_change_log_says_who_changed_what(jira: JiraSandbox, client: JiraClient) -> None:
    site = jira.site
    site.edit_issue("TEA-1", by="bob", summary="Kettle!", values={"Severity": "SEV-1"})
    site.transition("TEA-1", "Done", by="ada")
    *_, edit, done = client.get("issue/TEA-1/changelog")["values"]
    assert edit["author"]["displayName"] == "Bob Stone"
    assert [(i["field"], i["fromString"], i["toString"]) for i in edit["items"]] == [
        ("summary", "Kettle", "Kettle!"),
        ("Severity", None, "SEV-1"),
    ]
    assert [(i["field"], i["fromString"], i["toString"]) for i in done["items"]] == [
        ("status", "To Do", "Done"),
        ("resolution", None, "Done"),
    ]
    fields = client.get("issue/TEA-1")["fields"]
    assert fields["resolutiondate"] == fields["updated"]


def test_a_moved_issue_keeps_its_id_and_answers_to_its_old_key(
    jira: JiraSandbox, client: JiraClient
) -> None:
    assert jira.site.move_issue("TEA-1", "CUP", by="ada") == "CUP-1"
    for name in ("TEA-1", "CUP-1", "10000", "tea-1"):
        issue = client.get(f"issue/{name}")
        assert (issue["id"], issue["key"]) == ("10000", "CUP-1")
        assert issue["fields"]["project"]["key"] == "CUP"
    assert client.keys("project = CUP") == ["CUP-1"]
    assert client.keys("project = TEA") == ["TEA-2"]
    assert client.post("issue/bulkfetch", issueIdsOrKeys=["TEA-1"])["issues"][0]["id"] == "10000"


def test_a_deleted_issue_is_gone_with_its_subtasks_and_its_links(
    jira: JiraSandbox, client: JiraClient
) -> None:
    jira.site.create_issue("TEA", "Lid", reporter="ada", type="Subtask", parent="TEA-1")
    assert [one["key"] for one in client.get("issue/TEA-1")["fields"]["subtasks"]] == ["TEA-3"]
    jira.site.delete_issue("TEA-1")
    assert client.keys("project = TEA") == ["TEA-2"]
    for name in ("TEA-1", "10000", "TEA-3"):
        assert client.refused(f"issue/{name}").status == 404
    assert client.get("issue/TEA-2")["fields"]["issuelinks"] == []


def test_an_issue_outlives_its_deleted_subtask(jira: JiraSandbox, client: JiraClient) -> None:
    child = jira.site.create_issue("TEA", "Boil", reporter="bob", type="Subtask", parent="TEA-1")
    jira.site.delete_issue(child)
    assert client.get("issue/TEA-1")["fields"]["subtasks"] == []


def test_a_deleted_project_is_gone_with_its_issues(jira: JiraSandbox, client: JiraClient) -> None:
    jira.site.create_issue("CUP", "Saucer", reporter="bob")
    jira.switches.index_lag = 30.0
    jira.site.delete_project("TEA")
    assert [p["key"] for p in client.get("project/search")["values"]] == ["CUP"]
    assert client.refused("project/TEA").status == 404
    assert client.refused("issue/TEA-1").status == 404
    jira.site.clock.advance(31)
    assert client.keys("created >= 0") == ["CUP-1"]
    assert client.get("agile/board")["values"] == []


def test_another_project_key_leaves_the_ids_and_the_old_keys(
    jira: JiraSandbox, client: JiraClient
) -> None:
    before = client.get("issue/TEA-1")["fields"]["updated"]
    jira.site.change_project_key("TEA", "POT")
    for name in ("TEA-1", "POT-1"):
        issue = client.get(f"issue/{name}")
        assert (issue["key"], issue["id"], issue["fields"]["updated"]) == ("POT-1", "10000", before)
    assert client.get("project/TEA")["key"] == "POT"
    found = client.get("project/search", expand="projectKeys", keys="POT")["values"]
    assert found[0]["projectKeys"] == ["POT", "TEA"]
    assert client.keys("project = TEA ORDER BY id") == ["POT-1", "POT-2"]


def test_archived_projects_and_issues_leave_jql(jira: JiraSandbox, client: JiraClient) -> None:
    jira.site.archive_issue("TEA-2")
    assert client.keys("created >= 0") == ["TEA-1"]
    assert client.get("issue/TEA-2")["key"] == "TEA-2"
    jira.site.archive_project("TEA")
    assert client.keys("created >= 0") == []
    assert client.refused("search/jql", jql="project = TEA").status == 400
    assert [p["key"] for p in client.get("project/search")["values"]] == ["CUP"]
    archived = client.get("project/search", status="archived")["values"]
    assert [p["key"] for p in archived] == ["TEA"]
    assert client.get("project/TEA")["archived"] is True
    jira.site.restore_project("TEA")
    jira.site.archive_issue("TEA-2", archived=False)
    assert client.keys("created >= 0 ORDER BY id") == ["TEA-1", "TEA-2"]


def test_many_comments_are_embedded_in_part(jira: JiraSandbox, client: JiraClient) -> None:
    for number in range(30):
        jira.site.comment("TEA-2", "ada", f"Remark {number}")
    jira.switches.embedded_comments = 5
    embedded = client.get("issue/TEA-2", fields="comment")["fields"]["comment"]
    assert (len(embedded["comments"]), embedded["total"]) == (5, 30)
    found: list[str] = []
    while True:
        page = client.get("issue/TEA-2/comment", startAt=len(found), maxResults=12)
        found += [comment["id"] for comment in page["comments"]]
        if len(found) >= page["total"]:
            break
    assert found == [str(comment.id) for comment in jira.site.issue("TEA-2").comments]
    newest = client.get("issue/TEA-2/comment", orderBy="-created", maxResults=1)
    assert newest["comments"][0]["id"] == found[-1]
    some = client.post("comment/list", ids=[found[3], found[4], "77"])
    assert [comment["id"] for comment in some["values"]] == found[3:5]


def test_worklogs_that_moved_are_listed_after_a_minute(
    jira: JiraSandbox, client: JiraClient
) -> None:
    site, since = jira.site, round(NOW * 1000)
    made = site.log_work("TEA-2", "ada", 3600)
    gone = site.log_work("TEA-2", "bob", 60)
    site.delete_worklog("TEA-2", gone)
    site.edit_worklog("TEA-1", 10_000, 7200)
    assert client.get("worklog/updated", since=since)["values"] == []
    site.clock.advance(61)
    updated = client.get("worklog/updated", since=since)
    assert {one["worklogId"] for one in updated["values"]} == {made, 10_000}
    assert updated["lastPage"] is True
    deleted = client.get("worklog/deleted", since=since)
    assert [one["worklogId"] for one in deleted["values"]] == [gone]
    listed = client.post("worklog/list", ids=[made, 10_000, gone])
    assert {one["id"]: one["timeSpent"] for one in listed} == {str(made): "1h", "10000": "2h"}


def test_a_control_request_changes_the_site(jira: JiraSandbox, client: JiraClient) -> None:
    outside = JiraClient(jira, "")
    body = {"issue": "TEA-2", "author": "ada", "body": "From outside"}
    assert outside.raw("POST", "/_sandbox/site/comment", body).json["ok"] is True
    assert client.get("issue/TEA-2/comment")["total"] == 1
    overview = outside.raw("POST", "/_sandbox/site/overview", {}).json["result"]
    assert overview["issues"] == 2
    wrong = outside.raw("POST", "/_sandbox/site/comment", {"issue": "TEA-9"})
    assert wrong.status == 400
    edit = {"issue": "TEA-2", "summary": "New"}
    assert outside.raw("POST", "/_sandbox/site/edit_issue", edit).json["ok"] is True


@pytest.mark.parametrize(
    "mistake",
    [
        lambda site: site.create_issue("NOPE", "x", reporter="ada"),
        lambda site: site.create_issue("TEA", "x", reporter="nobody"),
        lambda site: site.create_issue("TEA", "x", reporter="ada", type="Wish"),
        lambda site: site.create_issue("TEA", "x", reporter="ada", values={"Severity": "?"}),
        lambda site: site.transition("TEA-1", "Perhaps"),
        lambda site: site.delete_comment("TEA-1", 5),
        lambda site: site.remove_attachment("TEA-1", 5),
        lambda site: site.delete_worklog("TEA-1", 5),
        lambda site: site.link("TEA-1", "TEA-2", "Likes"),
    ],
)
def test_what_does_not_exist_cannot_be_used(
    jira: JiraSandbox, client: JiraClient, mistake: Change
) -> None:
    with pytest.raises(LookupError):
        mistake(jira.site)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda site: site.add_person("ada", "Another Ada"),
        lambda site: site.add_project("tea", "Lower case", lead="ada"),
        lambda site: site.add_project("TEA", "Again", lead="ada"),
        lambda site: site.create_issue("TEA", "x", reporter="ada", number=1),
        lambda site: site.create_issue("TEA", "x", reporter="ada", security="Cooks"),
        lambda site: site.edit_issue("TEA-1", colour="blue"),
        lambda site: site.set_token_state("ATATT-sandbox-admin", "tired"),
        lambda site: site.set_sprint_state(1, "paused"),
        lambda site: site.clock.advance(-1),
        lambda _: Site("Acme", flavour="server"),  # type: ignore[arg-type]
    ],
)
def test_what_jira_would_not_allow_is_refused(
    jira: JiraSandbox, client: JiraClient, mistake: Change
) -> None:
    with pytest.raises(ValueError):
        mistake(jira.site)
