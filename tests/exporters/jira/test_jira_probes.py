"""`check` says what works, what is missing and what to do about it."""

import pytest
from jira_samples import HandClock, MakeExporter, settings_for

from exporters.base import ConnectionReport, Outcome, Probe
from exporters.jira.exporter import JiraExporter
from sandbox.faults import Fault
from sandbox.jira.server import JiraSandbox
from sandbox.jira.tokens import EXPIRED_TOKEN, READER_NAME, SYNC_EMAIL


def probe(report: ConnectionReport, name: str) -> Probe:
    [found] = [one for one in report.probes if one.name == name]
    return found


def test_a_working_connection_passes_every_probe(jira: JiraSandbox, exporter: JiraExporter) -> None:
    jira.site.create_issue("TEA", "Kettle", reporter="bob")
    report = exporter.test_connection()
    assert {one.outcome for one in report.probes} == {Outcome.PASSED}
    assert probe(report, "site").detail.startswith("Jira Cloud ")
    assert probe(report, "projects").detail == "1 can be read: TEA"
    assert probe(report, "sample read").detail == "TEA-1 was read whole"


def test_a_wrong_token_fails_and_the_rest_is_skipped(jira: JiraSandbox, clock: HandClock) -> None:
    exporter = JiraExporter(
        EXPIRED_TOKEN, settings=settings_for(jira, email=SYNC_EMAIL), now=clock.now
    )
    report = exporter.test_connection()
    assert not report.ok
    assert probe(report, "credential").outcome is Outcome.FAILED
    assert "API tokens expire" in probe(report, "credential").hint
    assert probe(report, "sample read").outcome is Outcome.SKIPPED
    exporter.close()


def test_an_account_that_may_not_read_schemes_is_told_which_right_it_lacks(
    jira: JiraSandbox, exporter_of: MakeExporter
) -> None:
    report = exporter_of(jira, person=READER_NAME).test_connection()
    failed = probe(report, "permissions")
    assert failed.outcome is Outcome.FAILED
    assert "*Administer Projects*" in failed.detail
    assert "readable_by" in failed.hint


def test_an_account_without_projects_is_told_to_ask_for_one(
    jira: JiraSandbox, exporter: JiraExporter
) -> None:
    jira.site.archive_project("TEA")
    report = exporter.test_connection()
    assert probe(report, "projects").outcome is Outcome.FAILED
    assert probe(report, "permissions").outcome is Outcome.SKIPPED


def test_hidden_addresses_are_told_of(jira: JiraSandbox, exporter: JiraExporter) -> None:
    for person in ("ada", "bob", "cleo"):
        jira.site.set_person(person, email_visible=False)
    assert probe(exporter.test_connection(), "people").outcome is Outcome.FAILED


@pytest.mark.parametrize("status", [401, 403])
def test_boards_that_cannot_be_read_can_be_switched_off(
    jira: JiraSandbox, exporter_of: MakeExporter, status: int
) -> None:
    jira.faults.add(Fault("answer", "agile/board", status=status, body={}, times=None))
    failed = probe(exporter_of(jira).test_connection(), "boards")
    assert failed.outcome is Outcome.FAILED
    assert "DATA_GETTERS_JIRA__BOARDS" in failed.hint
    assert exporter_of(jira, boards=False).test_connection().ok


def test_an_address_where_nobody_answers_fails_with_a_hint(jira: JiraSandbox) -> None:
    settings = settings_for(jira, base_url="http://127.0.0.1:9", max_attempts=1)
    exporter = JiraExporter("some-token", settings=settings)
    report = exporter.test_connection()
    assert probe(report, "site").outcome is Outcome.FAILED
    assert "base_url" in probe(report, "site").hint
    exporter.close()
