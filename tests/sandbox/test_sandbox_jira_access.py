"""Who gets into the Jira sandbox, and who sees what there."""

from pathlib import Path

import pytest
from jira_clients import JiraClient, basic, client_of, gateway_client
from jira_conformance import Seen, accessible_resources

from sandbox.jira import (
    ADMIN_TOKEN,
    EXPIRED_TOKEN,
    MEMBER_TOKEN,
    NARROW_TOKEN,
    OAUTH_TOKEN,
    PAT,
    READER_TOKEN,
    SCOPED_TOKEN,
    SYNC_EMAIL,
    JiraSandbox,
    Site,
)
from sandbox.jira.catalogue import DEVELOPERS, OWNERS, REVIEWERS

# --- credentials ----------------------------------------------------------------------------------


def test_the_site_takes_an_address_and_an_api_token(harbourline: JiraSandbox) -> None:
    assert client_of(harbourline).get("myself")["displayName"] == "Knowledge Sync"


@pytest.mark.parametrize(
    "authorization",
    [
        basic(SYNC_EMAIL, "wrong"),
        basic("somebody@else.example", ADMIN_TOKEN),
        basic(SYNC_EMAIL, EXPIRED_TOKEN),
        basic(SYNC_EMAIL, SCOPED_TOKEN),
        f"Bearer {SCOPED_TOKEN}",
        f"Bearer {OAUTH_TOKEN}",
        f"Bearer {ADMIN_TOKEN}",
        "Basic !!!",
        "Digest abc",
    ],
)
def test_the_site_takes_nothing_else(harbourline: JiraSandbox, authorization: str) -> None:
    answer = JiraClient(harbourline, authorization).refused("myself")
    assert answer.status == 401
    assert answer.json["message"] == "Client must be authenticated to access this resource."


@pytest.mark.parametrize("token", [SCOPED_TOKEN, OAUTH_TOKEN])
def test_the_gateway_takes_bearers(harbourline: JiraSandbox, token: str) -> None:
    client = gateway_client(harbourline, token)
    assert client.get("myself")["displayName"] == "Knowledge Sync"
    found = client.get("project/search")["values"][0]
    assert found["self"].startswith(harbourline.gateway_url + "/rest/api/3/project/")


def test_the_gateway_takes_an_address_with_a_token_too(harbourline: JiraSandbox) -> None:
    for token in (ADMIN_TOKEN, SCOPED_TOKEN):
        prefix = f"/ex/jira/{harbourline.site.cloud_id}"
        client = JiraClient(harbourline, basic(SYNC_EMAIL, token), prefix)
        assert client.get("myself")["displayName"] == "Knowledge Sync"


def test_the_gateway_refuses_in_its_own_form(harbourline: JiraSandbox) -> None:
    for authorization in ("", "Bearer wrong", f"Bearer {EXPIRED_TOKEN}"):
        client = JiraClient(harbourline, authorization, f"/ex/jira/{harbourline.site.cloud_id}")
        answer = client.refused("myself")
        assert (answer.status, answer.json) == (401, {"code": 401, "message": "Unauthorized"})
    other = JiraClient(harbourline, f"Bearer {SCOPED_TOKEN}", "/ex/jira/another-site")
    assert other.refused("myself").status == 404


def test_a_missing_scope_is_refused_where_it_is_needed(harbourline: JiraSandbox) -> None:
    client = gateway_client(harbourline, NARROW_TOKEN)
    assert client.get("search/jql", jql="project = PAY")["issues"]
    for path in ("myself", "users/search", "group/member"):
        answer = client.refused(path, groupname="jira-users")
        assert answer.status == 401
        assert answer.json["message"] == "Unauthorized; scope does not match"


def test_the_site_tells_everybody_its_cloud_id(harbourline: JiraSandbox) -> None:
    answer = JiraClient(harbourline, "").raw("GET", "/_edge/tenant_info")
    assert answer.json == {"cloudId": harbourline.site.cloud_id}


def test_an_oauth_app_is_told_its_sites(jira_specs: Path, harbourline: JiraSandbox) -> None:
    path = "/oauth/token/accessible-resources"
    found = JiraClient(harbourline, f"Bearer {OAUTH_TOKEN}").raw("GET", path).json
    assert found[0]["id"] == harbourline.site.cloud_id
    assert "read:jira-work" in found[0]["scopes"]
    assert list(Seen().learn(accessible_resources(jira_specs)).differences(found)) == []
    assert JiraClient(harbourline, "").raw("GET", path).status == 401


def test_people_are_found_by_name_and_by_the_address_they_show(jira: JiraSandbox) -> None:
    client = client_of(jira)
    for query in ("ada", "byr", "ada byron", "ada@acme"):
        assert [one["displayName"] for one in client.get("user/search", query=query)] == [
            "Ada Byron"
        ]
    jira.site.set_person("ada", email_visible=False)
    assert client.get("user/search", query="ada@acme") == []
    assert client.refused("user/search").status == 400


def test_a_token_of_somebody_who_left_is_dead(jira: JiraSandbox) -> None:
    jira.site.issue_token("ATATT-bob", "bob")
    client = client_of(jira, "ATATT-bob")
    assert client.get("myself")["displayName"] == "Bob Stone"
    jira.site.set_person("bob", active=False)
    assert client.refused("myself").status == 401


def test_who_is_not_logged_in_sees_what_is_open_to_anyone(jira: JiraSandbox) -> None:
    nobody = JiraClient(jira, "")
    jira.site.create_issue("TEA", "Secret", reporter="ada")
    scheme = jira.site.add_scheme("Open")
    jira.site.grant(scheme, "BROWSE_PROJECTS", "anyone")
    jira.site.add_project("ZOO", "Open to all", lead="ada", scheme=scheme)
    jira.site.create_issue("ZOO", "Lions", reporter="ada")
    assert nobody.keys("created >= 0") == ["ZOO-1"]
    assert [p["key"] for p in nobody.get("project/search")["values"]] == ["ZOO"]
    assert nobody.refused("myself").status == 401


# --- permissions ----------------------------------------------------------------------------------


def person_client(sandbox: JiraSandbox, name: str) -> JiraClient:
    token = sandbox.site.issue_token(f"ATATT-{name}", name)
    return client_of(sandbox, token)


@pytest.mark.parametrize(
    ("holder", "parameter", "sees"),
    [
        ("anyone", "", {"ada", "bob", "eve"}),
        ("applicationRole", "", {"ada", "bob"}),
        ("group", "kitchen", {"ada"}),
        ("user", "eve", {"eve"}),
        ("projectLead", "", {"ada"}),
        ("projectRole", str(DEVELOPERS), {"bob", "eve"}),
        ("reporter", "", {"bob"}),
        ("assignee", "", {"eve"}),
        ("userCustomField", REVIEWERS, {"ada", "eve"}),
        ("groupCustomField", OWNERS, {"eve"}),
        ("sd.customer.portal.only", "", set()),
    ],
)
def test_an_issue_is_seen_by_whom_the_scheme_names(
    jira: JiraSandbox, holder: str, parameter: str, sees: set[str]
) -> None:
    site = jira.site
    site.add_to_group("guests", "eve")
    scheme = site.add_scheme("One holder")
    site.grant(scheme, "BROWSE_PROJECTS", holder, parameter)
    site.set_scheme("TEA", scheme)
    site.add_role_actor("TEA", DEVELOPERS, person="bob")
    site.add_role_actor("TEA", DEVELOPERS, group="guests")
    values = {"Reviewers": ("ada", "eve"), "Owning group": "guests"}
    site.create_issue("TEA", "Kettle", reporter="bob", assignee="eve", values=values)
    found = set()
    for name in ("ada", "bob", "eve"):
        client = person_client(jira, name)
        status = client.ask("GET", "issue/TEA-1").status
        assert status in (200, 404)
        assert (status == 200) == (client.ids("created >= 0") == [10_000])
        body = client.post("issue/bulkfetch", issueIdsOrKeys=["TEA-1"])
        assert (status == 200) == bool(body["issues"])
        if status == 200:
            found.add(name)
    assert found == sees


def test_a_grant_to_the_reporter_shows_the_project_and_not_its_issues(jira: JiraSandbox) -> None:
    site = jira.site
    scheme = site.add_scheme("Reporters")
    site.grant(scheme, "BROWSE_PROJECTS", "reporter")
    site.set_scheme("TEA", scheme)
    site.create_issue("TEA", "Kettle", reporter="ada")
    bob = person_client(jira, "bob")
    assert [p["key"] for p in bob.get("project/search")["values"]] == ["TEA"]
    assert bob.refused("issue/TEA-1").status == 404


def test_a_security_level_keeps_an_issue_to_its_members(jira: JiraSandbox) -> None:
    site = jira.site
    scheme = site.add_security_scheme("Kitchen secrets")
    level = site.add_security_level(scheme, "Cooks")
    member = site.add_level_member(level, "group", "kitchen")
    site.set_security_scheme("TEA", scheme)
    site.create_issue("TEA", "Recipe", reporter="bob", security="Cooks")
    ada, bob = person_client(jira, "ada"), person_client(jira, "bob")
    assert ada.get("issue/TEA-1")["fields"]["security"]["name"] == "Cooks"
    assert [one["id"] for one in ada.get("project/TEA/securitylevel")["levels"]] == [str(level)]
    assert bob.refused("issue/TEA-1").status == 404
    assert bob.get("project/TEA/securitylevel") == {"levels": []}
    assert bob.keys("project = TEA") == []
    site.edit_issue("TEA-1", by="ada", security=None)
    assert bob.get("issue/TEA-1")["fields"]["security"] is None
    site.edit_issue("TEA-1", by="ada", security="Cooks")
    site.remove_level_member(level, member)
    site.add_level_member(level, "reporter")
    assert bob.keys("project = TEA") == ["TEA-1"]
    assert ada.keys("project = TEA") == []


def test_what_is_taken_away_is_not_seen_any_more(jira: JiraSandbox) -> None:
    site = jira.site
    scheme = site.add_scheme("By role")
    grant = site.grant(scheme, "BROWSE_PROJECTS", "projectRole", str(DEVELOPERS))
    site.set_scheme("TEA", scheme)
    site.create_issue("TEA", "Kettle", reporter="ada")
    bob = person_client(jira, "bob")
    site.add_role_actor("TEA", DEVELOPERS, person="bob")
    assert bob.keys("created >= 0") == ["TEA-1"]
    site.remove_role_actor("TEA", DEVELOPERS, person="bob")
    assert bob.keys("created >= 0") == []
    site.add_role_actor("TEA", DEVELOPERS, group="jira-users")
    assert bob.keys("created >= 0") == ["TEA-1"]
    site.remove_from_group("jira-users", "bob")
    assert bob.keys("created >= 0") == []
    site.add_to_group("jira-users", "bob")
    site.revoke(scheme, grant)
    assert bob.keys("created >= 0") == []


def test_a_comment_may_be_kept_to_a_role_or_a_group(jira: JiraSandbox) -> None:
    site = jira.site
    site.create_issue("TEA", "Kettle", reporter="ada")
    site.comment("TEA-1", "ada", "For everybody")
    site.comment("TEA-1", "ada", "For the kitchen", group="kitchen")
    site.add_role_actor("TEA", DEVELOPERS, person="bob")
    kept = site.comment("TEA-1", "ada", "For developers", role=DEVELOPERS)
    ada, bob = person_client(jira, "ada"), person_client(jira, "bob")
    assert [c.get("visibility", {}).get("value") for c in comments(ada)] == [None, "kitchen"]
    assert [c.get("visibility", {}).get("value") for c in comments(bob)] == [None, "Developers"]
    embedded = bob.get("issue/TEA-1", fields="comment")["fields"]["comment"]
    assert (embedded["total"], len(embedded["comments"])) == (2, 2)
    assert ada.refused(f"issue/TEA-1/comment/{kept}").status == 404
    site.restrict_comment("TEA-1", kept)
    assert len(comments(ada)) == 3


def comments(client: JiraClient) -> list[dict[str, dict[str, str]]]:
    return list(client.get("issue/TEA-1/comment")["comments"])


# --- settings -------------------------------------------------------------------------------------


def test_settings_are_read_by_who_administers(harbourline: JiraSandbox) -> None:
    admin, reader = client_of(harbourline), client_of(harbourline, READER_TOKEN)
    scheme = admin.get("project/PAY/permissionscheme", expand="all")
    holders = [line["holder"]["type"] for line in scheme["permissions"]]
    assert {"applicationRole", "group", "projectRole"} <= set(holders)
    assert reader.refused("project/PAY/permissionscheme").status == 403
    assert reader.refused("project/PAY/role/10100").status == 404
    assert reader.refused("project/PAY/issuesecuritylevelscheme").status == 403
    assert reader.refused("issuesecurityschemes/10000/members").status == 403
    assert reader.refused("group/member", groupname="jira-users").status == 403
    assert reader.refused("applicationrole").status == 403
    # What one may not see at all is not there.
    for path in ("project/SEC", "project/SEC/permissionscheme", "issue/SEC-31", "project/NOPE"):
        assert reader.refused(path).status == 404


def test_the_lead_administers_by_role(jira: JiraSandbox) -> None:
    ada = person_client(jira, "ada")
    assert ada.refused("project/TEA/permissionscheme").status == 403
    jira.site.add_role_actor("TEA", 10002, person="ada")
    assert ada.get("project/TEA/permissionscheme")["name"] == "Default Permission Scheme"
    actors = ada.get("project/TEA/role/10002")["actors"]
    assert [a["actorUser"]["accountId"] for a in actors] == [jira.site.person("ada").account_id]


def test_permissions_of_others_are_told_to_admins_only(harbourline: JiraSandbox) -> None:
    site = harbourline.site
    member = site.people[site.tokens[MEMBER_TOKEN].person]
    pay, sec = site.project("PAY").id, site.project("SEC").id
    issues = [site.issue("PAY-482").id, site.issue("SEC-31").id]
    body = {
        "accountId": member.account_id,
        "globalPermissions": ["ADMINISTER"],
        "projectPermissions": [
            {"permissions": ["BROWSE_PROJECTS"], "projects": [pay, sec], "issues": issues}
        ],
    }
    told = client_of(harbourline).post("permissions/check", **body)
    assert told == {
        "projectPermissions": [
            {"permission": "BROWSE_PROJECTS", "issues": [issues[0]], "projects": [pay]}
        ],
        "globalPermissions": [],
    }
    reader = client_of(harbourline, READER_TOKEN)
    assert reader.ask("POST", "permissions/check", {}, body).status == 403


def test_mypermissions_says_what_one_may(harbourline: JiraSandbox) -> None:
    wanted = {"permissions": "BROWSE_PROJECTS,ADMINISTER_PROJECTS,ADMINISTER"}
    reader = client_of(harbourline, READER_TOKEN)
    found = reader.get("mypermissions", projectKey="PAY", **wanted)["permissions"]
    assert {name: one["havePermission"] for name, one in found.items()} == {
        "BROWSE_PROJECTS": True,
        "ADMINISTER_PROJECTS": False,
        "ADMINISTER": False,
    }
    assert reader.refused("mypermissions").status == 400
    assert reader.refused("mypermissions", issueKey="SEC-31", **wanted).status == 404


# --- people ---------------------------------------------------------------------------------------


def test_an_address_is_told_by_who_shows_it(jira: JiraSandbox) -> None:
    jira.site.set_person("bob", email_visible=False)
    people = {one["displayName"]: one for one in client_of(jira).get("users/search")}
    assert people["Ada Byron"]["emailAddress"] == "ada@acme.example"
    assert "emailAddress" not in people["Bob Stone"]
    assert person_client(jira, "bob").get("myself")["emailAddress"] == "bob@acme.example"


def test_people_come_page_by_page(harbourline: JiraSandbox) -> None:
    client, found = client_of(harbourline), []
    while True:
        page = client.get("users/search", startAt=len(found), maxResults=10)
        if not page:
            break
        found += [one["accountId"] for one in page]
    assert found == list(harbourline.site.people)
    assert any(not one.active for one in harbourline.site.people.values())
    members, last = [], False
    while not last:
        page = client.get(
            "group/member", groupname="jira-users", startAt=len(members), maxResults=7
        )
        members += [one["accountId"] for one in page["values"]]
        last = page["isLast"]
        assert ("nextPage" in page) is not last
    group = harbourline.site.group("jira-users")
    active = {one for one in group.members if harbourline.site.people[one].active}
    assert set(members) == active
    everybody = client.get("group/member", groupId=group.id, includeInactiveUsers="true")
    assert everybody["total"] == len(group.members)


def test_a_user_that_is_unknown_is_left_out_or_not_found(harbourline: JiraSandbox) -> None:
    client, known = client_of(harbourline), next(iter(harbourline.site.people))
    page = client.get("user/bulk", accountId=[known, "712020:nobody"])
    assert [one["accountId"] for one in page["values"]] == [known]
    assert client.refused("user", accountId="712020:nobody").status == 404
    assert client.refused("user/bulk").status == 400


def test_data_center_takes_a_personal_access_token(datacenter: JiraSandbox) -> None:
    assert client_of(datacenter).get("myself")["name"] == "knowledge.sync"
    for header in (basic("knowledge.sync", PAT), f"Bearer {EXPIRED_TOKEN}", "Bearer x"):
        assert JiraClient(datacenter, header, version=2).refused("myself").status == 401


def test_a_site_can_be_served_as_the_other_edition() -> None:
    with JiraSandbox(Site("Acme"), "datacenter") as sandbox:
        assert client_of(sandbox).get("serverInfo")["deploymentType"] == "Server"
        assert client_of(sandbox).get("myself")["name"] == "knowledge.sync"


def test_account_ids_are_the_same_in_every_site() -> None:
    one, two = Site("Acme"), Site("Other", seed=99)
    ids = {site.add_person("ada", "Ada", email="ada@acme.example") for site in (one, two)}
    assert len(ids) == 1
