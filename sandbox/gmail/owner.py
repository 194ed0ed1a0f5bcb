"""Whose mailbox a call is about, and whether the caller may see it."""

from sandbox.gmail.mailbox import Mailbox
from sandbox.gmail.mailboxes import Mailboxes
from sandbox.google.api import ApiCall
from sandbox.google.errors import GoogleError, forbidden


def mailbox_of(call: ApiCall, mailboxes: Mailboxes) -> Mailbox:
    """The mailbox named by ``userId``: ``me``, or an address of the token's own user.

    Raises:
        GoogleError: 400 ``failedPrecondition`` where there is no mailbox, 403 where it is
            somebody else's.
    """
    grant, organization = call.grant, mailboxes.organization
    if not grant.user:
        # A service account that speaks for itself; it has no mailbox.
        raise failed_precondition("Precondition check failed.")
    asking = organization.find(grant.user)
    wanted = call.path["userId"]
    if wanted != "me":
        owner = organization.find(wanted)
        if owner is None or owner.email != grant.user:
            raise forbidden(f"Delegation denied for {grant.user}")
    if asking is None or asking.suspended or not asking.mail_enabled:
        raise failed_precondition("Mail service not enabled")
    return mailboxes.box(asking.email)


def failed_precondition(message: str) -> GoogleError:
    """The user is not in a state for this call."""
    return GoogleError(400, message, "failedPrecondition", status="FAILED_PRECONDITION")
