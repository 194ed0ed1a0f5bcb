"""The wire to Gmail: quota units, paging, batches. Nothing else here knows Gmail's addresses."""

import base64
import binascii
import random
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from exporters.caller import ApiCaller
from exporters.classify import ErrorRule, RequestInfo
from exporters.errors import (
    AuthenticationError,
    CursorExpiredError,
    DataVolumeError,
    ExportError,
    InvalidDataError,
    RateLimitError,
    TransientError,
)
from exporters.gmail.settings import PER_MAILBOX, GmailSettings
from exporters.google import directory
from exporters.google.batch import InnerResponse, batch_request, left_out, parse_batch
from exporters.google.credentials import AccessToken, GoogleCredential, token_client
from exporters.google.directory import GoogleDirectory
from exporters.google.errors import GOOGLE_CODES
from exporters.http import HttpClient

SCOPES: Final = ("https://www.googleapis.com/auth/gmail.readonly",)

SERVICE: Final = "Gmail"
_OPEN_MAILBOXES: Final = 64
"""Mailboxes with connections at a time; more than are ever read at once."""

_HISTORY_TYPES: Final = ("messageAdded", "messageDeleted", "labelAdded", "labelRemoved")

_HISTORY_GONE: Final = ErrorRule(
    error=CursorExpiredError,
    message="Gmail no longer knows what changed since the last sync of this mailbox.",
    hint="The mailbox is listed again; mails that are known are not fetched again.",
)
_PAGE_GONE: Final = ErrorRule(
    error=CursorExpiredError,
    message="Gmail no longer knows the page at which the last run stopped.",
    hint="The listing begins again; mails that are known are not fetched again.",
)

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing.

    Attributes:
        ids: Ids of mails.
        next_token: Where the next page begins; None for the last one.
    """

    ids: list[str]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of changes.

    Attributes:
        records: In the order in which they happened.
        next_token: Where the next page begins; None for the last one.
        history_id: The mailbox's mark, as of now.
    """

    records: list[Mapping[str, Any]]
    next_token: str | None
    history_id: str


class GmailClient:
    """The mailboxes that one credential opens.

    Args:
        credential: The credential.
        settings: Limits.
    """

    def __init__(self, credential: GoogleCredential, settings: GmailSettings) -> None:
        self.credential = credential
        self._settings = settings
        self._lock = threading.Lock()
        self._mailboxes: dict[str, Mailbox] = {}
        self._directory: HttpClient | None = None
        self._tokens = token_client(credential, settings)

    def mailbox(self, key: str, address: str | None) -> "Mailbox":
        """One mailbox; the same object while it is in use.

        Args:
            key: What its allowance is counted under.
            address: Whose it is; None for the one that OAuth credentials open.
        """
        with self._lock:
            mailbox = self._mailboxes.pop(key, None)
            if mailbox is None:
                subject = address if self.credential.admin_subject else None
                token = AccessToken(self.credential, self._tokens, SCOPES, subject)
                mailbox = Mailbox(self.credential.secret, token, self._settings, key)
            self._mailboxes[key] = mailbox
            # A Workspace may have thousands, and each keeps connections open.
            least_used = list(self._mailboxes)[:-_OPEN_MAILBOXES]
            idle = [self._mailboxes.pop(name) for name in least_used]
        for one in idle:
            one.close()
        return mailbox

    def directory(self) -> GoogleDirectory:
        """The Workspace's people, as the administrator of the service account sees them."""
        with self._lock:
            if self._directory is None:
                subject = self.credential.admin_subject
                own = self._settings.model_copy(
                    update={"base_url": self._settings.directory_url, "rate_limits": {}}
                )
                token = AccessToken(self.credential, self._tokens, (directory.SCOPE,), subject)
                caller = ApiCaller(
                    "Google's directory",
                    self.credential.secret,
                    own,
                    codes=GOOGLE_CODES,
                    renew=token.renew,
                )
                self._directory = HttpClient(caller, authorization=token.headers, short_lived=True)
            return GoogleDirectory(self._directory)

    def close(self) -> None:
        """Gives back the connections."""
        with self._lock:
            mailboxes, self._mailboxes = self._mailboxes, {}
            people, self._directory = self._directory, None
        for mailbox in mailboxes.values():
            mailbox.close()
        if people is not None:
            people.close()
        self._tokens.close()


class Mailbox:
    """One person's mailbox. Safe to share between threads; opens again after it was closed.

    Quota units are counted for the mailbox and, together with all others, for the project: all
    mailboxes of a credential share one limiter.

    Args:
        secret: What stands for the credential where limits are shared by it.
        token: The person's access token.
        settings: Limits.
        key: What the mailbox's allowance is counted under.
    """

    def __init__(self, secret: str, token: AccessToken, settings: GmailSettings, key: str) -> None:
        self._settings = settings
        self._token = token
        self._scope = f"{PER_MAILBOX} {key}"
        limits = {
            name: limit for name, limit in settings.rate_limits.items() if name != PER_MAILBOX
        }
        if own := settings.rate_limits.get(PER_MAILBOX):
            limits[self._scope] = own
        self._caller = ApiCaller(
            SERVICE,
            secret,
            settings.model_copy(update={"rate_limits": limits}),
            codes=GOOGLE_CODES,
            renew=token.renew,
        )
        self._lock = threading.Lock()
        self._open: HttpClient | None = None

    def profile(self) -> Mapping[str, Any]:
        """`emailAddress`, `messagesTotal` and `historyId` of the mailbox.

        Raises:
            ExportError: Gmail refuses.
        """
        return self._get("getProfile", "profile")

    def labels(self) -> dict[str, str]:
        """Names of the mailbox's labels by id.

        Raises:
            ExportError: Gmail refuses.
        """
        answer = self._get("labels.list", "labels")
        return {str(one["id"]): str(one.get("name", "")) for one in answer.get("labels") or ()}

    def delegates(self) -> list[str]:
        """Addresses of those who may open the mailbox as its owner does.

        Raises:
            ExportError: Gmail refuses.
        """
        answer = self._get("delegates.list", "settings/delegates")
        return [
            str(one["delegateEmail"])
            for one in answer.get("delegates") or ()
            if one.get("verificationStatus", "accepted") == "accepted"
        ]

    def page(
        self,
        *,
        token: str | None = None,
        query: str | None = None,
        label: str | None = None,
        size: int | None = None,
        spam_trash: bool = False,
    ) -> Page:
        """A page of the listing, newest mails first.

        Args:
            token: Where it begins.
            query: A Gmail search.
            label: Only mails with this label.
            size: At most so many mails; the setting where it is not given.
            spam_trash: Whether spam and trash are listed too.

        Raises:
            CursorExpiredError: Gmail does not know the token (any more).
            ExportError: Gmail refuses.
        """
        answer = self._get(
            "messages.list",
            "messages",
            params={
                "maxResults": min(size or self._settings.page_size, self._settings.page_size),
                "pageToken": token,
                "q": query,
                "labelIds": label,
                "includeSpamTrash": "true" if spam_trash else None,
                "fields": "messages/id,nextPageToken",
            },
            codes={"HTTP 400": _PAGE_GONE, "invalidArgument": _PAGE_GONE} if token else None,
        )
        ids = [str(one["id"]) for one in answer.get("messages") or ()]
        return Page(ids, answer.get("nextPageToken") or None)

    def history(self, start: str, token: str | None = None) -> HistoryPage:
        """A page of what changed since a mark.

        Args:
            start: The `historyId` of the mark.
            token: Where the page begins.

        Raises:
            CursorExpiredError: Gmail does not know the mark any more.
            ExportError: Gmail refuses.
        """
        answer = self._get(
            "history.list",
            "history",
            params={
                "startHistoryId": start,
                "historyTypes": list(_HISTORY_TYPES),
                "maxResults": self._settings.page_size,
                "pageToken": token,
            },
            codes={"HTTP 404": _HISTORY_GONE},
        )
        return HistoryPage(
            records=list(answer.get("history") or ()),
            next_token=answer.get("nextPageToken") or None,
            history_id=str(answer.get("historyId") or start),
        )

    def messages(self, ids: Sequence[str]) -> Iterator[tuple[str, Message | ExportError]]:
        """Mails whole, by as few calls as Gmail takes; in the order in which they came.

        Parts that failed in passing are asked for again, and they alone.

        Yields:
            The id, and the mail or what went wrong with it: `NotFoundError` where it is gone.

        Raises:
            RateLimitError: Gmail asks for a longer wait than the settings allow, or keeps asking.
            AuthenticationError: The credential is not accepted.
            ExportError: The call as a whole failed.
        """
        for start in range(0, len(ids), self._settings.batch_size):
            yield from self._batch(list(ids[start : start + self._settings.batch_size]))

    def attachment(self, message_id: str, attachment_id: str) -> bytes:
        """The bytes of an attachment, or of a long text.

        Raises:
            InvalidDataError: They are not what base64 looks like.
            ExportError: Gmail refuses.
        """
        answer = self._get(
            "attachments.get",
            f"messages/{quote(message_id, safe='')}/attachments/{quote(attachment_id, safe='')}",
            item=message_id,
            name="attachments.get",
        )
        try:
            return decoded(str(answer.get("data") or ""))
        except ValueError:
            raise InvalidDataError(
                f"Gmail gave an attachment of the mail {message_id} that is not base64.",
                external_id=message_id,
            ) from None

    def close(self) -> None:
        """Gives back the connections."""
        with self._lock:
            http, self._open = self._open, None
        if http is not None:
            http.close()

    @property
    def _http(self) -> HttpClient:
        with self._lock:
            if self._open is None:
                self._open = HttpClient(
                    self._caller, authorization=self._token.headers, short_lived=True
                )
            return self._open

    def _get(self, method: str, path: str, **options: Any) -> Mapping[str, Any]:
        answer = self._http.get(
            f"gmail/v1/users/me/{path}",
            scope=self._scope,
            weight=self._weight(method),
            **{"name": method, **options},
        )
        body = answer.body
        if not isinstance(body, Mapping):
            raise InvalidDataError(f"Gmail answered {method} with something else than an object.")
        return body

    def _weight(self, method: str, calls: int = 1) -> int:
        return self._settings.costs.get(method, 1) * calls

    def _batch(self, ids: list[str]) -> Iterator[tuple[str, Message | ExportError]]:
        left, failures = ids, dict[str, ExportError]()
        for attempt in range(self._settings.max_attempts):
            if attempt:
                self._hold_back(failures.values(), attempt)
            try:
                answers = self._send(left)
            except DataVolumeError:
                if len(left) == 1:
                    raise
                half = len(left) // 2
                yield from self._batch(left[:half])
                yield from self._batch(left[half:])
                return
            failures = {}
            for place, identifier in enumerate(left):
                found = self._judged(answers.get(place), identifier)
                if isinstance(found, RateLimitError | TransientError | AuthenticationError):
                    failures[identifier] = found
                else:
                    yield identifier, found
            left = list(failures)
            if not left:
                return
            refused = next(
                (e for e in failures.values() if isinstance(e, AuthenticationError)), None
            )
            if refused is not None and (attempt or not self._token.renew()):
                raise refused
        yield from self._given_up(failures)

    def _given_up(
        self, failures: Mapping[str, ExportError]
    ) -> Iterator[tuple[str, Message | ExportError]]:
        for identifier, error in failures.items():
            # A limit concerns the mailbox; what is broken about one mail is set aside.
            if isinstance(error, RateLimitError | AuthenticationError):
                raise error
            yield identifier, error

    def _send(self, ids: Sequence[str]) -> Mapping[int, InnerResponse]:
        batch = batch_request(
            [f"/gmail/v1/users/me/messages/{quote(one, safe='')}?format=full" for one in ids]
        )
        answer = self._http.request(
            "POST",
            "batch/gmail/v1",
            content=batch.content,
            headers={"Content-Type": batch.content_type},
            parse=parse_batch,
            name=f"a batch of {len(ids)} messages.get",
            scope=self._scope,
            weight=self._weight("messages.get", len(ids)),
            page_size=len(ids),
            item=ids[0] if len(ids) == 1 else None,
        )
        answers: Mapping[int, InnerResponse] = answer.body
        return answers

    def _judged(self, answer: InnerResponse | None, identifier: str) -> Message | ExportError:
        if answer is None:
            return left_out(SERVICE, "messages.get")
        about = RequestInfo(
            service=SERVICE, name="messages.get", scope=self._scope, item=identifier
        )
        error = answer.failure(codes=self._caller.codes, about=about)
        if error is not None:
            return error
        if not isinstance(answer.body, Mapping) or not answer.body.get("id"):
            # A login page, half an answer: what is no mail in a 200 is most often one in passing.
            return TransientError(
                f"Gmail gave the mail {identifier} without its content.",
                hint="It is asked again; if it lasts, look at the service's status page, and at "
                "proxies on the way.",
            )
        message: Message = answer.body
        return message

    def _hold_back(self, failures: Iterable[ExportError], attempt: int) -> None:
        """Makes the mailbox's next call wait after parts of a batch were refused.

        Raises:
            RateLimitError: Gmail asks for a longer wait than the settings allow.
        """
        settings = self._settings
        longest = 0.0
        for error in failures:
            asked = getattr(error, "retry_after", None)
            if asked is not None and asked > settings.longest_wait:
                raise error
            longest = max(longest, asked or 0.0)
        if not longest:
            doubled = settings.backoff_base * 2 ** (attempt - 1)
            longest = min(doubled, settings.backoff_cap) * random.uniform(0.5, 1.0)  # noqa: S311
        self._caller.limiter.pause(self._scope, longest)


def decoded(data: str) -> bytes:
    """The bytes that Gmail sent as base64 for URLs, with or without its padding.

    Raises:
        ValueError: It is not base64.
    """
    try:
        return base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from None
