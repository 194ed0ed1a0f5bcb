"""The little language the company's conversations are written in.

A scene is text, one message a line, so that it can be read and written as the talk it is::

    a: {Anyone|Has anybody} seen the $service alerts?
    | Second line of the same message.
    + eyes:2
    > b: Looking. @a can you check #deploys?
    >! b: It was the $time deploy, rolled back.
    >> c: Post-mortem is up: <https://wiki.example/pm|here>
    > @deckhand.rollback

============== ====================================================================================
``a:``         who speaks: a letter stands for one person all through the scene
``@app.post``  an app's post, made by :mod:`sandbox.slack.company.posts`
``>``          a reply in the thread of the last message without ``>``
``>!``         a reply that is also sent to the channel
``>>``         a reply days later
``|``          the message goes on with a new line
``+ name:n``   n people react to the message above
``~`` ``^``    the message above was edited, is pinned
``% name``     the message above carries a file of :mod:`sandbox.slack.company.artifacts`
``{x|y}``      one of these
``$name``      a word of :mod:`sandbox.slack.company.vocabulary`, the same all through the scene;
               ``$name2`` another one of the kind; ``$num(1,9)`` a number
``@a``         mentions a person of the scene; ``@oncall`` a user group; ``@here`` everybody
``#name``      names a channel
============== ====================================================================================
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Literal

LineKind = Literal["root", "reply", "broadcast", "late"]
Fill = Callable[["Stage"], str]

_LINE = re.compile(r"(?P<mark>>[>!]?)?\s*(?:(?P<role>[a-z]):\s?(?P<text>.*)|@(?P<app>[\w.-]+))\Z")
_TOKEN = re.compile(
    r"\{(?P<choice>[^{}]*\|[^{}]*)\}"
    r"|\$num\((?P<low>\d+),(?P<high>\d+)\)"
    r"|\$(?P<slot>[a-z_]+\d?)"
    r"|(?<![\w/])@(?P<mention>[a-z][a-z-]*)"
    r"|(?<![\w/&])#(?P<channel>[a-z][a-z0-9-]+)"
)
_KINDS: dict[str | None, LineKind] = {None: "root", ">": "reply", ">!": "broadcast", ">>": "late"}
_EVERYBODY = frozenset({"here", "channel", "everyone"})


@dataclass(slots=True)
class Stage:
    """What a scene's words are filled from.

    Attributes:
        random: Source of every choice.
        cast: User id by role letter.
        vocabulary: Makers of words by slot name.
        channels: Channel id by name.
        usergroups: User group id by handle.
        words: The words already chosen in this scene.
    """

    random: Random
    cast: Mapping[str, str]
    vocabulary: Mapping[str, Callable[[Random], str]]
    channels: Mapping[str, str]
    usergroups: Mapping[str, str]
    words: dict[str, str] = field(default_factory=dict)

    def word(self, slot: str) -> str:
        """The word for a slot, chosen on first use; numbered slots differ from each other."""
        if slot not in self.words:
            make = self.vocabulary[slot.rstrip("0123456789")]
            chosen = make(self.random)
            for _ in range(10):
                if chosen not in self.words.values():
                    break
                chosen = make(self.random)
            self.words[slot] = chosen
        return self.words[slot]


@dataclass(slots=True)
class Line:
    """One message of a scene, not yet filled in."""

    kind: LineKind
    role: str
    app: str
    text: list[Fill]
    reactions: list[tuple[str, int]] = field(default_factory=list)
    edited: bool = False
    pinned: bool = False
    artifact: str = ""

    def fill(self, stage: Stage) -> str:
        """The text with everything chosen."""
        return "".join([part(stage) for part in self.text])


@dataclass(frozen=True, slots=True)
class Scene:
    """A conversation and how many people it takes."""

    lines: tuple[Line, ...]
    roles: tuple[str, ...]


@cache
def parse_scene(script: str) -> Scene:
    """Read a scene.

    Raises:
        ValueError: A line is not of the language.
    """
    lines: list[Line] = []
    texts: list[str] = []
    for raw in script.strip("\n").split("\n"):
        stripped = raw.strip()
        if not stripped:
            continue
        if stripped[0] in "|+~^%" and lines:
            _amend(lines[-1], texts, stripped)
            continue
        match = _LINE.match(stripped)
        if match is None:
            raise ValueError(f"not a line of a scene: {stripped!r}")
        lines.append(Line(_KINDS[match["mark"]], match["role"] or "", match["app"] or "", []))
        texts.append(match["text"] or "")
    for line, text in zip(lines, texts, strict=True):
        line.text = _compile(text)
    if not lines or lines[0].kind != "root":
        raise ValueError("a scene begins with a message that is no reply")
    mentioned = re.findall(r"(?<![\w/])@([a-z])\b", script)
    roles = dict.fromkeys([*(line.role for line in lines if line.role), *mentioned])
    return Scene(tuple(lines), tuple(roles))


def _amend(line: Line, texts: list[str], stripped: str) -> None:
    sign, rest = stripped[0], stripped[1:]
    if sign == "|":
        texts[-1] += "\n" + rest.removeprefix(" ")
    elif sign == "+":
        for item in rest.split():
            name, _, count = item.rpartition(":")
            line.reactions.append((name, int(count)))
    elif sign == "~":
        line.edited = True
    elif sign == "^":
        line.pinned = True
    else:
        line.artifact = rest.strip()


def _compile(text: str) -> list[Fill]:
    parts: list[Fill] = []
    position = 0
    for match in _TOKEN.finditer(text):
        if literal := text[position : match.start()]:
            parts.append(_literal(literal))
        parts.append(_token(match))
        position = match.end()
    if literal := text[position:]:
        parts.append(_literal(literal))
    return parts


def _token(match: re.Match[str]) -> Fill:
    if match["choice"] is not None:
        return _choice([_compile(option) for option in match["choice"].split("|")])
    if match["low"]:
        low, high = int(match["low"]), int(match["high"])
        return lambda stage: str(stage.random.randint(low, high))
    if slot := match["slot"]:
        return lambda stage: stage.word(slot)
    if name := match["mention"]:
        return lambda stage: _mention(stage, name)
    channel = match["channel"]
    return lambda stage: _channel(stage, channel)


def _literal(text: str) -> Fill:
    return lambda _: text


def _choice(options: Sequence[list[Fill]]) -> Fill:
    def choose(stage: Stage) -> str:
        # Cheaper than Random.choice, and this runs for every message of a large company.
        option = options[int(stage.random.random() * len(options))]
        return "".join([part(stage) for part in option])

    return choose


def _mention(stage: Stage, name: str) -> str:
    if user := stage.cast.get(name):
        return f"<@{user}>"
    if name in _EVERYBODY:
        return f"<!{name}>"
    if group := stage.usergroups.get(name):
        return f"<!subteam^{group}|@{name}>"
    return f"@{name}"


def _channel(stage: Stage, name: str) -> str:
    channel = stage.channels.get(name)
    return f"<#{channel}|{name}>" if channel else f"#{name}"
