"""Who gets a token, what it is good for, and when it stops working."""

import base64
import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from gmail_clients import (
    ADA,
    BOB,
    FULL,
    METADATA,
    READONLY,
    SETTINGS,
    USERS,
    Caller,
    caller,
)
from google.auth import crypt, exceptions, jwt
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2.credentials import Credentials
from google.oauth2.service_account import Credentials as ServiceAccountCredentials
from sandbox_clients import RawAnswer, control, raw

from sandbox.gmail import GmailSandbox, Mailboxes, service_account_info

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def service_account(gmail: GmailSandbox, subject: str, *scopes: str) -> ServiceAccountCredentials:
    made: ServiceAccountCredentials = ServiceAccountCredentials.from_service_account_info(  # type: ignore[no-untyped-call]
        gmail.service_account_info(), scopes=list(scopes or (READONLY,)), subject=subject
    )
    return made


def person(gmail: GmailSandbox, user: str) -> Credentials:
    info = gmail.authorized_user_info(user, [READONLY])
    # from_authorized_user_info() would ask Google whatever token_uri says.
    names = ("refresh_token", "token_uri", "client_id", "client_secret")
    return Credentials(None, **{name: info[name] for name in names})  # type: ignore[no-untyped-call]


def ask_for_token(gmail: GmailSandbox, **form: str) -> RawAnswer:
    return raw(gmail, "/token", urlencode(form), token="")


def assertion(gmail: GmailSandbox, **claims: Any) -> str:
    """A signed assertion with some claims changed."""
    info = gmail.service_account_info()
    signer = crypt.RSASigner.from_service_account_info(info)  # type: ignore[no-untyped-call]
    now = int(time.time())
    usual = {
        "iss": info["client_email"],
        "sub": BOB,
        "scope": READONLY,
        "aud": info["token_uri"],
        "iat": now,
        "exp": now + 3600,
    }
    signed: bytes = jwt.encode(signer, {**usual, **claims})  # type: ignore[no-untyped-call]
    return signed.decode()


def refusal(gmail: GmailSandbox, signed: str) -> tuple[int, str]:
    answer = ask_for_token(gmail, grant_type=JWT_BEARER, assertion=signed)
    assert answer.json["error_description"]
    return answer.status, answer.json["error"]


def test_google_s_own_library_gets_a_token_for_any_person(gmail: GmailSandbox) -> None:
    session = AuthorizedSession(service_account(gmail, BOB))  # type: ignore[no-untyped-call]
    for address in (BOB, "me", "robert@acme.example"):
        answer = session.get(f"{gmail.base_url}/gmail/v1/users/{address}/profile")
        assert answer.json()["emailAddress"] == BOB
    assert gmail.requests.count("token") == 1


def test_the_key_file_can_be_had_before_the_server_is_asked(gmail: GmailSandbox) -> None:
    info = service_account_info(gmail.base_url)
    assert info == gmail.service_account_info() == gmail.service_account_info(gmail.base_url)
    assert info["token_uri"] == f"{gmail.base_url}/token"


def test_google_s_own_library_refreshes_a_person_s_own_consent(gmail: GmailSandbox) -> None:
    credentials = person(gmail, ADA)
    session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    answer = session.get(f"{gmail.base_url}/gmail/v1/users/me/profile")
    assert answer.json()["emailAddress"] == ADA
    assert gmail.requests.count("token", grant_type="refresh_token") == 1


def test_a_consent_that_was_taken_back_is_an_invalid_grant(gmail: GmailSandbox) -> None:
    credentials = person(gmail, ADA)
    credentials.refresh(Request())  # type: ignore[no-untyped-call]
    used = Caller(gmail, str(credentials.token))
    assert used.get("profile")["emailAddress"] == ADA
    gmail.oauth.revoke_consent(ADA)
    assert used.error("profile")[0] == 401
    with pytest.raises(exceptions.RefreshError, match="invalid_grant: Token has been expired"):
        credentials.refresh(Request())  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_secret": "guessed"}, (401, "invalid_client")),
        ({"client_id": "another"}, (401, "invalid_client")),
        ({"refresh_token": "1//0invented"}, (400, "invalid_grant")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"grant_type": ""}, (400, "invalid_request")),
        ({"scope": FULL}, (400, "invalid_scope")),
    ],
)
def test_a_refresh_that_is_not_right_is_refused(
    gmail: GmailSandbox, changed: dict[str, str], error: tuple[int, str]
) -> None:
    info = gmail.authorized_user_info(ADA, [READONLY])
    form = {key: info[key] for key in ("client_id", "client_secret", "refresh_token")}
    answer = ask_for_token(gmail, **{"grant_type": "refresh_token", **form, **changed})
    assert (answer.status, answer.json["error"]) == error


def test_an_assertion_gives_a_token_that_says_how_long_it_lives(gmail: GmailSandbox) -> None:
    answer = ask_for_token(gmail, grant_type=JWT_BEARER, assertion=assertion(gmail)).json
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 3599
    assert Caller(gmail, answer["access_token"]).get("profile")["emailAddress"] == BOB


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"aud": "https://somewhere.example/token"}, (400, "invalid_grant")),
        ({"iat": 1, "exp": 3601}, (400, "invalid_grant")),
        ({"exp": int(time.time()) + 90_000}, (400, "invalid_grant")),
        ({"exp": "soon"}, (400, "invalid_grant")),
        ({"iss": "somebody@else.example"}, (400, "invalid_grant")),
        ({"sub": "nobody@acme.example"}, (400, "invalid_grant")),
        ({"scope": ""}, (400, "invalid_scope")),
        ({"scope": "https://www.googleapis.com/auth/drive"}, (401, "unauthorized_client")),
        ({"scope": f"{READONLY} https://www.googleapis.com/auth/x"}, (401, "unauthorized_client")),
    ],
)
def test_an_assertion_that_claims_too_much_is_refused(
    gmail: GmailSandbox, claims: dict[str, Any], error: tuple[int, str]
) -> None:
    assert refusal(gmail, assertion(gmail, **claims)) == error


def test_a_key_that_is_not_the_account_s_signs_nothing(gmail: GmailSandbox) -> None:
    stranger = crypt.RSASigner(generate_private_key(65537, 2048))  # type: ignore[no-untyped-call]
    right = assertion(gmail)
    _, body, _ = right.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    forged = jwt.encode(stranger, claims).decode()  # type: ignore[no-untyped-call]
    assert refusal(gmail, forged) == (400, "invalid_grant")
    changed = right[:-6] + ("AAAAAA" if not right.endswith("AAAAAA") else "BBBBBB")
    assert refusal(gmail, changed) == (400, "invalid_grant")
    unsigned = jwt.encode(stranger, claims, header={"alg": "none"})  # type: ignore[no-untyped-call]
    assert refusal(gmail, unsigned.decode()) == (400, "invalid_grant")


@pytest.mark.parametrize("text", ["", "a.b", "not a token", "bm8.bm8.bm8", "W10.W10.W10"])
def test_what_is_no_assertion_is_refused(gmail: GmailSandbox, text: str) -> None:
    assert refusal(gmail, text) == (400, "invalid_grant")


def test_without_delegation_the_service_account_speaks_for_nobody(gmail: GmailSandbox) -> None:
    control(gmail, "oauth/delegate", {"scopes": []})
    assert refusal(gmail, assertion(gmail)) == (401, "unauthorized_client")
    control(gmail, "oauth/delegate", {"scopes": [READONLY]})
    service_account(gmail, BOB).refresh(Request())  # type: ignore[no-untyped-call]


def test_a_service_account_by_itself_has_no_mailbox(gmail: GmailSandbox) -> None:
    form = {"grant_type": JWT_BEARER, "assertion": assertion(gmail, sub="")}
    token = ask_for_token(gmail, **form).json["access_token"]
    assert Caller(gmail, token).error("profile")[:2] == (400, "failedPrecondition")


def test_a_run_outlives_its_access_token(gmail: GmailSandbox, mailboxes: Mailboxes) -> None:
    for number in range(4):
        mailboxes.write("x@out.example", [BOB], f"Mail {number}", "Text")
    expiry = {"operation": "messages.get", "count": 2, "resource": "oauth"}
    control(gmail, "after", {**expiry, "call": "expire_access_tokens"})
    session = AuthorizedSession(service_account(gmail, BOB))  # type: ignore[no-untyped-call]
    base = f"{gmail.base_url}/gmail/v1/users/me/messages"
    for item in session.get(base).json()["messages"]:
        assert session.get(f"{base}/{item['id']}").status_code == 200
    assert [entry.status for entry in gmail.requests.entries("messages.get")].count(401) == 1
    assert gmail.requests.count("token") == 2


def test_an_access_token_ends_when_its_time_is_over(gmail: GmailSandbox) -> None:
    now = [1_000.0]
    gmail.oauth.clock = lambda: now[0]
    gmail.oauth.token_seconds = 60
    short = caller(gmail, BOB)
    assert short.send("profile").status == 200
    now[0] += 61
    assert short.error("profile")[:2] == (401, "authError")


@pytest.mark.parametrize("token", ["", "ya29.invented"])
def test_without_a_token_nothing_is_said(gmail: GmailSandbox, token: str) -> None:
    answer = Caller(gmail, token).send("messages")
    assert answer.status == 401
    assert answer.json["error"]["status"] == "UNAUTHENTICATED"
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_token_reads_no_other_mailbox(bob: Caller) -> None:
    for address in (ADA, "nobody@acme.example", "x@out.example"):
        other = Caller(bob.sandbox, bob.token, address)
        assert other.error("profile")[:2] == (403, "forbidden")


def test_a_scope_opens_what_it_is_for(gmail: GmailSandbox, mailboxes: Mailboxes) -> None:
    mailboxes.write("x@out.example", [BOB], "Hello", "Text")
    only_headers = caller(gmail, BOB, METADATA)
    key = only_headers.ids()[0]
    assert only_headers.get(f"messages/{key}", format="metadata")["payload"]["headers"]
    assert only_headers.error(f"messages/{key}")[0] == 403
    assert only_headers.error(f"messages/{key}", format="raw")[0] == 403
    assert "'q' parameter" in only_headers.error("messages", q="hello")[2]
    assert only_headers.error("settings/sendAs")[:2] == (403, "insufficientPermissions")
    settings = caller(gmail, BOB, SETTINGS)
    assert settings.get("settings/sendAs")["sendAs"]
    assert settings.error("messages")[:2] == (403, "insufficientPermissions")


def test_delegates_are_shown_to_service_accounts_only(
    gmail: GmailSandbox, mailboxes: Mailboxes
) -> None:
    delegated, own = caller(gmail, BOB), caller(gmail, BOB, delegated=False)
    assert delegated.get("settings/delegates") == {}
    mailboxes.add_delegate(BOB, ADA)
    assert delegated.get("settings/delegates")["delegates"] == [
        {"delegateEmail": ADA, "verificationStatus": "accepted"}
    ]
    assert delegated.get(f"settings/delegates/{ADA}")["delegateEmail"] == ADA
    assert delegated.error("settings/delegates/x@out.example")[0] == 404
    assert own.error("settings/delegates")[:2] == (403, "forbidden")


def test_no_secret_is_in_the_request_log(gmail: GmailSandbox) -> None:
    service_account(gmail, ADA, USERS).refresh(Request())  # type: ignore[no-untyped-call]
    credentials = person(gmail, BOB)
    credentials.refresh(Request())  # type: ignore[no-untyped-call]
    Caller(gmail, "").send("profile", access_token=credentials.token)
    logged = str(control(gmail, "requests"))
    for secret in (credentials.token, credentials.refresh_token, "GOCSPX", "assertion"):
        assert str(secret) not in logged
    assert gmail.requests.entries("token", sub=ADA, scope=USERS)
