"""Admin SDK: the list of a Workspace's users (developers.google.com/admin-sdk/directory)."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from sandbox.google.api import ApiCall, Operation
from sandbox.google.errors import GoogleError
from sandbox.google.fields import Schemas, leaves
from sandbox.google.organization import GoogleUser, Organization
from sandbox.google.paging import PageSwitches, cut_page, decode_token
from sandbox.google.parameters import Parameter

SCOPE_USERS = "https://www.googleapis.com/auth/admin.directory.user"
SCOPE_USERS_READONLY = "https://www.googleapis.com/auth/admin.directory.user.readonly"

SCHEMAS: Schemas = {
    "Users": {"kind": "", "etag": "", "users": "User", "nextPageToken": "", "trigger_event": ""},
    "User": {
        **leaves(
            "kind id etag primaryEmail isAdmin isDelegatedAdmin lastLoginTime creationTime "
            "agreedToTerms suspended suspensionReason archived changePasswordAtNextLogin "
            "ipWhitelisted aliases nonEditableAliases customerId orgUnitPath isMailboxSetup "
            "isEnrolledIn2Sv isEnforcedIn2Sv includeInGlobalAddressList"
        ),
        "name": "UserName",
        "emails": "UserEmail",
        "organizations": "UserOrganization",
    },
    "UserName": {"givenName": "", "familyName": "", "fullName": "", "displayName": ""},
    "UserEmail": {"address": "", "type": "", "primary": "", "customType": ""},
    "UserOrganization": {"title": "", "department": "", "primary": "", "customType": ""},
}

PARAMETERS = {
    "customer": Parameter(),
    "domain": Parameter(),
    "maxResults": Parameter("int32", between=(1, 500)),
    "pageToken": Parameter(),
    "query": Parameter(),
    "orderBy": Parameter(choices=("email", "familyName", "givenName")),
    "sortOrder": Parameter(choices=("ASCENDING", "DESCENDING")),
    "projection": Parameter(choices=("basic", "custom", "full")),
    "viewType": Parameter(choices=("admin_view", "domain_public")),
    "showDeleted": Parameter(),
    "customFieldMask": Parameter(),
    "event": Parameter(choices=("add", "delete", "makeAdmin", "undelete", "update")),
}

DEFAULT_PAGE = 100
_NEVER = "1970-01-01T00:00:00.000Z"


class Directory:
    """The users of an organization as the Admin SDK shows them."""

    def __init__(self, organization: Organization, switches: PageSwitches) -> None:
        self._organization = organization
        self._switches = switches

    def operations(self) -> list[Operation]:
        """``users.list`` and ``users.get``."""
        scopes = frozenset({SCOPE_USERS, SCOPE_USERS_READONLY})
        base = "/admin/directory/v1/users"
        service = "admin.googleapis.com"
        return [
            Operation(
                "directory.users.list",
                base,
                self._list,
                scopes,
                "Users",
                PARAMETERS,
                service=service,
            ),
            Operation(
                "directory.users.get",
                base + "/{userKey}",
                self._get,
                scopes,
                "User",
                {name: PARAMETERS[name] for name in ("projection", "viewType", "customFieldMask")},
                service=service,
            ),
        ]

    def _list(self, call: ApiCall) -> dict[str, Any]:
        organization = self._organization
        with organization.lock:
            self._require_admin(call)
            customer, domain = call.text("customer"), call.text("domain")
            if not customer and not domain:
                raise GoogleError(400, "Bad Request", "badRequest", status=None)
            if customer not in ("", "my_customer", organization.customer_id):
                raise _refused(400, "Invalid Input: customer", "invalid")
            if domain not in ("", organization.domain):
                raise _refused(404, "Domain not found.", "notFound")
            wanted = _filter(call.text("query"))
            users = sorted(
                (user for user in organization.users.values() if wanted(user)),
                key=lambda user: user.email,
            )
            if call.text("sortOrder") == "DESCENDING" and call.text("orderBy"):
                users.reverse()
            return self._page(call, users)

    def _page(self, call: ApiCall, users: list[GoogleUser]) -> dict[str, Any]:
        query = f"users {call.text('query')} {call.text('orderBy')} {call.text('sortOrder')}"
        token = call.text("pageToken")
        position = decode_token(token, query)
        keys = [user.email.encode() for user in users]
        begin = keys.index(position.key) + 1 if position.key in keys else 0
        if position.key and not begin:
            # Its user is gone: go on at the first address behind it, in either order.
            backwards = len(keys) > 1 and keys[0] > keys[-1]
            passed = [(key >= position.key) if backwards else (key <= position.key) for key in keys]
            begin = sum(passed)
        page = cut_page(
            list(zip(keys[begin:], users[begin:], strict=True)),
            call.number("maxResults", DEFAULT_PAGE),
            position=position,
            query=query,
            token=token,
            switches=self._switches,
        )
        answer: dict[str, Any] = {"kind": "admin#directory#users"}
        if page.items:
            answer["users"] = [self._user(user) for user in page.items]
        answer = {"kind": answer["kind"], "etag": _etag(str(answer)), **answer}
        if page.next_token:
            answer["nextPageToken"] = page.next_token
        return answer

    def _get(self, call: ApiCall) -> dict[str, Any]:
        with self._organization.lock:
            self._require_admin(call)
            user = self._organization.find(call.path["userKey"])
            if user is None:
                raise _refused(404, "Resource Not Found: userKey", "notFound")
            return self._user(user)

    def _require_admin(self, call: ApiCall) -> None:
        asking = self._organization.find(call.grant.user) if call.grant.user else None
        if asking is None or asking.suspended or not asking.is_admin:
            raise _refused(403, "Not Authorized to access this resource/api", "forbidden")

    def _user(self, user: GoogleUser) -> dict[str, Any]:
        emails: list[dict[str, Any]] = [{"address": user.email, "primary": True}]
        emails += [{"address": alias} for alias in user.aliases]
        created = datetime.fromtimestamp(user.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        shown: dict[str, Any] = {
            "kind": "admin#directory#user",
            "id": user.id,
            "etag": _etag(str(user)),
            "primaryEmail": user.email,
            "name": {
                "givenName": user.given_name,
                "familyName": user.family_name,
                "fullName": user.full_name,
            },
            "isAdmin": user.is_admin,
            "isDelegatedAdmin": False,
            "lastLoginTime": created if user.mail_enabled else _NEVER,
            "creationTime": created,
            "agreedToTerms": True,
            "suspended": user.suspended,
        }
        if user.suspended:
            shown["suspensionReason"] = "ADMIN"
        shown |= {
            "archived": False,
            "changePasswordAtNextLogin": False,
            "ipWhitelisted": False,
            "emails": emails,
        }
        if user.title or user.department:
            shown["organizations"] = [
                {
                    "title": user.title,
                    "primary": True,
                    "customType": "",
                    "department": user.department,
                }
            ]
        if user.aliases:
            shown["aliases"] = list(user.aliases)
        return shown | {
            "customerId": self._organization.customer_id,
            "orgUnitPath": "/",
            "isMailboxSetup": user.mail_enabled,
            "isEnrolledIn2Sv": False,
            "isEnforcedIn2Sv": False,
            "includeInGlobalAddressList": True,
        }


def _filter(query: str) -> Callable[[GoogleUser], bool]:
    """The part of the directory's search that names one field each (``isSuspended=false``)."""
    tests = [_clause(clause) for clause in query.split()]
    return lambda user: all(test(user) for test in tests)


def _clause(text: str) -> Callable[[GoogleUser], bool]:
    name, sign, value = text.replace(":", "=", 1).partition("=")
    wanted, exact = value.strip("'\"").lower(), "=" in text

    def has_address(user: GoogleUser) -> bool:
        known = (user.email, *user.aliases)
        if exact:
            return wanted in known
        return any(address.startswith(wanted.rstrip("*")) for address in known)

    tests: dict[str, Callable[[GoogleUser], bool]] = {
        "isSuspended": lambda user: user.suspended == (wanted == "true"),
        "isAdmin": lambda user: user.is_admin == (wanted == "true"),
        "email": has_address,
    }
    if not sign or not wanted or name not in tests:
        raise _refused(400, "Invalid Input: query", "invalid")
    return tests[name]


def _refused(code: int, message: str, reason: str) -> GoogleError:
    return GoogleError(code, message, reason, status=None)


def _etag(text: str) -> str:
    return f'"{blake2b(text.encode(), digest_size=20).hexdigest()}"'
