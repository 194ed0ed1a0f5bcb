"""``getProfile``, labels, and the settings that say who else writes and reads."""

from typing import Any

from sandbox.gmail import labels as ids
from sandbox.gmail.mailbox import Mailbox, SendAs
from sandbox.google.api import ApiCall
from sandbox.google.errors import forbidden, not_found


class SettingsMethods:
    """Methods that answer from a mailbox alone."""

    def profile(self, mailbox: Mailbox, _: ApiCall) -> dict[str, Any]:
        """Address, sizes, and where the history stands."""
        return {
            "emailAddress": mailbox.address,
            "messagesTotal": len(mailbox.messages),
            "threadsTotal": len(mailbox.threads),
            "historyId": str(mailbox.history_id),
        }

    def labels(self, mailbox: Mailbox, _: ApiCall) -> dict[str, Any]:
        """All labels, without their counts."""
        return {"labels": [label.payload() for label in mailbox.labels.values()]}

    def label(self, mailbox: Mailbox, call: ApiCall) -> dict[str, Any]:
        """One label with its counts."""
        label = mailbox.labels.get(call.path["id"])
        if label is None:
            raise not_found()
        labelled = [m for m in mailbox.messages.values() if label.id in m.labels]
        unread = [m for m in labelled if ids.UNREAD in m.labels]
        return label.payload() | {
            "messagesTotal": len(labelled),
            "messagesUnread": len(unread),
            "threadsTotal": len({m.thread_id for m in labelled}),
            "threadsUnread": len({m.thread_id for m in unread}),
        }

    def send_as(self, mailbox: Mailbox, _: ApiCall) -> dict[str, Any]:
        """The addresses the mailbox writes as."""
        return {"sendAs": [_send_as(address) for address in mailbox.send_as]}

    def one_send_as(self, mailbox: Mailbox, call: ApiCall) -> dict[str, Any]:
        """One of these addresses."""
        for address in mailbox.send_as:
            if address.address == call.path["sendAsEmail"].lower():
                return _send_as(address)
        raise not_found()

    def delegates(self, mailbox: Mailbox, call: ApiCall) -> dict[str, Any]:
        """Who else may read the mailbox."""
        _require_delegation(call)
        if not mailbox.delegates:
            return {}
        return {"delegates": [_delegate(address) for address in mailbox.delegates]}

    def delegate(self, mailbox: Mailbox, call: ApiCall) -> dict[str, Any]:
        """One of these people."""
        _require_delegation(call)
        address = call.path["delegateEmail"].lower()
        if address not in mailbox.delegates:
            raise not_found("Invalid delegate")
        return _delegate(address)


def _require_delegation(call: ApiCall) -> None:
    if not call.grant.delegated:
        raise forbidden(
            "Access restricted to service accounts that have been delegated domain-wide authority"
        )


def _send_as(address: SendAs) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "sendAsEmail": address.address,
        "displayName": address.display_name,
        "replyToAddress": "",
        "signature": address.signature,
    }
    if address.is_primary:
        return shown | {"isPrimary": True, "isDefault": True}
    return shown | {"treatAsAlias": True, "verificationStatus": "accepted"}


def _delegate(address: str) -> dict[str, Any]:
    return {"delegateEmail": address, "verificationStatus": "accepted"}
