"""The people, channels and user groups of a workspace, asked for once and kept for a run."""

import logging
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any

from exporters.errors import ExportError, NotFoundError, PermissionDeniedError
from exporters.slack.client import SlackClient
from exporters.slack.payloads import member_principal, person_summary

_log = logging.getLogger(__name__)


class SlackDirectory:
    """Satisfies `payloads.Directory` from the Web API. Safe to use from several threads."""

    def __init__(self, client: SlackClient, *, unknown_people: int) -> None:
        """Prepares a directory; nothing is asked yet.

        Args:
            client: The wire.
            unknown_people: How many people missing from the list are asked for one by one.
        """
        self._client = client
        self._lookups_left = unknown_people
        self._lock = Lock()
        self._users: dict[str, Mapping[str, Any]] | None = None
        self._bots: dict[str, str] = {}
        self._strangers: dict[str, Mapping[str, Any] | None] = {}
        self._groups: Mapping[str, str] | None = None
        self._channels: Mapping[str, str] = {}

    def users(self) -> Mapping[str, Mapping[str, Any]]:
        """All user objects of the workspace by id.

        Raises:
            ExportError: Slack does not tell, or did not tell all of them.
        """
        with self._lock:
            if self._users is None:
                users: dict[str, Mapping[str, Any]] = {u["id"]: u for u in self._client.users()}
                self._bots = {
                    user["profile"]["bot_id"]: uid
                    for uid, user in users.items()
                    if (user.get("profile") or {}).get("bot_id")
                }
                self._users = users
            return self._users

    def name_channels(self, channels: Iterable[Mapping[str, Any]]) -> None:
        """Learns what channels are called, so that a mention of one can be read."""
        self._channels = {
            channel["id"]: channel["name"] for channel in channels if channel.get("name")
        }

    def person(self, user_id: str) -> Mapping[str, Any] | None:
        """See `payloads.Directory`."""
        user = self._user(user_id)
        return person_summary(user) if user else None

    def channel_name(self, channel_id: str) -> str | None:
        """See `payloads.Directory`."""
        return self._channels.get(channel_id)

    def group_handle(self, group_id: str) -> str | None:
        """See `payloads.Directory`."""
        with self._lock:
            if self._groups is None:
                try:
                    self._groups = {
                        group["id"]: group.get("handle") or group["name"]
                        for group in self._client.usergroups()
                    }
                except PermissionDeniedError as error:
                    _log.warning("User groups are shown by their ids: %s", error)
                    self._groups = {}
            return self._groups.get(group_id)

    def members(self, user_ids: Iterable[str]) -> frozenset[str]:
        """Whom accounts stand for; those who were deactivated read nothing any more."""
        users = (self._user(user_id) or {"id": user_id} for user_id in user_ids)
        return frozenset(member_principal(user) for user in users if not user.get("deleted"))

    def _user(self, user_id: str) -> Mapping[str, Any] | None:
        try:
            users = self.users()
        except PermissionDeniedError:
            return None  # the partition of people fails with it, loudly; ids are shown instead
        user = users.get(user_id) or users.get(self._bots.get(user_id, ""))
        if user is not None or not user_id.startswith(("U", "W")):
            return user
        return self._stranger(user_id)

    def _stranger(self, user_id: str) -> Mapping[str, Any] | None:
        """Somebody who is not in the workspace's list: of a connected organisation."""
        with self._lock:
            if user_id in self._strangers or self._lookups_left <= 0:
                return self._strangers.get(user_id)
            self._lookups_left -= 1
        try:
            user = self._client.user(user_id)
        except (NotFoundError, PermissionDeniedError):
            user = None
        except ExportError as error:
            _log.warning("The person %s is shown by the id: %s", user_id, error)
            return None
        with self._lock:
            self._strangers[user_id] = user
        return user
