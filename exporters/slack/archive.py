"""A workspace export ZIP, read without network into the same records as the Web API gives.

Layout of an export (https://slack.com/help/articles/220556107): `users.json`, `channels.json` and,
in exports that hold private conversations, `groups.json`, `dms.json`, `mpims.json`; then a folder
per conversation with a file per day. Its days are the workspace's, not UTC's, and replies stand in
the file of the day they were written.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson

from documents.errors import ConfigurationError
from documents.principals import group, workspace
from documents.text import whole_characters
from exporters.changes import Change, Complete, Failure, MembershipChange, Upsert
from exporters.errors import InvalidDataError
from exporters.slack.documents import PRIVATE_KINDS, SOURCE
from exporters.slack.payloads import (
    channel_summary,
    day_of,
    day_record,
    direct_message_name,
    is_full_member,
    is_reply,
    is_thread_root,
    member_principal,
    person_summary,
    thread_record,
)
from exporters.slack.zip_file import DAMAGE, open_export

_LISTS: Final[dict[str, dict[str, bool]]] = {
    "channels.json": {},
    "groups.json": {"is_private": True},
    "mpims.json": {"is_mpim": True, "is_private": True},
    "dms.json": {"is_im": True, "is_private": True},
}
"""Files that list conversations, and what Slack's own channel objects say that these do not."""

_DAY_FILE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})\.json")
_WORKSPACE: Final = re.compile(
    rb"https:\\?/\\?/([a-z0-9][a-z0-9-]*)\.slack\.com\\?/(?:files|archives)"
)
_NOT_A_WORKSPACE: Final = {"files", "api", "app", "my"}

_FILE_TOKEN: Final = re.compile(rb"\?t=xox[a-z]-[A-Za-z0-9-]+")
"""Exports carry a download token in every file's address. It must not land anywhere."""

_ZONE_SPREAD: Final = timedelta(days=1)
"""How far a message's UTC day can be from the local day its file is named after."""

_OLDEST_ZIP: Final = datetime(1980, 1, 1, tzinfo=UTC)
_TS: Final = re.compile(r"\d{1,11}(?:\.\d{1,6})?")
_PARSED_FILES_KEPT: Final = 32
_FILES_SEARCHED_FOR_URL: Final = 200


@dataclass(slots=True)
class _Survey:
    """What a first pass over a conversation finds, without keeping its messages."""

    files: list[str] = field(default_factory=list)
    failures: list[InvalidDataError] = field(default_factory=list)
    replies: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The files in which a thread's replies stand, by the root's `ts`."""
    roots: set[str] = field(default_factory=set)
    """Roots that are in the export."""
    parents: dict[str, str] = field(default_factory=dict)
    """Roots by reply, in exports that name a thread's replies at the root alone."""
    first_day: str = "9999"
    last_day: str = ""


class SlackArchive:
    """An export ZIP: its people, conversations and messages. Satisfies `payloads.Directory`.

    Attributes:
        team: `id` and `url` (None when the export does not tell the workspace's address).
        exported_at: The newest time stamp inside the ZIP: when Slack made it.
        conversations: Channel summaries by id.
    """

    def __init__(self, path: Path, workspace_url: str | None = None) -> None:
        """Opens and checks an export.

        Args:
            path: The ZIP.
            workspace_url: The workspace's address, for permalinks. Where it is not given it is
                taken from links to files or messages in the export, if there are any.

        Raises:
            ConfigurationError: See `open_export`; or one of its lists is damaged.
        """
        self.path = path
        self._zip, self._root = open_export(path)
        self._names = set(self._zip.namelist())
        self.exported_at = self._newest_time()
        self._users = {user["id"]: user for user in self._list("users.json")}
        self.team: dict[str, Any] = {"id": self._team_id(), "url": None}
        self._folders: dict[str, str] = {}
        self._members: dict[str, list[str]] = {}
        self.conversations = self._read_conversations()
        self.team["url"] = (workspace_url or self._workspace_url() or "").rstrip("/") or None
        self._read_day = lru_cache(maxsize=_PARSED_FILES_KEPT)(self._parse_day)

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()

    def person(self, user_id: str) -> Mapping[str, Any] | None:
        """See `payloads.Directory`."""
        user = self._users.get(user_id)
        return person_summary(user) if user else None

    def channel_name(self, channel_id: str) -> str | None:
        """See `payloads.Directory`."""
        conversation = self.conversations.get(channel_id)
        return conversation["name"] if conversation else None

    def group_handle(self, group_id: str) -> str | None:
        """See `payloads.Directory`. Exports do not name user groups."""
        del group_id
        return None

    def full_members(self) -> MembershipChange:
        """Who is in the workspace."""
        team_id = self.team["id"]
        members = frozenset(
            member_principal(user) for user in self._users.values() if is_full_member(user, team_id)
        )
        return MembershipChange(workspace(team_id), members, as_of=self.exported_at)

    def changes(self, channel_id: str, since: datetime | None = None) -> Iterator[Change]:
        """Everything said in a conversation, oldest day first.

        Args:
            channel_id: One of `conversations`.
            since: Leaves out the days before this moment's.

        Yields:
            Upserts, and a `Failure` for each day file that cannot be read. The days at either end
            of an export, threads with replies elsewhere and threads whose root is not in it may be
            parts only, and are marked so.
        """
        channel = self.conversations[channel_id]
        if channel["kind"] in PRIVATE_KINDS:
            users = (self._users.get(uid) or {"id": uid} for uid in self._members[channel_id])
            members = frozenset(member_principal(u) for u in users if not u.get("deleted"))
            yield MembershipChange(group(SOURCE, channel_id), members, as_of=self.exported_at)
        survey = self._survey(self._folders[channel_id])
        for error in survey.failures:
            yield Failure(error=error, entity="export-file", external_id=error.external_id)
        first_wanted = since.strftime("%Y-%m-%d") if since else ""
        for day, messages in self._days(survey):
            if day >= first_wanted:
                yield from self._day_changes(channel, day, messages, survey)
        for root_ts in sorted(survey.replies.keys() - survey.roots):
            if day_of(root_ts) >= first_wanted:
                yield self._thread(channel, root_ts, [], survey, partial=True)
        yield Complete(full=False)

    def _day_changes(
        self,
        channel: Mapping[str, Any],
        day: str,
        messages: Sequence[Mapping[str, Any]],
        survey: _Survey,
    ) -> Iterator[Change]:
        singles = []
        for message in messages:
            if is_reply(message):
                continue
            if is_thread_root(message) or message["ts"] in survey.replies:
                survey.roots.add(message["ts"])
                expected = int(message.get("reply_count") or 0)
                yield self._thread(channel, message["ts"], [message], survey, expected=expected)
            else:
                singles.append(message)
        if singles:
            record = day_record(
                team=self.team,
                channel=channel,
                day=day,
                messages=singles,
                directory=self,
                version=None,
                fetched_at=self.exported_at,
            )
            yield Upsert(record, partial=day in {survey.first_day, survey.last_day})

    def _thread(
        self,
        channel: Mapping[str, Any],
        root_ts: str,
        root: Sequence[Mapping[str, Any]],
        survey: _Survey,
        *,
        expected: int = 0,
        partial: bool = False,
    ) -> Upsert:
        replies = [
            message
            for file in sorted(survey.replies.get(root_ts, ()))
            for message in self._messages(file, survey)
            if message.get("thread_ts") == root_ts and message["ts"] != root_ts
        ]
        record = thread_record(
            team=self.team,
            channel=channel,
            root_ts=root_ts,
            messages=[*root, *replies],
            directory=self,
            version=None,
            fetched_at=self.exported_at,
        )
        return Upsert(record, partial=partial or len(replies) < expected)

    def _survey(self, folder: str) -> _Survey:
        survey = _Survey()
        prefix = f"{self._root}{folder}/"
        for name in sorted(name for name in self._names if name.startswith(prefix)):
            if not _DAY_FILE.fullmatch(name.removeprefix(prefix)):
                continue
            try:
                entries = self._read_day(name)
            except InvalidDataError as error:
                survey.failures.append(error)
                continue
            survey.files.append(name)
            if strange := sum(not _is_message(entry) for entry in entries):
                short = name.removeprefix(self._root)
                survey.failures.append(
                    InvalidDataError(
                        f"{strange} of {len(entries)} entries of {short} in the export "
                        f"{self.path.name} are no messages and were left out.",
                        external_id=short,
                    )
                )
            for entry in entries:
                if _is_message(entry) and "thread_ts" not in entry:
                    survey.parents.update(
                        (reply["ts"], entry["ts"])
                        for reply in entry.get("replies") or ()
                        if _is_message(reply)
                    )
            for message in self._messages(name, survey):
                day = day_of(message["ts"])
                survey.first_day = min(survey.first_day, day)
                survey.last_day = max(survey.last_day, day)
                if is_reply(message):
                    survey.replies[message["thread_ts"]].add(name)
                elif is_thread_root(message) or "thread_ts" in message:
                    survey.roots.add(message["ts"])
        return survey

    def _days(self, survey: _Survey) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
        """Regroups local days into UTC days, holding no more than a few of them at once."""
        waiting: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for name in survey.files:
            local_day = date.fromisoformat(name.rpartition("/")[2].removesuffix(".json"))
            settled = (local_day - _ZONE_SPREAD).isoformat()
            for day in sorted(day for day in waiting if day < settled):
                yield day, waiting.pop(day)
            for message in self._messages(name, survey):
                waiting[day_of(message["ts"])].append(message)
        yield from sorted(waiting.items())

    def _messages(self, name: str, survey: _Survey) -> list[dict[str, Any]]:
        """The messages of a day file, replies with the thread they belong to."""
        return [
            {**message, "thread_ts": survey.parents[message["ts"]]}
            if message["ts"] in survey.parents
            else message
            for message in self._read_day(name)
            if _is_message(message)
        ]

    def _parse_day(self, name: str) -> list[Any]:
        """The entries of a day file.

        Raises:
            InvalidDataError: The entry is damaged or no list of messages.
        """
        short = name.removeprefix(self._root)
        try:
            date.fromisoformat(Path(name).stem)
            entries = _parsed(_FILE_TOKEN.sub(b"", self._zip.read(name)))
            if not isinstance(entries, list):
                raise TypeError("it holds no list of messages")
            return entries
        except DAMAGE as error:
            raise InvalidDataError(
                f"The file {short} of the export {self.path.name} is damaged: {error}.",
                external_id=short,
                hint="Download the export again; the other days were read.",
            ) from error

    def _newest_time(self) -> datetime:
        """The newest time in the ZIP, never later than now: it would outdo every later answer."""
        newest = _OLDEST_ZIP
        for entry in self._zip.infolist():
            try:
                newest = max(newest, datetime(*entry.date_time, tzinfo=UTC))
            except ValueError:
                continue  # tools write zeros where they know no time
        return min(newest, datetime.now(UTC))

    def _list(self, name: str) -> list[dict[str, Any]]:
        if self._root + name not in self._names:
            return []
        try:
            entries = _parsed(self._zip.read(self._root + name))
            named = [entry for entry in entries if entry["id"]]
        except DAMAGE:
            raise self._damaged(name) from None
        if not all(isinstance(entry["id"], str) for entry in named):
            raise self._damaged(name)
        return named

    def _damaged(self, name: str) -> ConfigurationError:
        return ConfigurationError(
            f"{name} in the export {self.path} is damaged.", hint="Download the export again."
        )

    def _team_id(self) -> str:
        teams = Counter(user["team_id"] for user in self._users.values() if user.get("team_id"))
        if not teams:
            raise ConfigurationError(
                f"users.json in the export {self.path} names no team, so its documents would have "
                "no stable ids.",
                hint="Download a new export; those of today carry a team_id.",
            )
        return str(teams.most_common(1)[0][0])

    def _read_conversations(self) -> dict[str, dict[str, Any]]:
        conversations = {}
        for listing, flags in _LISTS.items():
            for channel in self._list(listing):
                try:
                    conversations[channel["id"]] = self._read_conversation(channel, flags)
                except DAMAGE:
                    raise self._damaged(listing) from None
        return conversations

    def _read_conversation(
        self, channel: Mapping[str, Any], flags: dict[str, bool]
    ) -> dict[str, Any]:
        members = list(channel.get("members") or ())
        is_dm = bool(flags.get("is_im") or flags.get("is_mpim"))
        name = direct_message_name(map(self.person, members)) if is_dm else None
        self._members[channel["id"]] = members
        folder = channel["id"] if flags.get("is_im") else channel.get("name")
        self._folders[channel["id"]] = folder or channel["id"]
        return channel_summary({**flags, **channel}, name)

    def _workspace_url(self) -> str | None:
        day_files = sorted(name for name in self._names if _DAY_FILE.search(name))
        for name in day_files[:_FILES_SEARCHED_FOR_URL]:
            try:
                data = self._zip.read(name)
            except DAMAGE:
                continue  # told as a failure when its channel is read
            for match in _WORKSPACE.finditer(data):
                domain = match.group(1).decode()
                if domain not in _NOT_A_WORKSPACE:
                    return f"https://{domain}.slack.com"
        return None


def _parsed(content: bytes) -> Any:
    """Reads JSON, also where half a character (an emoji that was cut through) stands in it."""
    try:
        return orjson.loads(content)
    except ValueError:
        return whole_characters(json.loads(content))


def _is_message(entry: Any) -> bool:
    return isinstance(entry, dict) and all(
        isinstance(ts, str) and _TS.fullmatch(ts)
        for ts in (entry.get("ts"), entry.get("thread_ts", "0"))
    )
