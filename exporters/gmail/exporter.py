"""Gmail as a source: its partitions are mailboxes."""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any, ClassVar, Final

from langchain_core.documents import Document

from documents.errors import ConfigurationError
from documents.principals import user, workspace
from exporters.base import BaseExporter, ConnectionReport, Partition
from exporters.changes import (
    AccessChange,
    Change,
    Complete,
    Cursor,
    IdentityChange,
    MembershipChange,
    RawRecord,
    Withheld,
)
from exporters.errors import CursorExpiredError, PermissionDeniedError
from exporters.gmail.client import GmailClient
from exporters.gmail.documents import SOURCE, mail_documents
from exporters.gmail.landing import Extract, extract_text
from exporters.gmail.mailbox import MailboxReader, Stretch
from exporters.gmail.mbox_exporter import GmailMboxExporter
from exporters.gmail.payloads import MESSAGE
from exporters.gmail.probes import run_probes
from exporters.gmail.settings import GmailSelection, GmailSettings
from exporters.google.credentials import GoogleCredential
from exporters.google.directory import User
from exporters.settings import load_settings

_OF_THE_PERSON: Final = frozenset({"failedPrecondition", "FAILED_PRECONDITION", "invalid_grant"})
"""Codes that say that this person has no mailbox that could be read now."""


class GmailExporter(BaseExporter):
    """Reads the mailboxes of a Workspace with a service account, or one mailbox by OAuth.

    Example:
        ```python
        exporter = GmailExporter(oauth_credentials=Path("token.json").read_text())
        for document in exporter.export(days_ago=7, query="has:attachment"):
            print(document.metadata["title"], document.metadata["url"])
        ```
    """

    source: ClassVar[str] = SOURCE
    selection_type = GmailSelection
    shares_documents: ClassVar[bool] = True

    def __init__(
        self,
        service_account: str | None = None,
        admin_subject: str | None = None,
        oauth_credentials: str | None = None,
        *,
        settings: GmailSettings | None = None,
        extract: Extract = extract_text,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepares an exporter; nothing is asked yet.

        Args:
            service_account: Key file of a service account with domain-wide delegation: its JSON
                text, or its path.
            admin_subject: With a service account, the address of an administrator who may read the
                directory.
            oauth_credentials: Instead, `authorized_user` JSON of one person's consent, or its path.
            settings: Limits; read from environment and file if not given.
            extract: Reads the text of attachments.
            now: The clock.

        Raises:
            ConfigurationError: A credential makes no sense. Without any only `to_documents` works.
        """
        self._settings = settings or load_settings(GmailSettings, SOURCE)
        self._credential = GoogleCredential.of(
            service_account=service_account,
            admin_subject=admin_subject,
            oauth_credentials=oauth_credentials,
        )
        self._extract = extract
        self._now = now
        self._readers: dict[str, MailboxReader] = {}
        """Of the mailboxes that are being pulled, by key."""
        self._everybody: tuple[list[User], datetime] | None = None
        """Who is in the Workspace, when all of it was listed, until it was told."""

    @classmethod
    def needs_credentials(cls, selection: GmailSelection) -> bool:
        """An mbox file is read without any."""
        return selection.mbox is None

    @classmethod
    def for_selection(
        cls, selection: Any, credentials: Mapping[str, str], settings: Any
    ) -> BaseExporter:
        """An exporter of the mbox file where one is given, of the API otherwise.

        Raises:
            ConfigurationError: There is no credential, or it makes no sense.
        """
        if selection.mbox is not None:
            return GmailMboxExporter(
                selection.mbox,
                selection.mailboxes[0],
                account=selection.mbox_account,
                settings=settings,
            )
        return cls(
            credentials.get("service_account"),
            credentials.get("admin_subject"),
            credentials.get("oauth_credentials"),
            settings=settings,
        )

    def check_credentials(self) -> None:
        """Refuses none at all; what is wrong with one was told when it was read."""
        if self._credential is None:
            raise _no_credential()

    @property
    def connection(self) -> str:
        """The Workspace's customer id; with OAuth the mailbox's address."""
        return self._account

    @property
    def connection_title(self) -> str:
        """The administrator's domain, or the address."""
        subject = self._client.credential.admin_subject
        return subject.rpartition("@")[2] if subject else self._account

    @cached_property
    def _client(self) -> GmailClient:
        if self._credential is None:
            raise _no_credential()
        return GmailClient(self._credential, self._settings)

    @cached_property
    def _account(self) -> str:
        if self._client.credential.admin_subject is not None:
            return self._client.directory().customer()
        return self._own_address

    @cached_property
    def _own_address(self) -> str:
        """Whose consent the OAuth credentials are."""
        return str(self._client.mailbox("me", None).profile()["emailAddress"]).lower()

    def test_connection(self) -> ConnectionReport:
        """Tries the credential, the directory, the scopes, a mailbox and a sample read."""
        return run_probes(self._client)

    def partitions(self, selection: GmailSelection) -> Iterator[Partition]:
        """The mailboxes asked for, or all; those that cannot be read with the reason."""
        options = {
            "days_ago": selection.days_ago,
            "query": selection.query,
            "max_results": selection.max_results,
            "spam_trash": selection.include_spam_trash,
        }
        if self._client.credential.admin_subject is None:
            yield self._own_mailbox(selection, options)
            return
        named = selection.mailboxes is not None
        for person in self._people(selection.mailboxes):
            yield _partition(person, options, named=named)

    def pull(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
        """Yields what changed in a mailbox; everything, newest first, where nothing is known.

        Raises:
            CursorExpiredError: Gmail does not know any more what changed, or other mails are asked
                for than before.
            ExportError: Gmail refuses.
        """
        try:
            yield from self._people_changes()
            reader = self._readers[partition.key] = self._reader(partition)
            yield from self._pulled(reader, partition.options, cursor)
        except PermissionDeniedError as error:
            if error.code not in _OF_THE_PERSON:
                raise
            reason = f"The mailbox of {partition.name} cannot be read. {error.sentence()}"
            yield Withheld(reason, everything=True)
        finally:
            self._readers.pop(partition.key, None)

    def to_documents(self, record: RawRecord) -> Iterator[Document]:
        """See `exporters.gmail.documents`."""
        return mail_documents(record)

    def export(
        self,
        days_ago: int | None = 7,
        query: str | None = None,
        max_results: int | None = None,
        mailboxes: list[str] | None = None,
    ) -> Iterator[Document]:
        """Yields the documents of mails, newest first within each mailbox.

        Args:
            days_ago: How many days to go back; None for everything.
            query: A Gmail search (`from:ada has:attachment`); None for all mails.
            max_results: The most documents.
            mailboxes: Addresses; None for all that the credential opens.

        Raises:
            ConfigurationError: A value makes no sense, or a mailbox does not exist.
            ExportError: Google refuses; raised when the first document is asked for, as an unknown
                mailbox is.
        """
        selection = GmailSelection.of(
            {
                "days_ago": days_ago,
                "query": query,
                "max_results": max_results,
                "mailboxes": mailboxes,
            }
        )
        return self.documents(selection, limit=max_results)

    def fetch(self, partition: Partition, entity: str, external_id: str) -> Iterator[Change] | None:
        """Reads one mail again."""
        if entity != MESSAGE:
            return None
        # What a sweep asks during a pull needs no delegates and no label names anew.
        reader = self._readers.get(partition.key) or self._reader(partition)
        return reader.load([external_id])

    def close(self) -> None:
        """Gives back the connections."""
        if "_client" in self.__dict__:
            self._client.close()

    # --- partitions -----------------------------------------------------------------------------

    def _own_mailbox(self, selection: GmailSelection, options: Mapping[str, Any]) -> Partition:
        address = self._own_address
        for wanted in selection.mailboxes or ():
            if wanted != address:
                raise ConfigurationError(
                    f"The OAuth credentials open {address} and not {wanted}.",
                    hint="For other people's mailboxes a service account is needed.",
                )
        return Partition(
            key=address, name=address, kind="mailbox", options={**options, "address": address}
        )

    def _people(self, mailboxes: list[str] | None) -> Iterator[User]:
        directory = self._client.directory()
        if mailboxes is None:
            listed_at = self._now()
            everybody = list(directory.users())
            self._everybody = everybody, listed_at
            yield from everybody
            return
        seen: set[str] = set()
        for address in mailboxes:
            person = directory.user(address)
            if person is None:
                raise ConfigurationError(
                    f"There is nobody with the address {address} in the Workspace.",
                    hint="Give primary addresses or aliases of people, not of groups.",
                )
            if person["id"] not in seen:
                seen.add(person["id"])
                yield person

    # --- people ---------------------------------------------------------------------------------

    def _people_changes(self) -> Iterator[Change]:
        """Who is active in the Workspace, and by which addresses; once for each whole listing.

        Two mailboxes that begin at once may both tell it, which does no harm.
        """
        if self._everybody is None:
            return
        people, listed_at = self._everybody
        active = [person for person in people if not _switched_off(person)]
        names = [frozenset(map(user, _addresses(person))) for person in active]
        yield MembershipChange(
            workspace(self.connection), frozenset().union(*names), as_of=listed_at
        )
        several = frozenset(one for one in names if len(one) > 1)
        yield IdentityChange(several, as_of=listed_at)
        self._everybody = None

    # --- pull -----------------------------------------------------------------------------------

    def _pulled(
        self, reader: MailboxReader, options: Mapping[str, Any], cursor: Cursor | None
    ) -> Iterator[Change]:
        if options.get("query") or options.get("max_results"):
            stretch = Stretch(since=self._since(options.get("days_ago")))
            query = " ".join(part for part in (stretch.query, options.get("query")) if part)
            yield from reader.search(query or None, options.get("max_results"))
            return
        if cursor is None:
            mark = str(reader.mailbox.profile()["historyId"])
            stretch = Stretch(since=self._since(options.get("days_ago")))
            yield from reader.listing(stretch, partial(self._listing_cursor, reader, mark, stretch))
            return
        if bool(cursor.get("spam_trash")) != reader.spam_trash:
            raise CursorExpiredError(
                "Spam and trash are synced otherwise than before; the mailbox is listed again."
            )
        if tuple(cursor.get("access") or ()) != reader.access:
            yield AccessChange(access=reader.access)
        yield from self._resumed(reader, cursor, self._since(options.get("days_ago")))

    def _resumed(
        self, reader: MailboxReader, cursor: Cursor, wanted: int | None
    ) -> Iterator[Change]:
        """Goes on after a checkpoint: what changed, the rest of a listing, then further back."""
        mark = str(cursor["history"])
        reached = cursor.get("since")
        left = cursor.get("listing")
        if left is not None:
            # What changed since is told by the next run: the mark was set before the listing.
            stretch = Stretch(**left)
            yield from reader.listing(stretch, partial(self._listing_cursor, reader, mark, stretch))
            return

        def at(mark: str) -> dict[str, Any]:
            return self._cursor(reader, mark, reached)

        yield from reader.changes(mark, at)
        if reached is not None and (wanted is None or wanted < reached):
            stretch = Stretch(since=wanted, before=reached + 1)
            # From the mark that was reached just now: one of the listing's own would pass over
            # what changed in between.
            cursor_of = partial(self._listing_cursor, reader, reader.mark, stretch)
            yield from reader.listing(stretch, cursor_of)
        else:
            yield Complete(full=False)

    def _listing_cursor(
        self, reader: MailboxReader, mark: str, whole: Stretch, left: Stretch | None
    ) -> dict[str, Any]:
        cursor = self._cursor(reader, mark, whole.since)
        if left is not None:
            cursor["listing"] = {
                "since": left.since,
                "before": left.before,
                "token": left.token,
                "known": left.known,
            }
        return cursor

    def _cursor(self, reader: MailboxReader, mark: str, since: int | None) -> dict[str, Any]:
        return {
            "history": mark,
            "since": since,
            "spam_trash": reader.spam_trash,
            "access": list(reader.access),
        }

    def _since(self, days_ago: int | None) -> int | None:
        if days_ago is None:
            return None
        return math.floor((self._now() - timedelta(days=days_ago)).timestamp())

    def _reader(self, partition: Partition) -> MailboxReader:
        address = str(partition.options["address"])
        mailbox = self._client.mailbox(partition.key, address)
        access = {user(address)}
        if self._settings.delegates and self._client.credential.admin_subject is not None:
            access |= {user(delegate) for delegate in mailbox.delegates()}
        return MailboxReader(
            mailbox=mailbox,
            key=partition.key,
            address=address,
            access=tuple(sorted(access)),
            connection=self.connection,
            spam_trash=bool(partition.options.get("spam_trash")),
            extract=self._extract,
            attachment_bytes=self._settings.attachment_bytes,
            batch_size=self._settings.batch_size,
            now=self._now,
        )


def _switched_off(person: User) -> bool:
    return bool(person.get("suspended") or person.get("archived"))


def _addresses(person: User) -> set[str]:
    """All addresses of a person: Google alone says what leads to the same mailbox."""
    aliases = [*(person.get("aliases") or ()), *(person.get("nonEditableAliases") or ())]
    return {str(address).lower() for address in [person["primaryEmail"], *aliases]}


def _partition(person: User, options: Mapping[str, Any], *, named: bool) -> Partition:
    address = str(person["primaryEmail"]).lower()
    unreadable = None
    if person.get("suspended"):
        unreadable = f"The account {address} is suspended. What was synced of it stays."
    elif person.get("archived"):
        unreadable = f"The account {address} is archived. What was synced of it stays."
    elif person.get("isMailboxSetup") is False:
        unreadable = f"{address} has no Gmail mailbox."
    if unreadable and named:
        unreadable += " Leave it out of --mailboxes, or restore it."
    return Partition(
        key=str(person["id"]),
        name=address,
        kind="mailbox",
        options={**options, "address": address},
        unreadable=unreadable,
    )


def _no_credential() -> ConfigurationError:
    return ConfigurationError(
        "There is no Google credential.",
        hint="Set GOOGLE_SERVICE_ACCOUNT_JSON and GOOGLE_ADMIN_SUBJECT for a Workspace, or "
        "GOOGLE_OAUTH_CREDENTIALS for one mailbox; or name a saved credentials block.",
    )
