"""How long a vendor asks to wait: one parser for every form its headers take.

The forms, by vendor: `Retry-After` in seconds (Slack, Graph), as a float, or as an HTTP date
(RFC 9110, 10.2.3); `retry-after-ms` (Azure); `X-RateLimit-Reset` as an epoch (GitHub, X) or as an
ISO time (Jira Cloud); `RateLimit-Reset` as a delta (IETF draft, Graph) or as an epoch (Bluesky);
`RateLimit: ...;r=0;t=30` (newer draft); Jira Data Center's fill rate; Meta's usage header in
minutes.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_NUMBER: Final = re.compile(r"[+]?([0-9]{1,17}(?:\.[0-9]*)?)\s*(?:,.*)?")
"""A number, alone or as the first of a list: proxies join repeated headers with a comma."""

_EPOCH_SECONDS: Final = 1e9
_EPOCH_MILLISECONDS: Final = 1e11
_NOT_A_TIME: Final = 1e14
"""A delta of 1e9 seconds would be 31 years, so from there on a number is a moment."""

_RESET_HEADERS: Final = ("x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset")
_REMAINING_HEADERS: Final = (
    "x-ratelimit-remaining",
    "x-rate-limit-remaining",
    "ratelimit-remaining",
)
_IN_WORDS: Final = re.compile(r"retry after (\d{4}-\d\d-\d\dT[\d:.]+Z)", re.IGNORECASE)
_DRAFT_FIELD: Final = re.compile(r";\s*([rt])=([0-9]{1,17})")
_USAGE_HEADER: Final = "x-business-use-case-usage"


def lower_headers(headers: Mapping[str, object] | None) -> dict[str, str]:
    """Headers with lower-case names and text values, whatever an SDK made of them.

    A list of values becomes its first one.
    """
    plain: dict[str, str] = {}
    for name, value in (headers or {}).items():
        first = value[0] if isinstance(value, (list, tuple)) and value else value
        text = first.decode("latin-1") if isinstance(first, bytes) else str(first)
        plain[str(name).lower()] = text
    return plain


def server_time(headers: Mapping[str, object] | None) -> datetime:
    """The moment by the server's `Date` header, or by the local clock where there is none.

    Dates in the same answer are meant by the server's clock, which may differ from ours.
    """
    date = lower_headers(headers).get("date")
    return (_moment(date) if date else None) or datetime.now(UTC)


def parse_retry_after(value: object, *, now: datetime) -> float | None:
    """Seconds from `now` that one header value means.

    Args:
        value: A number of seconds, a moment as an epoch (seconds or milliseconds), an HTTP date or
            an ISO 8601 time.
        now: The server's time, with a zone.

    Returns:
        Seconds, 0.0 for a moment that has passed, None for anything else (negative numbers, `nan`,
        words). There is no upper bound: the caller knows how long it can wait.
    """
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    text = text.strip()
    number = _NUMBER.fullmatch(text)
    if number is None:
        moment = _moment(text)
        return None if moment is None else max(0.0, (moment - now).total_seconds())
    amount = float(number.group(1))
    if amount < _EPOCH_SECONDS:
        return amount
    if amount >= _NOT_A_TIME:
        return None
    seconds = amount / 1000 if amount >= _EPOCH_MILLISECONDS else amount
    return max(0.0, seconds - now.timestamp())


def retry_after_seconds(
    headers: Mapping[str, object] | None, *, now: datetime | None = None
) -> float | None:
    """Seconds to wait by the headers of an answer that refuses or fails.

    `Retry-After` wins. A reset time counts only where nothing remains of the allowance: GitHub's
    answers to a secondary limit carry the reset of the primary one, up to an hour away.

    Args:
        headers: The answer's headers, in any case.
        now: The clock to measure moments against; by default the answer's own `Date`.

    Returns:
        Seconds, unbounded above; None where the headers do not tell.
    """
    plain = lower_headers(headers)
    clock = now or server_time(plain)
    asked = [
        parse_retry_after(plain["retry-after"], now=clock) if "retry-after" in plain else None,
        _milliseconds(plain),
        _reset(plain, clock),
        _draft(plain.get("ratelimit", "")),
        _fill_rate(plain),
        _meta_usage(plain.get(_USAGE_HEADER, "")),
    ]
    known = [seconds for seconds in asked if seconds is not None]
    # Jira Data Center says `Retry-After: 0` beside a fill rate that asks for more than that.
    return next((seconds for seconds in known if seconds > 0), 0.0 if known else None)


def wait_in_words(text: str, headers: Mapping[str, object] | None = None) -> float | None:
    """Seconds to wait by the words of an error: Gmail tells the moment in its sentence alone.

    Args:
        text: "User-rate limit exceeded.  Retry after 2026-11-20T12:00:07.512Z".
        headers: The answer's headers, whose `Date` the moment is measured against.
    """
    found = _IN_WORDS.search(text)
    return parse_retry_after(found.group(1), now=server_time(headers)) if found else None


def _moment(text: str) -> datetime | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(text.strip())
            # Naive means UTC here: RFC 9110 allows no other zone, and `-0000` is parsed as naive.
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return moment.astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _milliseconds(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after-ms") or headers.get("x-ms-retry-after-ms") or ""
    number = _NUMBER.fullmatch(value.strip())
    return float(number.group(1)) / 1000 if number else None


def _reset(headers: Mapping[str, str], now: datetime) -> float | None:
    for name in _REMAINING_HEADERS:
        number = _NUMBER.fullmatch(headers.get(name, "").strip())
        if number and float(number.group(1)) > 0:
            return None
    for name in _RESET_HEADERS:
        if name in headers:
            return parse_retry_after(headers[name], now=now)
    return None


def _draft(value: str) -> float | None:
    fields = dict(_DRAFT_FIELD.findall(value))
    return float(fields["t"]) if "t" in fields and not int(fields.get("r", "0")) else None


def _fill_rate(headers: Mapping[str, str]) -> float | None:
    """Seconds until one token is back, at least one: Jira Data Center's token bucket."""
    rate = _NUMBER.fullmatch(headers.get("x-ratelimit-fillrate", "").strip())
    interval = _NUMBER.fullmatch(headers.get("x-ratelimit-interval-seconds", "").strip())
    remaining = headers.get("x-ratelimit-remaining", "0").strip()
    if not rate or not interval or remaining != "0" or not float(rate.group(1)):
        return None
    return max(1.0, math.ceil(float(interval.group(1)) / float(rate.group(1))))


def _meta_usage(value: str) -> float | None:
    """The longest of the waits in Meta's JSON header, which counts in minutes."""
    try:
        usage = json.loads(value)
        minutes = [
            float(entry["estimated_time_to_regain_access"])
            for entries in usage.values()
            for entry in entries
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    longest = max(minutes, default=0.0)
    return longest * 60 if 0 < longest < _EPOCH_SECONDS else None
