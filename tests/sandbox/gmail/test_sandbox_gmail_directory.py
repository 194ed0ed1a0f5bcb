"""The Admin SDK's list of users."""

import pytest
from gmail_clients import ADA, BOB, CLEO, READONLY, USERS, Caller, caller

from sandbox.gmail import GmailSandbox, Mailboxes

PATH = "/admin/directory/v1/users"


@pytest.fixture
def admin(gmail: GmailSandbox) -> Caller:
    return caller(gmail, ADA, USERS)


def addresses(admin: Caller, **parameters: str) -> list[str]:
    pages = admin.pages(PATH, customer="my_customer", **parameters)
    return [user["primaryEmail"] for page in pages for user in page.get("users", ())]


def test_an_administrator_sees_everybody(admin: Caller, mailboxes: Mailboxes) -> None:
    mailboxes.organization.suspend(CLEO)
    page = admin.get(PATH, customer="my_customer")
    assert page["kind"] == "admin#directory#users"
    shown = {user["primaryEmail"]: user for user in page["users"]}
    assert set(shown) == {ADA, BOB, CLEO}
    assert shown[ADA]["isAdmin"]
    assert shown[BOB]["aliases"] == ["robert@acme.example"]
    assert shown[BOB]["name"]["fullName"] == "Bob Stone"
    assert [shown[user]["suspended"] for user in (ADA, BOB, CLEO)] == [False, False, True]
    assert shown[CLEO]["suspensionReason"] == "ADMIN"


def test_a_user_without_gmail_has_no_mailbox_set_up(admin: Caller, mailboxes: Mailboxes) -> None:
    mailboxes.organization.set_mail_enabled(CLEO, enabled=False)
    assert admin.get(f"{PATH}/{CLEO}")["isMailboxSetup"] is False
    assert admin.get(f"{PATH}/robert@acme.example")["isMailboxSetup"] is True


def test_pages_hold_as_many_as_asked_for(admin: Caller) -> None:
    sizes = [
        len(page["users"])
        for page in admin.pages(PATH, customer="my_customer", maxResults=2, orderBy="email")
    ]
    assert sizes == [2, 1]
    assert addresses(admin, maxResults="1") == [ADA, BOB, CLEO]


def test_somebody_who_leaves_while_a_client_pages_skips_nobody(
    admin: Caller, mailboxes: Mailboxes
) -> None:
    admin.sandbox.after("directory.users.list", 1, lambda: mailboxes.organization.remove_user(ADA))
    first = admin.get(PATH, customer="my_customer", maxResults=1)
    assert [user["primaryEmail"] for user in first["users"]] == [ADA]
    mailboxes.organization.add_user("boss@acme.example", "The Boss", is_admin=True)
    boss = caller(admin.sandbox, "boss@acme.example", USERS)
    rest = boss.get(PATH, customer="my_customer", pageToken=first["nextPageToken"])
    assert [user["primaryEmail"] for user in rest["users"]] == [BOB, "boss@acme.example", CLEO]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("isSuspended=true", [CLEO]),
        ("isSuspended=false", [ADA, BOB]),
        ("isAdmin=true", [ADA]),
        ("email=robert@acme.example", [BOB]),
        ("email:b*", [BOB]),
        ("email:b* isSuspended=true", []),
    ],
)
def test_the_directory_can_be_searched(
    admin: Caller, mailboxes: Mailboxes, query: str, found: list[str]
) -> None:
    mailboxes.organization.suspend(CLEO)
    assert addresses(admin, query=query) == found


def test_who_is_no_administrator_is_told_so(gmail: GmailSandbox, mailboxes: Mailboxes) -> None:
    message = "Not Authorized to access this resource/api"
    asked = {"customer": "my_customer"}
    assert caller(gmail, BOB, USERS).error(PATH, **asked) == (403, "forbidden", message)
    assert caller(gmail, ADA, READONLY).error(PATH, **asked)[1] == "insufficientPermissions"
    mailboxes.organization.set_admin(BOB, is_admin=True)
    assert caller(gmail, BOB, USERS).get(PATH, **asked)["users"]


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({}, (400, "badRequest")),
        ({"customer": "C0other"}, (400, "invalid")),
        ({"domain": "other.example"}, (404, "notFound")),
        ({"customer": "my_customer", "maxResults": "501"}, (400, "invalidParameter")),
        ({"customer": "my_customer", "maxResults": "0"}, (400, "invalidParameter")),
        ({"customer": "my_customer", "query": "shoeSize=44"}, (400, "invalid")),
        ({"customer": "my_customer", "pageToken": "12345"}, (400, "invalidArgument")),
        ({"customer": "my_customer", "colour": "red"}, (400, "invalid")),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    admin: Caller, parameters: dict[str, str], error: tuple[int, str]
) -> None:
    assert admin.error(PATH, **parameters)[:2] == error


def test_nobody_is_found_by_a_wrong_key(admin: Caller) -> None:
    assert admin.error(f"{PATH}/nobody@acme.example")[:2] == (404, "notFound")
