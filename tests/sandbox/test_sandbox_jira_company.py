"""The company's Jira: the same each time, of any size, and it tells the story that others tell."""

import re
from collections import Counter

import orjson
import pytest
from jira_clients import NOW, JiraClient, client_of

from sandbox.jira import (
    DEMO_QUESTIONS,
    MEMBER_TOKEN,
    READER_TOKEN,
    JiraSandbox,
    Site,
    generate_site,
    harbourline_staff,
)
from sandbox.jira.adf import plain
from sandbox.jira.catalogue import FIELDS, RANK
from sandbox.jira.company.tickets import PLANS
from sandbox.jira.model import Issue
from sandbox.slack import generate_company
from sandbox.story import MAIL_THREADS, TICKETS

DAY = 86_400


def fingerprint(sandbox: JiraSandbox) -> bytes:
    """Everything the API tells about the issues, but for the port in the links."""
    client = client_of(sandbox)
    issues = client.search("created >= 0", fields="*all", expand="changelog", maxResults=100)
    return orjson.dumps(issues).replace(sandbox.base_url.encode(), b"")


def words_of(issue: Issue) -> str:
    """Description and comments as text."""
    return "\n".join([plain(issue.description), *(plain(c.body) for c in issue.comments)])


def test_the_same_seed_and_size_give_the_same_site() -> None:
    prints = []
    for _ in range(2):
        with JiraSandbox(generate_site(issues=120, seed=11, now=NOW)) as sandbox:
            prints.append(fingerprint(sandbox))
    assert prints[0] == prints[1]


def test_another_seed_gives_another_site() -> None:
    one, two = (generate_site(issues=80, seed=seed, now=NOW) for seed in (1, 2))
    assert {i.summary for i in one.issues.values()} != {i.summary for i in two.issues.values()}
    assert one.cloud_id != two.cloud_id


@pytest.mark.parametrize("issues", [60, 61, 500, 2003])
def test_a_site_has_exactly_as_many_issues_as_asked_for(issues: int) -> None:
    assert len(generate_site(issues=issues, now=NOW).issues) == issues


def test_a_site_too_small_for_its_story_is_refused() -> None:
    with pytest.raises(ValueError, match="60 issues"):
        generate_site(issues=59)


@pytest.mark.parametrize("days", [2, 30, 180])
def test_the_history_lies_between_its_first_day_and_now(days: int) -> None:
    site = generate_site(issues=150, now=NOW, days=days)
    for issue in site.issues.values():
        assert NOW - (days + 1) * DAY < issue.created <= issue.updated < NOW, issue.key
        for comment in issue.comments:
            assert issue.created <= comment.created <= issue.updated
        for entry in issue.histories:
            assert issue.created <= entry.created <= issue.updated


def test_a_change_after_generation_comes_last() -> None:
    site = generate_site(issues=60, now=NOW)
    newest = max(issue.updated for issue in site.issues.values())
    site.comment("PAY-482", "knowledge.sync", "After the end")
    assert site.issue("PAY-482").updated > max(newest, NOW - 1)


def test_ids_grow_with_time_and_numbers_with_them() -> None:
    site = generate_site(issues=400, now=NOW)
    issues = list(site.issues.values())
    assert [issue.id for issue in issues] == sorted(issue.id for issue in issues)
    assert [issue.created for issue in issues] == sorted(issue.created for issue in issues)
    everyday = [i.number for i in issues if i.key.startswith("PLAT-") and i.number != 207]
    assert everyday == sorted(everyday)


def test_its_people_are_the_people_of_its_slack() -> None:
    slack = generate_company(messages=2000, seed=7, now=NOW)
    site = generate_site(issues=60, seed=7, now=NOW)
    for colleague in harbourline_staff(seed=7):
        user = slack.user(colleague.name)
        person = site.person(colleague.name)
        assert person.display_name == user.real_name
        if colleague.department != "customer":
            assert person.email.endswith("@harbourline.example")
            assert person.active is not user.deleted
    staff = harbourline_staff(seed=7, messages=20_000)
    assert len(generate_site(staff, issues=60, now=NOW).people) == len(staff) + 2


# --- the story ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ticket", TICKETS, ids=lambda ticket: ticket.key)
@pytest.mark.parametrize("flavour", ["cloud", "datacenter"])
def test_every_ticket_of_the_story_is_told_whole(
    harbourline: JiraSandbox, datacenter: JiraSandbox, ticket: object, flavour: str
) -> None:
    site = (harbourline if flavour == "cloud" else datacenter).site
    known = next(one for one in TICKETS if one is ticket)
    issue = site.issue(known.key)
    assert issue.summary == known.summary
    for fact in known.facts:
        assert fact in words_of(issue)
    assert "<<" not in words_of(issue)


def test_the_restricted_ticket_is_seen_by_the_security_team_only(
    harbourline: JiraSandbox,
) -> None:
    site = harbourline.site
    team = site.group("security-team").members
    restricted = [ticket.key for ticket in TICKETS if ticket.restricted]
    assert restricted == ["SEC-31"]
    for token in (MEMBER_TOKEN, READER_TOKEN):
        assert client_of(harbourline, token).refused("issue/SEC-31").status == 404
    insider = site.people[sorted(team)[0]]
    own = JiraSandbox(site)
    token = own.site.issue_token("ATATT-insider", insider.name)
    assert client_of(harbourline, token).get("issue/SEC-31")["key"] == "SEC-31"
    del own.site.tokens[token]


def test_tickets_lead_to_the_slack_talk_and_the_mails(harbourline: JiraSandbox) -> None:
    client = client_of(harbourline)
    links = {
        link["object"]["title"]
        for plan in PLANS
        for link in client.get(f"issue/{plan.key}/remotelink")
    }
    assert {"Slack: #incidents", "Slack: #ext-northsound", "Slack: #architecture"} <= links
    subjects = {thread.subject for thread in MAIL_THREADS if not thread.confidential}
    assert {f"Mail: {subject}" for subject in subjects} <= links
    linked = client.get("issue/PAY-497")["fields"]["issuelinks"]
    assert {"SUP-340", "PAY-482"} <= {
        (one.get("inwardIssue") or one["outwardIssue"])["key"] for one in linked
    }


def test_files_hold_what_the_mails_say_they_hold(harbourline: JiraSandbox) -> None:
    by_name = {
        file.filename: file.content
        for issue in harbourline.site.issues.values()
        for file in issue.attachments
    }
    post_mortem = dict(t.attachment for t in MAIL_THREADS if t.attachment)
    sentence = post_mortem["post-mortem-PAY-482.pdf"]
    assert sentence.encode() in by_name["post-mortem-PAY-482.pdf"]
    assert by_name["northsound-refunds.csv"].count(b"\n") == 214
    assert by_name["screenshot.png"].startswith(b"\x89PNG")


def test_slack_names_the_tickets() -> None:
    slack = generate_company(messages=400, seed=7, now=NOW)
    wanted = {
        "incidents": "PAY-482", "ext-northsound": "PAY-497",
        "architecture": "DATA-118", "platform": "PLAT-207",
    }  # fmt: skip
    for channel, key in wanted.items():
        messages = slack.channel(channel).messages.values()
        assert any(key in message.text for message in messages), channel


@pytest.mark.parametrize("seed", [7, 99])
@pytest.mark.parametrize("issues", [60, 1000])
def test_every_demo_question_has_its_answer_in_the_named_issue(seed: int, issues: int) -> None:
    site = generate_site(issues=issues, seed=seed, now=NOW)
    with JiraSandbox(site) as sandbox:
        member = client_of(sandbox, MEMBER_TOKEN)
        for question in DEMO_QUESTIONS:
            assert question.answer in words_of(site.issue(question.issue)), question
            elsewhere = [
                issue.key
                for issue in site.issues.values()
                if issue.key not in (question.issue, "SUP-340")
                and question.answer in words_of(issue)
            ]
            assert elsewhere == [], question
            status = member.ask("GET", f"issue/{question.issue}").status
            assert (question.access == "everybody") == (status == 200), question


# --- what there is --------------------------------------------------------------------------------


def test_the_company_has_everything_jira_has(harbourline: JiraSandbox) -> None:
    site = harbourline.site
    issues = site.issues.values()
    assert {site.projects[i.project].key for i in issues} == {
        "PAY", "PLAT", "WEB", "DATA", "SUP", "SEC", "HERON",
    }  # fmt: skip
    assert {project.type for project in site.projects.values()} == {
        "software", "service_desk", "business",
    }  # fmt: skip
    kinds = Counter(issue.type.name for issue in issues)
    assert {"Epic", "Story", "Task", "Subtask", "Bug", "Incident", "Service Request"} == set(kinds)
    assert {issue.status.category.key for issue in issues} == {"new", "indeterminate", "done"}
    filled = {name for issue in issues for name, value in issue.values.items() if value is not None}
    custom = {field.id for field in FIELDS.values() if field.custom}
    assert custom - filled == set()
    assert {sprint.state for sprint in site.sprints.values()} == {"closed", "active", "future"}
    assert {board.type for board in site.boards.values()} == {"scrum", "kanban"}
    assert any(not comment.public for issue in issues for comment in issue.comments)
    assert any(issue.worklogs for issue in issues)
    assert any(issue.parent for issue in issues)
    assert any(person.account_type == "customer" for person in site.people.values())
    assert any(not person.email_visible for person in site.people.values())
    assert all(issue.values.get(RANK) for issue in issues if issue.type.name == "Epic")


def test_some_issues_and_comments_are_kept_to_a_few() -> None:
    site = generate_site(issues=1500, now=NOW)
    levels = Counter(issue.security for issue in site.issues.values())
    assert len(levels) >= 3
    kept = [c for issue in site.issues.values() for c in issue.comments if c.visibility]
    assert kept


def test_texts_are_finished(harbourline: JiraSandbox) -> None:
    for issue in harbourline.site.issues.values():
        text = f"{issue.summary}\n{words_of(issue)}"
        assert not re.search(r"\$[a-z]+\d?\b|\{[^}]*\||&amp;|<<\d", text), text
        assert not re.search(r"(?<!\w)@(a|b|payments|platform|support)\b", text), text


def test_every_project_has_another_rule_of_who_sees_it(harbourline: JiraSandbox) -> None:
    site = harbourline.site
    seen = {
        name: {p["key"] for p in client.get("project/search")["values"]}
        for name, client in (
            ("sync", client_of(harbourline)),
            ("reader", client_of(harbourline, READER_TOKEN)),
            ("member", client_of(harbourline, MEMBER_TOKEN)),
        )
    }
    assert seen["sync"] == {"PAY", "PLAT", "WEB", "DATA", "SUP", "SEC"}
    assert "SEC" not in seen["reader"] | seen["member"]
    issues = {
        name: len(client.ids("created >= 0"))
        for name, client in (
            ("sync", client_of(harbourline)),
            ("reader", client_of(harbourline, READER_TOKEN)),
        )
    }
    assert issues["sync"] == len([i for i in site.issues.values() if not i.key.startswith("HERON")])
    assert issues["reader"] < issues["sync"]


def test_a_site_made_by_hand_needs_no_company() -> None:
    site = Site("Acme")
    with JiraSandbox(site) as sandbox:
        client: JiraClient = client_of(sandbox)
        assert client.get("project/search")["values"] == []
        assert client.get("myself")["displayName"] == "Knowledge Sync"
