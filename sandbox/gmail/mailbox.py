"""One person's mailbox: messages, threads, labels, and the history of what happened to them.

Ids, threads and history are the mailbox's own: the same mail has another id in each mailbox.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.message import Message as Part
from email.parser import BytesHeaderParser
from random import Random
from typing import Literal

from sandbox.gmail.labels import Label, system_labels
from sandbox.gmail.mail import Mail, headers_of

HistoryKind = Literal["messageAdded", "messageDeleted", "labelAdded", "labelRemoved", "touched"]

THREAD_LIMIT = 100
"""Messages after which Gmail begins another thread."""

SUBJECT_WINDOW_MS = 30 * 86_400_000
"""How long a reply whose References are unknown finds its thread by subject."""

LARGEST_HISTORY_STEP = 40


@dataclass(slots=True)
class Message:
    """A mail in a mailbox.

    Attributes:
        id: 16 hexadecimal digits, growing with the time of arrival.
        thread_id: Id of the first message of its thread.
        mail: What was sent.
        trace: Header lines this copy got on its way (Delivered-To, Received), with CRLF.
        labels: Ids, in the order they came.
        internal_date: Milliseconds since the epoch; what lists are sorted by.
        history_id: Of the last record that concerns it.
    """

    id: str
    thread_id: str
    mail: Mail
    trace: bytes
    labels: list[str]
    internal_date: int
    history_id: int = 0

    @property
    def raw(self) -> bytes:
        """The whole message."""
        return self.trace + self.mail.raw

    @property
    def size(self) -> int:
        """Bytes of ``raw``."""
        return len(self.trace) + len(self.mail.raw)

    @property
    def key(self) -> tuple[int, int]:
        """What lists are sorted by: the date, then the id."""
        return self.internal_date, int(self.id, 16)

    def own_headers(self) -> list[tuple[str, str]]:
        """The headers in ``trace``."""
        if not self.trace:
            return []
        parsed: Part = BytesHeaderParser().parsebytes(self.trace)
        return list(headers_of(parsed))


@dataclass(frozen=True, slots=True)
class HistoryChange:
    """What happened to one message.

    Attributes:
        kind: What; ``touched`` for changes Gmail does not name.
        message_id: To which message.
        thread_id: Of which thread.
        labels: The message's labels just after it, as the live service is seen to answer.
        moved: Labels that were added or removed.
    """

    kind: HistoryKind
    message_id: str
    thread_id: str
    labels: tuple[str, ...]
    moved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryRecord:
    """One step of the history.

    Attributes:
        id: Grows from record to record, with gaps.
        changes: What happened in it.
    """

    id: int
    changes: tuple[HistoryChange, ...]


@dataclass(slots=True)
class SendAs:
    """An address the mailbox may write as."""

    address: str
    display_name: str = ""
    signature: str = ""
    is_primary: bool = False


@dataclass(slots=True)
class Mailbox:
    """The mailbox behind one address. Its owner holds a lock around every use.

    Attributes:
        address: Primary address of whom it belongs to.
        messages: By id.
        labels: By id.
        history: In order.
        history_id: Of the newest record.
        forgotten: Records up to this id are no longer kept.
        send_as: Addresses to write as.
        delegates: Addresses of people who may read it.
    """

    address: str
    random: Random
    messages: dict[str, Message] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=system_labels)
    history: list[HistoryRecord] = field(default_factory=list)
    history_id: int = 0
    forgotten: int = 0
    send_as: list[SendAs] = field(default_factory=list)
    delegates: list[str] = field(default_factory=list)
    threads: dict[str, list[str]] = field(default_factory=dict)
    _order: list[tuple[int, int]] = field(default_factory=list)
    _by_message_id: dict[str, str] = field(default_factory=dict)
    _by_subject: dict[str, str] = field(default_factory=dict)
    _label_numbers: int = 0
    _last_id: int = 0

    def __post_init__(self) -> None:
        self.history_id = self.random.randint(1_000, 900_000)
        self.forgotten = self.history_id - 1

    def message(self, key: str) -> Message:
        """The message with an id, or with a Message-ID in angle brackets.

        Raises:
            LookupError: There is none.
        """
        found = self.messages.get(key) or self.messages.get(self._by_message_id.get(key, ""))
        if found is None:
            raise LookupError(f"no message {key!r} in the mailbox of {self.address}")
        return found

    def newest_first(self, before: tuple[int, int] | None = None) -> Iterator[Message]:
        """Messages in the order of lists.

        Args:
            before: Key of the last message already seen; None begins with the newest.
        """
        end = len(self._order) if before is None else bisect_left(self._order, before)
        for position in range(end - 1, -1, -1):
            yield self.messages[f"{self._order[position][1]:016x}"]

    def thread(self, thread_id: str) -> list[Message]:
        """The messages of a thread, the oldest first; empty for none."""
        found = [self.messages[key] for key in self.threads.get(thread_id, ())]
        return sorted(found, key=lambda message: message.key)

    def history_after(self, start: int) -> list[HistoryRecord]:
        """The records after an id."""
        begin = bisect_left(self.history, start + 1, key=lambda record: record.id)
        return self.history[begin:]

    def add(
        self, mail: Mail, trace: bytes, labels: Iterable[str], arrived_ms: int, date_ms: int
    ) -> Message:
        """Put a mail in.

        Args:
            mail: What was sent.
            trace: Header lines of this copy.
            labels: Ids of its labels.
            arrived_ms: Time of arrival, which the id is made from.
            date_ms: The internal date.
        """
        new_id = self._new_id(arrived_ms)
        thread_id = self._thread_for(mail, date_ms) or new_id
        message = Message(new_id, thread_id, mail, trace, list(dict.fromkeys(labels)), date_ms)
        self.messages[new_id] = message
        self.threads.setdefault(thread_id, []).append(new_id)
        insort(self._order, message.key)
        if mail.message_id:
            self._by_message_id[mail.message_id] = new_id
        self._by_subject[mail.bare_subject] = new_id
        self._record([(message, "messageAdded", ())])
        return message

    def remove(self, message: Message) -> None:
        """Delete a message for good."""
        del self.messages[message.id]
        self._order.pop(bisect_left(self._order, message.key))
        siblings = self.threads[message.thread_id]
        siblings.remove(message.id)
        if not siblings:
            del self.threads[message.thread_id]
        for index, key in (
            (self._by_message_id, message.mail.message_id),
            (self._by_subject, message.mail.bare_subject),
        ):
            if index.get(key) == message.id:
                del index[key]
        self._record([(message, "messageDeleted", ())])

    def relabel(
        self, messages: Iterable[Message], add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> None:
        """Add and remove labels of some messages: one history record for each direction.

        Raises:
            LookupError: There is no such label.
        """
        wanted, unwanted = tuple(add), tuple(remove)
        for label in (*wanted, *unwanted):
            if label not in self.labels:
                raise LookupError(f"no label {label!r} in the mailbox of {self.address}")
        chosen = list(messages)
        added: list[tuple[Message, HistoryKind, tuple[str, ...]]] = []
        for message in chosen:
            fresh = tuple(label for label in wanted if label not in message.labels)
            if fresh:
                # In front, as the live service shows labels that came later.
                message.labels[:0] = fresh
                added.append((message, "labelAdded", fresh))
        self._record(added)
        removed: list[tuple[Message, HistoryKind, tuple[str, ...]]] = []
        for message in chosen:
            gone = tuple(label for label in unwanted if label in message.labels)
            if gone:
                message.labels[:] = [label for label in message.labels if label not in gone]
                removed.append((message, "labelRemoved", gone))
        self._record(removed)

    def touch(self, message: Message) -> None:
        """Note a change that has no name, as Gmail does after it sent a mail."""
        self._record([(message, "touched", ())])

    def forget_history(self, before: int) -> None:
        """Drop the records up to an id; asking from before it is a 404 from now on."""
        self.forgotten = max(self.forgotten, min(before, self.history_id))
        self.history = self.history_after(self.forgotten)

    def new_label(self, name: str, color: tuple[str, str] | None = None) -> Label:
        """Add a label of one's own.

        Raises:
            ValueError: The name is taken.
        """
        if any(label.name.lower() == name.lower() for label in self.labels.values()):
            raise ValueError(f"the label {name!r} is there already")
        self._label_numbers += 1
        label = Label(f"Label_{self._label_numbers}", name, is_user=True, color=color)
        self.labels[label.id] = label
        return label

    def _record(self, changes: list[tuple[Message, HistoryKind, tuple[str, ...]]]) -> None:
        if not changes:
            return
        self.history_id += self.random.randint(1, LARGEST_HISTORY_STEP)
        for message, _, _ in changes:
            message.history_id = self.history_id
        self.history.append(
            HistoryRecord(
                self.history_id,
                tuple(
                    HistoryChange(kind, m.id, m.thread_id, tuple(m.labels), moved)
                    for m, kind, moved in changes
                ),
            )
        )

    def _new_id(self, arrived_ms: int) -> str:
        """An id out of the time of arrival and chance; within a second it still grows."""
        candidate = (arrived_ms << 20) + self.random.getrandbits(20)
        if arrived_ms <= self._last_id >> 20 < arrived_ms + 1000 and candidate <= self._last_id:
            candidate = self._last_id + self.random.randint(1, 4096)
        while f"{candidate:016x}" in self.messages:
            candidate += 1
        self._last_id = candidate
        return f"{candidate:016x}"

    def _thread_for(self, mail: Mail, date_ms: int) -> str | None:
        """The thread a mail belongs to: by its References, or, for a reply, by its subject.

        Either way the subject has to be the same (support.google.com/mail/answer/5900). Behind a
        full thread the newest one of the subject goes on.
        """
        answers = mail.is_reply
        for reference in mail.references:
            answered = self.messages.get(self._by_message_id.get(reference, ""))
            if answered is not None and answered.mail.bare_subject == mail.bare_subject:
                if self._has_room(answered):
                    return answered.thread_id
                answers = True
        namesake = self.messages.get(self._by_subject.get(mail.bare_subject, ""))
        if not answers or namesake is None or not self._has_room(namesake):
            return None
        if abs(date_ms - namesake.internal_date) > SUBJECT_WINDOW_MS:
            return None
        return namesake.thread_id

    def _has_room(self, message: Message) -> bool:
        return len(self.threads[message.thread_id]) < THREAD_LIMIT
