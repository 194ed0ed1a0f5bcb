"""Slack as a source: its partitions are channels (and one for the people of the workspace)."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar, Final

from langchain_core.documents import Document

from documents.principals import group, workspace
from exporters.base import BaseExporter, ConnectionReport, Partition
from exporters.changes import (
    AccessChange,
    Change,
    Checkpoint,
    Complete,
    ContainerChange,
    Cursor,
    MembershipChange,
    RawRecord,
)
from exporters.errors import PermissionDeniedError
from exporters.settings import load_settings
from exporters.slack.choosing import chosen_channels
from exporters.slack.client import SlackClient
from exporters.slack.directory import SlackDirectory
from exporters.slack.documents import (
    PRIVATE_KINDS,
    SOURCE,
    THREAD,
    channel_access,
    channel_container,
    channel_extra,
    slack_documents,
    ts_time,
)
from exporters.slack.export_zip import SlackArchiveExporter
from exporters.slack.history import BEGINNING, ChannelHistory
from exporters.slack.payloads import (
    channel_summary,
    day_start,
    direct_message_name,
    is_full_member,
    member_principal,
)
from exporters.slack.probes import run_probes
from exporters.slack.settings import SlackSelection, SlackSettings

PEOPLE: Final = "@people"
"""Key of the partition that tells who is in the workspace."""


class SlackExporter(BaseExporter):
    """Reads a Slack workspace with a bot token (`xoxb-`) or a user token (`xoxp-`).

    Example:
        ```python
        for document in SlackExporter(token="xoxb-...").export(channels=["general"], days_ago=7):
            print(document.metadata["title"], document.metadata["url"])
        ```
    """

    source: ClassVar[str] = SOURCE
    selection_type = SlackSelection

    def __init__(
        self,
        token: str | None = None,
        *,
        settings: SlackSettings | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepares an exporter; nothing is asked yet.

        Args:
            token: A bot or user token. Without one only `to_documents` works.
            settings: Limits; read from environment and file if not given.
            now: The clock.
        """
        self._settings = settings or load_settings(SlackSettings, SOURCE)
        self._client = SlackClient(token, self._settings)
        self._directory = SlackDirectory(self._client, unknown_people=self._settings.unknown_people)
        self._now = now

    @classmethod
    def needs_credentials(cls, selection: SlackSelection) -> bool:
        """An export ZIP is read without a token."""
        return selection.export_zip is None

    @classmethod
    def for_selection(
        cls, selection: Any, credentials: Mapping[str, str], settings: Any
    ) -> BaseExporter:
        """An exporter of the export ZIP where one is given, of the Web API otherwise."""
        if selection.export_zip is not None:
            return SlackArchiveExporter(selection.export_zip, selection.workspace_url)
        return cls(credentials.get("token"), settings=settings)

    @property
    def connection(self) -> str:
        """The team's id."""
        return str(self._team["id"])

    @property
    def connection_title(self) -> str:
        """The workspace's name."""
        return str(self._client.identity()["team"] or self._team["id"])

    @cached_property
    def _team(self) -> dict[str, Any]:
        identity = self._client.identity()
        return {"id": identity["team_id"], "url": identity["url"]}

    def test_connection(self) -> ConnectionReport:
        """Tries the token, its scopes, the people, the channels and a sample read."""
        return run_probes(self._client)

    def partitions(self, selection: SlackSelection) -> Iterator[Partition]:
        """The people of the workspace, then its conversations as the token sees them."""
        yield Partition(key=PEOPLE, name="people", kind="people")
        kinds, lacking = self._client.readable_kinds(selection.kinds)
        channels = list(self._client.channels(kinds, archived=selection.archived))
        self._directory.name_channels(channels)
        for kind, scopes in lacking.items():
            yield Partition(
                key=f"@{kind}",
                name=f"{kind} conversations",
                kind="missing scope",
                unreadable=f"The token lacks {scopes}. Add it to the Slack app and reinstall it.",
            )
        for channel in chosen_channels(channels, selection.channels):
            yield self._partition(channel, selection)

    def pull(self, partition: Partition, cursor: Cursor | None) -> Iterator[Change]:
        """Yields what changed in a conversation, or who is in the workspace now."""
        if partition.kind == "people":
            yield self._full_members()
            return
        channel = self._current(partition)
        if partition.options.get("join"):
            self._client.join(channel["id"])
        if channel["kind"] in PRIVATE_KINDS:
            yield self._members(channel["id"])
        yield from self._conversation(partition, channel, cursor)

    def to_documents(self, record: RawRecord) -> Iterator[Document]:
        """See `exporters.slack.documents`."""
        return slack_documents(record.payload["team"]["id"], record)

    def export(
        self,
        channels: list[str] | None = None,
        days_ago: int | None = 7,
        limit: int | None = None,
    ) -> Iterator[Document]:
        """Yields the documents of channels, newest first within each.

        Args:
            channels: Names or ids; None for all that the token can read.
            days_ago: How many days to go back; None for everything.
            limit: The most documents.

        Raises:
            ConfigurationError: A channel does not exist.
            ExportError: Slack refuses.
        """
        selection = SlackSelection(channels=channels, days_ago=days_ago)
        return self.documents(selection, limit=limit)

    def fetch(self, partition: Partition, entity: str, external_id: str) -> Iterator[Change] | None:
        """Reads one thread or day again."""
        if partition.kind == "people":
            return None
        _, _, identifier = external_id.partition(":")
        history = self._history(self._current(partition))
        if entity == THREAD:
            return history.fetch_thread(identifier, None)
        return history.fetch_day(identifier)

    def _conversation(
        self, partition: Partition, channel: dict[str, Any], cursor: Cursor | None
    ) -> Iterator[Change]:
        history = self._history(channel)
        target = self._target(partition, cursor)
        limit = partition.options.get("limit")

        def cursor_at(day: str) -> dict[str, Any]:
            return {
                "newest": history.newest,
                "reached": day,
                "target": target.strftime("%Y-%m-%d") if target else BEGINNING,
                "channel": channel,
            }

        if cursor is None:
            yield from history.backwards(until=None, target=target, limit=limit, cursor=cursor_at)
            return
        yield from self._moved(channel, cursor["channel"])
        reached: str = cursor["reached"]
        whole = reached <= (target.strftime("%Y-%m-%d") if target else BEGINNING)
        if whole and channel["is_archived"] and cursor["channel"]["is_archived"]:
            yield Complete(full=False)  # nobody can write in it
            return
        history.newest = cursor["newest"]
        start = max(self._window_start(partition, cursor), day_start(reached))
        yield from history.window(start)
        yield Checkpoint(cursor_at(reached))
        if not whole:
            yield from history.backwards(
                until=day_start(reached), target=target, limit=limit, cursor=cursor_at
            )

    def _target(self, partition: Partition, cursor: Cursor | None) -> datetime | None:
        """How far back the channel is to be listed, in the end; None for its beginning."""
        days = partition.options.get("days_ago")
        asked = self._days_before_now(days) if days is not None else None
        if cursor is None:
            return asked
        if days is None:
            return None
        before = day_start(cursor["target"]) if cursor["target"] != BEGINNING else None
        return before if before is None else min(before, asked or before)

    def _window_start(self, partition: Partition, cursor: Cursor) -> datetime:
        """From where a channel that was listed before is listed again."""
        limited = self._client.limited_mode
        settings = self._settings
        days = partition.options.get("days_ago")
        if days is None:
            days = settings.lookback_days_limited if limited else settings.lookback_days
        start = self._days_before_now(days)
        newest = cursor["newest"]
        if newest == "0":
            return start
        return min(start, day_start(ts_time(newest).strftime("%Y-%m-%d")))

    def _days_before_now(self, days: int) -> datetime:
        return day_start(f"{self._now() - timedelta(days=days):%Y-%m-%d}")

    def _moved(self, channel: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[Change]:
        """A channel that was renamed, archived, described anew, or made private."""
        access = channel_access(self.connection, channel)
        if access != channel_access(self.connection, before):
            yield AccessChange(access=tuple(access))
        if channel != before:
            yield ContainerChange(
                container=channel_container(self._team, channel),
                extra={"channel": channel_extra(channel)},
            )

    def _history(self, channel: Mapping[str, Any]) -> ChannelHistory:
        return ChannelHistory(
            client=self._client,
            directory=self._directory,
            team=self._team,
            channel=channel,
            recheck_hours=self._settings.thread_recheck_hours,
            now=self._now,
        )

    def _current(self, partition: Partition) -> dict[str, Any]:
        """The channel as it was listed; direct messages are named after who is in them."""
        channel: dict[str, Any] = partition.options["channel"]
        if channel.get("is_im") or channel.get("is_mpim"):
            members = self._client.members(channel["id"])
            return channel_summary(
                channel, direct_message_name(map(self._directory.person, members))
            )
        return channel_summary(channel)

    def _full_members(self) -> MembershipChange:
        team_id = self.connection
        members = frozenset(
            member_principal(user)
            for user in self._directory.users().values()
            if is_full_member(user, team_id)
        )
        return MembershipChange(workspace(team_id), members, as_of=self._now())

    def _members(self, channel_id: str) -> MembershipChange:
        members = frozenset(map(self._directory.principal, self._client.members(channel_id)))
        return MembershipChange(group(SOURCE, channel_id), members, as_of=self._now())

    def _partition(self, channel: dict[str, Any], selection: SlackSelection) -> Partition:
        is_dm = bool(channel.get("is_im") or channel.get("is_mpim"))
        name = channel.get("name") or self._dm_name(channel)
        unreadable, joins = None, False
        if self._client.identity()["is_bot"] and not is_dm and not channel.get("is_member"):
            can_join = not channel.get("is_private") and not channel.get("is_archived")
            joins = can_join and selection.join_public
            unreadable = (
                f"The app is not a member of #{name}. Invite it with /invite in the channel"
                + (", or let it join with --join-public." if can_join else ".")
            )
        if unreadable and not joins and selection.channels:
            raise PermissionDeniedError(unreadable)
        return Partition(
            key=channel["id"],
            name=name,
            kind=channel_summary(channel)["kind"],
            options={
                "channel": channel,
                "days_ago": selection.days_ago,
                "limit": selection.limit,
                "join": joins,
            },
            unreadable=None if joins else unreadable,
        )

    def _dm_name(self, channel: Mapping[str, Any]) -> str:
        person = self._directory.person(channel.get("user") or "")
        return f"direct message with {person['name']}" if person else channel["id"]
