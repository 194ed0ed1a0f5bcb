"""What the Gmail tests share: a clock, quick settings, mails, and stores to sync into."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document

from exporters.base import BaseExporter
from exporters.gmail.exporter import GmailExporter
from exporters.gmail.settings import GmailSelection, GmailSettings
from processing.custom.gmail import add_mail_context
from sandbox.gmail import GmailSandbox
from stores.settings import StoreSettings
from tasks.context import SyncContext
from tasks.options import SyncOptions
from tasks.pipeline import sync_partition
from tasks.results import Counts, PartitionOutcome, PartitionResult
from tasks.stores import Stores, open_stores

MakeExporter = Callable[..., GmailExporter]
"""Of the fixture `exporter_of`."""

ADMIN = "root@acme.example"
UNHURRIED = {name: {"per_minute": 1_000_000, "burst": 1_000_000} for name in ("mailbox", "*")}


SHARED = Path(__file__).resolve().parents[3].parent / "shared"


def shared_data(*parts: str) -> Path:
    """A file of the data that is kept beside the project; skips where it is missing."""
    for root in (SHARED, SHARED.parents[1] / "shared"):
        if (path := root.joinpath(*parts)).exists():
            return path
    pytest.skip(f"needs ../shared/{'/'.join(parts)}")


class HandClock:
    """A clock that a test turns by hand."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def seconds(self) -> float:
        return self.moment.timestamp()

    def forward(self, **parts: float) -> None:
        self.moment += timedelta(**parts)

    def ago(self, **parts: float) -> float:
        """A moment so long ago, in seconds since the epoch."""
        return (self.moment - timedelta(**parts)).timestamp()


@dataclass(frozen=True)
class PlainText:
    """What reading a file gives."""

    text: str | None
    truncated: bool = False
    reason: str = ""


def read_plain(content: bytes, *, name: str | None, mime_type: str | None) -> PlainText:
    """Reads text files, in this process: what the shared reader does is tested with it."""
    if mime_type is not None and mime_type.startswith("text/"):
        return PlainText(content.decode("utf-8", "replace"))
    return PlainText(None, reason="It holds no text.")


def settings_for(gmail: GmailSandbox, **changes: Any) -> GmailSettings:
    """Settings for a sandbox that paces nobody, with waits in hundredths of a second."""
    values: dict[str, Any] = {
        "base_url": gmail.base_url,
        "directory_url": gmail.base_url,
        "rate_limits": UNHURRIED,
        "backoff_base": 0.01,
        "backoff_cap": 0.02,
        "unspecified_wait": 0.05,
        "max_attempts": 3,
        "breaker_threshold": 100,
        "use_environment_proxy": False,
    }
    return GmailSettings(**{**values, **changes})


def mail(
    *,
    sender: str = "Ada Byron <ada@acme.example>",
    to: str = "bob@acme.example",
    subject: str = "Ferry",
    text: str = "The blue one.",
    date: datetime | None = None,
    message_id: str = "<one@acme.example>",
    html: str | None = None,
    files: dict[str, bytes] | None = None,
    **headers: str,
) -> EmailMessage:
    """A mail as a mail program writes it; further headers with `_` for `-`."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(date or datetime(2026, 11, 16, 9, tzinfo=UTC))
    message["Message-ID"] = message_id
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    for name, content in (files or {}).items():
        kind = ("text", "plain") if name.endswith(".txt") else ("application", "octet-stream")
        message.add_attachment(content, maintype=kind[0], subtype=kind[1], filename=name)
    return message


@contextmanager
def stores_in(folder: Path, *, model: str = "none") -> Iterator[Stores]:
    """Stores that are closed again."""
    stores = open_stores(StoreSettings(data_directory=folder, embedding_model=model))
    try:
        yield stores
    finally:
        stores.close()


def sync_all(
    exporter: BaseExporter,
    stores: Stores,
    run_id: str,
    *,
    selection: GmailSelection | None = None,
    fresh: bool = False,
    options: SyncOptions | None = None,
) -> dict[str, PartitionResult]:
    """Every mailbox through the pipeline; what was done, by its address."""
    context = SyncContext(
        exporter=exporter,
        connection=exporter.connection,
        connection_id=stores.ledger.connection_id("gmail", exporter.connection, "test"),
        stores=stores,
        options=options or SyncOptions(),
        run_id=run_id,
        store_name="gmail_messages",
        custom=add_mail_context,
    )
    return {
        partition.name: sync_partition(context, partition, fresh=fresh)
        for partition in exporter.partitions(selection or GmailSelection())
        if not partition.unreadable
    }


def sync(exporter: BaseExporter, stores: Stores, run_id: str, **options: Any) -> Counts:
    """The same; all mailboxes together, each of which came to its end in order."""
    total = Counts()
    for result in sync_all(exporter, stores, run_id, **options).values():
        assert result.outcome is PartitionOutcome.COMPLETED, result.message
        total.add(result.counts)
    return total


def stored(stores: Stores) -> list[Document]:
    """Every document in the index."""
    ids = [hit.document_id for hit in stores.index.search("", limit=1000)]
    return list(stores.index.get(ids).values())


def credentials(gmail: GmailSandbox) -> dict[str, str]:
    """The key of the sandbox's service account, and its administrator."""
    return {
        "service_account": json.dumps(gmail.service_account_info()),
        "admin_subject": ADMIN,
    }
