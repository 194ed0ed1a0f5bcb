"""The flow that keeps a Slack workspace in sync."""

from typing import Annotated, Any, Final, Literal

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
    name="slack-sync",
    flow_run_name=named("slack-sync"),
    description="Syncs channels, threads, direct messages, files and people of a Slack workspace.",
    task_runner=partition_runner(),
)
def slack_sync(
    channels: list[str] | None = None,
    days_ago: Annotated[int, Field(ge=0)] | None = None,
    limit: Annotated[int, Field(ge=1)] | None = None,
    kinds: list[Literal["public", "private", "group_dm", "dm"]] | None = None,
    archived: bool = True,
    join_public: bool = False,
    export_zip: str | None = None,
    workspace_url: str | None = None,
    credentials: str | None = None,
    options: SyncOptions = _DEFAULT_OPTIONS,
) -> State[Any]:
    """Syncs a Slack workspace into document index, vector store and raw landing.

    Args:
        channels: Names or ids of channels; empty means all that the token can read.
        days_ago: How many days the first sync of a channel goes back; empty means to its beginning.
            For a channel synced before, how far back to list again.
        limit: About how many messages of a channel's past to load in this run; the next run goes
            on from there.
        kinds: Kinds of conversation; empty means all.
        archived: Whether archived channels are synced, and marked as such.
        join_public: Let the app join public channels it is not a member of. Everybody in them sees
            that it joined.
        export_zip: Path of a workspace export ZIP to read instead of asking Slack.
        workspace_url: With export_zip, the workspace's address (https://acme.slack.com), for links
            to messages.
        credentials: Name of a saved block of the type "Data Getters Slack Credentials"; empty takes
            the token from the environment.
        options: How the sync is done.

    Returns:
        The state in which the run ends; see `tasks.sync.run_sync`.
    """
    selection = {
        "channels": channels,
        "days_ago": days_ago,
        "limit": limit,
        "kinds": kinds,
        "archived": archived,
        "join_public": join_public,
        "export_zip": export_zip,
        "workspace_url": workspace_url,
    }
    return run_sync(
        SyncRequest(
            source="slack",
            selection={name: value for name, value in selection.items() if value is not None},
            credentials=credentials,
            options=options,
        )
    )
