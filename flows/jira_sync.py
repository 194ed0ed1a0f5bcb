"""The flow that keeps a Jira in sync."""

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
    name="jira-sync",
    flow_run_name=named("jira-sync"),
    description="Syncs issues, comments, attachments, projects and boards of a Jira.",
    task_runner=partition_runner(),
)
def jira_sync(
    projects: list[str] | None = None,
    status: list[str] | None = None,
    assignee: str | None = None,
    days_ago: Annotated[int, Field(ge=0)] | None = None,
    attachments: bool = True,
    credentials: str | None = None,
    options: SyncOptions = _DEFAULT_OPTIONS,
) -> State[Any]:
    """Syncs a Jira, Cloud or Data Center, into document index, vector store and raw landing.

    Args:
        projects: Keys, names or ids of projects; empty means all that the account can read.
        status: Only issues in these statuses.
        assignee: Only issues of this person: e-mail address, account id or user name; `unassigned`
            for those of nobody.
        days_ago: Only issues that changed in the last so many days.
        attachments: Whether attachments are read, for their text.
        credentials: Name of a saved block of the type "Data Getters Jira Credentials"; empty takes
            the token from the environment.
        options: How the sync is done.

    Returns:
        The state in which the run ends; see `tasks.sync.run_sync`.
    """
    selection = {
        "projects": projects,
        "status": status,
        "assignee": assignee,
        "days_ago": days_ago,
        "attachments": attachments,
    }
    return run_sync(
        SyncRequest(
            source="jira",
            selection={name: value for name, value in selection.items() if value is not None},
            credentials=credentials,
            options=options,
        )
    )
