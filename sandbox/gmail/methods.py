"""The methods of Gmail's API v1 that read (developers.google.com/gmail/api/reference/rest)."""

from collections.abc import Callable
from typing import Any

from sandbox.gmail.history_methods import HistoryMethods
from sandbox.gmail.mailbox import Mailbox
from sandbox.gmail.mailboxes import Mailboxes
from sandbox.gmail.message_methods import MessageMethods
from sandbox.gmail.owner import mailbox_of
from sandbox.gmail.scopes import (
    CONTENT_SCOPES,
    SCOPE_COMPOSE,
    SCOPE_LABELS,
    SCOPE_METADATA,
    SCOPE_SETTINGS,
)
from sandbox.gmail.settings_methods import SettingsMethods
from sandbox.gmail.switches import Switches
from sandbox.gmail.thread_methods import ThreadMethods
from sandbox.google.api import ApiCall, Operation
from sandbox.google.fields import Schemas, leaves
from sandbox.google.parameters import Parameter

_READ = CONTENT_SCOPES | {SCOPE_METADATA}
_LIST = {
    "includeSpamTrash": Parameter("boolean"),
    "labelIds": Parameter(repeated=True),
    "maxResults": Parameter("uint32"),
    "pageToken": Parameter(),
    "q": Parameter(),
}
_FORMATS = ("minimal", "full", "raw", "metadata")
_HISTORY_TYPES = ("messageAdded", "messageDeleted", "labelAdded", "labelRemoved")

SCHEMAS: Schemas = {
    "Profile": dict.fromkeys(("emailAddress", "messagesTotal", "threadsTotal", "historyId"), ""),
    "ListMessagesResponse": {"messages": "Message", "nextPageToken": "", "resultSizeEstimate": ""},
    "ListThreadsResponse": {"threads": "Thread", "nextPageToken": "", "resultSizeEstimate": ""},
    "Thread": {"id": "", "snippet": "", "historyId": "", "messages": "Message"},
    "Message": {
        **leaves(
            "id threadId labelIds snippet historyId internalDate sizeEstimate raw "
            "classificationLabelValues"
        ),
        "payload": "MessagePart",
    },
    "MessagePart": {
        "partId": "",
        "mimeType": "",
        "filename": "",
        "headers": "MessagePartHeader",
        "body": "MessagePartBody",
        "parts": "MessagePart",
    },
    "MessagePartHeader": {"name": "", "value": ""},
    "MessagePartBody": {"attachmentId": "", "size": "", "data": ""},
    "ListHistoryResponse": {"history": "History", "nextPageToken": "", "historyId": ""},
    "History": {
        "id": "",
        "messages": "Message",
        "messagesAdded": "HistoryMessage",
        "messagesDeleted": "HistoryMessage",
        "labelsAdded": "HistoryLabel",
        "labelsRemoved": "HistoryLabel",
    },
    "HistoryMessage": {"message": "Message"},
    "HistoryLabel": {"message": "Message", "labelIds": ""},
    "ListLabelsResponse": {"labels": "Label"},
    "Label": {
        **leaves(
            "id name messageListVisibility labelListVisibility type messagesTotal "
            "messagesUnread threadsTotal threadsUnread"
        ),
        "color": "LabelColor",
    },
    "LabelColor": {"textColor": "", "backgroundColor": ""},
    "ListSendAsResponse": {"sendAs": "SendAs"},
    "SendAs": leaves(
        "sendAsEmail displayName replyToAddress signature isPrimary isDefault treatAsAlias "
        "verificationStatus"
    ),
    "ListDelegatesResponse": {"delegates": "Delegate"},
    "Delegate": {"delegateEmail": "", "verificationStatus": ""},
}
"""The types of the answers (discovery document gmail v1), for ``fields``."""


def operations(mailboxes: Mailboxes, switches: Switches) -> list[Operation]:
    """Every method there is."""
    messages = MessageMethods(mailboxes, switches)
    threads = ThreadMethods(mailboxes, switches, messages)
    history = HistoryMethods(switches)
    settings = SettingsMethods()

    def of_mailbox(
        handler: Callable[[Mailbox, ApiCall], dict[str, Any]],
    ) -> Callable[[ApiCall], dict[str, Any]]:
        def answer(call: ApiCall) -> dict[str, Any]:
            with mailboxes.lock:
                return handler(mailbox_of(call, mailboxes), call)

        return answer

    def operation(
        name: str,
        path: str,
        handler: Callable[[Mailbox, ApiCall], dict[str, Any]],
        scopes: frozenset[str],
        *,
        answer: str,
        parameters: dict[str, Parameter] | None = None,
        cost: int = 1,
    ) -> Operation:
        path = f"/gmail/v1/users/{{userId}}/{path}"
        return Operation(name, path, of_mailbox(handler), scopes, answer, parameters or {}, cost)

    get = {"format": Parameter(choices=_FORMATS), "metadataHeaders": Parameter(repeated=True)}
    get_thread = {**get, "format": Parameter(choices=("full", "metadata", "minimal"))}
    list_history = {
        "historyTypes": Parameter(repeated=True, choices=_HISTORY_TYPES),
        "labelId": Parameter(),
        "maxResults": Parameter("uint32"),
        "pageToken": Parameter(),
        "startHistoryId": Parameter("uint64"),
    }
    labels, own = _READ | {SCOPE_LABELS}, CONTENT_SCOPES | {SCOPE_SETTINGS}
    return [
        operation(
            "getProfile", "profile", settings.profile, _READ | {SCOPE_COMPOSE}, answer="Profile"
        ),
        operation(
            "messages.list",
            "messages",
            messages.list,
            _READ,
            answer="ListMessagesResponse",
            parameters=_LIST,
            cost=5,
        ),
        operation(
            "messages.get",
            "messages/{id}",
            messages.get,
            _READ,
            answer="Message",
            parameters=get,
            cost=20,
        ),
        operation(
            "messages.attachments.get",
            "messages/{messageId}/attachments/{id}",
            messages.attachment,
            CONTENT_SCOPES,
            answer="MessagePartBody",
            cost=5,
        ),
        operation(
            "threads.list",
            "threads",
            threads.list,
            _READ,
            answer="ListThreadsResponse",
            parameters=_LIST,
            cost=10,
        ),
        operation(
            "threads.get",
            "threads/{id}",
            threads.get,
            _READ,
            answer="Thread",
            parameters=get_thread,
            cost=40,
        ),
        operation(
            "history.list",
            "history",
            history.list,
            _READ,
            answer="ListHistoryResponse",
            parameters=list_history,
            cost=2,
        ),
        operation("labels.list", "labels", settings.labels, labels, answer="ListLabelsResponse"),
        operation("labels.get", "labels/{id}", settings.label, labels, answer="Label"),
        operation(
            "settings.sendAs.list",
            "settings/sendAs",
            settings.send_as,
            own,
            answer="ListSendAsResponse",
        ),
        operation(
            "settings.sendAs.get",
            "settings/sendAs/{sendAsEmail}",
            settings.one_send_as,
            own,
            answer="SendAs",
        ),
        operation(
            "settings.delegates.list",
            "settings/delegates",
            settings.delegates,
            own,
            answer="ListDelegatesResponse",
        ),
        operation(
            "settings.delegates.get",
            "settings/delegates/{delegateEmail}",
            settings.delegate,
            own,
            answer="Delegate",
        ),
    ]
