"""Scenes played into a workspace: who wrote what when."""

from random import Random

from sandbox.slack.company.artifacts import ARTIFACTS
from sandbox.slack.company.posts import Post, make_post
from sandbox.slack.company.script import Line, Scene, Stage
from sandbox.slack.model import Channel, Message, Pin
from sandbox.slack.timestamps import MICROSECONDS, format_ts, next_ts, ts_microseconds
from sandbox.slack.workspace import Workspace

DAY = 86_400
LATEST_BEFORE_END = 90
ME_COMMAND = "/me "


class History:
    """Writes messages with times of its own choosing.

    Attributes:
        count: Messages written so far.
        bots: Bot id by the name scenes use for the app.
    """

    def __init__(self, workspace: Workspace, random: Random, end: int) -> None:
        self.count = 0
        self.bots: dict[str, str] = {}
        self._workspace = workspace
        self._random = random
        self._end = end
        self._channel_ids: dict[str, str] = {}
        self._usergroup_ids: dict[str, str] = {}

    @property
    def channel_ids(self) -> dict[str, str]:
        """Channel id by name, for the mentions in scenes."""
        if not self._channel_ids:
            self._channel_ids = {
                channel.name: channel.id
                for channel in self._workspace.channels.values()
                if not channel.is_direct
            }
        return self._channel_ids

    @property
    def usergroup_ids(self) -> dict[str, str]:
        """User group id by handle."""
        if not self._usergroup_ids:
            groups = self._workspace.usergroups.values()
            self._usergroup_ids = {group.handle: group.id for group in groups}
        return self._usergroup_ids

    def notice(
        self, channel: Channel, moment: int, subtype: str, user: str, text: str, **fields: str
    ) -> None:
        """Write one of Slack's own notices (``channel_join``, ``channel_topic`` ...)."""
        ts = self._free_ts(channel, moment)
        message = Message(ts, user, text, "system", subtype, fields=dict(fields) or None)
        self._workspace.adopt_message(channel, message)
        self.count += 1

    def play(self, channel: Channel, scene: Scene, stage: Stage, begin: int, at_most: int) -> None:
        """Write a scene's messages.

        Args:
            channel: Where.
            scene: What is said.
            stage: By whom and with which words.
            begin: When the first message is written, in seconds.
            at_most: Stop once ``count`` is this high.
        """
        root: Message | None = None
        moment = replied = begin
        for line in scene.lines:
            if self.count >= at_most:
                return
            if line.kind == "root":
                if root is not None:
                    moment = max(moment, replied if line.app else moment)
                    moment += 15 + int(self._random.random() * 240)
                root = self._write(channel, line, stage, moment, None)
                replied = moment
            else:
                replied = self._reply_time(line, replied)
                self._write(channel, line, stage, replied, root)

    def _reply_time(self, line: Line, previous: int) -> int:
        random = self._random
        if line.kind == "late":
            later = previous + int((1 + 12 * random.random() ** 2) * DAY)
            wanted = later - later % DAY + int((8 + 9 * random.random()) * 3600)
        else:
            wanted = previous + 25 + int(random.random() ** 2 * 1500)
        latest = self._end - LATEST_BEFORE_END
        if wanted < latest:
            return wanted
        # The history ends here: the reply comes somewhere in what is left of it.
        return previous + int(random.random() * max(1, latest - previous))

    def _write(
        self, channel: Channel, line: Line, stage: Stage, moment: int, root: Message | None
    ) -> Message:
        ts = self._free_ts(channel, moment)
        if line.app:
            message = self._app_message(line, stage, ts)
        else:
            message = _personal_message(line, stage, ts)
        if root is not None:
            message.thread_ts = root.ts
            if line.kind == "broadcast":
                message.subtype = "thread_broadcast"
        self._decorate(channel, line, message)
        self._workspace.adopt_message(channel, message)
        self.count += 1
        return message

    def _app_message(self, line: Line, stage: Stage, ts: str) -> Message:
        bot = self._workspace.bots[self.bots[line.app.partition(".")[0]]]
        post = make_post(line.app, stage)
        if bot.user_id:
            return Message(ts, bot.user_id, post.text, "app", fields=_fields_of(post))
        fields = {"bot_id": bot.id, "username": bot.name, **(_fields_of(post) or {})}
        return Message(ts, "", post.text, "webhook", "bot_message", fields=fields)

    def _decorate(self, channel: Channel, line: Line, message: Message) -> None:
        random = self._random
        seconds = ts_microseconds(message.ts) // MICROSECONDS
        if line.reactions:
            message.reactions = self._reactions(channel, line)
        if line.edited and message.user:
            edited = min(seconds + 20 + int(random.random() * 600), self._end - 1)
            message.edited = (message.user, f"{edited:010d}.000000")
        if line.pinned:
            message.pin = Pin(message.user or channel.creator, min(seconds + 60, self._end - 1))
            channel.pins.append(message.ts)
        if line.artifact:
            artifact = ARTIFACTS[line.artifact]
            file_id = self._workspace.add_file(
                message.user or channel.creator,
                artifact.name,
                artifact.make(random),
                title=artifact.title,
                snippet=artifact.snippet,
                created=seconds - 5,
            )
            self._workspace.files[file_id].shares[channel.id] = [message.ts]
            message.files = (file_id,)

    def _reactions(self, channel: Channel, line: Line) -> dict[str, list[str]] | None:
        people = sorted(channel.members)
        reactions: dict[str, list[str]] = {}
        for name, most in line.reactions:
            wanted = min(len(people), int(self._random.random() * (most + 1)))
            if wanted:
                reactions[name] = self._random.sample(people, wanted)
        return reactions or None

    def _free_ts(self, channel: Channel, moment: int) -> str:
        ts = format_ts(moment * MICROSECONDS + int(self._random.random() * MICROSECONDS))
        while ts in channel.messages:
            ts = next_ts(ts)
        return ts


def _personal_message(line: Line, stage: Stage, ts: str) -> Message:
    user, text = stage.cast[line.role], line.fill(stage)
    if text.startswith(ME_COMMAND):
        return Message(ts, user, text.removeprefix(ME_COMMAND), "system", "me_message")
    return Message(ts, user, text)


def _fields_of(post: Post) -> dict[str, object] | None:
    fields: dict[str, object] = {}
    if post.blocks is not None:
        fields["blocks"] = post.blocks
    if post.attachments is not None:
        fields["attachments"] = post.attachments
    return fields or None
