"""Takes credentials out of log records, error sentences and landed payloads.

Two kinds of secret are known: the ones in use, which exporters register, and the shapes that
vendors give their tokens. Logs and errors lose both. A landed payload loses only what is ours: the
registered secrets, and the credential-bearing parameters of an address that a vendor handed out
(Slack's `?t=xoxe-`, a signed download). A token that a person pasted into a message is content and
stays.
"""

import json
import logging
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote, quote_plus

import orjson

_T = TypeVar("_T")

_MASK: Final = "[redacted]"
_URL_MASK: Final = "redacted"
"""In addresses, where brackets would not be valid."""

_SHORTEST_SECRET: Final = 6
"""A shorter one would blank out ordinary words everywhere."""

_MOST_PASSING: Final = 256
"""Short-lived tokens remembered at a time. A process may get thousands an hour, one a mailbox, and
everything that is searched for all of them would take longer with each."""

# Sources of the shapes: each vendor's own documentation of its token prefixes.
_TOKEN_SHAPES: Final = re.compile(
    r"\bxox[a-z][-.](?:xox[a-z]-)?[A-Za-z0-9-]{10,}"  # Slack
    r"|\b(?:xapp|xwfp)-[A-Za-z0-9-]{10,}"
    r"|\bhooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/]{16,}"
    r"|\bgh[oprsu]_[A-Za-z0-9._-]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"  # GitHub
    r"|\bya29\.[A-Za-z0-9._-]{10,}|\bAIza[A-Za-z0-9_-]{30,}"  # Google
    r"|\bGOCSPX-[A-Za-z0-9_-]{20,}|\b1//[A-Za-z0-9_-]{20,}"
    r"|\bAT(?:ATT|CTT|STT|OA|BB)[A-Za-z0-9_=-]{16,}"  # Atlassian and Bitbucket
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # AWS
    r"|\bEAA[A-Za-z0-9]{40,}"  # Meta
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"  # JSON Web Token
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
_CREDENTIAL_HEADER: Final = re.compile(
    r"\b((?:proxy-)?authorization|private-token|x-[a-z-]*(?:key|token))"
    r"([\"']?\s*[:=]\s*(?:b?[\"'])?|[\"']\s*,\s*b?[\"'])"
    r"((?:bearer|basic|token|digest|negotiate)\s+)?[^\s\"',;)}\]]+",
    re.IGNORECASE,
)
_COOKIE_HEADER: Final = re.compile(
    r"\b((?:set-)?cookie)([\"']?\s*[:=]\s*(?:b?[\"'])?|[\"']\s*,\s*b?[\"'])[^\"'\r\n]+",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{16,}", re.IGNORECASE)
_NAMED_SECRET: Final = re.compile(
    r"\b((?:access|refresh|id|auth|oauth|bot)_?token|token|(?:client_?)?secret|client_assertion"
    r"|api_?key|password|passwd|private_key)"
    r"([\"']?\s*[:=]\s*(?:b?[\"'])?)(?!\[?redacted\b)[^\s\"',;&)}\]]{6,}",
    re.IGNORECASE,
)
_USER_INFO: Final = re.compile(r"(://)[^/\s:@\"']*:[^/\s@\"']+(?=@)")

_PARAMETERS: Final = (
    r"t=(?=xoxe)|key=(?=AIza)|(?:access_|refresh_|id_|auth_|oauth_)?token=|pub_secret=|tempauth="
    r"|(?:client_)?secret=|api_?key=|password=|jwt=|sig=|signature=|appsecret_proof="
    r"|x-(?:amz|goog)-(?:signature|credential|security-token)="
)
"""Names of query parameters that carry a credential: Slack, Google, Meta, Atlassian Connect,
SharePoint (`tempauth`), Azure and the signed addresses of S3 and Google Cloud Storage."""

_PARAMETER: Final = re.compile(rf"([?&](?:amp;)?(?:{_PARAMETERS}))[^&#\s\"'<>|)\]]+", re.IGNORECASE)
_PARAMETER_BYTES: Final = re.compile(rf"[?&](?:amp;)?(?:{_PARAMETERS})".encode(), re.IGNORECASE)
_ADDRESS: Final = re.compile(r"https?://\S+\Z", re.IGNORECASE)

_STANDARD_ATTRIBUTES: Final = frozenset(
    (*vars(logging.makeLogRecord({})), "message", "asctime", "taskName")
)


@dataclass(frozen=True, slots=True)
class _Known:
    """The registered secrets, ready for searching. Replaced as a whole, so readers need no lock."""

    values: frozenset[str] = frozenset()
    needles: tuple[bytes, ...] = ()
    pattern: re.Pattern[str] | None = None


def _known(values: frozenset[str]) -> _Known:
    spellings = {
        spelling
        for value in values
        for spelling in (value, quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1])
    }
    longest_first = sorted(spellings, key=len, reverse=True)
    return _Known(
        values=values,
        # orjson leaves letters beyond ASCII as they are, which json.dumps does not.
        needles=tuple(orjson.dumps(spelling)[1:-1] for spelling in longest_first),
        pattern=re.compile("|".join(map(re.escape, longest_first))) if longest_first else None,
    )


class Redactor:
    """Knows the secrets in use. Safe to share between threads."""

    def __init__(self) -> None:
        self._known = _Known()
        self._passing: tuple[str, ...] = ()
        self._passing_bytes: tuple[bytes, ...] = ()

    def register_passing(self, *secrets: str) -> None:
        """Remembers tokens that die within the hour: the latest ones, and not for good.

        Args:
            secrets: Of letters, digits and signs that JSON and addresses leave as they are.
        """
        new = [one for one in secrets if len(one) >= _SHORTEST_SECRET and one not in self._passing]
        if new:
            self._passing = (*self._passing, *new)[-_MOST_PASSING:]
            self._passing_bytes = tuple(one.encode() for one in self._passing)

    def register(self, *secrets: str | None) -> None:
        """Remembers secrets for as long as the process lives.

        Empty ones and ones shorter than six characters are passed over: they would blank out
        ordinary words.
        """
        new = {secret.strip() for secret in secrets if secret}
        new = {secret for secret in new if len(secret) >= _SHORTEST_SECRET}
        if new - self._known.values:
            self._known = _known(self._known.values | new)

    @property
    def known(self) -> tuple[str, ...]:
        """The secrets it takes out, for another process of the same run to take out too."""
        return (*self._known.values, *self._passing)

    def text(self, text: str) -> str:
        """A log line or an error sentence without registered secrets and known token shapes."""
        text = self._without_registered(text)
        text = _TOKEN_SHAPES.sub(_MASK, text)
        text = _CREDENTIAL_HEADER.sub(rf"\1\2\3{_MASK}", text)
        text = _COOKIE_HEADER.sub(rf"\1\2{_MASK}", text)
        text = _BEARER.sub(rf"\1 {_MASK}", text)
        text = _PARAMETER.sub(rf"\1{_URL_MASK}", text)
        text = _NAMED_SECRET.sub(rf"\1\2{_MASK}", text)
        return _USER_INFO.sub(rf"\1{_URL_MASK}", text)

    def url(self, url: str) -> str:
        """An address without credential-bearing parameters, user info and registered secrets."""
        url = _PARAMETER.sub(rf"\1{_URL_MASK}", url)
        return self._without_registered(_USER_INFO.sub(rf"\1{_URL_MASK}", url), _URL_MASK)

    def payload(self, payload: _T) -> _T:
        """A landed payload without our secrets and without signed addresses.

        Strings that are an address as a whole lose the values of credential-bearing parameters.
        Everything else, token shapes included, stays as it came.

        Returns:
            The same object where there is nothing to take out, else a copy.
        """
        try:
            data = orjson.dumps(payload)
        except TypeError:
            # Not plain JSON (a number beyond 64 bits, a lone surrogate): look at every string.
            return self._clean(payload)  # type: ignore[no-any-return]
        if self.finds_secrets(data):
            return self._clean(payload)  # type: ignore[no-any-return]
        return payload

    def finds_secrets(self, data: bytes) -> bool:
        """Whether a payload, as JSON, holds anything that `payload` would take out."""
        needles = (*self._known.needles, *self._passing_bytes)
        return any(needle in data for needle in needles) or bool(
            b"://" in data and _PARAMETER_BYTES.search(data)
        )

    def _without_registered(self, text: str, mask: str = _MASK) -> str:
        pattern = self._known.pattern
        text = pattern.sub(mask, text) if pattern else text
        for token in self._passing:
            if token in text:
                text = text.replace(token, mask)
        return text

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.url(value) if _ADDRESS.match(value) else self._without_registered(value)
        if isinstance(value, Mapping):
            return {self._clean(name): self._clean(item) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._clean(item) for item in value]
        return value


redactor: Final = Redactor()
"""The process's redactor: exporters register their credentials here, logs and landing use it."""


class RedactingFilter(logging.Filter):
    """Cleans log records: the formatted message, arguments, extra fields, traceback and stack.

    Put it on handlers: a filter on a logger does not see the records of the loggers below it.
    A record without secrets passes untouched.
    """

    def __init__(self, redactor: Redactor = redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Cleans the record in place and lets it pass."""
        self._clean_message(record)
        self._clean_traceback(record)
        if record.stack_info:
            record.stack_info = self._redactor.text(record.stack_info)
        for name in record.__dict__.keys() - _STANDARD_ATTRIBUTES:
            record.__dict__[name] = self._clean_field(record.__dict__[name])
        return True

    def _clean_message(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # logging would print the unformatted parts to stderr as they are.
            message = f"{record.msg!s} {record.args!r}"
            record.msg, record.args = self._redactor.text(message), None
            return
        clean = self._redactor.text(message)
        if clean != message:
            record.msg, record.args = clean, None

    def _clean_traceback(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[0] is not None:
            text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
            clean = self._redactor.text(text)
            if clean != text:
                # The exception itself would be formatted again by the next handler.
                record.exc_text, record.exc_info = clean, None
        if record.exc_text:
            record.exc_text = self._redactor.text(record.exc_text)

    def _clean_field(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redactor.text(value)
        if isinstance(value, Mapping):
            return {name: self._clean_field(item) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._clean_field(item) for item in value]
        return value


def redact_all_logs(redactor: Redactor = redactor) -> None:
    """Cleans every log record of the process where it is made, whatever handlers there are.

    For programs whose handlers are set up elsewhere. Fields given by `extra=` are added after that
    point and need a `RedactingFilter` on the handler. Calling it again changes nothing.
    """
    make = logging.getLogRecordFactory()
    if isinstance(make, _RedactingFactory):
        return
    logging.setLogRecordFactory(_RedactingFactory(make, RedactingFilter(redactor)))


class _RedactingFactory:
    def __init__(self, make: Any, clean: RedactingFilter) -> None:
        self._make = make
        self._clean = clean

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*args, **kwargs)
        self._clean.filter(record)
        return record
