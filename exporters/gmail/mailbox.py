"""One mailbox as a stream of changes: its first listing, what changed since, its labels."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, Final

from exporters.changes import (
    AccessChange,
    Change,
    Checkpoint,
    Complete,
    CopyChange,
    Delete,
    DeleteReason,
    Failure,
    Listed,
    LoadMany,
    RawRecord,
    Upsert,
)
from exporters.errors import (
    CursorExpiredError,
    ExportError,
    NotFoundError,
    PermissionDeniedError,
)
from exporters.gmail.client import SERVICE, Mailbox, Message, Page
from exporters.gmail.labels import LabelBook
from exporters.gmail.landing import Extract, land_mail
from exporters.gmail.payloads import (
    CHAT,
    MESSAGE,
    SPAM_TRASH,
    VERSION,
    copy_url,
    external_id,
    internal_date,
    labels_of,
    message_id_of,
)
from exporters.paging import PageTokens

_log: Final = logging.getLogger(__name__)

_SYSTEM_LABEL: Final = re.compile(r"[A-Z][A-Z_]*")
_SETTLED_AFTER: Final = 2_000
"""Listed mails after which one that was not asked for counts as known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of a mailbox's past that is listed.

    Attributes:
        since: Where it begins, in seconds since the epoch; None for the beginning.
        before: Where it ends, exclusive; None for now.
        token: The page to go on at.
        known: Mails were seen in it that an earlier sync had read, so that their labels must be
            brought up to date.
    """

    since: int | None = None
    before: int | None = None
    token: str | None = None
    known: bool = False

    @property
    def query(self) -> str | None:
        """The stretch as a Gmail search, in seconds: a date would mean midnight in California."""
        parts = []
        if self.since is not None:
            parts.append(f"after:{self.since}")
        if self.before is not None:
            parts.append(f"before:{self.before}")
        return " ".join(parts) or None


@dataclass(kw_only=True)
class MailboxReader:
    """Reads one mailbox for one pull.

    Attributes:
        mailbox: The wire.
        key: What names the mailbox for good: the person's directory id, or the address.
        address: Its primary address, in lower case.
        access: Who may find its mails.
        connection: The account.
        spam_trash: Whether spam and trash are synced.
        extract: Reads the text of files.
        attachment_bytes: Larger attachments are named only.
        batch_size: Mails fetched by one call.
        now: The clock.
        mark: The mark that `changes` came to.
    """

    mailbox: Mailbox
    key: str
    address: str
    access: tuple[str, ...]
    connection: str
    spam_trash: bool
    extract: Extract
    attachment_bytes: int
    batch_size: int
    now: Callable[[], datetime]
    mark: str = ""
    _unread: dict[int, None] = field(default_factory=dict)

    @cached_property
    def load_many(self) -> LoadMany:
        """One object for all mails of a pull, so that they are fetched together."""
        return LoadMany(load=self.load, at_most=self.batch_size)

    def load(self, external_ids: Sequence[str]) -> Iterator[Change]:
        """Fetches mails whole.

        Yields:
            For each an `Upsert`, a `Delete` where it is gone or lies in the trash, or a `Failure`;
            a `Failure` beside the `Upsert` where an attachment could not be read.

        Raises:
            ExportError: One that reaches further than a mail.
        """
        ids = [message_id_of(identifier) for identifier in external_ids]
        for identifier in ids:
            self._unread.pop(_number(identifier), None)
        for identifier, found in self.mailbox.messages(ids):
            name = external_id(self.key, identifier)
            if isinstance(found, NotFoundError):
                yield Delete(MESSAGE, name)
            elif isinstance(found, PermissionDeniedError):
                raise found  # the mailbox is closed: it would be said of each of its mails
            elif isinstance(found, ExportError):
                yield Failure(error=found, entity=MESSAGE, external_id=name)
            else:
                yield from self._loaded(name, found)

    def listing(
        self, stretch: Stretch, cursor: Callable[[Stretch | None], Mapping[str, Any]]
    ) -> Iterator[Change]:
        """Lists a stretch, with a checkpoint after each page.

        Args:
            stretch: Which.
            cursor: Makes the cursor for what is left of the stretch; None once it is whole.
        """
        book = LabelBook(self.mailbox, spam_trash=self.spam_trash)
        resumed = stretch.token is not None
        known = stretch.known
        for page in self._pages(stretch):
            for identifier in page.ids:
                yield self.listed(identifier)
            known = self._note_known(book, settled=False) or known
            if page.next_token:
                # Those that still wait may be known too; whoever goes on from here cannot tell.
                left = Stretch(
                    since=stretch.since,
                    before=stretch.before,
                    token=page.next_token,
                    known=known or bool(self._unread),
                )
                yield Checkpoint(cursor(left))
        # Who may find them; and what was listed is settled before anything is said of its labels.
        yield AccessChange(access=self.access)
        known = self._note_known(book, settled=True) or known
        if known:
            if resumed:
                book.look_up_all()
            yield from self._relabelled(book, stretch)
        yield Complete(full=True, since=_moment(stretch.since), until=_moment(stretch.before))
        yield Checkpoint(cursor(None))

    def search(self, query: str | None, limit: int | None) -> Iterator[Change]:
        """Lists what a search finds, or the newest mails; promises nothing of the rest."""
        left = limit
        token, tokens = None, PageTokens(SERVICE, "messages.list")
        while True:
            page = self.mailbox.page(
                token=token, query=query, size=left, spam_trash=self.spam_trash
            )
            for identifier in page.ids[:left]:
                yield self.listed(identifier)
            if left is not None:
                left -= len(page.ids)
            if not page.next_token or (left is not None and left <= 0):
                break
            token = tokens.following(page.next_token)
        yield Complete(full=False)

    def changes(self, start: str, cursor: Callable[[str], Mapping[str, Any]]) -> Iterator[Change]:
        """What changed since a mark.

        Args:
            start: The mark.
            cursor: Makes the cursor for a mark.

        Raises:
            CursorExpiredError: Gmail does not know the mark any more.
        """
        token, tokens = None, PageTokens(SERVICE, "history.list")
        self.mark = start
        while True:
            page = self.mailbox.history(start, token)
            yield from self._page_of_changes(page.records)
            if not page.next_token:
                self.mark = page.history_id
                yield Checkpoint(cursor(self.mark))
                return
            if page.records:
                self.mark = str(page.records[-1]["id"])
            yield Checkpoint(cursor(self.mark))
            token = tokens.following(page.next_token)

    def listed(self, identifier: str) -> Listed:
        """A mail that was seen in a listing."""
        name = external_id(self.key, identifier)
        self._unread[_number(identifier)] = None
        return Listed(
            entity=MESSAGE,
            external_id=name,
            version=VERSION,
            load=partial(self.load, (name,)),
            load_many=self.load_many,
        )

    # --- a mail ---------------------------------------------------------------------------------

    def _loaded(self, name: str, message: Message) -> Iterator[Change]:
        labels = [str(label) for label in message.get("labelIds") or ()]
        if self._is_hidden(labels):
            yield Delete(MESSAGE, name, DeleteReason.TRASHED)
            return
        identifier = str(message["id"])
        try:
            landed = land_mail(
                message,
                fetch=partial(self.mailbox.attachment, identifier),
                extract=self.extract,
                max_bytes=self.attachment_bytes,
            )
        except NotFoundError:
            yield Delete(MESSAGE, name)  # since it was fetched
            return
        url = copy_url(self.address, identifier)
        yield Upsert(
            RawRecord(
                entity=MESSAGE,
                external_id=name,
                payload={
                    "connection": self.connection,
                    "mailbox": {"key": self.key, "address": self.address},
                    "access": list(self.access),
                    "labels": self._names_of(labels),
                    "message": landed.message,
                    "bodies": landed.bodies,
                    "nested": landed.nested,
                    "attachments": landed.attachments,
                },
                url=url,
                occurred_at=internal_date(message),
                # Without a version it is fetched again when it is listed the next time.
                version=None if landed.failures else VERSION,
                fetched_at=self.now(),
            )
        )
        for error in landed.failures:
            yield Failure(error=error, entity=MESSAGE, external_id=name, url=url)

    def _is_hidden(self, labels: Sequence[str]) -> bool:
        """Whether a mail is not synced. Chats are in the history and not in the listing."""
        hidden = {CHAT} if self.spam_trash else {CHAT, *SPAM_TRASH}
        return not hidden.isdisjoint(labels)

    # --- labels ---------------------------------------------------------------------------------

    @cached_property
    def _label_names(self) -> dict[str, str]:
        return self.mailbox.labels()

    def _names_of(self, labels: Sequence[str]) -> dict[str, str]:
        """Names of a person's own labels; those of Gmail are named by their ids, without a call."""
        own = [label for label in labels if not _SYSTEM_LABEL.fullmatch(label)]
        return {label: self._label_names[label] for label in own if label in self._label_names}

    def _copy_change(self, identifier: str, labels: Sequence[str], mark: str | None) -> CopyChange:
        copy = labels_of(labels, self._names_of(labels))
        if mark is not None:
            copy["history_id"] = mark
        return CopyChange(entity=MESSAGE, external_id=external_id(self.key, identifier), copy=copy)

    def _note_known(self, book: LabelBook, *, settled: bool) -> bool:
        """Takes note of listed mails that nobody asked to fetch; tells whether there were any.

        The pipeline looks versions up for some hundred listed mails at once, so the newest of them
        may still be asked for.
        """
        surplus = len(self._unread) - (0 if settled else _SETTLED_AFTER)
        if surplus <= 0:
            return False
        for number in list(self._unread)[:surplus]:
            del self._unread[number]
            book.mark_known(number)
        return True

    def _relabelled(self, book: LabelBook, stretch: Stretch) -> Iterator[Change]:
        """The labels that known mails have now, by listing each label once."""
        for number, labels in book.labels(self._label_names, stretch.query):
            yield self._copy_change(f"{number:x}", labels, None)

    # --- paging ---------------------------------------------------------------------------------

    def _pages(self, stretch: Stretch) -> Iterator[Page]:
        token, tokens = stretch.token, PageTokens(SERVICE, "messages.list", stretch.token)
        before: set[str] = set()
        while True:
            try:
                page = self.mailbox.page(
                    token=token, query=stretch.query, spam_trash=self.spam_trash
                )
            except CursorExpiredError:
                if token is None or token != stretch.token:
                    raise
                _log.info("Gmail lists %s again from the start.", self.address)
                token = None
                continue
            # A mail that comes in while pages are read pushes one over to the next page.
            ids = [one for one in dict.fromkeys(page.ids) if one not in before]
            yield Page(ids, page.next_token)
            if not page.next_token:
                return
            before = set(page.ids)
            token = tokens.following(page.next_token)

    # --- history --------------------------------------------------------------------------------

    def _page_of_changes(self, records: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
        moves: dict[str, _Move] = {}
        for record in records:
            mark = str(record.get("id") or "")
            for kind in ("messagesAdded", "labelsAdded", "labelsRemoved", "messagesDeleted"):
                for entry in record.get(kind) or ():
                    message = entry.get("message") or {}
                    identifier = str(message.get("id") or "")
                    if identifier:
                        move = moves.pop(identifier, None) or _Move()
                        moves[identifier] = move  # in the order of the last event
                        move.take(kind, entry, mark)
        for identifier, move in moves.items():
            yield from self._change(identifier, move)

    def _change(self, identifier: str, move: "_Move") -> Iterator[Change]:
        name = external_id(self.key, identifier)
        if move.deleted:
            yield Delete(MESSAGE, name)
        elif self._is_hidden(move.labels):
            if not move.added or move.relabelled:
                yield Delete(MESSAGE, name, DeleteReason.TRASHED)
        else:
            came_back = not self.spam_trash and not SPAM_TRASH.isdisjoint(move.removed)
            if move.added or came_back:
                yield self.listed(identifier)
            if move.relabelled:
                yield self._copy_change(identifier, move.labels, move.mark)


@dataclass(slots=True)
class _Move:
    """What happened to a mail within a page of the history, and how it stands after that."""

    added: bool = False
    deleted: bool = False
    relabelled: bool = False
    labels: list[str] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)
    mark: str = ""

    def take(self, kind: str, entry: Mapping[str, Any], mark: str) -> None:
        """Adds one event; each tells the labels that the mail had after it."""
        self.mark = mark
        self.labels = [str(label) for label in entry["message"].get("labelIds") or ()]
        if kind == "messagesDeleted":
            self.deleted = True
        elif kind == "messagesAdded":
            self.added, self.deleted = True, False
        else:
            self.relabelled = True
            if kind == "labelsRemoved":
                self.removed.update(map(str, entry.get("labelIds") or ()))


def _number(identifier: str) -> int:
    """Gmail's id as the number it is written for: a third of the memory of its text."""
    return int(identifier, 16)


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
