"""Gmail's search (support.google.com/mail/answer/7190), as far as clients of the API use it.

Words, "phrases", ``-`` for not, ``OR`` and braces for either, brackets, and the operators of
:data:`OPERATORS`. Dates without a time are midnight in California, which is what the API is seen to
do; whole numbers are seconds since the epoch.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sandbox.gmail import labels as ids
from sandbox.gmail.mailbox import Mailbox, Message

Test = Callable[[Message], bool]

PACIFIC = ZoneInfo("America/Los_Angeles")

_TOKEN = re.compile(
    r"\s*(?P<sign>-)?(?:(?P<operator>[A-Za-z_0-9]+):)?"
    r'(?:"(?P<phrase>[^"]*)"?|(?P<open>[({])|(?P<word>[^\s(){}"]+))|\s*(?P<close>[)}])'
)
_DATE = re.compile(r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})\Z")
_AGE = re.compile(r"(\d+)([dmy])\Z")
_SIZE = re.compile(r"(\d+)([kmKM]?)[bB]?\Z")
_AGE_DAYS = {"d": 1, "m": 30, "y": 365}
_SIZE_UNITS = {"": 1, "k": 1024, "m": 1024 * 1024}
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Query:
    """A search that was read.

    Attributes:
        test: Whether a message is found.
        shows_hidden: Whether it looks into spam and trash.
    """

    test: Test
    shows_hidden: bool


def read_query(text: str, mailbox: Mailbox, now: float) -> Query:
    """Read what stands in ``q``.

    Args:
        text: The search; empty finds everything.
        mailbox: Whose labels are meant.
        now: Seconds since the epoch, for ``newer_than``.
    """
    reader = _Reader(text, mailbox, now)
    test = reader.everything()
    return Query(test, reader.shows_hidden)


class _Reader:
    def __init__(self, text: str, mailbox: Mailbox, now: float) -> None:
        self.shows_hidden = False
        self._text = text
        self._position = 0
        self._mailbox = mailbox
        self._now = now

    def everything(self) -> Test:
        """What the whole search asks for."""
        return _every(self._clauses())

    def _clauses(self) -> list[Test]:
        """The conditions up to a closing bracket or the end; OR makes one of its neighbours."""
        clauses: list[Test] = []
        joins = False
        while (match := self._next()) is not None:
            if match["close"]:
                break
            if match["word"] in ("OR", "|") and not match["operator"]:
                joins = bool(clauses)
                continue
            if match["word"] == "AND" and not match["operator"]:
                continue
            clause = self._clause(match)
            if joins:
                clause = _either([clauses.pop(), clause])
                joins = False
            clauses.append(clause)
        return clauses

    def _next(self) -> re.Match[str] | None:
        match = _TOKEN.match(self._text, self._position)
        if match is None or match.end() == self._position:
            return None
        self._position = match.end()
        return match

    def _clause(self, match: re.Match[str]) -> Test:
        operator = (match["operator"] or "").lower()
        if match["open"]:
            inner = self._group(match["open"], operator)
        else:
            value = match["phrase"] if match["phrase"] is not None else match["word"]
            inner = self._term(operator, value)
        if match["sign"]:
            return lambda message: not inner(message)
        return inner

    def _group(self, bracket: str, operator: str) -> Test:
        if operator:
            end = self._text.find(")" if bracket == "(" else "}", self._position)
            end = len(self._text) if end < 0 else end
            values = self._text[self._position : end].split()
            self._position = end + 1
            tests = [self._term(operator, value.strip('"')) for value in values if value != "OR"]
            either = bracket == "{" or "OR" in values
            return _either(tests) if either else _every(tests)
        clauses = self._clauses()
        return _every(clauses) if bracket == "(" else _either(clauses)

    def _term(self, operator: str, value: str) -> Test:
        make = OPERATORS.get(operator)
        if operator and make is None:
            # What is no operator is a word with a colon in it.
            return _words(f"{operator}:{value}")
        if make is not None:
            return make(self, value)
        return _words(value)

    def reveal(self) -> None:
        """The search names a place that lists do not show by themselves."""
        self.shows_hidden = True

    @property
    def mailbox(self) -> Mailbox:
        """Whose mail is searched."""
        return self._mailbox

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now


def _every(tests: list[Test]) -> Test:
    return lambda message: all(test(message) for test in tests)


def _either(tests: list[Test]) -> Test:
    return lambda message: any(test(message) for test in tests)


def _never(_: Message) -> bool:
    return False


def _words(text: str) -> Test:
    """Whole words, in the order they stand, anywhere in a mail."""
    words = _WORD.findall(text.lower())
    if not words:
        return lambda _: True
    pattern = re.compile(r"(?<![^\W_])" + r"[\W_]+".join(map(re.escape, words)) + r"(?![^\W_])")
    return lambda message: pattern.search(message.mail.searchable) is not None


def _header(*names: str) -> Callable[[_Reader, str], Test]:
    def make(reader: _Reader, value: str) -> Test:
        wanted = reader.mailbox.address if value.lower() == "me" else value.lower()
        words = _WORD.findall(wanted)
        if not words:
            return _never
        pattern = re.compile(r"(?<![^\W_])" + r"[\W_]+".join(map(re.escape, words)) + r"(?![^\W_])")
        return lambda message: any(
            pattern.search(message.mail.header(name).lower()) is not None for name in names
        )

    return make


def _labelled(label: str) -> Test:
    return lambda message: label in message.labels


def _label(reader: _Reader, value: str) -> Test:
    wanted = _label_key(value)
    for label in reader.mailbox.labels.values():
        if wanted in (_label_key(label.name), label.id.lower()):
            if label.id in (ids.TRASH, ids.SPAM):
                reader.reveal()
            return _labelled(label.id)
    return _never


def _label_key(name: str) -> str:
    return re.sub(r"[ /]", "-", name.lower())


def _in(reader: _Reader, value: str) -> Test:
    place = value.lower()
    if place == "anywhere":
        reader.reveal()
        return lambda _: True
    if place in ("trash", "spam"):
        reader.reveal()
    if place == "archive":
        hidden = {ids.INBOX, ids.TRASH, ids.SPAM, ids.DRAFT, ids.SENT}
        return lambda message: not hidden & set(message.labels)
    return _label(reader, "draft" if place == "drafts" else place)


def _is(reader: _Reader, value: str) -> Test:
    state = value.lower()
    if state == "read":
        return lambda message: ids.UNREAD not in message.labels
    return _label(reader, state) if state in ("unread", "starred", "important") else _never


def _has(_: _Reader, value: str) -> Test:
    if value.lower() == "attachment":
        return lambda message: bool(message.mail.filenames)
    return _never


def _category(reader: _Reader, value: str) -> Test:
    return _label(reader, f"category_{'personal' if value.lower() == 'primary' else value}")


def _filename(_: _Reader, value: str) -> Test:
    wanted = value.lower()
    return lambda message: any(
        name == wanted or name.endswith(f".{wanted}") or wanted in _WORD.findall(name)
        for name in message.mail.filenames
    )


def _moment(value: str) -> int | None:
    """Milliseconds of a date or of a number of seconds."""
    if value.isascii() and value.isdigit() and len(value) > 4:
        return int(value) * 1000
    match = _DATE.match(value)
    if match is None:
        return None
    year, month, day = (int(part) for part in match.groups())
    try:
        return int(datetime(year, month, day, tzinfo=PACIFIC).timestamp()) * 1000
    except ValueError:
        return None


def _after(_: _Reader, value: str) -> Test:
    moment = _moment(value)
    return _never if moment is None else lambda message: message.internal_date >= moment


def _before(_: _Reader, value: str) -> Test:
    moment = _moment(value)
    return _never if moment is None else lambda message: message.internal_date < moment


def _newer_than(reader: _Reader, value: str) -> Test:
    border = _border(reader, value)
    return _never if border is None else lambda message: message.internal_date >= border


def _older_than(reader: _Reader, value: str) -> Test:
    border = _border(reader, value)
    return _never if border is None else lambda message: message.internal_date < border


def _border(reader: _Reader, value: str) -> int | None:
    match = _AGE.match(value.lower())
    if match is None:
        return None
    age = timedelta(days=int(match[1]) * _AGE_DAYS[match[2]])
    return int((reader.now - age.total_seconds()) * 1000)


def _larger(_: _Reader, value: str) -> Test:
    size = _bytes(value)
    return _never if size is None else lambda message: message.size > size


def _smaller(_: _Reader, value: str) -> Test:
    size = _bytes(value)
    return _never if size is None else lambda message: message.size < size


def _bytes(value: str) -> int | None:
    match = _SIZE.match(value)
    return None if match is None else int(match[1]) * _SIZE_UNITS[match[2].lower()]


def _message_id(_: _Reader, value: str) -> Test:
    wanted = f"<{value.strip('<>')}>"
    return lambda message: message.mail.message_id == wanted


OPERATORS: Mapping[str, Callable[[_Reader, str], Test]] = {
    "from": _header("From"),
    "to": _header("To", "Cc", "Bcc"),
    "cc": _header("Cc"),
    "bcc": _header("Bcc"),
    "subject": _header("Subject"),
    "list": _header("List-Id"),
    "label": _label,
    "in": _in,
    "is": _is,
    "has": _has,
    "category": _category,
    "filename": _filename,
    "after": _after,
    "newer": _after,
    "before": _before,
    "older": _before,
    "newer_than": _newer_than,
    "older_than": _older_than,
    "larger": _larger,
    "size": _larger,
    "smaller": _smaller,
    "rfc822msgid": _message_id,
}
"""Operators by name, without the colon."""
