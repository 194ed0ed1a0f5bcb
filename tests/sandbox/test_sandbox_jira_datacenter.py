"""Jira Data Center's REST v2, held to recordings of real servers."""

import re
from pathlib import Path
from typing import Any

import pytest
from jira_clients import NOW, JiraClient, client_of
from jira_conformance import Seen, recording

from sandbox.jira import MEMBER_PAT, JiraSandbox, generate_site
from sandbox.jira.company.showcase import SUMMARY

# What the recorded servers have and a plain one has not: projects in categories, a web address,
# apps' fields, and which statuses and links they had set up.
LOCAL_CUSTOM = re.compile(r"projectCategory|\.url:|\.description: always|color: always")


@pytest.fixture(scope="module")
def client(datacenter: JiraSandbox) -> JiraClient:
    return client_of(datacenter)


@pytest.mark.parametrize(
    ("file", "path", "pick"),
    [
        ("perceval/jira_issues_page_1.json", "search", ""),
        ("perceval/jira_issues_page_2.json", "search", ""),
        ("perceval/jira_fields.json", "field", ""),
        ("go-jira-mock-data/all_projects.json.gz", "project", ""),
        ("go-jira-mock-data/project.json", "project/PAY", ""),
        ("go-jira-mock-data/all_priorities.json", "priority", ""),
        ("go-jira-mock-data/all_resolutions.json", "resolution", ""),
        ("go-jira-mock-data/all_statuses.json", "status", ""),
        ("go-jira-mock-data/all_statuscategories.json", "statuscategory", ""),
        ("go-jira-mock-data/all_issuelinktypes.json", "issueLinkType", "issueLinkTypes"),
        ("go-jira-mock-data/component_get.json", "project/PAY/components", "0"),
    ],
)
def test_what_real_servers_always_send_is_sent_and_of_its_type(
    jira_specs: Path, client: JiraClient, file: str, path: str, pick: str
) -> None:
    shape = Seen().learn(recording(jira_specs, file))
    answer = client.get(path)
    if pick:
        answer = answer[int(pick)] if pick.isdigit() else answer[pick]
    differences = {one for one in shape.differences(answer) if not LOCAL_CUSTOM.search(one)}
    assert differences == set()


def test_search_pages_by_start_at_and_says_the_total(client: JiraClient) -> None:
    found: list[str] = []
    while True:
        page = client.get(
            "search", jql="ORDER BY id ASC", startAt=len(found), maxResults=30, fields="summary"
        )
        assert (page["startAt"], page["maxResults"], page["total"]) == (len(found), 30, 197)
        found += [issue["key"] for issue in page["issues"]]
        if len(found) >= page["total"]:
            break
    assert len(set(found)) == 197
    beyond = client.get("search", jql="", startAt=1000)
    assert (beyond["issues"], beyond["total"]) == ([], 197)
    body = client.post("search", jql="project = PAY", fields=["key"], maxResults=2)
    assert len(body["issues"]) == 2


def test_a_page_holds_a_thousand_issues_at_most() -> None:
    with JiraSandbox(generate_site(issues=1100, now=NOW, flavour="datacenter")) as sandbox:
        page = client_of(sandbox).get("search", jql="", maxResults=5000, fields="key")
        assert (page["maxResults"], len(page["issues"]), page["total"]) == (1000, 1000, 1097)


def test_people_have_names_and_no_account_ids(client: JiraClient, datacenter: JiraSandbox) -> None:
    reporter = client.get("issue/PAY-482")["fields"]["reporter"]
    assert {"name", "key", "emailAddress"} <= set(reporter)
    assert "accountId" not in reporter
    assert client.get("user", username=reporter["name"])["key"] == reporter["key"]
    assert client.get("user", key=reporter["key"])["name"] == reporter["name"]
    assert client.refused("user", username="nobody").status == 404


def test_texts_are_wiki_markup_and_rendered_on_request(client: JiraClient) -> None:
    issue = client.get("issue/PAY-482", expand="renderedFields,changelog")
    text = issue["fields"]["description"]
    for part in ("{warning}", "h1. What happened", "||Time||What||Who||", "{code:python}", "# The"):
        assert part in text
    head = re.search(r"\[~([a-z.]+)\]", text)
    assert head is not None
    assert client.get("user", username=head[1])["name"] == head[1]
    html = issue["renderedFields"]["description"]
    assert "<h1>What happened</h1>" in html
    assert "<table class='confluenceTable'>" in html
    assert issue["changelog"]["total"] > 5
    remarks = issue["fields"]["comment"]
    assert (len(remarks["comments"]), remarks["total"]) == (6, 6)
    assert "*Cause found:*" in remarks["comments"][1]["body"]
    assert "<b>Cause found:</b>" in issue["renderedFields"]["comment"]["comments"][1]["body"]


def test_every_node_there_is_has_a_form_in_wiki_markup(client: JiraClient) -> None:
    found = client.get("search", jql=f'summary ~ "{SUMMARY}"', fields="description,*all")
    text = found["issues"][0]["fields"]["description"]
    for part in (
        "h6. Heading 6", "*strong *", "_emphasised _", "-struck out -", "+underlined +", "{{code}}",
        "~2~", "^3^", "{color:#ff5630}", "[ a link|https://wiki.harbourline.example/tickets]",
        "[~", "2026-12-01", ":ship:|🚢", "*[ IN REVIEW ]*", "|smart-link]", "{jira-count}",
        "* first the ship", "** and then the pier", "# check the weather", "||Field||Rule||",
        "!screenshot.png!", "{quote}", "{info}", "{note}", "{tip}", "{panel:title=More}",
        "{chart}", "----", "{code:sql}",
    ):  # fmt: skip
        assert re.search("|".join(map(re.escape, part.split("|🚢"))), text), part
    sprints = found["issues"][0]["fields"]["customfield_10020"]
    assert sprints[0].startswith("com.atlassian.greenhopper.service.sprint.Sprint@")
    assert "state=CLOSED,name=WEB Sprint 1," in sprints[0]


def test_role_actors_come_flat(client: JiraClient, datacenter: JiraSandbox) -> None:
    people = client.get("project/PAY/role/10101")["actors"]
    assert [(one["type"], one["name"]) for one in people] == [
        ("atlassian-user-role-actor", datacenter.site.person(people[0]["name"]).name)
    ]
    groups = client.get("project/PAY/role/10100")["actors"]
    assert [(one["type"], one["name"]) for one in groups] == [
        ("atlassian-group-role-actor", "payments-team")
    ]
    assert not any("actorUser" in one or "actorGroup" in one for one in people + groups)
    scheme = client.get("project/PAY/permissionscheme", expand="all")
    holders: list[dict[str, Any]] = [line["holder"] for line in scheme["permissions"]]
    assert {"type": "applicationRole"} in holders
    named = next(one for one in holders if one["type"] == "group")
    assert named["parameter"] == "knowledge-sync"


def test_what_only_cloud_has_is_not_there(client: JiraClient) -> None:
    for path in (
        "search/jql", "project/search", "user/bulk", "issue/PAY-482/changelog", "group/bulk",
        "issuesecurityschemes/10000/members",
    ):  # fmt: skip
        answer = client.refused(path)
        assert answer.status == 404
    assert client.raw("GET", "/rest/api/3/myself").status == 404
    assert client.raw("GET", "/_edge/tenant_info").status == 404
    assert client.raw("GET", "/rest/api/latest/myself").status == 200


def test_files_come_with_the_login_of_the_api(client: JiraClient, datacenter: JiraSandbox) -> None:
    files = client.get("issue/PAY-482")["fields"]["attachment"]
    report = next(file for file in files if file["filename"] == "post-mortem-PAY-482.pdf")
    path = report["content"].removeprefix(datacenter.base_url)
    assert path.startswith("/secure/attachment/")
    assert client.raw("GET", path).body.startswith(b"%PDF")
    assert JiraClient(datacenter, "", version=2).raw("GET", path).status == 404
    assert JiraClient(datacenter, "Bearer no", version=2).raw("GET", path).status == 401


def test_an_ordinary_person_sees_less(client: JiraClient, datacenter: JiraSandbox) -> None:
    member = client_of(datacenter, MEMBER_PAT)
    mine, all_of_them = (one.get("search", jql="")["total"] for one in (member, client))
    assert 0 < mine < all_of_them
    assert member.refused("issue/SEC-31").status == 404
    assert client.get("mypermissions")["permissions"]["ADMINISTER"]["havePermission"] is True


def test_people_are_found_by_user_name(client: JiraClient, datacenter: JiraSandbox) -> None:
    everybody = client.get("user/search", username=".", maxResults=1000)
    active = [one for one in datacenter.site.people.values() if one.active]
    assert len(everybody) == len(active)
    assert [one["name"] for one in client.get("user/search", username="knowledge.s")] == [
        "knowledge.sync"
    ]


def test_a_full_bucket_is_refused_in_data_center_s_form(datacenter: JiraSandbox) -> None:
    client = client_of(datacenter)
    datacenter.refuse("burst", "field", wait=2)
    answer = client.ask("GET", "field")
    assert (answer.status, answer.headers["retry-after"]) == (429, "2")
    assert "x-ratelimit-fillrate" in answer.headers
    assert "ratelimit-reason" not in answer.headers


def test_serverinfo_tells_what_it_is(client: JiraClient, harbourline: JiraSandbox) -> None:
    assert client.get("serverInfo")["deploymentType"] == "Server"
    assert client_of(harbourline).get("serverInfo")["deploymentType"] == "Cloud"
