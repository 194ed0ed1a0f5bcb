"""Reads the headers of a mail: encoded words, addresses, dates, message ids. Never raises.

Gmail sends some headers decoded and some as they were on the wire; an mbox file has them all as
they were. Both come to the same here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any, Final

from documents.text import normalize_text
from exporters.gmail.charsets import decode_text

_LONGEST_VALUE: Final = 64 * 1024
_MOST_ADDRESSES: Final = 1_000
_MOST_REFERENCES: Final = 200

_MESSAGE_ID: Final = re.compile(r"<\s*([^<>\s]{1,998})\s*>")
_ADDRESS: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w.-]{1,255}")
_ENCODED_WORD: Final = re.compile(r"=\?[^?\s]{1,60}\?[bBqQ]\?")

_EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)
_LATEST_YEAR: Final = 2200

Headers = Sequence[Mapping[str, Any]]
"""As Gmail gives them: `{name, value}`, in their order, names possibly repeated."""


class HeaderFields:
    """The headers of a mail or of a part, by name in any case."""

    def __init__(self, headers: Headers | None) -> None:
        self._values: dict[str, list[str]] = {}
        for header in headers or ():
            name, value = header.get("name"), header.get("value")
            if isinstance(name, str) and isinstance(value, str):
                self._values.setdefault(name.lower(), []).append(value[:_LONGEST_VALUE])

    def raw(self, name: str) -> str:
        """The first value as it stands; empty where there is none."""
        values = self._values.get(name.lower())
        return values[0] if values else ""

    def all(self, name: str) -> list[str]:
        """Every value of a header that may be repeated."""
        return list(self._values.get(name.lower(), ()))

    def text(self, name: str) -> str:
        """The first value on one line, encoded words decoded."""
        return header_text(self.raw(name))

    def addresses(self, name: str) -> list[dict[str, str]]:
        """Every address of a header, each with its `name` (possibly empty) and `address`."""
        return addresses(self.all(name))

    def message_ids(self, name: str) -> list[str]:
        """Message ids without their angle brackets, in order, each once."""
        return message_ids(" ".join(self.all(name)))

    def date(self, name: str) -> datetime | None:
        """A date in UTC; None where it cannot be one."""
        return header_date(self.raw(name))

    def parameter(self, name: str, parameter: str) -> str:
        """A parameter of a structured header (`charset` of `Content-Type`), decoded."""
        return parameter_of(self.raw(name), parameter)


def header_text(value: str) -> str:
    """A header's value on one line, encoded words (RFC 2047) decoded.

    What cannot be decoded stays as it is.
    """
    value = " ".join(value[:_LONGEST_VALUE].split())
    # Beginnings without an end would cost the library's search quadratic time.
    end = value.rfind("?=") + 2
    if end > 1 and _ENCODED_WORD.search(value, 0, end):
        value, rest = value[:end], value[end:]
        try:
            parts = decode_header(value)
        except (HeaderParseError, ValueError, IndexError):
            parts = [(value, None)]
        words = (
            part if isinstance(part, str) else decode_text(part, charset or "us-ascii")
            for part, charset in parts
        )
        value = "".join([*words, rest])
    return " ".join(normalize_text(value).split())


def addresses(values: Iterable[str]) -> list[dict[str, str]]:
    """The addresses in values of `From`, `To` and the like, each once and in order."""
    found: dict[str, dict[str, str]] = {}
    for value in values:
        for name, given in _pairs(" ".join(value[:_LONGEST_VALUE].split())):
            address = header_text(given).lower()
            if len(found) >= _MOST_ADDRESSES:
                return list(found.values())
            if "@" in address:
                found.setdefault(address, {"name": _plain_name(name, address), "address": address})
    return list(found.values())


def _pairs(value: str) -> list[tuple[str, str]]:
    """Names and addresses; where a header is beyond the library, whatever looks like an address."""
    try:
        pairs = getaddresses([value])
    except (RecursionError, ValueError, IndexError, TypeError):
        pairs = []
    if any("@" in address for _, address in pairs):
        return pairs
    # Commas in names that were encoded once, but arrive decoded and without quotation marks.
    loose = re.findall(r"([^<>]{0,300})<([^<>\s]{1,320})>", value)
    if loose:
        return [(name.strip(' ,;"'), address) for name, address in loose[:_MOST_ADDRESSES]]
    return [("", address) for address in _ADDRESS.findall(value)[:_MOST_ADDRESSES]]


def _plain_name(name: str, address: str) -> str:
    name = header_text(name).strip("\"' ")
    return "" if name.lower() == address else name


def message_ids(value: str) -> list[str]:
    """Message ids in a header's value, without angle brackets, in order, each once."""
    value = value[:_LONGEST_VALUE]
    found = _MESSAGE_ID.findall(value)
    if not found and "@" in value and "<" not in value:
        found = [word for word in value.split() if "@" in word]
    plain = (normalize_text(one) for one in found)
    return [one for one in dict.fromkeys(plain) if one][:_MOST_REFERENCES]


def header_date(value: str) -> datetime | None:
    """A date of a header in UTC; None where it makes no sense."""
    try:
        moment = parsedate_to_datetime(" ".join(value[:200].split()))
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment >= _EARLIEST and moment.year < _LATEST_YEAR else None


def parameter_of(value: str, parameter: str) -> str:
    """A parameter of a structured header, also one in pieces or with a charset (RFC 2231)."""
    if not value:
        return ""
    message = Message()
    message["Content-Type"] = " ".join(value[:_LONGEST_VALUE].split())
    try:
        found = message.get_param(parameter)
    except (ValueError, LookupError, TypeError):
        return ""
    if isinstance(found, tuple):
        charset, _, text = found
        data = str(text or "").encode("latin-1", "replace")
        return header_text(decode_text(data, charset or "us-ascii"))
    return header_text(found) if isinstance(found, str) else ""
