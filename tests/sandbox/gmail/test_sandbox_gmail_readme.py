"""The README of the sandboxes still tells the truth about Gmail."""

import re
from pathlib import Path

import pytest

from sandbox.gmail import GmailSandbox, Mailboxes, MailStaff, Switches
from sandbox.gmail.mbox import MBOX_READER
from sandbox.gmail.methods import operations
from sandbox.google.directory import Directory

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def readme() -> str:
    text = (ROOT / "sandbox" / "README.md").read_text(encoding="utf-8")
    return text.partition("\n## Gmail\n")[2].partition("\n## ")[0]


def test_it_names_every_method_and_no_other(readme: str, mailboxes: Mailboxes) -> None:
    directory = Directory(mailboxes.organization, Switches())
    known = [*operations(mailboxes, Switches()), *directory.operations()]
    sentence = readme.partition("know:")[2].partition("Beside them")[0]
    assert re.findall(r"`([\w.]+)`", sentence) == [operation.name for operation in known]


def test_it_names_the_paths_there_are(readme: str, gmail: GmailSandbox) -> None:
    for path in ("/token", "/batch/gmail/v1", "/batch", "/admin/directory/v1/users"):
        assert f"`{path}`" in readme
    assert MBOX_READER in readme


def test_it_names_changes_that_exist(readme: str, gmail: GmailSandbox) -> None:
    sentence = readme.partition("(every change:")[2].partition("...)")[0]
    named = set(re.findall(r"`(\w+)`", sentence))
    assert len(named) > 5
    assert named <= set(gmail.controls()["mailboxes"])
    resources = set(re.findall(r"`(\w+)`", readme.partition("...), ")[2].partition(".")[0]))
    assert resources | {"mailboxes"} == set(gmail.controls())


def test_the_administrator_is_who_it_says(staff: MailStaff) -> None:
    assert staff.admin == staff.head("it").email
