"""An mbox file as a source: Google Takeout, Vault, an archive. Needs no credential."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from langchain_core.documents import Document

from documents.principals import user
from exporters.base import BaseExporter, ConnectionReport, Outcome, Partition, Probe
from exporters.changes import Change, Complete, Cursor, Failure, RawRecord, Upsert
from exporters.errors import InvalidDataError, TransientError
from exporters.gmail.documents import SOURCE, mail_documents
from exporters.gmail.landing import Extract, extract_text, land_mail, no_fetch
from exporters.gmail.mbox import MboxMail, gmail_message, mails, open_mbox
from exporters.gmail.payloads import MESSAGE, SPAM_TRASH, VERSION, external_id, internal_date
from exporters.gmail.settings import GmailSelection, GmailSettings
from exporters.settings import load_settings


class GmailMboxExporter(BaseExporter):
    """Reads the mails of one mailbox out of an mbox file.

    The documents are those that the API would give, under the same ids where the connection is the
    same; of a copy, the file tells fewer things (no snippet, no Gmail id).
    """

    source: ClassVar[str] = SOURCE
    selection_type = GmailSelection
    shares_documents: ClassVar[bool] = True

    def __init__(
        self,
        path: Path,
        mailbox: str,
        *,
        account: str | None = None,
        settings: GmailSettings | None = None,
        extract: Extract = extract_text,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Looks at the file's beginning.

        Args:
            path: The file.
            mailbox: Address of the mailbox that it was made of: its owner may find the mails.
            account: The connection that the documents belong to; the address if not given.
            settings: Limits; read from environment and file if not given.
            extract: Reads the text of attachments.
            now: The clock.

        Raises:
            ConfigurationError: The file cannot be read, or is no mbox.
        """
        open_mbox(path).close()
        self._path = path
        self._address = mailbox.strip().lower()
        self._account = account or self._address
        self._settings = settings or load_settings(GmailSettings, SOURCE)
        self._extract = extract
        self._now = now

    @property
    def connection(self) -> str:
        """The connection that was given, or the mailbox's address."""
        return self._account

    @property
    def connection_title(self) -> str:
        """The file's name."""
        return self._path.name

    def test_connection(self) -> ConnectionReport:
        """Reads the first mail."""
        with open_mbox(self._path) as file:
            first = next(mails(file), None)
        found = "no mail" if first is None else f"mails of {self._address}"
        return ConnectionReport((Probe("mbox", Outcome.PASSED, f"{self._path.name}: {found}"),))

    def partitions(self, selection: GmailSelection) -> Iterator[Partition]:
        """The one mailbox."""
        yield Partition(
            key=f"mbox/{self._address}",
            name=self._address,
            kind="mailbox",
            options={"days_ago": selection.days_ago, "max_results": selection.max_results},
        )

    def pull(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
        """Yields every mail of the file; never licenses a sweep and sets no cursor.

        Raises:
            TransientError: The disk or the share does not answer.
        """
        del cursor
        days_ago = partition.options.get("days_ago")
        since = None if days_ago is None else self._now() - timedelta(days=days_ago)
        left = partition.options.get("max_results")
        try:
            with open_mbox(self._path) as file:
                for mail in mails(file):
                    for change in self._changes(mail, since):
                        yield change
                        left = left - 1 if left is not None else None
                    if left is not None and left <= 0:
                        break
        except OSError as error:
            raise TransientError(
                f"{self._path} cannot be read on: {error.strerror}.", hint="Is the disk there?"
            ) from error
        yield Complete(full=False)

    def to_documents(self, record: RawRecord) -> Iterator[Document]:
        """See `exporters.gmail.documents`."""
        return mail_documents(record)

    def export(
        self, days_ago: int | None = None, max_results: int | None = None
    ) -> Iterator[Document]:
        """Yields the documents of the mails, in the order of the file.

        Args:
            days_ago: How many days to go back; None for everything.
            max_results: The most documents.

        Raises:
            ConfigurationError: A value makes no sense.
        """
        selection = GmailSelection.of(
            {
                "days_ago": days_ago,
                "max_results": max_results,
                "mbox": self._path,
                "mailboxes": [self._address],
            }
        )
        return self.documents(selection, limit=max_results)

    def _changes(
        self, mail: MboxMail | InvalidDataError, since: datetime | None
    ) -> Iterator[Change]:
        if isinstance(mail, InvalidDataError):
            yield Failure(error=mail)
            return
        name = external_id(f"mbox/{self._address}", mail.id)
        try:
            message, labels = gmail_message(mail)
        except InvalidDataError as error:
            yield Failure(error=error, entity=MESSAGE, external_id=name)
            return
        occurred = internal_date(message)
        if not SPAM_TRASH.isdisjoint(message["labelIds"]) or (
            since is not None and occurred is not None and occurred < since
        ):
            return
        yield Upsert(self._record(name, message, labels, occurred))

    def _record(
        self,
        name: str,
        message: dict[str, Any],
        labels: dict[str, str],
        occurred: datetime | None,
    ) -> RawRecord:
        landed = land_mail(
            message,
            fetch=no_fetch,
            extract=self._extract,
            max_bytes=self._settings.attachment_bytes,
        )
        return RawRecord(
            entity=MESSAGE,
            external_id=name,
            payload={
                "connection": self._account,
                "mailbox": {"key": self._address, "address": self._address},
                "access": [user(self._address)],
                "labels": labels,
                "message": landed.message,
                "bodies": landed.bodies,
                "nested": landed.nested,
                "attachments": landed.attachments,
            },
            occurred_at=occurred,
            version=VERSION,
            fetched_at=self._now(),
        )
