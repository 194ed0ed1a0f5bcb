"""Each way of signing in works, and a wrong one says what to do."""

import pytest
from jira_samples import HandClock, MakeExporter, documents, project, settings_for, sync, sync_all

from documents.errors import ConfigurationError
from exporters.changes import Listed, Upsert
from exporters.errors import AuthenticationError, InvalidDataError
from exporters.jira.auth import Credential
from exporters.jira.exporter import JiraExporter
from exporters.jira.settings import JiraSelection
from sandbox.faults import Fault
from sandbox.jira.server import JiraSandbox
from sandbox.jira.tokens import EXPIRED_TOKEN, NARROW_TOKEN, SYNC_EMAIL
from tasks.results import PartitionOutcome
from tasks.stores import Stores


@pytest.mark.parametrize("kind", ["api_token", "scoped", "oauth"])
def test_every_kind_of_cloud_token_reads_the_same_site(
    jira: JiraSandbox, exporter_of: MakeExporter, stores: Stores, kind: str
) -> None:
    jira.site.create_issue("TEA", "Kettle", reporter="bob")
    exporter = exporter_of(jira, kind=kind)
    assert exporter.connection == jira.site.cloud_id
    sync(exporter, stores, "first")
    assert len(documents(stores)) == 1


def test_a_scoped_token_works_with_the_gateway_as_the_address(
    jira: JiraSandbox, exporter_of: MakeExporter
) -> None:
    exporter = exporter_of(jira, kind="scoped", base_url=jira.gateway_url)
    assert exporter.connection == jira.site.cloud_id
    assert [p.name for p in exporter.partitions(JiraSelection())][-1] == "TEA Tea kitchen"
    assert jira.requests.count("tenant_info") == 0


def test_the_cloud_id_of_the_settings_spares_asking_the_site_for_it(
    jira: JiraSandbox, exporter_of: MakeExporter
) -> None:
    assert exporter_of(jira, cloud_id=jira.site.cloud_id).connection == jira.site.cloud_id
    assert jira.requests.count("tenant_info") == 0


def test_an_oauth_client_gets_a_token_and_a_new_one_when_that_is_refused(
    jira: JiraSandbox, clock: HandClock, stores: Stores, token: str
) -> None:
    jira.site.create_issue("TEA", "Kettle", reporter="bob")
    door = {"access_token": "first-access", "expires_in": 3600, "token_type": "Bearer"}
    jira.site.issue_token("second-access", SYNC_EMAIL, kind="oauth", scopes=_SCOPES)
    jira.faults.add(
        Fault("answer", "*oauth*", times=1, status=200, body=door),
        Fault("answer", "*oauth*", status=200, body={**door, "access_token": "second-access"}),
    )
    exporter = JiraExporter(
        client_id="client", client_secret=token, settings=settings_for(jira), now=clock.now
    )
    sync(exporter, stores, "first")
    assert len(documents(stores)) == 1
    exporter.close()


_SCOPES = ("read:jira-work", "read:jira-user", "manage:jira-configuration")


def test_a_token_without_a_scope_reads_issues_and_says_what_is_missing(
    jira: JiraSandbox, stores: Stores, clock: HandClock
) -> None:
    jira.site.create_issue("TEA", "Kettle", reporter="bob")
    exporter = JiraExporter(NARROW_TOKEN, settings=settings_for(jira, boards=False), now=clock.now)
    results = sync_all(exporter, stores, "first")
    assert len(documents(stores)) == 1
    assert results["TEA"].outcome is PartitionOutcome.ATTENTION
    assert "the token lacks a scope" in results["TEA"].message
    exporter.close()


def test_an_expired_token_says_how_to_get_another(jira: JiraSandbox, clock: HandClock) -> None:
    exporter = JiraExporter(
        EXPIRED_TOKEN, settings=settings_for(jira, email=SYNC_EMAIL), now=clock.now
    )
    with pytest.raises(AuthenticationError, match="does not accept the token") as caught:
        list(exporter.partitions(JiraSelection()))
    assert "expire after a year" in caught.value.hint
    exporter.close()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "There is no credential for Jira."),
        ({"client_id": "x"}, "There is a client id for Jira and no client secret."),
        ({"client_secret": "x"}, "There is a client secret for Jira and no client id."),
        ({"token": "x", "client_id": "y"}, "There are two credentials for Jira"),
    ],
)
def test_none_a_half_and_two_credentials_are_refused_in_a_sentence(
    jira: JiraSandbox, given: dict[str, str], sentence: str
) -> None:
    exporter = JiraExporter.for_selection(JiraSelection(), given, settings_for(jira))
    with pytest.raises(ConfigurationError, match=sentence):
        _ = exporter.connection
    assert jira.requests.count() == 0


def test_a_credential_shows_no_secret() -> None:
    shown = repr(Credential(email="a@b", token="hush-hush", client_secret="quiet"))
    assert "hush" not in shown
    assert "quiet" not in shown


def test_what_is_no_jira_is_told_apart(jira: JiraSandbox, exporter_of: MakeExporter) -> None:
    jira.faults.add(Fault("answer", "serverInfo", status=200, body={"hello": 1}, times=None))
    with pytest.raises(InvalidDataError, match="is no Jira"):
        _ = exporter_of(jira).connection


def test_documents_can_be_made_again_without_a_credential(
    jira: JiraSandbox, exporter: JiraExporter
) -> None:
    jira.site.create_issue("TEA", "Kettle", reporter="bob")
    changes = exporter.pull(project(exporter, "TEA"), None)
    listed = next(change for change in changes if isinstance(change, Listed))
    [record] = [c.record for c in listed.load() if isinstance(c, Upsert)]
    jira.requests.clear()
    again = JiraExporter.for_selection(JiraSelection(), {}, settings_for(jira))
    assert list(again.to_documents(record)) == list(exporter.to_documents(record))
    assert jira.requests.count() == 0
    again.close()
