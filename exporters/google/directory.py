"""The people of a Google Workspace: the Admin SDK's directory.

https://developers.google.com/workspace/admin/directory/reference/rest/v1/users
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from exporters.errors import InvalidDataError, NotFoundError
from exporters.http import HttpClient
from exporters.paging import PageTokens

SCOPE: Final = "https://www.googleapis.com/auth/admin.directory.user.readonly"

_USERS: Final = "admin/directory/v1/users"
_PAGE_SIZE: Final = 500
_FIELDS: Final = (
    "id,primaryEmail,name/fullName,suspended,archived,isMailboxSetup,customerId,suspensionReason,"
    "aliases,nonEditableAliases"
)

User = Mapping[str, Any]


class GoogleDirectory:
    """Reads the directory in an administrator's name."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def users(self) -> Iterator[User]:
        """Everybody in the Workspace, with `id`, `primaryEmail`, `customerId` and their state.

        Raises:
            ExportError: Google refuses.
        """
        token, tokens = None, PageTokens("Google's directory", "users.list")
        while True:
            page = self._page(f"nextPageToken,users({_FIELDS})", token, _PAGE_SIZE)
            yield from page.get("users") or ()
            token = page.get("nextPageToken")
            if not token:
                return
            tokens.following(token)

    def user(self, address: str) -> User | None:
        """One person, by the primary address or an alias; None where there is none.

        Raises:
            ExportError: Google refuses.
        """
        try:
            answer = self._http.get(
                f"{_USERS}/{address}", params={"fields": _FIELDS}, name="users.get"
            )
        except NotFoundError:
            return None
        user: User = answer.body
        return user

    def customer(self) -> str:
        """The Workspace's immutable customer id.

        Raises:
            InvalidDataError: The directory does not tell it.
            ExportError: Google refuses.
        """
        page = self._page("users(customerId)", None, 1)
        for user in page.get("users") or ():
            if customer := user.get("customerId"):
                return str(customer)
        raise InvalidDataError(
            "Google's directory does not tell the Workspace's customer id.",
            hint="Check that admin_subject is an administrator of the Workspace.",
        )

    def _page(self, fields: str, token: str | None, size: int) -> Mapping[str, Any]:
        answer = self._http.get(
            _USERS,
            params={
                "customer": "my_customer",
                "maxResults": size,
                "orderBy": "email",
                "fields": fields,
                "pageToken": token,
            },
            name="users.list",
        )
        page: Mapping[str, Any] = answer.body or {}
        return page
