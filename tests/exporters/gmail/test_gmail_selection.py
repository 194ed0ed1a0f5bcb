"""What may be asked for, and what is said of values that make no sense."""

import inspect
from typing import Any

import pytest
from gmail_samples import HandClock, MakeExporter, mail
from pydantic import ValidationError

from documents.errors import ConfigurationError
from exporters.base import Outcome
from exporters.gmail.client import SCOPES
from exporters.gmail.settings import COSTS, GmailSelection, GmailSettings
from exporters.registry import SourceManifest, source
from exporters.settings import load_settings
from flows.gmail_sync import gmail_sync
from sandbox.gmail import GmailSandbox, Mailboxes

BOB = "bob@acme.example"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"days_ago": -1}, "days_ago is -1"),
        ({"days_ago": 40_000}, "days_ago is 40000"),
        ({"max_results": 0}, "max_results is 0"),
        ({"mailboxes": ["ada"]}, "expected: addresses such as ada@acme.example"),
        ({"mailboxes": ["a@b@c"]}, "expected: addresses such as"),
        ({"mbox_account": "a:b"}, "a customer id, without colons and spaces"),
        ({"labels": ["x"]}, "There is no option 'labels'"),
    ],
)
def test_values_that_make_no_sense_are_refused_in_one_sentence(
    fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        GmailSelection.of(fields)


def test_empty_fields_of_a_form_mean_everything() -> None:
    assert GmailSelection.of({"mailboxes": [], "query": " "}) == GmailSelection()
    assert GmailSelection.of({"mailboxes": [" Ada@Acme.example "]}).mailboxes == [
        "ada@acme.example"
    ]


def test_one_number_of_quotas_and_costs_is_changed_without_the_others() -> None:
    settings = load_settings(
        GmailSettings,
        "gmail",
        costs={"messages.get": 5},
        rate_limits={"mailbox": {"per_minute": 14_000}},
    )
    assert settings.costs == {**COSTS, "messages.get": 5}
    assert settings.rate_limits["mailbox"].per_minute == 14_000
    assert settings.rate_limits["mailbox"].burst == 1_000
    assert settings.rate_limits["*"].per_minute == 1_000_000
    with pytest.raises(ValidationError):
        GmailSettings(batch_size=101)


def test_a_minute_of_the_default_quota_stays_within_googles() -> None:
    limit = GmailSettings().rate_limits["mailbox"]
    assert limit.per_minute + limit.burst <= 6_000


def test_packages_that_are_missing_are_named_also_below_a_namespace() -> None:
    manifest = source("gmail")
    assert manifest.missing_packages() == []
    absent = SourceManifest.model_validate(
        {**manifest.model_dump(), "requires": ["no_such_space.auth", "selectolax"]}
    )
    assert absent.missing_packages() == ["no_such_space.auth"]


def test_no_credential_field_is_needed_by_itself() -> None:
    assert not any(field.required for field in source("gmail").credentials.values())
    assert all(scope.endswith(".readonly") for scope in SCOPES)


def test_the_flow_has_a_parameter_for_every_option() -> None:
    parameters = inspect.signature(gmail_sync.fn).parameters
    assert set(parameters) == {*GmailSelection.model_fields, "credentials", "options"}
    described = gmail_sync.fn.__doc__ or ""
    assert all(f"        {name}: " in described for name in parameters)


def test_export_gives_documents_of_the_chosen_mailbox_newest_first(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter, clock: HandClock
) -> None:
    for days in (1, 3, 9):
        letter = mail(subject=f"Of {days}", message_id=f"<{days}@x.example>")
        mailboxes.deliver(letter.as_bytes(), [BOB], date=clock.ago(days=days))
    exporter = exporter_of(gmail)
    titles = [one.metadata["title"] for one in exporter.export(mailboxes=[BOB])]
    assert titles == ["Of 1", "Of 3"]
    everything = exporter.export(days_ago=None, query="subject:9", mailboxes=[BOB])
    assert [one.metadata["title"] for one in everything] == ["Of 9"]
    assert len(list(exporter.export(days_ago=None, max_results=2, mailboxes=[BOB]))) == 2


def test_the_probes_of_a_workspace_pass(gmail: GmailSandbox, exporter_of: MakeExporter) -> None:
    report = exporter_of(gmail).test_connection()
    assert [(probe.name, probe.outcome) for probe in report.probes] == [
        ("directory", Outcome.PASSED),
        ("mailbox", Outcome.PASSED),
        ("sample read", Outcome.PASSED),
    ]


def test_partitions_are_named_by_address_and_kept_by_id(
    gmail: GmailSandbox, mailboxes: Mailboxes, exporter_of: MakeExporter
) -> None:
    found = {one.name: one for one in exporter_of(gmail).partitions(GmailSelection())}
    assert set(found) == {f"{name}@acme.example" for name in ("ada", "bob", "cleo", "root")}
    assert found[BOB].key == mailboxes.organization.user(BOB).id
    by_alias = GmailSelection(mailboxes=[BOB, BOB.upper()])
    assert [one.name for one in exporter_of(gmail).partitions(by_alias)] == [BOB]
