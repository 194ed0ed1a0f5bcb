"""The one place that turns answers and exceptions into the errors of `exporters.errors`.

What a vendor's own code means is data: a source passes its table of `ErrorRule`s. What is common to
all of them is here: HTTP statuses, answers of status 200 that are failures (Slack's `ok: false`,
GraphQL's `errors`, the inner answers of a batch) and what goes wrong on the wire.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from exporters.error_bodies import (
    batch_headers,
    body_codes,
    body_text,
    entry_codes,
    is_code,
    parse_body,
)
from exporters.errors import (
    AuthenticationError,
    CursorExpiredError,
    DataVolumeError,
    ExportError,
    InvalidDataError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    TransientError,
)
from exporters.redaction import redactor
from exporters.retry_after import lower_headers, retry_after_seconds, server_time, wait_in_words
from exporters.wire_failures import carried_answer, exception_chain, wire_failure

_SECONDARY_WAIT: Final = 60.0
"""Seconds. GitHub asks for at least a minute after a secondary limit that names no time."""

_LIMIT_TEXT: Final = re.compile(
    r"rate limit|abuse detection|too many requests|quota (?:has been )?exceeded", re.IGNORECASE
)
_LESS_DATA_TEXT: Final = re.compile(r"reduce the amount of data", re.IGNORECASE)
"""Meta's words, sent with status 400 or 500 and the code of any transient failure."""

_LATER_TEXT: Final = re.compile(
    r"tim(?:ed|e) ?out|something went wrong|temporarily|try again", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRule:
    """What one code of a vendor means.

    Attributes:
        error: The class of error to make of it.
        message: One sentence: what happened and where. May use `{service}`, `{request}`, `{code}`,
            `{detail}` (the vendor's words), `{wait}` (" of 30 s" or nothing), `{needed}` and
            `{provided}` (Slack's scopes).
        hint: What a person does about it, as a sentence; the same fields may be used.
        retry_after: Seconds to wait after a rate limit whose answer names no time.
    """

    error: type[ExportError]
    message: str
    hint: str = ""
    retry_after: float | None = None


ErrorRules = Mapping[str, ErrorRule]
"""Rules by the vendor's code (`missing_scope`, `rateLimitExceeded`, Meta's `190` or `100/33`), or
by status as `HTTP 410` where a source gives a status a meaning of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInfo:
    """What was asked, as far as an error has to say.

    Attributes:
        service: What a person calls the service.
        name: The method or path asked for, without a query.
        scope: What a rate limit of it covers: a method, a tier, or `*` for the whole credential.
        page_size: Items asked for at once, where the answer is a page.
        item: The vendor's id of the one item asked for.
    """

    service: str = "The service"
    name: str = "the request"
    scope: str = "*"
    page_size: int | None = None
    item: str | None = None


@dataclass(frozen=True, slots=True)
class PartFailure:
    """One entry of GraphQL's `errors`: where in the data, and what."""

    path: tuple[str | int, ...]
    error: ExportError


@dataclass(frozen=True, slots=True)
class InnerAnswer:
    """One answer of a batch.

    Attributes:
        id: The id given in the request, or the position as text.
        status: Its own HTTP status; 0 where the vendor sent nothing for it.
        headers: Its headers, names in lower case.
        body: Its body, parsed where it is JSON.
        error: What went wrong; None for a success.
    """

    id: str
    status: int
    headers: Mapping[str, str]
    body: Any
    error: ExportError | None


def classify_response(
    status: int,
    headers: Mapping[str, object] | None,
    body: Any,
    *,
    codes: ErrorRules | None = None,
    about: RequestInfo | None = None,
    allow_partial: bool = False,
) -> ExportError | None:
    """What an HTTP answer means.

    Args:
        status: The HTTP status.
        headers: The answer's headers, in any case.
        body: Parsed JSON, or the raw text or bytes.
        codes: What the vendor's own codes mean. They win over everything known here.
        about: What was asked, for the sentences.
        allow_partial: Accept GraphQL's partial data, where every error concerns one part of it. The
            caller then looks at `graphql_failures`.

    Returns:
        The error, not raised; None for a success.
    """
    if isinstance(body, (str, bytes)):
        body = parse_body(body)
    answer = _Answer(status, headers, body, codes or {}, about or RequestInfo())
    if status < 300 or status == 304:
        return answer.hidden_failure(allow_partial=allow_partial)
    return answer.failure(body_codes(body, answer.headers), body_text(body))


def answer_too_large(limit: int, about: RequestInfo) -> ExportError:
    """The error of an answer of more than `limit` bytes: ask for less, or set the item aside."""
    message = (
        f"{about.service} answered {about.name} with more than {limit} bytes, "
        "the setting `max_json_bytes`."
    )
    return _make(DataVolumeError, message, hint=_HINTS[DataVolumeError], code=None, about=about)


def graphql_failures(
    body: Any, *, codes: ErrorRules | None = None, about: RequestInfo | None = None
) -> list[PartFailure]:
    """Every entry of an answer's `errors`, classified. Empty where there are none."""
    answer = _Answer(200, None, body, codes or {}, about or RequestInfo())
    return answer.part_failures()


def classify_batch(
    body: Any, *, codes: ErrorRules | None = None, about: RequestInfo | None = None
) -> list[InnerAnswer]:
    """The inner answers of a batch, each with its own error.

    Understands Microsoft Graph's `{"responses": [{id, status, headers, body}]}` and Meta's list of
    `{code, headers, body}`, where an entry may be null.
    """
    entries = body.get("responses") if isinstance(body, Mapping) else body
    answers = []
    for position, entry in enumerate(entries if isinstance(entries, Sequence) else ()):
        inner = entry if isinstance(entry, Mapping) else {}
        status = _integer(inner.get("status", inner.get("code")))
        headers = lower_headers(batch_headers(inner.get("headers")))
        inner_body = inner.get("body")
        if isinstance(inner_body, (str, bytes)):
            inner_body = parse_body(inner_body)
        error = (
            classify_response(status, headers, inner_body, codes=codes, about=about)
            if status
            else _left_out(about or RequestInfo())
        )
        answers.append(
            InnerAnswer(str(inner.get("id", position)), status, headers, inner_body, error)
        )
    return answers


def classify_exception(
    error: BaseException, *, codes: ErrorRules | None = None, about: RequestInfo | None = None
) -> ExportError | None:
    """What an exception means that a client library raised.

    Looks along the chain of causes for an answer of the vendor (any exception that carries a
    status and headers, or a response that does) and for failures of the wire, by the names of the
    classes, so no library is imported for it.

    Returns:
        The error, not raised; None where the exception is neither, which is a mistake in a program
        and should be raised as it is.
    """
    about = about or RequestInfo()
    chain = exception_chain(error)
    for link in chain:
        if isinstance(link, ExportError):
            return link
        answer = carried_answer(link)
        classified = classify_response(*answer, codes=codes, about=about) if answer else None
        if classified is not None:
            return classified
    found = wire_failure(chain)
    if found is None:
        return None
    failure, detail = found
    fields = _Fields(service=about.service, request=about.name, detail=detail)
    message = failure.message.format_map(fields)
    return _make(failure.error, message, hint=failure.hint, code=failure.code, about=about)


class _Answer:
    """One answer and what is needed to tell what it means."""

    def __init__(
        self,
        status: int,
        headers: Mapping[str, object] | None,
        body: Any,
        rules: ErrorRules,
        about: RequestInfo,
    ) -> None:
        self.status = status
        self.headers = lower_headers(headers)
        self.body = body
        self._rules = rules
        self._about = about

    def hidden_failure(self, *, allow_partial: bool) -> ExportError | None:
        """A failure told with a status of success."""
        if not isinstance(self.body, Mapping):
            return None
        if self.body.get("ok") is False:
            code = str(self.body.get("error", ""))
            if is_code(code):
                return self.failure([code], body_text(self.body))
            # slack_sdk puts its own words here when the answer was cut off or was a web page.
            sentence = "{service} answered {request} with something that is not JSON."
            return self._plain(TransientError, message=sentence)
        failures = [part.error for part in self.part_failures()]
        has_data = any(value is not None for value in _items(self.body.get("data")))
        if not failures or (
            allow_partial and has_data and all(isinstance(one, _OF_ONE_PART) for one in failures)
        ):
            return None
        return min(failures, key=_rank)

    def part_failures(self) -> list[PartFailure]:
        entries = self.body.get("errors") if isinstance(self.body, Mapping) else None
        if not isinstance(entries, list) or not all(isinstance(one, Mapping) for one in entries):
            return []
        return [
            PartFailure(
                path=tuple(path) if isinstance(path := entry.get("path"), list) else (),
                error=self.failure(entry_codes(entry), body_text(entry)),
            )
            for entry in entries
        ]

    def failure(self, codes: Sequence[str], text: str) -> ExportError:
        """The error of an answer that is known to be a failure."""
        told = [code for code in codes if code != str(self.status)]
        for code in (*told, f"HTTP {self.status}"):
            if code in self._rules:
                return self._by_rule(self._rules[code], code, text)
        common = ""
        if self.status != 401 and self.status < 500:
            common = next((code for code in told if code in _COMMON_CODES), "")
        if _LESS_DATA_TEXT.search(text):
            return self._plain(DataVolumeError, code=common or None, text=text)
        meaning = _COMMON_CODES[common] if common else self._by_status(text)
        return self._plain(meaning, code=common or next(iter(told), None), text=text)

    def _by_status(self, text: str) -> type[ExportError]:
        if self.status < 300:
            return TransientError if _LATER_TEXT.search(text) else InvalidDataError
        limited = self.status == 403 and self._is_rate_limit(text)
        # Graph and Jira throttle with 503 too; whatever asks for a wait is given one.
        if limited or (self.status == 503 and self._wait()):
            return RateLimitError
        if self.status >= 500:
            return TransientError
        return _BY_STATUS.get(self.status, InvalidDataError)

    def _is_rate_limit(self, text: str) -> bool:
        nothing_left = self.headers.get("x-ratelimit-remaining") == "0"
        return nothing_left or "retry-after" in self.headers or bool(_LIMIT_TEXT.search(text))

    def _wait(self) -> float | None:
        return retry_after_seconds(self.headers)

    def _by_rule(self, rule: ErrorRule, code: str, text: str) -> ExportError:
        wait = self._wait()
        wait = rule.retry_after if wait is None else wait
        fields = self._fields(code, text, wait)
        return _make(
            rule.error,
            rule.message.format_map(fields),
            hint=rule.hint.format_map(fields),
            code=code,
            about=self._about,
            retry_after=wait,
        )

    def _plain(
        self,
        error: type[ExportError],
        *,
        message: str | None = None,
        code: str | None = None,
        text: str = "",
    ) -> ExportError:
        wait = self._wait()
        if wait is None and code in _UNTIL_PACIFIC_MIDNIGHT:
            wait = _seconds_to_pacific_midnight(server_time(self.headers))
        elif wait is None and "secondary rate limit" in text.lower():
            wait = _SECONDARY_WAIT
        elif wait is None:
            wait = wait_in_words(text, self.headers)
        return _make(
            error,
            (message or _SENTENCES[error]).format_map(self._fields(code, text, wait)),
            hint=_HINTS.get(error, ""),
            code=code,
            about=self._about,
            retry_after=wait,
        )

    def _fields(self, code: str | None, text: str, wait: float | None) -> "_Fields":
        body = self.body if isinstance(self.body, Mapping) else {}
        reason = code if self.status < 300 else f"HTTP {self.status}"
        return _Fields(
            service=self._about.service,
            request=self._about.name,
            code=code or "",
            detail=text,
            needed=_words(body.get("needed")),
            provided=_words(body.get("provided")),
            wait=f" of {wait:.0f} s" if wait else "",
            why="".join((f" ({reason})" if reason else "", f": {text}" if text else "")),
        )


class _Fields(dict[str, str]):
    """Fields of a sentence; a missing one is left empty."""

    def __missing__(self, name: str) -> str:
        return ""


def _make(
    error: type[ExportError],
    message: str,
    *,
    hint: str,
    code: str | None,
    about: RequestInfo,
    retry_after: float | None = None,
) -> ExportError:
    message = redactor.text(message)
    if issubclass(error, RateLimitError):
        return error(message, hint=hint, code=code, retry_after=retry_after, scope=about.scope)
    if issubclass(error, DataVolumeError) and about.page_size != 1:
        half = max(1, (about.page_size or _USUAL_PAGE) // 2)
        return error(message, hint=hint, code=code, suggested_limit=half)
    if issubclass(error, (DataVolumeError, InvalidDataError)):
        # One item that is too large cannot be asked for in less.
        return InvalidDataError(message, hint=hint, code=code, external_id=about.item)
    return error(message, hint=hint, code=code)


_USUAL_PAGE: Final = 100
_SENTENCES: Final[Mapping[type[ExportError], str]] = {
    AuthenticationError: "{service} does not accept the credential for {request}{why}.",
    PermissionDeniedError: "{service} does not allow {request}{why}.",
    NotFoundError: "{service} does not know what {request} asks for{why}.",
    RateLimitError: "{service} asks for a wait{wait} before {request}{why}.",
    TransientError: "{service} failed to answer {request}{why}.",
    DataVolumeError: "{service} cannot answer {request} with so much at once{why}.",
    InvalidDataError: "{service} rejects {request}{why}.",
}
_HINTS: Final[Mapping[type[ExportError], str]] = {
    AuthenticationError: "Check that the token is complete, not expired and not revoked.",
    PermissionDeniedError: "Grant the missing scope or membership to the credential's account.",
    NotFoundError: "It was deleted, or the credential's account may not see it.",
    RateLimitError: "It is asked again after a wait; if it lasts, lower the setting `rate_limits`.",
    TransientError: "It is asked again; if it lasts, look at the service's status page.",
    DataVolumeError: "Lower the setting `page_size`.",
    InvalidDataError: "Check the selection; if it is right, the vendor has changed its API.",
}

_WORST_FIRST: Final = (
    AuthenticationError,
    RateLimitError,
    TransientError,
    PermissionDeniedError,
    CursorExpiredError,
    DataVolumeError,
    InvalidDataError,
    NotFoundError,
    ExportError,
)
_OF_ONE_PART: Final = (PermissionDeniedError, NotFoundError, InvalidDataError)

_UNTIL_PACIFIC_MIDNIGHT: Final = frozenset({"dailyLimitExceeded", "quotaExceeded"})
"""Google's daily quotas are given anew at midnight in California."""

_COMMON_CODES: Final[Mapping[str, type[ExportError]]] = {
    code: meaning
    for meaning, codes in {
        # Google, Graph, X; GraphQL's types, of which GitHub sends both RATE_LIMIT variants.
        RateLimitError: """
            rateLimitExceeded userRateLimitExceeded sharingRateLimitExceeded dailyLimitExceeded
            quotaExceeded RESOURCE_EXHAUSTED RATE_LIMIT_EXCEEDED TooManyRequests tooManyRequests
            activityLimitReached rate-limit-exceeded RATE_LIMIT RATE_LIMITED THROTTLED
            ratelimited rate_limited RateLimitExceeded
        """,
        TransientError: """
            backendError internalError INTERNAL INTERNAL_SERVER_ERROR UNAVAILABLE TIMEOUT
            SERVICE_UNAVAILABLE internal_error fatal_error service_unavailable resourceLocked
        """,
        DataVolumeError: "MAX_NODE_LIMIT_EXCEEDED RESOURCE_LIMITS_EXCEEDED",
        AuthenticationError: "UNAUTHENTICATED invalid_grant invalid_token",
        PermissionDeniedError: """
            FORBIDDEN INSUFFICIENT_SCOPES insufficient_scope not-authorized-for-resource
        """,
        NotFoundError: "NOT_FOUND resource-not-found",
    }.items()
    for code in codes.split()
}
"""Codes that several vendors share. A source's own table wins over them."""

_BY_STATUS: Final[Mapping[int, type[ExportError]]] = {
    401: AuthenticationError,
    402: PermissionDeniedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    407: AuthenticationError,
    408: TransientError,
    410: NotFoundError,
    413: DataVolumeError,
    414: DataVolumeError,
    421: TransientError,
    423: TransientError,
    425: TransientError,
    429: RateLimitError,
    451: PermissionDeniedError,
}


def _rank(error: ExportError) -> int:
    ranks = (rank for rank, kind in enumerate(_WORST_FIRST) if isinstance(error, kind))
    return next(ranks, len(_WORST_FIRST))


def _seconds_to_pacific_midnight(now: datetime) -> float | None:
    try:
        here = now.astimezone(ZoneInfo("America/Los_Angeles"))
    except ZoneInfoNotFoundError:
        return None
    tomorrow = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1.0, tomorrow.timestamp() - now.timestamp())


def _left_out(about: RequestInfo) -> ExportError:
    message = f"{about.service} left a part of the batch unanswered ({about.name})."
    return _make(TransientError, message, hint=_HINTS[TransientError], code=None, about=about)


def _items(value: Any) -> Sequence[Any]:
    """The values of an object; of a list, itself."""
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def _integer(value: Any) -> int:
    return int(value) if str(value).isdecimal() else 0


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
