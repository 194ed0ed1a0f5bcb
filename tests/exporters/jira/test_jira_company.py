"""A whole company: everybody finds exactly the issues that Jira shows them."""

from collections.abc import Iterator

import pytest
from jira_samples import MakeExporter, documents, sync_all
from langchain_core.documents import Document

from exporters.jira.payloads import is_restricted
from sandbox.jira.company import generate_site
from sandbox.jira.model import Flavour
from sandbox.jira.server import JiraSandbox
from sandbox.jira.tokens import SYNC_NAME
from sandbox.jira.viewer import Viewer
from tasks.results import PartitionOutcome
from tasks.stores import Stores


@pytest.fixture(params=["cloud", "datacenter"])
def company(request: pytest.FixtureRequest) -> Iterator[JiraSandbox]:
    flavour: Flavour = request.param
    with JiraSandbox(generate_site(issues=150, seed=3), flavour) as sandbox:
        yield sandbox


def test_everybody_finds_exactly_the_issues_and_comments_that_jira_shows_them(
    company: JiraSandbox, exporter_of: MakeExporter, stores: Stores
) -> None:
    site = company.site
    for person in site.people.values():
        person.email_visible = True  # who hides the address cannot be recognised in a search
    results = sync_all(exporter_of(company), stores, "first")
    cloud = site.is_cloud
    attention = {
        key for key, one in results.items() if one.outcome is not PartitionOutcome.COMPLETED
    }
    assert attention == (set() if cloud else {"PAY", "SEC"})
    # Data Center tells nobody who is in a security level: nobody finds what has one.
    closed = {str(i.id) for i in site.issues.values() if i.security and not cloud}
    issues, comments = documents(stores), documents(stores, "comment")
    account = Viewer(site, site.person(SYNC_NAME))
    seen = {str(issue.id) for issue in site.issues.values() if account.may_see(issue)}
    assert set(issues) == seen
    for person in site.people.values():
        if not person.active or person.account_type == "app":
            continue
        viewer = Viewer(site, person)
        may = stores.ledger.principals_of(person.email)
        shown = {str(issue.id) for issue in site.issues.values() if viewer.may_see(issue)}
        found = {key for key, d in issues.items() if may & set(d.metadata["access"])}
        if person.account_type == "customer":
            assert found == set()  # the portal is theirs, which shows less than a document does
            continue
        assert found == (shown & seen) - closed
        for key, comment in comments.items():
            issue = site.issues[int(key.partition("/")[0])]
            [entry] = [one for one in issue.comments if str(one.id) == key.partition("/")[2]]
            if may & set(comment.metadata["access"]):
                assert viewer.may_see(issue)
                assert viewer.may_read(entry, site.projects[issue.project])
    assert_no_restricted_words(company, issues)


def assert_no_restricted_words(company: JiraSandbox, issues: dict[str, Document]) -> None:
    site = company.site
    for issue in (site.issues[int(key)] for key in issues):
        project = site.projects[issue.project]
        fields = {"project": {"projectTypeKey": project.type}}
        shown = {one["id"] for one in issues[str(issue.id)].metadata["extra"]["comments"]}
        for comment in issue.comments:
            public = comment.public if site.is_cloud else None
            closed = {"visibility": comment.visibility, "jsdPublic": public}
            assert (str(comment.id) in shown) != is_restricted(closed, fields)
