"""How many API calls a sync makes, counted by the sandboxes that answer them.

    python -m benchmarks.api_calls

For Gmail and Jira: a first sync, one in which nothing moved, and one after a few changes. A batch
of Gmail is one call; the mails in it (`messages.get`) are told beside it.
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from exporters.base import BaseExporter
from exporters.gmail.exporter import GmailExporter
from exporters.gmail.settings import GmailSelection, GmailSettings
from exporters.jira.exporter import JiraExporter
from exporters.jira.settings import JiraSelection, JiraSettings
from exporters.registry import source
from sandbox.gmail import GmailSandbox, generate_mailboxes, harbourline_staff
from sandbox.jira import ADMIN_TOKEN, SYNC_EMAIL, JiraSandbox, generate_site
from sandbox.server import SandboxServer
from stores.settings import load_store_settings
from tasks.context import SyncContext
from tasks.options import SyncOptions
from tasks.pipeline import sync_partition
from tasks.results import Counts
from tasks.stores import open_stores

FREE: Final = {"per_minute": 1_000_000, "burst": 100_000}


class Measured(NamedTuple):
    """A source behind a sandbox, and what is changed in it."""

    name: str
    sandbox: SandboxServer
    make: Callable[[], BaseExporter]
    selection: Any
    change: Callable[[], object]


@contextmanager
def gmail(mails: int) -> Iterator[Measured]:
    """The fullest mailbox of a company."""
    staff = harbourline_staff(seed=7)
    mailboxes = generate_mailboxes(staff, messages=mails, seed=7)
    box = max(mailboxes.boxes(), key=lambda one: len(one.messages))
    with GmailSandbox(mailboxes) as sandbox:
        settings = GmailSettings.model_validate(
            {
                "base_url": sandbox.base_url, "directory_url": sandbox.base_url,
                "rate_limits": {"mailbox": FREE, "*": FREE},
            }
        )  # fmt: skip
        key = json.dumps(sandbox.service_account_info())

        def change() -> None:
            for name in list(box.messages)[:50]:
                mailboxes.mark_read(box.address, name)
            for number in range(10):
                mailboxes.write(staff.head("it").email, [box.address], f"News {number}", "Hello.")

        yield Measured(
            "Gmail, one mailbox", sandbox,
            lambda: GmailExporter(key, staff.head("it").email, settings=settings),
            GmailSelection(mailboxes=[box.address]), change,
        )  # fmt: skip


@contextmanager
def jira(issues: int) -> Iterator[Measured]:
    """A site with all its projects."""
    site = generate_site(issues=issues, seed=7)
    with JiraSandbox(site) as sandbox:
        settings = JiraSettings.model_validate(
            {"base_url": sandbox.base_url, "email": SYNC_EMAIL, "rate_limits": {"*": FREE}}
        )

        def change() -> None:
            for issue in site.issues_of(site.project("WEB").id)[:10]:
                site.comment(issue.key, "knowledge.sync", "Once more.")

        yield Measured(
            "Jira, all projects", sandbox, lambda: JiraExporter(ADMIN_TOKEN, settings=settings),
            JiraSelection(), change,
        )  # fmt: skip


def measure(measured: Measured, folder: Path) -> None:
    """Syncs three times and prints the calls of each."""
    stores = open_stores(load_store_settings(data_directory=folder, embedding_model="none"))
    for phase in ("first sync", "nothing moved", "after changes"):
        if phase == "after changes":
            measured.change()
        exporter = measured.make()
        manifest = source(exporter.source)
        name = exporter.connection
        before = Counter(measured.sandbox.requests.counts())
        context = SyncContext(
            exporter=exporter, connection=name, stores=stores, options=SyncOptions(),
            connection_id=stores.ledger.connection_id(exporter.source, name, name), run_id=phase,
            store_name=manifest.load(manifest.document_type).store_name,
            custom=manifest.load(manifest.processing or ""),
        )  # fmt: skip
        total = Counts()
        for partition in exporter.partitions(measured.selection):
            if not partition.unreadable:
                total.add(sync_partition(context, partition).counts)
        exporter.close()
        calls = Counter(measured.sandbox.requests.counts()) - before
        told = ", ".join(f"{count} {operation}" for operation, count in calls.most_common())
        print(f"{measured.name}, {phase}: {total.new} new, {total.changed} changed, "
              f"{total.unchanged} unchanged; {total.api_calls} calls: {told}")  # fmt: skip
    stores.close()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mails", type=int, default=20_000, help="in all mailboxes together")
    parser.add_argument("--issues", type=int, default=2_000)
    arguments = parser.parse_args()
    for opened in (gmail(arguments.mails), jira(arguments.issues)):
        with opened as measured, tempfile.TemporaryDirectory() as folder:
            measure(measured, Path(folder))


if __name__ == "__main__":
    main()
