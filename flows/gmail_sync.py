"""The flow that keeps the mailboxes of a Google Workspace, or one mailbox, in sync."""

from typing import Annotated, Any, Final

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from tasks.options import SyncOptions
from tasks.run_names import named
from tasks.runner import partition_runner
from tasks.session import SyncRequest
from tasks.sync import run_sync

_DEFAULT_OPTIONS: Final = SyncOptions()


@flow(
    name="gmail-sync",
    flow_run_name=named("gmail-sync"),
    description="Syncs mails, attachments and invitations of a Google Workspace or of one mailbox.",
    task_runner=partition_runner(),
)
def gmail_sync(
    mailboxes: list[str] | None = None,
    days_ago: Annotated[int, Field(ge=0)] | None = None,
    query: str | None = None,
    max_results: Annotated[int, Field(ge=1)] | None = None,
    include_spam_trash: bool = False,
    mbox: str | None = None,
    mbox_account: str | None = None,
    credentials: str | None = None,
    options: SyncOptions = _DEFAULT_OPTIONS,
) -> State[Any]:
    """Syncs mails into document index, vector store and raw landing.

    Args:
        mailboxes: Addresses of the mailboxes; empty means those of all people of the Workspace, or
            the one that the OAuth credentials open.
        days_ago: How many days the first sync of a mailbox goes back; empty means to its beginning.
            Later syncs bring what changed since, and go further back if asked to.
        query: Only mails that this Gmail search finds, with what was synced before left as it is.
            Such a run looks once and keeps no mark to go on from.
        max_results: At most so many mails of each mailbox, the newest. Such a run keeps no mark to
            go on from.
        include_spam_trash: Whether spam and trash are synced too.
        mbox: Path of an mbox file (Google Takeout, Vault) to read instead of asking Gmail.
        mbox_account: With mbox, the connection its documents belong to, the Workspace's customer
            id; empty means the mailbox's address.
        credentials: Name of a saved block of the type "Data Getters Gmail Credentials"; empty takes
            the credentials from the environment.
        options: How the sync is done.

    Returns:
        The state in which the run ends; see `tasks.sync.run_sync`.
    """
    selection = {
        "mailboxes": mailboxes,
        "days_ago": days_ago,
        "query": query,
        "max_results": max_results,
        "include_spam_trash": include_spam_trash,
        "mbox": mbox,
        "mbox_account": mbox_account,
    }
    return run_sync(
        SyncRequest(
            source="gmail",
            selection={name: value for name, value in selection.items() if value is not None},
            credentials=credentials,
            options=options,
        )
    )
