"""Which labels the mails of a mailbox have, found by listing each label: 500 ids a call.

Asking each mail for its labels would cost as much as fetching it.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import Final

from exporters.errors import CursorExpiredError, InvalidDataError, NotFoundError
from exporters.gmail.client import SERVICE, Mailbox
from exporters.gmail.payloads import SPAM_TRASH
from exporters.paging import PageTokens

_AT_ONCE: Final = 2_000


class LabelBook:
    """Ids of mails and of the mails of each label, as numbers of eight bytes.

    Args:
        mailbox: The wire.
        spam_trash: Whether spam and trash are synced.
    """

    def __init__(self, mailbox: Mailbox, *, spam_trash: bool) -> None:
        self._mailbox = mailbox
        self._spam_trash = spam_trash
        self._known = array("Q")
        self._all = False

    def mark_known(self, number: int) -> None:
        """Takes note of a mail whose labels are to be looked up."""
        self._known.append(number)

    def look_up_all(self) -> None:
        """Every mail's labels are to be looked up: an earlier run has listed a part of them."""
        self._all = True

    def labels(
        self, known_labels: Iterable[str], query: str | None
    ) -> Iterator[tuple[int, list[str]]]:
        """The labels that each of the mails has now.

        Args:
            known_labels: Ids of all labels of the mailbox.
            query: The stretch that the mails are in.
        """
        import numpy as np  # noqa: PLC0415 (not where nothing is looked up)

        holders = {}
        for label in known_labels:
            if not self._spam_trash and label in SPAM_TRASH:
                continue
            ids = self._ids(query, label)
            if ids is not None and len(ids):
                holders[label] = np.unique(np.frombuffer(ids, dtype=np.uint64))
        wanted = (self._ids(query, None) or self._known) if self._all else self._known
        numbers = np.frombuffer(wanted, dtype=np.uint64) if len(wanted) else np.empty(0, np.uint64)
        for start in range(0, len(numbers), _AT_ONCE):
            some = numbers[start : start + _AT_ONCE]
            has = {}
            for label, holding in holders.items():
                places = np.searchsorted(holding, some).clip(max=len(holding) - 1)
                has[label] = np.equal(holding[places], some).tolist()
            for place, number in enumerate(some.tolist()):
                yield number, [label for label, flags in has.items() if flags[place]]

    def _ids(self, query: str | None, label: str | None) -> "array[int] | None":
        """The mails of a label, or all; None where the label was deleted meanwhile."""
        found = array("Q")
        token, tokens = None, PageTokens(SERVICE, "messages.list")
        lost = False
        while True:
            try:
                page = self._mailbox.page(
                    token=token, query=query, label=label, spam_trash=self._spam_trash
                )
            except (NotFoundError, InvalidDataError):
                if label is None or token is not None:
                    raise
                return None
            except CursorExpiredError:
                if lost:
                    raise
                found, token, lost = array("Q"), None, True
                tokens = PageTokens(SERVICE, "messages.list")
                continue
            found.extend(int(identifier, 16) for identifier in page.ids)
            if not page.next_token:
                return found
            token = tokens.following(page.next_token)
