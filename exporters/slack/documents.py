"""From a Slack record to documents: pure, without network.

A record is a thread (root and replies), or the single messages of one channel and UTC day. Its
payload, the same whether it came over the Web API or out of an export ZIP:

```
{
  "team":     {"id": "T1", "url": "https://acme.slack.com"},      # url may be null
  "channel":  {"id", "name", "kind", "is_archived", "is_shared", "topic", "purpose", "team_ids"},
  "people":   {"U1": {"name", "email", "is_bot"}},                # authors and people mentioned
  "channels": {"C2": "random"},                                   # channels mentioned
  "groups":   {"S1": "on-call"},                                  # user groups mentioned
  "messages": [...],                                              # as Slack gave them
  "file_texts": {"F1": "..."},                                    # texts of files
  "file_reasons": {"F2": "The file is protected by a password."}  # why others have none
}
```
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from langchain_core.documents import Document

from documents.metadata import NOT_EMBEDDED, Author, Container, make_document
from documents.principals import group, workspace
from documents.text import normalize_text
from exporters.changes import RawRecord
from exporters.errors import InvalidDataError
from exporters.slack.blocks import links, mentions, message_to_markdown
from exporters.slack.markdown import Names

SOURCE: Final = "slack"

THREAD: Final = "thread"
"""Entity of a record and of its document: a root with its replies."""

DAY: Final = "day"
"""Entity of a record: the single messages of a channel and UTC day."""

MESSAGES: Final = "messages"
"""Entity of a document: a run of single messages out of a day."""

PRIVATE_KINDS: Final = frozenset({"private", "dm", "group_dm"})

_PART_MESSAGES = 40
_PART_CHARACTERS = 4_000
_PART_GAP_SECONDS = 2 * 3600
"""A day's single messages become one document, unless a pause or their number parts them."""

_SERVICE_SUBTYPES: Final = frozenset(
    {
        "bot_add",
        "bot_disable",
        "bot_enable",
        "bot_remove",
        "channel_archive",
        "channel_convert_to_private",
        "channel_convert_to_public",
        "channel_join",
        "channel_leave",
        "channel_name",
        "channel_posting_permissions",
        "channel_unarchive",
        "group_archive",
        "group_join",
        "group_leave",
        "group_name",
        "group_unarchive",
        "pinned_item",
        "reminder_add",
        "tombstone",
        "unpinned_item",
    }
)
"""Messages Slack writes itself, about the channel. A new topic or purpose is not among them: these
are words that somebody chose."""

_TITLE_CHARACTERS = 90
_FILE_TEXT_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class _Rendered:
    """A message as it stands in a document."""

    message: Mapping[str, Any]
    sender: dict[str, Any]
    text: str
    entry: dict[str, Any]


def slack_documents(connection: str, record: RawRecord) -> Iterator[Document]:
    """Makes the documents of a Slack record.

    Args:
        connection: The team's id.
        record: A thread or a day.

    Raises:
        InvalidDataError: The payload lacks what every Slack message has.
    """
    try:
        conversation = _Conversation(connection, record)
        yield from conversation.documents()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidDataError(
            f"The Slack {record.entity} {record.external_id} cannot be read: "
            f"{type(error).__name__} {error}.",
            external_id=record.external_id,
        ) from error


class _Conversation:
    """One record on its way to documents."""

    def __init__(self, connection: str, record: RawRecord) -> None:
        payload = record.payload
        self.connection = connection
        self.record = record
        self.team: Mapping[str, Any] = payload["team"]
        self.channel: Mapping[str, Any] = payload["channel"]
        self.people: Mapping[str, Mapping[str, Any]] = payload.get("people") or {}
        self.file_texts: Mapping[str, str] = payload.get("file_texts") or {}
        self.file_reasons: Mapping[str, str] = payload.get("file_reasons") or {}
        self.names = Names(
            users={uid: person["name"] for uid, person in self.people.items()},
            channels=payload.get("channels") or {},
            usergroups=payload.get("groups") or {},
        )
        unique = {message["ts"]: message for message in payload["messages"]}
        self.messages = sorted(unique.values(), key=lambda message: ts_key(message["ts"]))
        self.access = channel_access(self.team["id"], self.channel)
        self.container = channel_container(self.team, self.channel)

    def documents(self) -> Iterator[Document]:
        if self.record.entity == THREAD:
            root_ts = self.record.external_id.partition(":")[2]
            yield self._document(THREAD, root_ts, [self._render(m, root_ts) for m in self.messages])
        else:
            for part in _parts(self._render(message, None) for message in self.messages):
                yield self._document(MESSAGES, part[0].message["ts"], part)

    def _document(self, entity: str, first_ts: str, rendered: list[_Rendered]) -> Document:
        lines: list[str] = []
        position = 0
        for item in rendered:
            item.entry["start"] = position
            lines.append(item.text)
            position += len(item.text) + 2
        first = rendered[0].message
        messages = [item.message for item in rendered]
        last_change = max(
            ts_key(m["edited"]["ts"]) if m.get("edited") else ts_key(m["ts"]) for m in messages
        )
        is_thread = entity == THREAD
        return make_document(
            source=SOURCE,
            connection=self.connection,
            entity=entity,
            native_id=f"{self.channel['id']}:{first_ts}",
            external_id=self.record.external_id,
            content="\n\n".join(lines),
            title=self._title(rendered),
            access=self.access,
            url=rendered[0].entry["url"],
            container=self.container,
            author=_author(rendered[0].sender),
            created_at=ts_time(first["ts"]),
            updated_at=_time(last_change),
            thread_id=f"{self.channel['id']}:{first_ts}" if is_thread else None,
            extra=self._extra(rendered, is_thread=is_thread),
        )

    def _extra(self, rendered: list[_Rendered], *, is_thread: bool) -> dict[str, Any]:
        messages = [item.message for item in rendered]
        participants: dict[str, dict[str, Any]] = {}
        for item in rendered:
            participants.setdefault(item.sender["id"], item.sender)
        mentioned: dict[str, None] = {}
        urls: dict[str, None] = {}
        for message in messages:
            found = mentions(message)
            for uid in found.users:
                mentioned[self.names.users.get(uid, uid)] = None
            for cid in found.channels:
                mentioned["#" + self.names.channels.get(cid, cid)] = None
            for gid in found.usergroups:
                mentioned["@" + self.names.usergroups.get(gid, gid)] = None
            for word in found.broadcasts:
                mentioned["@" + word] = None
            for link in links(message):
                urls[link.url] = None
        nobody_spoke = all(message.get("subtype") in _SERVICE_SUBTYPES for message in messages)
        return {
            **({NOT_EMBEDDED: True} if nobody_spoke else {}),
            "channel": channel_extra(self.channel),
            "message_count": len(messages),
            "reply_count": len(messages) - 1 if is_thread else 0,
            "participants": list(participants.values()),
            "mentions": list(mentioned),
            "links": list(urls),
            "files": [
                _file_entry(file, self.file_reasons.get(file.get("id", "")))
                for message in messages
                for file in files_of(message)
            ],
            "messages": [item.entry for item in rendered],
        }

    def _render(self, message: Mapping[str, Any], thread_ts: str | None) -> _Rendered:
        ts = message["ts"]
        sender = self._sender(message)
        body = normalize_text(message_to_markdown(message, self.names))
        files = [self._file_markdown(file) for file in files_of(message)]
        marks = "".join(
            (" (bot)" if sender["is_bot"] else "", ", edited" if message.get("edited") else "")
        )
        name = normalize_text(sender["name"])
        head = f"**{name}** {ts_time(ts):%Y-%m-%d %H:%M}{marks}"
        text = "\n".join(part for part in (head, body, *files) if part)
        entry: dict[str, Any] = {
            "ts": ts,
            "url": permalink(self.team, self.channel["id"], ts, thread_ts),
            "user_id": sender["id"],
            "user": sender["name"],
            "is_bot": sender["is_bot"],
        }
        # Exports of before 2018 say file_share; Slack has dropped it since, and the files tell.
        if (subtype := message.get("subtype")) and subtype != "file_share":
            entry["subtype"] = subtype
        if subtype == "thread_broadcast":
            entry["broadcast"] = True
        if edited := message.get("edited"):
            entry["edited_at"] = ts_time(edited["ts"]).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if message.get("pinned_to") or message.get("pinned_info"):
            entry["pinned"] = True
        if reactions := message.get("reactions"):
            entry["reactions"] = {
                reaction["name"]: reaction.get("count") or len(reaction.get("users") or ())
                for reaction in reactions
            }
        return _Rendered(message, sender, text, entry)

    def _sender(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Who sent a message: a person, or a bot under the name it gave itself."""
        comment = message.get("comment") or {}
        uid = message.get("user") or comment.get("user")
        bot_id = message.get("bot_id")
        person = self.people.get(uid or bot_id or "") or {}
        profile = message.get("user_profile") or {}
        given = (
            message.get("username")
            or (message.get("bot_profile") or {}).get("name")
            or profile.get("display_name")
            or profile.get("real_name")
        )
        is_bot = bool(person.get("is_bot") or bot_id or message.get("subtype") == "bot_message")
        name = (given or person.get("name")) if is_bot else (person.get("name") or given)
        return {
            "id": uid or bot_id or given or "unknown",
            "name": name or uid or bot_id or "unknown",
            "email": person.get("email"),
            "is_bot": is_bot,
        }

    def _title(self, rendered: list[_Rendered]) -> str:
        """The first words said, or the first file, or who began."""
        for item in rendered:
            body = item.text.partition("\n")[2]
            if words := _plain_line(body):
                return words
        return f"{rendered[0].entry['user']} in {self.channel['name']}"

    def _file_markdown(self, file: Mapping[str, Any]) -> str:
        name = normalize_text(file.get("title") or file.get("name") or file.get("id") or "file")
        kind = file.get("pretty_type") or file.get("mimetype") or file.get("filetype")
        detail = ", ".join(part for part in (kind, _size(file.get("size"))) if part)
        line = f"File: {' '.join(name.split())}" + (f" ({detail})" if detail else "")
        text = self.file_texts.get(file.get("id", "")) or file.get("preview") or ""
        text = normalize_text(text[:_FILE_TEXT_CHARACTERS])
        if not text:
            return line
        fence = "`" * max(3, _longest_backtick_run(text) + 1)
        return f"{line}\n{fence}\n{text}\n{fence}"


def _author(sender: Mapping[str, Any]) -> Author:
    return {"id": sender["id"], "name": sender["name"], "email": sender["email"]}


def _parts(rendered: Iterable[_Rendered]) -> Iterator[list[_Rendered]]:
    """Cuts a day into runs of messages.

    A part's id is its first message, and messages are only ever appended to a day, so a new one
    changes the last part alone.
    """
    part: list[_Rendered] = []
    characters = 0
    for item in rendered:
        if part and (
            len(part) >= _PART_MESSAGES
            or characters + len(item.text) > _PART_CHARACTERS
            or ts_key(item.message["ts"])[0] - ts_key(part[-1].message["ts"])[0] > _PART_GAP_SECONDS
        ):
            yield part
            part, characters = [], 0
        part.append(item)
        characters += len(item.text)
    if part:
        yield part


def channel_access(team_id: str, channel: Mapping[str, Any]) -> list[str]:
    """Who may read a channel: everybody in the workspace(s), or its members."""
    if channel["kind"] in PRIVATE_KINDS:
        return [group(SOURCE, channel["id"])]
    return [workspace(team) for team in channel.get("team_ids") or [team_id]]


def channel_container(team: Mapping[str, Any], channel: Mapping[str, Any]) -> Container:
    """A channel as the container of its documents."""
    return {
        "id": channel["id"],
        "name": channel["name"],
        "url": f"{team['url']}/archives/{channel['id']}" if team.get("url") else None,
    }


def channel_extra(channel: Mapping[str, Any]) -> dict[str, Any]:
    """What else documents say of their channel."""
    return {
        "kind": channel["kind"],
        "topic": channel.get("topic") or "",
        "purpose": channel.get("purpose") or "",
        "is_archived": bool(channel.get("is_archived")),
        "is_shared": bool(channel.get("is_shared")),
    }


def permalink(
    team: Mapping[str, Any], channel_id: str, ts: str, thread_ts: str | None = None
) -> str | None:
    """A message's address, built as `chat.getPermalink` builds it, without asking.

    None when the workspace's address is not known (an export does not carry it).
    """
    if not team.get("url"):
        return None
    address = f"{team['url']}/archives/{channel_id}/p{ts.replace('.', '')}"
    if thread_ts and thread_ts != ts:
        address += f"?thread_ts={thread_ts}&cid={channel_id}"
    return address


def files_of(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A message's files; until 2018 there was one, under `file`. Deleted ones are left out."""
    files = message.get("files") or ([message["file"]] if message.get("file") else [])
    return [file for file in files if isinstance(file, Mapping) and file.get("mode") != "tombstone"]


def ts_key(ts: str) -> tuple[int, int]:
    """A Slack `ts` as (seconds, microseconds).

    Never as a float: it loses the last digits and two messages fall together.
    """
    seconds, _, fraction = ts.partition(".")
    return int(seconds), int((fraction + "000000")[:6])


def ts_time(ts: str) -> datetime:
    """The moment a Slack `ts` stands for."""
    return _time(ts_key(ts))


def _time(key: tuple[int, int]) -> datetime:
    return datetime.fromtimestamp(key[0], UTC).replace(microsecond=key[1])


def _file_entry(file: Mapping[str, Any], reason: str | None) -> dict[str, Any]:
    return {
        "id": file.get("id"),
        "name": file.get("name"),
        "title": file.get("title"),
        "mimetype": file.get("mimetype"),
        "size": file.get("size"),
        "url": file.get("permalink"),
        **({"no_text": reason} if reason else {}),
    }


_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_DECORATION: Final = re.compile(r"(?:^|(?<=\s))(?:[#>*-]+\s+)|\*\*|~~|`+")


def _plain_line(markdown: str) -> str:
    """The first line with words, without Markdown, cut at a word."""
    for line in markdown.splitlines():
        words = " ".join(_DECORATION.sub("", _LINK.sub(r"\1", line)).split())
        if any(character.isalnum() for character in words):
            if len(words) <= _TITLE_CHARACTERS:
                return words
            cut = words[: _TITLE_CHARACTERS + 1].rpartition(" ")[0]
            return f"{cut or words[:_TITLE_CHARACTERS]}…"
    return ""


def _size(size: object) -> str:
    if not isinstance(size, int) or size <= 0:
        return ""
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def _longest_backtick_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
