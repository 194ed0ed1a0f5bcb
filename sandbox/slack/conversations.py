"""The conversations of a workspace: channels, direct messages, and who is in them."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable

from sandbox.slack.directory import Directory, mutation
from sandbox.slack.model import Channel, ChannelKind, File, Message, Text, Thread
from sandbox.slack.timestamps import MICROSECONDS, format_ts, next_ts, parse_ts


class Conversations(Directory):
    """Channels and memberships on top of the directory.

    Arguments called ``channel`` take an id or a name, with or without ``#``.
    """

    def __init__(
        self,
        name: str = "Sandbox",
        domain: str = "sandbox",
        *,
        seed: int = 1,
        clock: Callable[[], float] | None = None,
        team_id: str = "",
    ) -> None:
        super().__init__(name, domain, seed=seed, clock=clock, team_id=team_id)
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}

    def channel(self, key: str) -> Channel:
        """The conversation with an id or a name.

        Raises:
            LookupError: There is none.
        """
        if found := self.channels.get(key):
            return found
        name = key.lstrip("#")
        for channel in self.channels.values():
            if channel.name == name:
                return channel
        raise LookupError(f"no channel {key!r}")

    @mutation
    def create_channel(
        self,
        name: str,
        *,
        kind: ChannelKind = "public",
        creator: str = "",
        members: Iterable[str] = (),
        topic: str = "",
        purpose: str = "",
        created: int | None = None,
        is_general: bool = False,
        legacy: bool = False,
    ) -> str:
        """Open a channel and return its id; nobody's joining is announced.

        Args:
            name: Lower case, as Slack wants it.
            kind: ``public`` or ``private``; for direct messages see :meth:`open_direct`.
            creator: A user; becomes a member. Default: the first person of the workspace.
            members: Further members.
            topic: Shown in the channel's head.
            purpose: The channel's description.
            created: Seconds; default now.
            is_general: The one channel everybody is in.
            legacy: A private channel from before 2021, whose id begins with ``G``.
        """
        if any(channel.name == name for channel in self.channels.values()):
            raise ValueError(f"the channel name {name!r} is taken")
        owner = self.user(creator).id if creator else self._first_person()
        created = self.now_seconds() if created is None else created
        channel = Channel(
            self.ids.new("G" if legacy else "C"),
            name,
            kind,
            created,
            owner,
            updated=created * 1000,
            is_general=is_general,
            topic=Text(topic, owner, created) if topic else Text(),
            purpose=Text(purpose, owner, created) if purpose else Text(),
            members={owner, *(self.user(member).id for member in members)},
        )
        self.channels[channel.id] = channel
        return channel.id

    @mutation
    def open_direct(self, users: Iterable[str], *, created: int | None = None) -> str:
        """Open a direct message (two people) or a group one (three to nine); returns the id."""
        members = [self.user(user) for user in users]
        if len(members) < 2:
            raise ValueError("a direct message needs two people")
        created = self.now_seconds() if created is None else created
        if len(members) == 2:
            kind: ChannelKind = "im"
            channel_id, name = self.ids.new("D"), ""
        else:
            kind = "mpim"
            channel_id = self.ids.new("C")
            name = "mpdm-" + "--".join(member.name for member in members) + "-1"
        channel = Channel(
            channel_id,
            name,
            kind,
            created,
            members[0].id,
            updated=created * 1000,
            members={member.id for member in members},
        )
        if kind == "mpim":
            people = " ".join(f"@{member.name}" for member in members)
            channel.purpose = Text(f"Group messaging with: {people}", members[0].id, created)
        self.channels[channel_id] = channel
        return channel_id

    @mutation
    def share_with_team(self, channel: str, team_id: str, strangers: Iterable[str] = ()) -> None:
        """Share a channel with another company (Slack Connect) and let its people in."""
        shared = self.channel(channel)
        if team_id not in shared.connected_teams:
            shared.connected_teams.append(team_id)
        shared.members.update(self.user(stranger).id for stranger in strangers)
        self._touch(shared)

    @mutation
    def rename(self, channel: str, name: str, *, by: str = "") -> None:
        """Rename a channel; a ``channel_name`` message says so."""
        renamed = self.channel(channel)
        old = renamed.name
        if any(other.name == name for other in self.channels.values()):
            raise ValueError(f"the channel name {name!r} is taken")
        renamed.name = name
        renamed.previous_names.append(old)
        text = f'has renamed the channel from "{old}" to "{name}"'
        self._announce(renamed, "channel_name", by, text, old_name=old, name=name)

    @mutation
    def set_topic(self, channel: str, topic: str, *, by: str = "") -> None:
        """Change the topic; a ``channel_topic`` message says so."""
        changed = self.channel(channel)
        author = self._actor(changed, by)
        changed.topic = Text(topic, author, self.now_seconds())
        text = f"set the channel topic: {topic}"
        self._announce(changed, "channel_topic", author, text, topic=topic)

    @mutation
    def set_purpose(self, channel: str, purpose: str, *, by: str = "") -> None:
        """Change the description; a ``channel_purpose`` message says so."""
        changed = self.channel(channel)
        author = self._actor(changed, by)
        changed.purpose = Text(purpose, author, self.now_seconds())
        text = f"set the channel description: {purpose}"
        self._announce(changed, "channel_purpose", author, text, purpose=purpose)

    @mutation
    def archive(self, channel: str, *, by: str = "") -> None:
        """Archive a channel; it can be read by who was in it, and nobody can join."""
        archived = self.channel(channel)
        self._announce(archived, "channel_archive", by, "archived the channel")
        archived.is_archived = True

    @mutation
    def unarchive(self, channel: str, *, by: str = "") -> None:
        """Bring an archived channel back."""
        restored = self.channel(channel)
        restored.is_archived = False
        self._announce(restored, "channel_unarchive", by, "un-archived the channel")

    @mutation
    def convert_to_private(self, channel: str, *, by: str = "") -> None:
        """Make a public channel private: same id, from now on only for its members."""
        converted = self.channel(channel)
        if converted.kind != "public":
            raise ValueError(f"{converted.name!r} is not public")
        converted.kind = "private"
        text = "made this channel *private*. Now, it can only be viewed or joined by invitation."
        self._announce(converted, "channel_convert_to_private", by, text)

    @mutation
    def delete_channel(self, channel: str) -> None:
        """Remove a channel with everything in it; asking for it is ``channel_not_found``."""
        del self.channels[self.channel(channel).id]

    @mutation
    def join(self, channel: str, user: str, *, quiet: bool = False) -> None:
        """Let somebody join; a ``channel_join`` message says so unless quiet."""
        joined, person = self.channel(channel), self.user(user)
        if person.id in joined.members:
            return
        joined.members.add(person.id)
        if not quiet:
            text = f"<@{person.id}> has joined the channel"
            self._announce(joined, "channel_join", person.id, text)

    @mutation
    def invite(self, channel: str, users: Iterable[str], *, by: str = "") -> None:
        """Add people; the ``channel_join`` messages name the inviter."""
        target = self.channel(channel)
        inviter = self._actor(target, by)
        for person in [self.user(user).id for user in users]:
            if person not in target.members:
                target.members.add(person)
                text = f"<@{person}> has joined the channel"
                self._announce(target, "channel_join", person, text, inviter=inviter)

    @mutation
    def leave(self, channel: str, user: str, *, quiet: bool = False) -> None:
        """Let somebody leave; a ``channel_leave`` message says so unless quiet."""
        left, person = self.channel(channel), self.user(user)
        if person.id not in left.members:
            raise ValueError(f"{person.name} is not in {left.name}")
        if not quiet:
            text = f"<@{person.id}> has left the channel"
            self._announce(left, "channel_leave", person.id, text)
        left.members.discard(person.id)

    @mutation
    def kick(self, channel: str, user: str) -> None:
        """Remove somebody without a message, as an administrator does."""
        channel_, person = self.channel(channel), self.user(user)
        channel_.members.discard(person.id)
        self._touch(channel_)

    def adopt_message(self, channel: Channel, message: Message) -> None:
        """Take a message over with a ts of its own, as from an export or a generator.

        One that is there already with the same ts is replaced.
        """
        with self.lock:
            if message.ts in channel.messages:
                channel.messages[message.ts] = message
            else:
                self._insert(channel, message)

    def _actor(self, channel: Channel, user: str) -> str:
        return self.user(user).id if user else channel.creator

    def _announce(
        self, channel: Channel, subtype: str, by: str, text: str, **fields: str
    ) -> Message:
        author = self._actor(channel, by)
        self._touch(channel)
        message = Message(
            self._fresh_ts(channel), author, text, "system", subtype, fields=dict(fields) or None
        )
        self._insert(channel, message)
        return message

    def _touch(self, channel: Channel) -> None:
        channel.updated = int(self.clock() * 1000)

    def _fresh_ts(self, channel: Channel, ts: str | None = None) -> str:
        """A ts that is free in the channel: the wanted one, or now but after the newest message.

        Raises:
            ValueError: The wanted one is malformed or taken.
        """
        if ts is not None:
            wanted = parse_ts(ts)
            if wanted is None or wanted in channel.messages:
                raise ValueError(f"ts {ts!r} is malformed or taken")
            return wanted
        now = format_ts(int(self.clock() * MICROSECONDS))
        newest = max(
            channel.timeline[-1] if channel.timeline else now,
            next(reversed(channel.messages), now),
        )
        fresh = now if now > newest else next_ts(newest)
        while fresh in channel.messages:
            fresh = next_ts(fresh)
        return fresh

    def _insert(self, channel: Channel, message: Message) -> None:
        """File a message under its ts and bring its thread up to date."""
        channel.messages[message.ts] = message
        if message.thread_ts:
            thread = channel.threads.setdefault(message.thread_ts, Thread())
            _insert_sorted(thread.replies, message.ts)
            if message.is_broadcast:
                _insert_sorted(thread.broadcasts, message.ts)
                _insert_sorted(channel.timeline, message.ts)
            self._forget_encoding(channel, message.thread_ts)
        else:
            _insert_sorted(channel.timeline, message.ts)

    def _forget_encoding(self, channel: Channel, root_ts: str) -> None:
        """Drop what was encoded of a root and of the broadcasts that embed it."""
        if root := channel.messages.get(root_ts):
            root.encoded = None
        for ts in channel.threads.get(root_ts, Thread()).broadcasts:
            channel.messages[ts].encoded = None


def _insert_sorted(keys: list[str], key: str) -> None:
    """Insert, fast where the key is the largest, as a new message's is."""
    if not keys or key > keys[-1]:
        keys.append(key)
    else:
        insort(keys, key)


def remove_sorted(keys: list[str], key: str) -> None:
    """Remove a key that may be absent from a sorted list."""
    index = bisect_left(keys, key)
    if index < len(keys) and keys[index] == key:
        del keys[index]
