"""Listing a channel: from pages of messages to changes, day by day from the newest."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from documents.fingerprints import fingerprint
from exporters.changes import (
    Change,
    Checkpoint,
    Complete,
    Delete,
    Failure,
    Listed,
    Upsert,
    Withheld,
)
from exporters.errors import ExportError, InvalidDataError, NotFoundError
from exporters.slack.client import SlackClient
from exporters.slack.documents import DAY, THREAD, files_of, ts_key, ts_time
from exporters.slack.files import FileTexts
from exporters.slack.payloads import (
    Directory,
    day_of,
    day_record,
    day_start,
    is_reply,
    is_thread_root,
    thread_record,
)

_MESSAGES_PER_CHECKPOINT: Final = 2_000
_FREE_PLAN_DAYS: Final = 90
"""How far back a free workspace shows messages
(https://slack.com/help/articles/27204752526611)."""
_ROOT_FIELDS: Final = (
    "text",
    "blocks",
    "attachments",
    "edited",
    "subtype",
    "user",
    "username",
    "pinned_to",
)

Message = Mapping[str, Any]


class ChannelHistory:
    """Reads one channel. Everything it yields is about that channel."""

    def __init__(
        self,
        *,
        client: SlackClient,
        files: FileTexts,
        directory: Directory,
        team: Mapping[str, Any],
        channel: Mapping[str, Any],
        recheck_hours: tuple[float, ...],
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._files = files
        self._directory = directory
        self._team = team
        self._channel = channel
        self._id: str = channel["id"]
        self._recheck_hours = recheck_hours
        self._now = now
        self.newest = "0"
        """The newest `ts` seen."""
        self._hides_older = False

    def window(self, start: datetime) -> Iterator[Change]:
        """Lists everything from a day's beginning until now, and licenses a sweep of it."""
        roots: set[str] = set()
        broadcasts: set[str] = set()
        first_whole: datetime | None = start
        for day, messages, cut in self._days(oldest=start, latest=None):
            roots.update(m["ts"] for m in messages if is_thread_root(m))
            broadcasts.update(m["thread_ts"] for m in messages if is_reply(m))
            yield from self._day(day, messages, partial=cut)
            first_whole = _day_after(day) if cut else first_whole
        # A reply that was also sent to the channel shows that an older thread moved.
        for root_ts in sorted(broadcasts - roots):
            if ts_time(root_ts) < start:
                yield from self._older_thread(root_ts)
        yield from self._complete(first_whole, None)

    def backwards(
        self,
        *,
        until: datetime | None,
        target: datetime | None,
        limit: int | None,
        cursor: Callable[[str], Mapping[str, Any]],
    ) -> Iterator[Change]:
        """Lists the past, from newer to older, with checkpoints on the way.

        Args:
            until: Where it begins, exclusive: what lies later was listed before; None for now.
            target: How far back it goes; None for the channel's beginning.
            limit: Stops at a checkpoint after about this many messages.
            cursor: Makes the cursor for a day (`YYYY-MM-DD`) that was reached.
        """
        top, count, total = until, 0, 0
        first_whole = target
        for day, messages, cut in self._days(oldest=target, latest=until):
            yield from self._day(day, messages, partial=cut)
            if cut:
                first_whole = _day_after(day)
                break
            count += len(messages)
            total += len(messages)
            if count >= _MESSAGES_PER_CHECKPOINT or (limit is not None and total >= limit):
                yield Complete(full=True, since=day_start(day), until=top)
                yield Checkpoint(cursor(day))
                if limit is not None and total >= limit:
                    return
                top, count = day_start(day), 0
        yield from self._complete(first_whole, top)
        yield Checkpoint(cursor(target.strftime("%Y-%m-%d") if target else BEGINNING))

    def fetch_thread(self, root_ts: str, version: str | None) -> Iterator[Change]:
        """Reads a thread whole.

        Yields:
            An `Upsert`; a `Delete` where the root is gone or has no replies any more (it is one of
            its day's single messages then); and a `Failure` for each file that could not be read.
        """
        external_id = f"{self._id}:{root_ts}"
        try:
            # The root comes with every page.
            found = {
                message["ts"]: message
                for page in self._client.replies(self._id, root_ts)
                for message in page.messages
            }
        except NotFoundError:
            yield Delete(THREAD, external_id)
            return
        if not found:
            # Slack has an error for a thread that is gone; this says nothing of it.
            raise InvalidDataError(
                f"Slack answered with nothing when asked for the thread {root_ts}.",
                external_id=external_id,
            )
        messages, root = list(found.values()), found.get(root_ts)
        if len(messages) < 2 or root is None:
            yield Delete(THREAD, external_id)
            return
        texts, reasons, failures = self._file_texts(THREAD, external_id, messages)
        yield Upsert(
            thread_record(
                team=self._team,
                channel=self._channel,
                root_ts=root_ts,
                messages=messages,
                directory=self._directory,
                # Without a version it is read again the next time it is listed, files and all.
                version=None if failures else version or self._version(root),
                fetched_at=self._now(),
                file_texts=texts,
                file_reasons=reasons,
            )
        )
        yield from failures

    def fetch_day(self, day: str) -> Iterator[Change]:
        """Reads the single messages of a day; a `Delete` where there are none."""
        start = day_start(day)
        singles = [
            message
            for _, messages, _ in self._days(oldest=start, latest=start + timedelta(days=1))
            for message in messages
            if not is_thread_root(message) and not is_reply(message)
        ]
        if singles:
            yield from self._load_singles(day, singles, None)
        else:
            yield Delete(DAY, f"{self._id}:{day}")

    def shows_anything(self) -> bool:
        """Whether Slack shows any message of the channel: else none of them is known to be gone."""
        pages = self._client.history(self._id, oldest=None, latest=None)
        return any(page.messages for page in pages)

    def _complete(self, since: datetime | None, until: datetime | None) -> Iterator[Change]:
        """The end of a listing; what a free plan hides is told, and not taken for deleted."""
        if not self._hides_older:
            yield Complete(full=True, since=since, until=until)
            return
        oldest = f" before {since:%Y-%m-%d}" if since else ""
        yield Withheld(
            f"Slack hides the messages of {self._channel['name']}{oldest}, because the workspace "
            "is on the free plan. What was synced of them stays; the rest is read after an "
            "upgrade, with --rescan."
        )
        if since is not None and (until is None or since < until):
            yield Complete(full=True, since=since, until=until)
        else:
            yield Complete(full=False)

    def _day(self, day: str, messages: list[Message], *, partial: bool) -> Iterator[Change]:
        singles = []
        for message in messages:
            if is_thread_root(message):
                yield self._listed(message)
            elif not is_reply(message):
                singles.append(message)
        if singles:
            yield from self._singles(day, singles, partial=partial)

    def _singles(self, day: str, singles: list[Message], *, partial: bool) -> Iterator[Change]:
        """A day whose files must be downloaded is downloaded only when something of it moved."""
        files = [file for message in singles for file in files_of(message)]
        if partial or not any(map(self._files.must_download, files)):
            yield from self._load_singles(day, singles, None, partial=partial)
            return
        version = fingerprint(orjson.dumps(singles, option=orjson.OPT_SORT_KEYS))
        yield Listed(
            entity=DAY,
            external_id=f"{self._id}:{day}",
            version=version,
            load=lambda: self._load_singles(day, singles, version),
        )

    def _load_singles(
        self, day: str, singles: list[Message], version: str | None, *, partial: bool = False
    ) -> Iterator[Change]:
        texts, reasons, failures = self._file_texts(DAY, f"{self._id}:{day}", singles)
        yield Upsert(
            day_record(
                team=self._team,
                channel=self._channel,
                day=day,
                messages=singles,
                directory=self._directory,
                version=None if failures else version,
                fetched_at=self._now(),
                file_texts=texts,
                file_reasons=reasons,
            ),
            partial=partial,
        )
        yield from failures

    def _listed(self, root: Message) -> Listed:
        root_ts, version = root["ts"], self._version(root)
        return Listed(
            entity=THREAD,
            external_id=f"{self._id}:{root_ts}",
            version=version,
            load=lambda: self.fetch_thread(root_ts, version),
        )

    def _older_thread(self, root_ts: str) -> Iterator[Change]:
        moment = ts_time(root_ts)
        for page in self._client.history(self._id, oldest=moment, latest=moment):
            for message in page.messages:
                if message["ts"] == root_ts and is_thread_root(message):
                    yield self._listed(message)

    def _version(self, root: Message) -> str:
        """What tells a moved thread from the same: replies, the root, and its due rechecks."""
        latest = root.get("latest_reply") or root["ts"]
        age_hours = (self._now() - ts_time(latest)).total_seconds() / 3600
        rechecks = sum(age_hours >= hours for hours in self._recheck_hours)
        fields = {name: root.get(name) for name in _ROOT_FIELDS if root.get(name)}
        fields["reactions"] = [(r["name"], r.get("count")) for r in root.get("reactions") or ()]
        fields["files"] = [file.get("id") for file in files_of(root)]
        digest = fingerprint(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS))[:16]
        return f"{root.get('reply_count')}/{latest}/{digest}/{rechecks}"

    def _days(
        self, *, oldest: datetime | None, latest: datetime | None
    ) -> Iterator[tuple[str, list[Message], bool]]:
        """Groups pages by UTC day, newest day first, messages of a day oldest first.

        Pages may be short or empty, and repeat messages when the channel moves while it is listed.

        Yields:
            The day, its messages, and whether a free plan hides the earlier part of that day.
        """
        current: dict[str, Message] = {}
        day = ""
        for message in self._messages(oldest, latest):
            if latest is not None and ts_time(message["ts"]) >= latest:
                continue
            if (of := day_of(message["ts"])) != day:
                if current:
                    yield day, _ascending(current.values()), False
                day, current = of, {}
            current[message["ts"]] = message
        if current:
            yield day, _ascending(current.values()), self._hides_older

    def _messages(self, oldest: datetime | None, latest: datetime | None) -> Iterator[Message]:
        # A listing that ends before the free plan's limit hides nothing that was asked for.
        shown_since = self._now() - timedelta(days=_FREE_PLAN_DAYS)
        reaches_limit = oldest is None or oldest < shown_since
        for page in self._client.history(self._id, oldest=oldest, latest=latest):
            self._hides_older = self._hides_older or (page.hides_older and reaches_limit)
            for message in page.messages:
                if ts_key(message["ts"]) > ts_key(self.newest):
                    self.newest = message["ts"]
                yield message

    def _file_texts(
        self, entity: str, external_id: str, messages: Iterable[Message]
    ) -> tuple[dict[str, str], dict[str, str], list[Failure]]:
        """Texts of the files, and why some have none.

        One that cannot be read now costs a dead letter, not the rest.
        """
        texts: dict[str, str] = {}
        reasons: dict[str, str] = {}
        failures: list[Failure] = []
        for message in messages:
            for file in files_of(message):
                try:
                    text, reason = self._files.read(file)
                except ExportError as error:
                    failures.append(
                        Failure(
                            error=error,
                            entity=entity,
                            external_id=external_id,
                            url=file.get("permalink"),
                        )
                    )
                else:
                    if text:
                        texts[file["id"]] = text
                    elif reason:
                        reasons[file["id"]] = reason
        return texts, reasons, failures


BEGINNING: Final = "0001-01-01"
"""The day a cursor names when a channel was listed to its beginning."""


def _day_after(day: str) -> datetime:
    return day_start(day) + timedelta(days=1)


def _ascending(messages: Iterable[Message]) -> list[Message]:
    return sorted(messages, key=lambda message: ts_key(message["ts"]))
