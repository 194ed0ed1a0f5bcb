"""Every way an export fails, by what one does about it.

Each class carries a severity (how far the damage reaches) and one action. Retries inside the
client, Prefect's task retries and the pipeline read these and nothing else.
"""

from enum import StrEnum
from typing import ClassVar

from documents.errors import DataGettersError


class Severity(StrEnum):
    """How far a failure reaches."""

    ITEM = "item"
    PARTITION = "partition"
    CONNECTION = "connection"


class Action(StrEnum):
    """What is done about a failure."""

    FIX_CREDENTIALS = "fix_credentials"
    GRANT_ACCESS = "grant_access"
    TREAT_AS_GONE = "treat_as_gone"
    LIST_AGAIN = "list_again"
    WAIT_AND_RETRY = "wait_and_retry"
    ASK_FOR_LESS = "ask_for_less"
    RETRY = "retry"
    SET_ASIDE = "set_aside"


class ExportError(DataGettersError):
    """A failure at a source. Raised as one of the subclasses.

    Attributes:
        severity: How far it reaches.
        action: What is done about it.
        retryable: Whether the partition may go through later with nothing changed by a person.
        code: The vendor's own error code, where it gave one.
    """

    severity: ClassVar[Severity] = Severity.PARTITION
    action: ClassVar[Action] = Action.RETRY
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class AuthenticationError(ExportError):
    """The credential is missing, wrong, expired or revoked. Never retried."""

    severity = Severity.CONNECTION
    action = Action.FIX_CREDENTIALS


class PermissionDeniedError(ExportError):
    """The credential is valid but may not do this: a scope or a membership is missing."""

    action = Action.GRANT_ACCESS


class NotFoundError(ExportError):
    """The item or container does not exist, or not for this credential."""

    severity = Severity.ITEM
    action = Action.TREAT_AS_GONE


class CursorExpiredError(ExportError):
    """The vendor no longer knows the cursor; the partition is listed again from a safe point."""

    action = Action.LIST_AGAIN
    retryable = True


class RateLimitError(ExportError):
    """Too many requests.

    Attributes:
        retry_after: Seconds to wait, where the vendor says.
        scope: What is limited: a method, a tier, or `*` for the whole credential.
    """

    action = Action.WAIT_AND_RETRY
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        scope: str = "*",
        hint: str = "",
        code: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.retry_after = retry_after
        self.scope = scope


class DataVolumeError(ExportError):
    """The vendor refuses to answer with so much at once.

    Attributes:
        suggested_limit: A page size to try instead.
    """

    action = Action.ASK_FOR_LESS
    retryable = True

    def __init__(
        self, message: str, *, suggested_limit: int, hint: str = "", code: str | None = None
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.suggested_limit = suggested_limit


class TransientError(ExportError):
    """The network or the vendor's servers failed; the same request may succeed later.

    Attributes:
        retry_after: Seconds until it is worth trying again, where that is known.
    """

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        hint: str = "",
        code: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.retry_after = retry_after


class InvalidDataError(ExportError):
    """The vendor's answer for one item makes no sense.

    Attributes:
        external_id: The item, where it is known.
    """

    severity = Severity.ITEM
    action = Action.SET_ASIDE

    def __init__(
        self,
        message: str,
        *,
        external_id: str | None = None,
        hint: str = "",
        code: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.external_id = external_id
