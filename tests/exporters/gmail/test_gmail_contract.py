"""The exporter contract, by the API and out of an mbox file."""

import json
from pathlib import Path

import pytest
from contract_exporter import ExporterContract, ExporterUnderTest
from gmail_samples import HandClock, MakeExporter, mail, read_plain

from exporters.gmail.exporter import GmailExporter
from exporters.gmail.mbox_exporter import GmailMboxExporter
from exporters.gmail.settings import GmailSelection, GmailSettings
from sandbox.gmail import GmailSandbox, Mailboxes


def busy(mailboxes: Mailboxes, clock: HandClock) -> None:
    """Mails enough for several pages, some with what is hard about mails."""
    for number in range(7):
        mailboxes.write(
            "ada@acme.example",
            ["bob@acme.example", "cleo@acme.example"],
            f"Question {number}",
            f"Which ferry takes {number} cars?",
            date=clock.ago(days=number + 1),
        )
    mailboxes.deliver(
        mail(files={"plan.txt": b"Paint the bollards.", "x.bin": b"\0\1"}).as_bytes(),
        date=clock.ago(days=2),
    )
    label = mailboxes.create_label("bob@acme.example", "Harbour")
    [found] = mailboxes.find("bob@acme.example", "Ferry")
    mailboxes.relabel("bob@acme.example", found, add=[label, "STARRED"])


class TestGmailExporter(ExporterContract):
    @pytest.fixture
    def under_test(
        self,
        gmail: GmailSandbox,
        mailboxes: Mailboxes,
        clock: HandClock,
        exporter_of: MakeExporter,
    ) -> ExporterUnderTest:
        busy(mailboxes, clock)
        secret = gmail.service_account_info()["private_key"]
        return ExporterUnderTest(
            make=lambda: exporter_of(gmail, page_size=3),
            selection=GmailSelection(mailboxes=["bob@acme.example"]),
            secrets=(secret, json.dumps(secret)[1:-1], secret.splitlines()[5]),
        )


class TestOneMailboxByOAuth(ExporterContract):
    @pytest.fixture
    def under_test(
        self,
        gmail: GmailSandbox,
        mailboxes: Mailboxes,
        clock: HandClock,
        exporter_of: MakeExporter,
    ) -> ExporterUnderTest:
        busy(mailboxes, clock)
        info = gmail.authorized_user_info("bob@acme.example")

        def make() -> GmailExporter:
            return exporter_of(gmail, oauth_credentials=json.dumps(info), page_size=3)

        return ExporterUnderTest(
            make=make,
            selection=GmailSelection(),
            secrets=(info["refresh_token"], info["client_secret"]),
        )


class TestGmailMboxExporter(ExporterContract):
    @pytest.fixture
    def under_test(self, tmp_path: Path, clock: HandClock) -> ExporterUnderTest:
        path = tmp_path / "mail.mbox"
        letters = [
            mail(subject=f"Number {number}", message_id=f"<{number}@acme.example>")
            for number in range(4)
        ]
        letters.append(mail(files={"plan.txt": b"Paint the bollards."}))
        path.write_bytes(
            b"".join(b"From ada@acme.example\n" + one.as_bytes() + b"\n" for one in letters)
        )
        return ExporterUnderTest(
            make=lambda: GmailMboxExporter(
                path,
                "bob@acme.example",
                settings=GmailSettings(),
                extract=read_plain,
                now=clock.now,
            ),
            selection=GmailSelection(mbox=path, mailboxes=["bob@acme.example"]),
            has_checkpoints=False,
        )
