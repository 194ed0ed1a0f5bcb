"""The state of a Slack workspace and everything that can happen to it."""

import base64
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from sandbox.slack.conversations import Conversations, remove_sorted
from sandbox.slack.directory import mutation
from sandbox.slack.filetypes import file_type, image_size
from sandbox.slack.messages import tombstone_of
from sandbox.slack.model import Channel, File, Message, MessageOrigin, Pin, Thread
from sandbox.slack.payloads import block_id
from sandbox.slack.richtext import rich_text


class Workspace(Conversations):
    """A company's Slack: people, conversations, messages and files.

    Build one by hand, with :func:`sandbox.slack.company.generate_company`, or from an export::

        workspace = Workspace("Acme", "acme")
        workspace.add_user("ada", "Ada Byron")
        workspace.create_channel("general", is_general=True)
        ts = workspace.post("general", "ada", "Good morning")
        workspace.reply("general", ts, "ada", "Anyone there?")

    The constructor takes the company's name, the first label of its ``slack.com`` address, the seed
    of all ids and the clock; it holds nobody but Slackbot then.

    Every method that changes something is safe to call while a server answers from the workspace.
    Conversations and users are given by id or by name; messages by their ``ts``. Methods raise
    ``LookupError`` for what does not exist and ``ValueError`` for what Slack would not allow.
    """

    @classmethod
    def from_export_zip(cls, path: Path | str, *, domain: str, name: str = "") -> Self:
        """Load a standard Slack workspace export.

        Threads, broadcasts and bots are rebuilt so that the API answers as Slack would. What an
        export lacks stays missing: user groups, custom emoji and the bytes of files.

        Args:
            path: The zip file as Slack made it.
            domain: First label of the workspace's address; an export does not say it.
            name: The workspace's name; default: the domain.

        Raises:
            ValueError: The archive is no Slack export.
        """
        from sandbox.slack.importer import load_export  # noqa: PLC0415  (it builds this class)

        workspace = cls(name or domain, domain)
        load_export(workspace, Path(path))
        return workspace

    def write_export_zip(self, path: Path | str, *, private: bool = True) -> None:
        """Write the workspace as Slack exports one.

        Args:
            path: The zip file to write.
            private: Include private channels and direct messages, as an export with the owner's
                approval does; without it only public channels.
        """
        from sandbox.slack.exporter import write_export  # noqa: PLC0415  (it reads this class)

        with self.lock:
            write_export(self, Path(path), private=private)

    def mutations(self) -> Mapping[str, Callable[..., object]]:
        """Every change by name, for the control endpoint."""
        return {
            name: getattr(self, name)
            for name in dir(type(self))
            if getattr(getattr(type(self), name), "is_mutation", False)
        }

    def message(self, channel: str, ts: str) -> Message:
        """One message.

        Raises:
            LookupError: There is none with this ts in the channel.
        """
        found = self.channel(channel).messages.get(ts)
        if found is None:
            raise LookupError(f"no message {ts} in {channel}")
        return found

    def message_count(self) -> int:
        """Messages in all conversations, replies included."""
        return sum(len(channel.messages) for channel in self.channels.values())

    @mutation
    def post(
        self,
        channel: str,
        user: str,
        text: str,
        *,
        ts: str | None = None,
        subtype: str = "",
        blocks: list[dict[str, Any]] | None = None,
        attachments: list[dict[str, Any]] | None = None,
        files: Iterable[str] = (),
        username: str = "",
        thread_ts: str = "",
    ) -> str:
        """Post a message and return its ts.

        Args:
            channel: Where.
            user: A person or an app's user; a bot id (``B...``) posts as an incoming webhook.
            text: mrkdwn with ``&``, ``<`` and ``>`` escaped. A person's message gets its
                ``rich_text`` block from it.
            ts: Default: now.
            subtype: ``me_message``, or what a test wants to see.
            blocks: Block Kit blocks of an app's message, in place of the one made from the text.
            attachments: Legacy attachments.
            files: Ids of uploaded files.
            username: Name a webhook shows.
            thread_ts: Root of the thread to reply to; see :meth:`reply`.
        """
        target = self.channel(channel)
        author, origin, fields = self._author(user, username)
        if blocks is not None:
            fields["blocks"] = blocks
        if attachments is not None:
            fields["attachments"] = attachments
        message = Message(
            self._fresh_ts(target, ts),
            author,
            text,
            origin,
            subtype or ("bot_message" if origin == "webhook" else ""),
            thread_ts=thread_ts,
            fields=fields or None,
            files=tuple(self.files[file_id].id for file_id in files),
        )
        for file_id in message.files:
            self.files[file_id].shares.setdefault(target.id, []).append(message.ts)
        self._insert(target, message)
        return message.ts

    @mutation
    def reply(
        self,
        channel: str,
        thread_ts: str,
        user: str,
        text: str,
        *,
        broadcast: bool = False,
        ts: str | None = None,
        blocks: list[dict[str, Any]] | None = None,
        attachments: list[dict[str, Any]] | None = None,
        files: Iterable[str] = (),
    ) -> str:
        """Reply in a thread and return the reply's ts.

        Args:
            channel: Where.
            thread_ts: The root; a reply's own ts is taken as its root's.
            user: As for :meth:`post`.
            text: As for :meth:`post`.
            broadcast: Also show it in the channel.
            ts: Default: now.
            blocks: As for :meth:`post`.
            attachments: As for :meth:`post`.
            files: As for :meth:`post`.
        """
        root = self.message(channel, thread_ts)
        return self.post(
            channel,
            user,
            text,
            ts=ts,
            subtype="thread_broadcast" if broadcast else "",
            blocks=blocks,
            attachments=attachments,
            files=files,
            thread_ts=root.thread_ts or root.ts,
        )

    @mutation
    def edit(self, channel: str, ts: str, text: str, *, user: str = "") -> None:
        """Change a message's text; ``edited`` says by whom and when, the ts stays."""
        message = self.message(channel, ts)
        if message.subtype == "tombstone":
            raise ValueError("a deleted message cannot be edited")
        message.text = text
        editor = self.user(user).id if user else message.user
        message.edited = (editor, f"{self.now_seconds():010d}.000000")
        if message.fields and "blocks" in message.fields:
            del message.fields["blocks"]
            if message.origin == "import":
                message.fields["blocks"] = [rich_text(text, block_id(channel, ts))]
        self._changed(self.channel(channel), message)

    @mutation
    def delete(self, channel: str, ts: str) -> None:
        """Delete a message. A root with replies stays as a tombstone until they are gone."""
        place, message = self.channel(channel), self.message(channel, ts)
        for file_id in message.files:
            self.files[file_id].shares.get(place.id, []).remove(ts)
        if ts in place.pins:
            place.pins.remove(ts)
        if place.threads.get(ts, Thread()).replies:
            place.messages[ts] = tombstone_of(message)
            self._forget_encoding(place, ts)
            for reply in place.threads[ts].replies:
                # They name their root's author, which is Slackbot now.
                place.messages[reply].encoded = None
            return
        del place.messages[ts]
        remove_sorted(place.timeline, ts)
        place.threads.pop(ts, None)
        if message.thread_ts:
            self._shrink_thread(place, message)

    def _shrink_thread(self, channel: Channel, reply: Message) -> None:
        thread = channel.threads[reply.thread_ts]
        remove_sorted(thread.replies, reply.ts)
        remove_sorted(thread.broadcasts, reply.ts)
        self._forget_encoding(channel, reply.thread_ts)
        if thread.replies:
            return
        del channel.threads[reply.thread_ts]
        root = channel.messages.get(reply.thread_ts)
        if root is not None and root.subtype == "tombstone":
            del channel.messages[root.ts]
            remove_sorted(channel.timeline, root.ts)

    @mutation
    def react(self, channel: str, ts: str, user: str, name: str) -> None:
        """Add a reaction (``+1``); adding it twice is an error, as in Slack."""
        message = self.message(channel, ts)
        reactions = message.reactions = message.reactions or {}
        people, person = reactions.setdefault(name, []), self.user(user).id
        if person in people:
            raise ValueError("already_reacted")
        people.append(person)
        self._changed(self.channel(channel), message)

    @mutation
    def unreact(self, channel: str, ts: str, user: str, name: str) -> None:
        """Take a reaction back."""
        message, person = self.message(channel, ts), self.user(user).id
        people = (message.reactions or {}).get(name, [])
        if person not in people:
            raise ValueError("no_reaction")
        people.remove(person)
        if not people and message.reactions:
            del message.reactions[name]
        self._changed(self.channel(channel), message)

    @mutation
    def pin(self, channel: str, ts: str, *, by: str = "") -> None:
        """Pin a message to its channel."""
        place, message = self.channel(channel), self.message(channel, ts)
        message.pin = Pin(self._actor(place, by), self.now_seconds())
        if ts not in place.pins:
            place.pins.append(ts)
        self._changed(place, message)

    @mutation
    def unpin(self, channel: str, ts: str) -> None:
        """Undo ``pin``."""
        place, message = self.channel(channel), self.message(channel, ts)
        message.pin = None
        place.pins.remove(ts)
        self._changed(place, message)

    @mutation
    def upload(
        self,
        channel: str,
        user: str,
        name: str,
        content: bytes | str,
        *,
        title: str = "",
        text: str = "",
        thread_ts: str = "",
        ts: str | None = None,
        snippet: bool = False,
    ) -> str:
        """Upload a file and share it in a message; returns the file's id.

        Args:
            channel: Where.
            user: Whose file.
            name: File name; its suffix decides the type.
            content: The bytes. As text, ``base64:`` in front means the rest is base64.
            title: Default: the name.
            text: Text of the message.
            thread_ts: Share it as a reply.
            ts: Of the message; default now.
            snippet: A snippet, which people edit in Slack, instead of a hosted file.
        """
        file_id = self.add_file(user, name, content, title=title, snippet=snippet)
        root = self.message(channel, thread_ts) if thread_ts else None
        self.post(
            channel,
            user,
            text,
            ts=ts,
            files=[file_id],
            thread_ts=(root.thread_ts or root.ts) if root else "",
        )
        return file_id

    @mutation
    def add_file(
        self,
        user: str,
        name: str,
        content: bytes | str,
        *,
        title: str = "",
        snippet: bool = False,
        created: int | None = None,
    ) -> str:
        """Store a file nobody has shared yet; ``post(files=[...])`` shares it."""
        if isinstance(content, str):
            encoded = content.startswith("base64:")
            content = base64.b64decode(content[7:]) if encoded else content.encode()
        kind = file_type(name)
        width, height = image_size(content)
        file = File(
            self.ids.new("F"),
            name,
            title or name,
            kind.mimetype,
            kind.filetype,
            kind.pretty_type,
            self.user(user).id,
            self.now_seconds() if created is None else created,
            content,
            len(content),
            mode="snippet" if snippet else "hosted",
            width=width,
            height=height,
        )
        self.files[file.id] = file
        return file.id

    @mutation
    def delete_file(self, file: str) -> None:
        """Delete a file; messages that carry it show ``mode: tombstone``."""
        gone = self.files[file]
        gone.mode, gone.content, gone.size = "tombstone", None, 0

    def _author(self, key: str, username: str) -> tuple[str, MessageOrigin, dict[str, Any]]:
        if key in self.bots:
            bot = self.bots[key]
            if not bot.user_id:
                return "", "webhook", {"bot_id": bot.id, "username": username or bot.name}
            key = bot.user_id
        user = self.user(key)
        return user.id, "app" if user.is_bot else "person", {}

    def _changed(self, channel: Channel, message: Message) -> None:
        message.encoded = None
        self._forget_encoding(channel, message.ts)
