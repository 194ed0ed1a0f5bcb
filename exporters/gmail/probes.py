"""What is tried before a Gmail sync: credential, directory, scopes, a mailbox, a sample read."""

from collections.abc import Callable
from itertools import islice
from typing import Final

from documents.errors import DataGettersError
from exporters.base import ConnectionReport, Outcome, Probe
from exporters.gmail.client import GmailClient, Mailbox

_SAMPLED_PEOPLE: Final = 20


def run_probes(client: GmailClient) -> ConnectionReport:
    """Tries step by step; a step that needs one that failed is skipped."""
    if client.credential.admin_subject is None:
        return ConnectionReport(tuple(_one_mailbox(client)))
    return ConnectionReport(tuple(_workspace(client)))


def _workspace(client: GmailClient) -> list[Probe]:
    people: list[tuple[str, str]] = []
    probes = [_guarded("directory", lambda: _directory(client, people))]
    if probes[0].outcome is Outcome.FAILED or not people:
        reason = "there is no person whose mailbox could be tried"
        return [*probes, _skipped("mailbox", reason), _skipped("sample read", reason)]
    key, address = people[0]
    return probes + _mailbox(client.mailbox(key, address), "mailbox")


def _one_mailbox(client: GmailClient) -> list[Probe]:
    return _mailbox(client.mailbox("me", None), "credential")


def _mailbox(mailbox: Mailbox, name: str) -> list[Probe]:
    probe = _guarded(name, lambda: _profile(mailbox, name))
    if probe.outcome is Outcome.FAILED:
        return [probe, _skipped("sample read", "the mailbox could not be opened")]
    return [probe, _guarded("sample read", lambda: _sample(mailbox))]


def _directory(client: GmailClient, people: list[tuple[str, str]]) -> Probe:
    customer = client.directory().customer()
    seen = list(islice(client.directory().users(), _SAMPLED_PEOPLE))
    people += [
        (str(person["id"]), str(person["primaryEmail"]))
        for person in seen
        if not person.get("suspended")
        and not person.get("archived")
        and person.get("isMailboxSetup") is not False
    ]
    detail = f"{len(people)} of the first {len(seen)} people of {customer} have a mailbox"
    if not people:
        return Probe("directory", Outcome.FAILED, detail, "Give somebody a Gmail licence.")
    return Probe("directory", Outcome.PASSED, detail)


def _profile(mailbox: Mailbox, name: str) -> Probe:
    profile = mailbox.profile()
    total = profile.get("messagesTotal", 0)
    return Probe(name, Outcome.PASSED, f"{profile['emailAddress']} with {total} mails")


def _sample(mailbox: Mailbox) -> Probe:
    page = mailbox.page(size=1)
    if not page.ids:
        return Probe("sample read", Outcome.PASSED, "the mailbox is empty")
    for _, found in mailbox.messages(page.ids[:1]):
        if isinstance(found, DataGettersError):
            raise found
    return Probe("sample read", Outcome.PASSED, "the newest mail was read")


def _guarded(name: str, step: Callable[[], Probe]) -> Probe:
    try:
        return step()
    except DataGettersError as error:
        return Probe(name, Outcome.FAILED, str(error), error.hint)


def _skipped(name: str, reason: str) -> Probe:
    return Probe(name, Outcome.SKIPPED, reason)
