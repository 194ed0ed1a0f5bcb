"""The people of a workspace: members, guests, strangers, apps, user groups and tokens."""

import threading
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Concatenate, Literal, ParamSpec, TypeVar

from sandbox.slack.model import Bot, Role, Team, Token, User, UserGroup
from sandbox.slack.timestamps import Clock, IdFactory

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D", bound="Directory")

SLACKBOT = "USLACKBOT"

FULL_BOT_SCOPES = (
    "channels:history",
    "channels:join",
    "channels:read",
    "emoji:read",
    "files:read",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "mpim:history",
    "mpim:read",
    "pins:read",
    "reactions:read",
    "team:read",
    "usergroups:read",
    "users:read",
    "users:read.email",
)
FULL_USER_SCOPES = tuple(scope for scope in FULL_BOT_SCOPES if scope != "channels:join")


def mutation(function: Callable[Concatenate[D, P], R]) -> Callable[Concatenate[D, P], R]:
    """Mark a change of the workspace: runs under its lock, callable by the control endpoint."""

    @wraps(function)
    def locked(self: D, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            return function(self, *args, **kwargs)

    locked.is_mutation = True  # type: ignore[attr-defined]
    return locked


class Directory:
    """Who is in the workspace and which tokens exist.

    Arguments called ``user`` take an id or a name (the handle, without ``@``).

    Attributes:
        lock: Held by every mutation and by the API while it makes up an answer.
        clock: Time of new messages and of what a free plan still shows.
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
        self.lock = threading.RLock()
        self.clock: Callable[[], float] = clock or Clock()
        self.ids = IdFactory(seed)
        self.team = Team(team_id or self.ids.new("T"), name, domain)
        self.users: dict[str, User] = {}
        self.bots: dict[str, Bot] = {}
        self.usergroups: dict[str, UserGroup] = {}
        self.emoji: dict[str, str] = {}
        self.tokens: dict[str, Token] = {}
        self._names: dict[str, str] = {}
        self._put(
            User(
                SLACKBOT,
                self.team.id,
                "slackbot",
                "Slackbot",
                display_name="Slackbot",
                color="757575",
                tz="America/Los_Angeles",
                tz_label="Pacific Standard Time",
                tz_offset=-28800,
            )
        )

    def user(self, key: str) -> User:
        """The user with an id or a handle.

        Raises:
            LookupError: There is none.
        """
        found = self.users.get(key) or self.users.get(self._names.get(key.lstrip("@"), ""))
        if found is None:
            raise LookupError(f"no user {key!r}")
        return found

    def bot(self, key: str) -> Bot:
        """The integration with an id or a name.

        Raises:
            LookupError: There is none.
        """
        for bot in self.bots.values():
            if key in (bot.id, bot.name):
                return bot
        raise LookupError(f"no bot {key!r}")

    def members(self) -> list[User]:
        """Users of this workspace, without strangers, in the order of ``users.list``."""
        own = [user for user in self.users.values() if user.team_id == self.team.id]
        return sorted(own, key=lambda user: (user.id != SLACKBOT, user.id))

    def now_seconds(self) -> int:
        """The workspace's time in whole seconds."""
        return int(self.clock())

    @mutation
    def add_user(
        self,
        name: str,
        real_name: str,
        *,
        email: str | None = None,
        title: str = "",
        role: Role = "member",
        tz: tuple[str, str, int] = ("Europe/Lisbon", "Western European Time", 0),
        color: str = "9f69e7",
        display_name: str = "",
    ) -> str:
        """Add a person and return the id.

        Args:
            name: Handle, unique in the workspace.
            real_name: First and last name.
            email: Default: the handle at the workspace's e-mail domain, if it has one.
            title: Job title.
            role: What the person may see and do.
            tz: Name, label and offset in seconds of the time zone.
            color: Hexadecimal, without ``#``.
            display_name: What others see; may be empty, as Slack allows.
        """
        if name in self._names:
            raise ValueError(f"the handle {name!r} is taken")
        if email is None and self.team.email_domain:
            email = f"{name}@{self.team.email_domain}"
        user = User(
            self.ids.new("U"),
            self.team.id,
            name,
            real_name,
            display_name=display_name,
            email=email or "",
            title=title,
            role=role,
            tz=tz[0],
            tz_label=tz[1],
            tz_offset=tz[2],
            color=color,
            updated=self.now_seconds(),
        )
        return self._put(user)

    @mutation
    def add_stranger(self, name: str, real_name: str, *, team_id: str, title: str = "") -> str:
        """Add a person of another company, known through a shared channel, and return the id."""
        user = User(self.ids.new("U"), team_id, name, real_name, title=title, display_name=name)
        return self._put(user)

    @mutation
    def add_app(self, name: str) -> str:
        """Install an app with a user of its own and return the id of its bot (``B...``)."""
        handle = name.lower().replace(" ", "_")
        bot_id, app_id = self.ids.new("B"), self.ids.new("A")
        user = User(
            self.ids.new("U"),
            self.team.id,
            handle,
            name,
            color="de5f24",
            bot_id=bot_id,
            app_id=app_id,
            updated=self.now_seconds(),
        )
        self._put(user)
        self.bots[bot_id] = Bot(bot_id, name, app_id, user.id, updated=self.now_seconds())
        return bot_id

    @mutation
    def add_webhook(self, name: str) -> str:
        """Add an incoming webhook, which has no user, and return its bot id."""
        bot_id = self.ids.new("B")
        self.bots[bot_id] = Bot(bot_id, name, self.ids.new("A"), updated=self.now_seconds())
        return bot_id

    @mutation
    def add_usergroup(
        self, handle: str, name: str, users: Iterable[str] = (), *, description: str = ""
    ) -> str:
        """Add a user group and return its id (``S...``)."""
        now = self.now_seconds()
        group = UserGroup(
            self.ids.new("S"),
            handle,
            name,
            description,
            created=now,
            created_by=self._first_person(),
            users=[self.user(user).id for user in users],
            updated=now,
        )
        self.usergroups[group.id] = group
        return group.id

    @mutation
    def set_usergroup_users(self, usergroup: str, users: Iterable[str]) -> None:
        """Replace who belongs to a user group, given by id or handle."""
        for group in self.usergroups.values():
            if usergroup in (group.id, group.handle):
                group.users = [self.user(user).id for user in users]
                group.updated = self.now_seconds()
                return
        raise LookupError(f"no user group {usergroup!r}")

    @mutation
    def rename_user(self, user: str, real_name: str, *, display_name: str | None = None) -> None:
        """Change how a person is called; the id stays."""
        person = self.user(user)
        person.real_name = real_name
        if display_name is not None:
            person.display_name = display_name
        person.updated = self.now_seconds()

    @mutation
    def set_email(self, user: str, email: str) -> None:
        """Change a person's address."""
        person = self.user(user)
        person.email = email
        person.updated = self.now_seconds()

    @mutation
    def deactivate(self, user: str) -> None:
        """Deactivate a person or an app's user: ``deleted`` is set and their tokens stop."""
        person = self.user(user)
        person.deleted = True
        person.updated = self.now_seconds()
        for token in self.tokens.values():
            if token.user == person.id and token.state == "active":
                token.state = "account_inactive"

    @mutation
    def reactivate(self, user: str) -> None:
        """Undo ``deactivate``."""
        person = self.user(user)
        person.deleted = False
        person.updated = self.now_seconds()
        for token in self.tokens.values():
            if token.user == person.id and token.state == "account_inactive":
                token.state = "active"

    @mutation
    def issue_token(
        self,
        value: str,
        user: str,
        *,
        kind: Literal["bot", "user"],
        scopes: Iterable[str] = FULL_USER_SCOPES,
        app_id: str = "",
    ) -> str:
        """Let ``value`` act for a user and return it.

        Args:
            value: The token a client will send.
            user: Whose token it is; for ``bot`` the user of an app.
            kind: ``bot`` or ``user``.
            scopes: Granted scopes.
            app_id: Defaults to the user's own app, so that rate limits are shared per app.
        """
        owner = self.user(user)
        self.tokens[value] = Token(
            value, kind, owner.id, app_id or owner.app_id or "A0SANDBOX", tuple(sorted(scopes))
        )
        return value

    @mutation
    def revoke_token(
        self, value: str, state: Literal["token_revoked", "token_expired"] = "token_revoked"
    ) -> None:
        """Make Slack refuse a token from now on with the given error.

        Raises:
            LookupError: No such token.
        """
        self.tokens[value].state = state

    def adopt_user(self, user: User) -> None:
        """Take a person over with an id of their own, as from an export."""
        with self.lock:
            self._put(user)

    def _put(self, user: User) -> str:
        self.users[user.id] = user
        self._names.setdefault(user.name, user.id)
        return user.id

    def _first_person(self) -> str:
        people = (user.id for user in self.users.values() if user.id != SLACKBOT)
        return next(people, SLACKBOT)
