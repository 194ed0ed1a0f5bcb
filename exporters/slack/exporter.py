"""Slack as a source: its partitions are channels (and one for the people of the workspace)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    Delete,
    MembershipChange,
    RawRecord,
    Withheld,
)
from exporters.errors import PermissionDeniedError
from exporters.extraction.settings import ExtractionSettings, extraction_settings
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
from exporters.slack.files import FileTexts
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
    transform_version = 2
    """Raised when files of more kinds got a text: what the look-back lists is read again."""

    def __init__(
        self,
        token: str | None = None,
        *,
        settings: SlackSettings | None = None,
        attachments: ExtractionSettings | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepares an exporter; nothing is asked yet.

        Args:
            token: A bot or user token. Without one only `to_documents` works.
            settings: Limits; read from environment and file if not given.
            attachments: Limits of reading office files and the like; likewise.
            now: The clock.
        """
        self._settings = settings or load_settings(SlackSettings, SOURCE)
        self._client = SlackClient(token, self._settings)
        self._files = FileTexts(
            self._client,
            attachments or extraction_settings(),
            text_file_bytes=self._settings.text_file_bytes,
        )
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
        given = partition.options["channel"]
        private = channel_summary(given)["kind"] in PRIVATE_KINDS
        members = self._client.members(given["id"]) if private else []
        channel = self._named(given, members)
        if partition.options.get("join"):
            self._client.join(channel["id"])
        if private:
            yield self._members(channel["id"], members)
        if partition.options.get("left"):
            yield from self._left_at_archiving(partition, channel, cursor)
        else:
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
            ConfigurationError: A value makes no sense, or a channel does not exist.
            ExportError: Slack refuses; raised when the first document is asked for, as an unknown
                channel is.
        """
        selection = SlackSelection.of({"channels": channels, "days_ago": days_ago})
        return self.documents(selection, limit=limit)

    def fetch(self, partition: Partition, entity: str, external_id: str) -> Iterator[Change] | None:
        """Reads one thread or day again.

        Returns:
            None where Slack's answer would prove nothing.
        """
        if partition.kind == "people":
            return None
        _, _, identifier = external_id.partition(":")
        channel = partition.options["channel"]
        is_direct = channel.get("is_im") or channel.get("is_mpim")
        members = self._client.members(channel["id"]) if is_direct else []
        history = self._history(self._named(channel, members))
        if entity == THREAD:
            return history.fetch_thread(identifier, None)
        found = list(history.fetch_day(identifier))
        if any(isinstance(change, Delete) for change in found) and not history.shows_anything():
            return None  # a channel that shows nothing at all says nothing of a day
        return iter(found)

    def _left_at_archiving(
        self, partition: Partition, channel: dict[str, Any], cursor: Cursor | None
    ) -> Iterator[Change]:
        """An archived channel that does not count the app as a member, as none of them does.

        Some of those are still shown to who was in them, others are not
        (https://github.com/elastic/connectors/issues/1972), so it is tried, once.
        """
        if cursor is not None and "unreadable" in cursor:
            yield Withheld(cursor["unreadable"], everything=True)
            return
        try:
            yield from self._conversation(partition, channel, cursor)
        except PermissionDeniedError as error:
            if error.code != "not_in_channel":
                raise
            name = channel["name"]
            if cursor is None:
                reason = (
                    f"The app cannot read #{name}: it is archived, and the app was not in it. "
                    "Unarchive it and invite the app, or use a user token."
                )
                if partition.options.get("named"):
                    raise PermissionDeniedError(reason) from None
                yield Withheld(reason, everything=True)
                yield Checkpoint({"unreadable": reason})
            else:
                yield Withheld(
                    f"#{name} was archived and the app was removed from it: what was said there "
                    "between the last sync and then is missing. Unarchive it and invite the app, "
                    "or use a user token."
                )
                yield Checkpoint({**cursor, "channel": channel, "left": True})

    def _conversation(
        self, partition: Partition, channel: dict[str, Any], cursor: Cursor | None
    ) -> Iterator[Change]:
        if cursor is not None and "unreadable" in cursor:
            cursor = None  # it was unarchived since
        history = self._history(channel)
        target = self._target(partition, cursor)
        limit = partition.options.get("limit")

        def cursor_at(day: str) -> dict[str, Any]:
            return {
                "newest": history.newest,
                "reached": day,
                "target": target.strftime("%Y-%m-%d") if target else BEGINNING,
                "channel": channel,
                "limited": self._is_limited(cursor),
            }

        if cursor is None:
            yield from history.backwards(until=None, target=target, limit=limit, cursor=cursor_at)
            return
        yield from self._moved(channel, cursor["channel"])
        reached: str = cursor["reached"]
        whole = reached <= (target.strftime("%Y-%m-%d") if target else BEGINNING)
        settled = whole or cursor.get("left")
        if settled and channel["is_archived"] and cursor["channel"]["is_archived"]:
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
        limited = self._is_limited(cursor)
        settings = self._settings
        days = partition.options.get("days_ago")
        if days is None:
            days = settings.lookback_days_limited if limited else settings.lookback_days
        start = self._days_before_now(days)
        newest = cursor["newest"]
        if newest == "0":
            return start
        return min(start, day_start(ts_time(newest).strftime("%Y-%m-%d")))

    def _is_limited(self, cursor: Cursor | None) -> bool:
        """Whether Slack gives this app 15 messages a minute: seen now, or by the last run.

        A run that meets few messages sees neither; what was known before holds then.
        """
        before = bool(cursor and cursor.get("limited")) and not self._client.gives_full_pages
        return self._client.limited_mode or before

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
            files=self._files,
            directory=self._directory,
            team=self._team,
            channel=channel,
            recheck_hours=self._settings.thread_recheck_hours,
            now=self._now,
        )

    def _named(self, channel: Mapping[str, Any], members: Sequence[str]) -> dict[str, Any]:
        """The channel as it was listed; direct messages are named after who is in them."""
        if channel.get("is_im") or channel.get("is_mpim"):
            people = map(self._directory.person, members)
            return channel_summary(channel, direct_message_name(people))
        return channel_summary(channel)

    def _full_members(self) -> MembershipChange:
        team_id = self.connection
        members = frozenset(
            member_principal(user)
            for user in self._directory.users().values()
            if is_full_member(user, team_id)
        )
        return MembershipChange(workspace(team_id), members, as_of=self._now())

    def _members(self, channel_id: str, members: Sequence[str]) -> MembershipChange:
        people = self._directory.members(members)
        return MembershipChange(group(SOURCE, channel_id), people, as_of=self._now())

    def _partition(self, channel: dict[str, Any], selection: SlackSelection) -> Partition:
        is_dm = bool(channel.get("is_im") or channel.get("is_mpim"))
        name = channel.get("name") or self._dm_name(channel)
        unreadable, joins = None, False
        outside = self._client.identity()["is_bot"] and not is_dm and not channel.get("is_member")
        # Archived channels count nobody as a member, and may be readable all the same.
        left = bool(outside and channel.get("is_archived"))
        if outside and not left:
            can_join = not channel.get("is_private")
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
                "left": left,
                "named": bool(selection.channels),
            },
            unreadable=None if joins else unreadable,
        )

    def _dm_name(self, channel: Mapping[str, Any]) -> str:
        person = self._directory.person(channel.get("user") or "")
        return f"direct message with {person['name']}" if person else channel["id"]
