"""Listing and reading messages and threads."""

import pytest
from gmail_clients import BOB, Caller, data_of, header

from sandbox.gmail import Mailboxes

WITH_FILE = (
    b"From: x@out.example\r\nTo: bob@acme.example\r\nSubject: File\r\n"
    b"Message-ID: <f@out.example>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
    b"Content-Type: text/plain; charset=UTF-8\r\n\r\nSee file.\r\n--b\r\n"
    b'Content-Type: application/pdf; name="a.pdf"\r\nContent-Disposition: attachment; '
    b'filename="a.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQ=\r\n--b--\r\n'
)


def fill(mailboxes: Mailboxes, count: int) -> list[str]:
    """So many mails for Bob; their ids, the newest first."""
    ids = []
    for number in range(count):
        mail = f"From: x@out.example\nTo: {BOB}\nSubject: Mail {number}\n\nText {number}\n"
        ids.append(mailboxes.deliver(mail, date=1_790_000_000 + number)[BOB])
    return ids[::-1]


def test_a_list_has_ids_only_and_the_newest_first(bob: Caller, mailboxes: Mailboxes) -> None:
    ids = fill(mailboxes, 3)
    page = bob.get("messages")
    assert page == {
        "messages": [{"id": key, "threadId": key} for key in ids],
        "resultSizeEstimate": 3,
    }


def test_a_list_without_messages_has_no_array(bob: Caller) -> None:
    assert bob.get("messages") == {"resultSizeEstimate": 0}
    assert bob.get("threads") == {"resultSizeEstimate": 0}


def test_a_page_holds_a_hundred_by_default_and_five_hundred_at_most(
    bob: Caller, mailboxes: Mailboxes
) -> None:
    ids = fill(mailboxes, 620)

    def sizes(**parameters: int) -> list[int]:
        return [len(page["messages"]) for page in bob.pages("messages", **parameters)]

    assert sizes() == [100] * 6 + [20]
    assert sizes(maxResults=0) == [100] * 6 + [20]
    assert sizes(maxResults=500) == sizes(maxResults=9_000) == [500, 120]
    assert bob.ids(maxResults=7) == ids


def test_the_size_of_a_long_list_is_not_counted(bob: Caller, mailboxes: Mailboxes) -> None:
    fill(mailboxes, 201)
    assert bob.get("messages", maxResults=1)["resultSizeEstimate"] == 201
    mailboxes.deliver(f"From: x@out.example\nTo: {BOB}\nSubject: One more\n\nText\n")
    assert bob.get("messages", maxResults=1)["resultSizeEstimate"] == 201
    assert bob.get("messages", q="subject:more")["resultSizeEstimate"] == 1


def test_spam_and_trash_come_only_when_asked_for(bob: Caller, mailboxes: Mailboxes) -> None:
    spam, trash, plain = fill(mailboxes, 3)
    mailboxes.relabel(BOB, spam, add=["SPAM"], remove=["INBOX"])
    mailboxes.trash(BOB, trash)
    assert bob.ids() == [plain]
    assert bob.ids(includeSpamTrash="true") == [spam, trash, plain]
    assert bob.ids(labelIds="TRASH") == [trash]
    assert bob.ids(q="in:anywhere") == [spam, trash, plain]
    assert bob.ids(q="in:spam") == [spam]


def test_several_labels_have_to_be_there_together(bob: Caller, mailboxes: Mailboxes) -> None:
    first, second = fill(mailboxes, 2)
    mailboxes.mark_read(BOB, second)
    mailboxes.relabel(BOB, first, add=["STARRED"])
    assert bob.ids(labelIds=["INBOX", "UNREAD"]) == [first]
    assert bob.ids(labelIds=["INBOX"]) == [first, second]
    assert bob.ids(labelIds=["STARRED", "SENT"]) == []
    assert bob.error("messages", labelIds="NO_SUCH")[0] == 400


def test_each_format_shows_what_it_is_for(bob: Caller, mailboxes: Mailboxes) -> None:
    key = mailboxes.deliver(WITH_FILE, date=1_790_000_123.9)[BOB]
    minimal = bob.get(f"messages/{key}", format="minimal")
    assert minimal["payload"] == {"partId": ""}
    assert "snippet" not in minimal
    assert minimal["internalDate"] == "1790000123000"
    metadata = bob.get(f"messages/{key}", format="metadata")
    assert set(metadata["payload"]) == {"mimeType", "headers"}
    assert metadata["snippet"] == "See file."
    full = bob.get(f"messages/{key}")
    assert full == bob.get(f"messages/{key}", format="full") | {"payload": full["payload"]}
    assert header(full, "Subject") == "File"
    assert [part["partId"] for part in full["payload"]["parts"]] == ["0", "1"]
    raw = bob.get(f"messages/{key}", format="raw")
    assert "payload" not in raw
    content = data_of({"data": raw["raw"]})
    assert content.startswith(b"Delivered-To: bob@acme.example\r\n")
    assert content.endswith(WITH_FILE)
    assert len(content) == full["sizeEstimate"]


def test_only_the_headers_asked_for_come(bob: Caller, mailboxes: Mailboxes) -> None:
    key = mailboxes.deliver(WITH_FILE)[BOB]
    wanted = ["subject", "FROM", "X-None"]
    shown = bob.get(f"messages/{key}", format="metadata", metadataHeaders=wanted)
    assert [item["name"] for item in shown["payload"]["headers"]] == ["From", "Subject"]


def test_a_mask_leaves_what_it_names(bob: Caller, mailboxes: Mailboxes) -> None:
    key = mailboxes.deliver(WITH_FILE)[BOB]

    def masked(fields: str) -> object:
        return bob.get(f"messages/{key}", fields=fields)

    assert masked("id,threadId") == {"id": key, "threadId": key}
    parts = masked("payload(parts(mimeType,filename))")
    assert parts == masked("payload/parts(mimeType,filename)")
    assert parts == {
        "payload": {
            "parts": [
                {"mimeType": "text/plain", "filename": ""},
                {"mimeType": "application/pdf", "filename": "a.pdf"},
            ]
        }
    }
    assert masked("payload/parts/body/size") == {
        "payload": {"parts": [{"body": {"size": 9}}, {"body": {"size": 8}}]}
    }
    assert masked("payload(mimeType,body(size)),labelIds") == {
        "labelIds": ["UNREAD", "CATEGORY_PERSONAL", "INBOX"],
        "payload": {"mimeType": "multipart/mixed", "body": {"size": 0}},
    }
    assert masked("*,payload/partId") == bob.get(f"messages/{key}") | {"payload": {"partId": ""}}
    page = bob.get("messages", fields="messages/id,nextPageToken")
    assert page == {"messages": [{"id": key}]}


def test_a_mask_cuts_the_parts_below_the_parts_it_names(bob: Caller, mailboxes: Mailboxes) -> None:
    outer = WITH_FILE.replace(
        b"Content-Type: text/plain; charset=UTF-8\r\n\r\nSee file.",
        b'Content-Type: multipart/alternative; boundary="c"\r\n\r\n--c\r\n\r\nText\r\n--c--',
    )
    key = mailboxes.deliver(outer)[BOB]
    shown = bob.get(f"messages/{key}", fields="payload(headers,parts(partId,mimeType))")
    assert set(shown["payload"]) == {"headers", "parts"}
    assert shown["payload"]["parts"] == [
        {"partId": "0", "mimeType": "multipart/alternative"},
        {"partId": "1", "mimeType": "application/pdf"},
    ]
    deeper = bob.get(f"messages/{key}", fields="payload/parts(parts(partId))")
    assert deeper["payload"]["parts"][0] == {"parts": [{"partId": "0.0"}]}


@pytest.mark.parametrize("fields", ["colour", "payload(colour)", "id(", "id,,x", "id/x", "a)"])
def test_a_mask_that_is_none_is_refused(bob: Caller, mailboxes: Mailboxes, fields: str) -> None:
    key = fill(mailboxes, 1)[0]
    status, reason, message = bob.error(f"messages/{key}", fields=fields)
    assert (status, reason) == (400, "invalidParameter")
    assert message.startswith("Invalid field selection")


def test_an_attachment_has_another_id_each_time_and_all_of_them_work(
    bob: Caller, mailboxes: Mailboxes
) -> None:
    key = mailboxes.deliver(WITH_FILE)[BOB]
    ids = [
        bob.get(f"messages/{key}")["payload"]["parts"][1]["body"]["attachmentId"] for _ in range(2)
    ]
    assert ids[0] != ids[1]
    for attachment in ids:
        body = bob.get(f"messages/{key}/attachments/{attachment}")
        assert body == {"size": 8, "data": "JVBERi0xLjQ="}
        assert data_of(body) == b"%PDF-1.4"


def test_an_attachment_id_of_another_message_is_no_good(bob: Caller, mailboxes: Mailboxes) -> None:
    one = mailboxes.deliver(WITH_FILE)[BOB]
    other = mailboxes.deliver(WITH_FILE.replace(b"<f@", b"<g@"))[BOB]
    attachment = bob.get(f"messages/{one}")["payload"]["parts"][1]["body"]["attachmentId"]
    for wrong in (attachment[:-4] + "AAAA", "ANGjdJ", "nonsense"):
        assert bob.error(f"messages/{one}/attachments/{wrong}")[0] == 400
    refusal = (400, "invalidArgument", "Invalid attachment token")
    assert bob.error(f"messages/{other}/attachments/{attachment}") == refusal
    assert bob.error(f"messages/ffff/attachments/{attachment}")[0] == 404


@pytest.mark.parametrize("path", ["messages/1a2b3c", "threads/1a2b3c", "labels/Label_99"])
def test_what_is_not_there_is_not_found(bob: Caller, path: str) -> None:
    assert bob.error(path) == (404, "notFound", "Requested entity was not found.")


def test_a_message_of_somebody_else_is_not_found(bob: Caller, mailboxes: Mailboxes) -> None:
    key = mailboxes.deliver("From: x@out.example\nTo: ada@acme.example\n\nFor Ada\n")
    assert bob.error(f"messages/{key['ada@acme.example']}")[0] == 404


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("messages", {"colour": "red"}),
        ("messages", {"maxResults": "many"}),
        ("messages", {"maxResults": "-1"}),
        ("messages", {"includeSpamTrash": "perhaps"}),
        ("messages/1a2b3c", {"format": "pretty"}),
        ("threads/1a2b3c", {"format": "raw"}),
        ("history", {"startHistoryId": "yesterday"}),
        ("history", {"startHistoryId": "1", "historyTypes": "messageRead"}),
        ("profile", {"q": "hello"}),
        ("messages", {"alt": "media"}),
    ],
)
def test_a_parameter_that_does_not_exist_is_refused(
    bob: Caller, path: str, parameters: dict[str, str]
) -> None:
    status, _, message = bob.error(path, **parameters)
    assert status == 400
    assert message


def test_an_unknown_path_is_a_page_for_people(bob: Caller) -> None:
    answer = bob.send("drawings")
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/html")


def test_answers_are_spread_over_lines_unless_asked_not_to(bob: Caller) -> None:
    assert bob.send("profile").body.startswith(b'{\n  "emailAddress"')
    assert bob.send("profile", prettyPrint="false").body.startswith(b'{"emailAddress"')


def test_a_thread_holds_its_messages_the_oldest_first(bob: Caller, mailboxes: Mailboxes) -> None:
    first = mailboxes.write("x@out.example", [BOB], "Plan", "One", date=1_790_000_000)
    mailboxes.write(BOB, ["x@out.example"], "Re: Plan", "Two", answers=first, date=1_790_000_060)
    mailboxes.write("x@out.example", [BOB], "Other", "Three", date=1_790_000_030)
    threads = bob.get("threads")["threads"]
    assert [thread["snippet"] for thread in threads] == ["Two", "Three"]
    thread = bob.get(f"threads/{threads[0]['id']}", format="metadata")
    assert [message["snippet"] for message in thread["messages"]] == ["One", "Two"]
    assert thread["id"] == thread["messages"][0]["id"]
    assert thread["historyId"] == threads[0]["historyId"]
    assert thread["historyId"] == max(message["historyId"] for message in thread["messages"])
    full = bob.get(f"threads/{thread['id']}")
    assert data_of(full["messages"][1]["payload"]["body"]) == b"Two\r\n"


def test_threads_are_paged_by_their_newest_message(bob: Caller, mailboxes: Mailboxes) -> None:
    roots = [
        mailboxes.write("x@out.example", [BOB], f"Topic {n}", "Text", date=1_790_000_000 + n)
        for n in range(5)
    ]
    mailboxes.write(
        "x@out.example", [BOB], "Re: Topic 0", "Late", answers=roots[0], date=1_790_001_000
    )
    found = [t["id"] for page in bob.pages("threads", maxResults=2) for t in page["threads"]]
    assert len(found) == len(set(found)) == 5
    box = mailboxes.box(BOB)
    assert found[0] == box.message(roots[0]).thread_id
    assert found[1:] == [box.message(root).id for root in roots[:0:-1]]


def test_the_profile_counts(bob: Caller, mailboxes: Mailboxes) -> None:
    before = bob.get("profile")
    assert (before["messagesTotal"], before["threadsTotal"]) == (0, 0)
    first = mailboxes.write("x@out.example", [BOB], "Plan", "One")
    mailboxes.write("x@out.example", [BOB], "Re: Plan", "Two", answers=first)
    after = bob.get("profile")
    assert (after["messagesTotal"], after["threadsTotal"]) == (2, 1)
    assert int(after["historyId"]) > int(before["historyId"])
    assert bob.get("labels/INBOX")["messagesUnread"] == 2
    assert bob.get("labels/UNREAD")["threadsTotal"] == 1


def test_labels_of_one_s_own_stand_behind_gmail_s(bob: Caller, mailboxes: Mailboxes) -> None:
    label = mailboxes.create_label(BOB, "Customers/North")
    shown = bob.get("labels")["labels"]
    assert shown[-1] == {
        "id": label,
        "name": "Customers/North",
        "messageListVisibility": "show",
        "labelListVisibility": "labelShow",
        "type": "user",
    }
    assert {item["type"] for item in shown[:-1]} == {"system"}
    mailboxes.rename_label(BOB, label, "Customers/South")
    assert bob.get(f"labels/{label}")["name"] == "Customers/South"
    mailboxes.delete_label(BOB, label)
    assert bob.error(f"labels/{label}")[0] == 404
    with pytest.raises(ValueError, match="Gmail's own"):
        mailboxes.delete_label(BOB, "INBOX")


def test_an_alias_is_an_address_to_write_as(bob: Caller) -> None:
    own, alias = bob.get("settings/sendAs")["sendAs"]
    assert own["isPrimary"]
    assert alias["sendAsEmail"] == "robert@acme.example"
    assert bob.get("settings/sendAs/robert@acme.example") == alias
    assert bob.error("settings/sendAs/x@out.example")[0] == 404
