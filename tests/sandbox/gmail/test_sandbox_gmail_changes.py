"""What can happen in mailboxes, and how it looks through the API."""

import pytest
from gmail_clients import ADA, BOB, CLEO, Caller, caller, data_of, header
from sandbox_clients import control

from sandbox.gmail import GmailSandbox, Mailboxes


def test_a_mail_to_several_people_is_another_message_in_each_mailbox(
    ada: Caller, bob: Caller, mailboxes: Mailboxes
) -> None:
    written = mailboxes.write("x@out.example", [ADA, "robert@acme.example"], "Both", "Text")
    for_ada = ada.get(f"messages/{ada.ids()[0]}")
    for_bob = bob.get(f"messages/{bob.ids()[0]}")
    assert header(for_ada, "Message-ID") == header(for_bob, "Message-ID") == written
    assert for_ada["id"] != for_bob["id"]
    assert for_ada["threadId"] != for_bob["threadId"]
    assert header(for_ada, "Delivered-To") == ADA
    assert header(for_bob, "Delivered-To") == BOB
    assert data_of(for_ada["payload"]["body"]) == data_of(for_bob["payload"]["body"])


def test_who_writes_has_the_mail_as_sent(ada: Caller, bob: Caller, mailboxes: Mailboxes) -> None:
    mailboxes.write(ADA, [BOB, "x@out.example"], "Plan", "Text")
    assert ada.get(f"messages/{ada.ids()[0]}")["labelIds"] == ["SENT"]
    received = bob.get(f"messages/{bob.ids()[0]}")
    assert received["labelIds"] == ["UNREAD", "CATEGORY_PERSONAL", "INBOX"]
    assert header(received, "From") == "Ada Byron <ada@acme.example>"
    assert caller(ada.sandbox, CLEO).ids() == []


def test_a_mail_to_oneself_is_one_message(bob: Caller, mailboxes: Mailboxes) -> None:
    mailboxes.write(BOB, [BOB], "Remember", "Text")
    (key,) = bob.ids()
    assert set(bob.get(f"messages/{key}")["labelIds"]) == {"SENT", "INBOX"}


@pytest.mark.parametrize(
    ("head", "category"),
    [
        ("List-Unsubscribe: <https://x>\nList-Id: <n.x>", "CATEGORY_PROMOTIONS"),
        ("List-Id: <dev.x>", "CATEGORY_FORUMS"),
        ("Auto-Submitted: auto-replied", "CATEGORY_UPDATES"),
        ("X-Mailer: pine", "CATEGORY_PERSONAL"),
    ],
)
def test_mail_is_sorted_into_categories(
    bob: Caller, mailboxes: Mailboxes, head: str, category: str
) -> None:
    key = mailboxes.deliver(f"From: x@out.example\n{head}\nSubject: S\n\nText", [BOB])[BOB]
    assert bob.get(f"messages/{key}")["labelIds"] == ["UNREAD", category, "INBOX"]


def test_a_draft_that_is_changed_is_another_message(bob: Caller, mailboxes: Mailboxes) -> None:
    first = mailboxes.save_draft(BOB, f"From: {BOB}\nSubject: Draft\n\nOne\n")
    assert bob.get(f"messages/{first}")["labelIds"] == ["DRAFT"]
    second = mailboxes.save_draft(BOB, f"From: {BOB}\nSubject: Draft\n\nTwo\n", replaces=first)
    assert bob.ids() == bob.ids(q="in:drafts") == [second]


def test_a_mail_can_be_deleted_wherever_it_lies(
    ada: Caller, bob: Caller, mailboxes: Mailboxes
) -> None:
    written = mailboxes.write(ADA, [BOB], "Oops", "Text")
    assert mailboxes.delete_everywhere(written) == 2
    assert ada.ids() == bob.ids() == []
    assert ada.get("profile")["threadsTotal"] == 0


@pytest.mark.parametrize(
    ("subject", "refers", "together"),
    [
        ("Re: Plan", True, True),
        ("RE: Fwd: [list] Plan", True, True),
        ("Something else", True, False),
        ("Re: Plan", False, True),
        ("Plan", False, False),
    ],
)
def test_a_thread_is_what_refers_and_has_the_same_subject(
    bob: Caller, mailboxes: Mailboxes, subject: str, refers: bool, together: bool
) -> None:
    first = mailboxes.write("x@out.example", [BOB], "Plan", "One")
    mailboxes.write("x@out.example", [BOB], subject, "Two", answers=first if refers else "")
    assert bob.get("profile")["threadsTotal"] == (1 if together else 2)


def test_a_subject_that_comes_again_after_months_is_another_thread(
    bob: Caller, mailboxes: Mailboxes
) -> None:
    for date in (1_790_000_000, 1_790_000_000 + 31 * 86_400):
        mailboxes.write("x@out.example", [BOB], "Re: Plan", "Text", date=date)
    assert bob.get("profile")["threadsTotal"] == 2


def test_a_thread_ends_after_a_hundred_messages(bob: Caller, mailboxes: Mailboxes) -> None:
    first = mailboxes.write("x@out.example", [BOB], "Plan", "Text")
    for _ in range(101):
        mailboxes.write("x@out.example", [BOB], "Re: Plan", "Text", answers=first)
    sizes = [
        len(bob.get(f"threads/{thread['id']}", format="minimal")["messages"])
        for thread in bob.get("threads")["threads"]
    ]
    assert sizes == [2, 100]


def test_a_thread_keeps_its_id_when_its_first_message_goes(
    bob: Caller, mailboxes: Mailboxes
) -> None:
    first = mailboxes.write("x@out.example", [BOB], "Plan", "One")
    mailboxes.write("x@out.example", [BOB], "Re: Plan", "Two", answers=first)
    thread = mailboxes.box(BOB).message(first).thread_id
    mailboxes.delete(BOB, first)
    assert [m["snippet"] for m in bob.get(f"threads/{thread}")["messages"]] == ["Two"]


def test_a_suspended_user_and_one_without_gmail_have_no_mail_service(
    bob: Caller, mailboxes: Mailboxes
) -> None:
    organization = mailboxes.organization
    refusal = (400, "failedPrecondition", "Mail service not enabled")
    organization.suspend(BOB)
    assert bob.error("messages") == refusal
    answer = bob.send("profile").json
    assert answer["error"]["status"] == "FAILED_PRECONDITION"
    organization.reactivate(BOB)
    assert bob.get("profile")["emailAddress"] == BOB
    organization.set_mail_enabled(BOB, enabled=False)
    assert bob.error("history", startHistoryId="1") == refusal


def test_who_is_suspended_gets_no_mail(bob: Caller, mailboxes: Mailboxes) -> None:
    mailboxes.organization.suspend(BOB)
    mailboxes.write("x@out.example", [BOB, ADA], "Hello", "Text")
    mailboxes.organization.reactivate(BOB)
    assert bob.ids() == []
    assert len(mailboxes.box(ADA).messages) == 1


def test_somebody_new_has_an_empty_mailbox(gmail: GmailSandbox, mailboxes: Mailboxes) -> None:
    mailboxes.organization.add_user("dora@acme.example", "Dora Fay")
    dora = caller(gmail, "dora@acme.example")
    assert dora.get("profile")["messagesTotal"] == 0
    mailboxes.write(ADA, ["dora@acme.example"], "Welcome", "Text")
    assert len(dora.ids()) == 1


def test_a_process_is_steered_from_outside(gmail: GmailSandbox, bob: Caller) -> None:
    mail = f"From: x@out.example\nTo: {BOB}\nSubject: Ünï\n\nText\n"
    key = control(gmail, "mailboxes/deliver", {"mail": mail})[BOB]
    assert header(bob.get(f"messages/{key}"), "Subject") == "Ünï"
    assert control(gmail, "mailboxes/find", {"mailbox": BOB, "subject": "re: ünï"}) == [key]
    control(gmail, "mailboxes/trash", {"mailbox": BOB, "message": key})
    assert bob.ids() == []
    control(gmail, "mailboxes/suspend", {"user": BOB})
    assert bob.send("profile").status == 400
    overview = {box["address"]: box for box in control(gmail, "mailboxes/overview", {})}
    assert overview[BOB]["messages"] == 1
    assert overview[BOB]["suspended"]
    token = control(
        gmail,
        "oauth/issue_access_token",
        {"user": ADA, "scopes": ["https://mail.google.com/"]},
    )
    assert Caller(gmail, token).get("profile")["emailAddress"] == ADA


@pytest.mark.parametrize(
    ("change", "arguments"),
    [
        ("trash", (BOB, "no-such-message")),
        ("trash", ("nobody@acme.example", "x")),
        ("mark_read", ("x@out.example", "x")),
        ("suspend", ("nobody@acme.example",)),
    ],
)
def test_a_change_of_what_is_not_there_says_so(
    mailboxes: Mailboxes, change: str, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(LookupError, match=r"no (message|user)"):
        mailboxes.mutations()[change](*arguments)


def test_labels_that_do_not_exist_cannot_be_given(mailboxes: Mailboxes) -> None:
    written = mailboxes.write("x@out.example", [BOB], "Hello", "Text")
    with pytest.raises(LookupError, match="no label 'Label_7'"):
        mailboxes.relabel(BOB, written, add=["Label_7"])
    with pytest.raises(ValueError, match="there already"):
        mailboxes.create_label(BOB, "inbox")
    with pytest.raises(ValueError, match="is taken"):
        mailboxes.organization.add_user("robert@acme.example", "Robert")
