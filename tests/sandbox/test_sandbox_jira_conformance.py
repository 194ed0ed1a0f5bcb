"""The Jira sandbox's answers, held to Atlassian's specification and to recordings of Jira."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jira_clients import JiraClient, client_of
from jira_conformance import (
    Seen,
    adf_validator,
    node_types,
    openapi,
    recorded_cloud,
    recording,
    schema_of,
    schema_violations,
    scopes_of,
    types_in,
)

from sandbox.jira import JiraSandbox
from sandbox.jira.api import ENDPOINTS
from sandbox.jira.company.showcase import SUMMARY

PLATFORM = "jira-platform.swagger-v3.v3.json.gz"
AGILE = "jira-software-agile.swagger.v3.json.gz"
Answers = dict[tuple[str, str], list[Any]]

# The document says one object where the service sends a list (and always has).
LISTS = {"issue/{issue}/remotelink"}


@pytest.fixture(scope="module")
def client(harbourline: JiraSandbox) -> JiraClient:
    return client_of(harbourline)


@pytest.fixture(scope="module")
def answers(harbourline: JiraSandbox, client: JiraClient) -> Answers:
    """Answers of every endpoint, over everything the company has to show."""
    site = harbourline.site
    collected: Answers = defaultdict(list)

    def get(template: str, path: str = "", **params: Any) -> None:
        collected["GET", template].append(client.get(path or template, **params))

    def post(template: str, **body: Any) -> None:
        collected["POST", template].append(client.post(template, **body))

    for name in (
        "role", "issuesecurityschemes", "serverInfo", "myself", "users/search", "users",
        "group/bulk", "groups/picker",
        "project", "field", "status", "statuscategory", "priority", "resolution", "issuetype",
        "issueLinkType", "applicationrole", "worklog/updated", "worklog/deleted", "agile/board",
    ):  # fmt: skip
        get(name)
    get("mypermissions", permissions="BROWSE_PROJECTS,ADMINISTER")
    get("project/search", expand="description,lead,issueTypes,projectKeys")
    people = list(site.people)
    get("user", accountId=people[0], expand="groups")
    get("user/search", query="a")
    get("field/search", type="custom", query="s")
    get("user/bulk", accountId=people[:3])
    get("user/groups", accountId=people[0])
    get("group/member", groupname="jira-users")
    for project in client.get("project/search")["values"]:
        key = project["key"]
        get("project/{project}", f"project/{key}")
        get("project/{project}/permissionscheme", f"project/{key}/permissionscheme", expand="all")
        get("project/{project}/role", f"project/{key}/role")
        get("project/{project}/role/{role}", f"project/{key}/role/10100")
        get("project/{project}/role/{role}", f"project/{key}/role/10101")
        get("project/{project}/securitylevel", f"project/{key}/securitylevel")
        for name in ("versions", "version", "components", "component"):
            get(f"project/{{project}}/{name}", f"project/{key}/{name}")
    get("project/{project}/issuesecuritylevelscheme", "project/PAY/issuesecuritylevelscheme")
    for scheme in site.security_schemes:
        get("issuesecurityschemes/{scheme}", f"issuesecurityschemes/{scheme}")
        get(
            "issuesecurityschemes/{scheme}/members",
            f"issuesecurityschemes/{scheme}/members",
            expand="all",
        )
    post(
        "permissions/check",
        accountId=people[0],
        globalPermissions=["ADMINISTER"],
        projectPermissions=[{"permissions": ["BROWSE_PROJECTS"], "projects": [10000]}],
    )
    jql = "updated >= 0 ORDER BY updated ASC, id ASC"
    get("search/jql", jql=jql, fields="*all", maxResults=100, expand="names")
    post("search/jql", jql=jql)
    post("search/approximate-count", jql=jql)
    ids = [str(number) for number in site.issues][-100:]
    post("issue/bulkfetch", issueIdsOrKeys=[*ids[:60], "1"], expand=["changelog"], fields=["*all"])
    post("changelog/bulkfetch", issueIdsOrKeys=ids, maxResults=100)
    post("comment/list", ids=[c.id for i in site.issues.values() for c in i.comments][:50])
    post("worklog/list", ids=[w.id for i in site.issues.values() for w in i.worklogs])
    for key in ("PAY-482", "PAY-497", "SUP-340", "SEC-31", "WEB-3"):
        get("issue/{issue}", f"issue/{key}", expand="renderedFields,names,schema,changelog")
        for name in ("comment", "changelog", "worklog", "remotelink", "watchers"):
            get(f"issue/{{issue}}/{name}", f"issue/{key}/{name}")
    issue = site.issue("PAY-482")
    comment = f"issue/PAY-482/comment/{issue.comments[0].id}"
    get("issue/{issue}/comment/{comment}", comment, expand="renderedBody")
    file = issue.attachments[0]
    get("attachment/{attachment}", f"attachment/{file.id}")
    for board in site.boards.values():
        path = f"agile/board/{board.id}"
        for name in ("", "/configuration", "/issue", "/epic"):
            get(f"agile/board/{{board}}{name}", path + name)
        if board.type == "scrum":
            get("agile/board/{board}/sprint", f"{path}/sprint")
    get("agile/sprint/{sprint}", "agile/sprint/1")
    get("agile/sprint/{sprint}/issue", "agile/sprint/1/issue")
    epic = next(one for one in site.issues.values() if one.type.level == 1)
    get("agile/epic/{epic}", f"agile/epic/{epic.key}")
    get("agile/epic/{epic}/issue", f"agile/epic/{epic.key}/issue")
    return collected


def test_every_endpoint_of_cloud_is_answered_and_looked_at(answers: Answers) -> None:
    cloud = {(one.verb, one.path) for one in ENDPOINTS if "cloud" in one.flavours}
    elsewhere = {
        ("GET", "search"),
        ("POST", "search"),
        ("GET", "attachment/content/{attachment}"),
        ("GET", "attachment/thumbnail/{attachment}"),
    }
    assert cloud - set(answers) == elsewhere
    assert set(answers) <= cloud


def test_every_answer_keeps_to_the_openapi_document(jira_specs: Path, answers: Answers) -> None:
    violations: dict[str, set[str]] = defaultdict(set)
    checked = 0
    for (verb, template), bodies in answers.items():
        agile = template.startswith("agile/")
        document = openapi(jira_specs, AGILE if agile else PLATFORM)
        base = "/rest/agile/1.0/" if agile else "/rest/api/3/"
        schema = schema_of(document, verb, base + template.removeprefix("agile/"))
        if schema is None:
            continue
        checked += 1
        for body in bodies:
            for item in body if template in LISTS else [body]:
                for violation in schema_violations(document, schema, item):
                    violations[f"{verb} {template}"].add(re.sub(r"\b\d+\b", "N", violation))
    assert violations == {}
    assert checked > 45


def test_a_scoped_token_needs_the_scopes_the_document_names(jira_specs: Path) -> None:
    wrong = {}
    for endpoint in ENDPOINTS:
        if "cloud" not in endpoint.flavours or endpoint.path.startswith("agile/"):
            continue
        path = "/rest/api/3/" + endpoint.path
        named = scopes_of(openapi(jira_specs, PLATFORM), endpoint.verb, path)
        if named is not None and named != set(endpoint.scopes):
            wrong[f"{endpoint.verb} {endpoint.path}"] = named
    assert wrong == {}


def test_every_document_is_valid_adf(
    jira_specs: Path, harbourline: JiraSandbox, client: JiraClient
) -> None:
    validator = adf_validator(jira_specs)
    documents = list(every_document(client))
    assert len(documents) > 500
    # One of each build: validating is slow, and words do not make a document valid.
    builds = {str(skeleton(document)): (where, document) for where, document in documents}
    assert len(builds) > 20
    for where, document in builds.values():
        assert [e.message[:200] for e in validator.iter_errors(document)] == [], where


def skeleton(node: Any) -> Any:
    """A node without its words: types, marks, and the names and kinds of attributes."""
    attrs = {name: type(value).__name__ for name, value in node.get("attrs", {}).items()}
    parts = [skeleton(child) for child in (*node.get("marks", ()), *node.get("content", ()))]
    return node["type"], attrs, bool(node.get("text", True)), parts


def every_document(client: JiraClient) -> Iterator[tuple[str, Any]]:
    for issue in client.search("updated >= 0", fields="*all", maxResults=100):
        fields = issue["fields"]
        for name in ("description", "environment", "customfield_10035"):
            if fields[name] is not None:
                yield f"{issue['key']} {name}", fields[name]
        for comment in fields["comment"]["comments"]:
            yield f"{issue['key']} comment", comment["body"]


def test_one_ticket_shows_every_node_and_mark_there_is(
    jira_specs: Path, client: JiraClient
) -> None:
    found = client.search(f'summary ~ "{SUMMARY}"', fields="description")
    assert len(found) == 1
    shown = set(types_in(found[0]["fields"]["description"]))
    assert shown == node_types(dict(adf_validator(jira_specs).schema))


def test_what_the_service_always_sends_is_sent_and_of_its_type(
    jira_specs: Path, answers: Answers
) -> None:
    seen: dict[tuple[str, str], Seen] = defaultdict(Seen)
    for call in recorded_cloud(jira_specs):
        for endpoint in ENDPOINTS:
            path = call.path.removeprefix("api/3/")
            if "cloud" in endpoint.flavours and endpoint.match(call.verb, path) is not None:
                seen[endpoint.verb, endpoint.path].learn(call.answer)
                break
    assert len(seen) >= 12
    differences = {
        f"{verb} {path}: {difference}"
        for (verb, path), shape in seen.items()
        for body in answers[verb, path]
        for difference in shape.differences(body)
    }
    assert differences == set()


@pytest.mark.parametrize(
    ("file", "template"),
    [
        ("go-jira-mock-data/permissionscheme.json", "project/{project}/permissionscheme"),
        ("go-jira-mock-data/role.json", "project/{project}/role/{role}"),
        ("go-jira-mock-data/remote_links.json", "issue/{issue}/remotelink"),
        ("go-jira-mock-data/all_boards.json", "agile/board"),
        ("go-jira-mock-data/sprints.json", "agile/board/{board}/sprint"),
        ("go-jira-mock-data/issues_in_sprint.json", "agile/sprint/{sprint}/issue"),
    ],
)
def test_values_are_of_the_types_older_servers_sent(
    jira_specs: Path, answers: Answers, file: str, template: str
) -> None:
    shape = Seen().learn(recording(jira_specs, file))
    bodies = answers["GET", template]
    assert bodies
    assert {one for body in bodies for one in shape.differences(body, whole=False)} == set()


def test_wiki_markup_comes_by_version_2_of_cloud_too(
    jira_specs: Path, harbourline: JiraSandbox
) -> None:
    old = client_of(harbourline, version=2)
    recorded = recording(jira_specs, "atlassian-python-api/api__2__issue__FOO-123__GET.json")
    issue = old.get("issue/PAY-482")
    assert isinstance(issue["fields"]["description"], str)
    assert "||Time||What||Who||" in issue["fields"]["description"]
    assert list(Seen().learn(recorded["fields=*all"]).differences(issue)) == []
    comments = old.get("issue/PAY-482/comment")
    for name in ("jira_comments_issue_page_1", "jira_comments_issue_page_2"):
        shape = Seen().learn(recording(jira_specs, f"perceval/{name}.json"))
        # Recorded in 2018, when Cloud still told user names.
        wanted = [d for d in shape.differences(comments) if not re.search(r"thor\.(key|name):", d)]
        assert wanted == []
